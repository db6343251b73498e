/* What a library exports may be another module's in a process. */
__attribute__((noinline)) int rate(int a)
{
	return a + 1000;
}

int work(int a)
{
	return rate(a) * 2 + 1;
}
