int level(int a)
{
	return a + 1;
}

int rate(int a)
{
	return a + 2;
}
