extern int checked(int value);

__attribute__((noinline)) static int positive(int value)
{
	if (value < 0)
		throw value;
	return value;
}

int checked(int value)
{
	try {
		return positive(value);
	} catch (int) {
		return 77;
	}
}
