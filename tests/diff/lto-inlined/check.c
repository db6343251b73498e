int check(int a)
{
	return a > 10 ? 10 : a;
}

int level_of(int a)
{
	static int level = 7;

	return level += a;
}
