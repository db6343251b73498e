/* An exported function: programs that nobody compiles here call it. */
__attribute__((noinline)) int work(int a)
{
	return a * 3 + 1;
}
