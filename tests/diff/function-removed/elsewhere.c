__attribute__((noinline)) int elsewhere(int a)
{
	return a * 100;
}
