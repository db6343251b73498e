#include "limit.h"

extern int other(int value) noexcept;

int other(int value) noexcept
{
	return limit<int>::clamp(value) + half(16) + 1000;
}
