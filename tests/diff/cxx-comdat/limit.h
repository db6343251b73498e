/* One function, in both objects; the linker keeps one of them. */
#pragma once

template <typename T> struct limit {
	__attribute__((noinline)) static T clamp(T value) noexcept
	{
		static int calls;

		calls++;
		if (value > 100)
			return 100;
		return calls < 0 ? 0 : value;
	}
};

__attribute__((noinline)) inline int half(int value) noexcept
{
	static int asked;

	return value / 2 + ++asked * 0;
}
