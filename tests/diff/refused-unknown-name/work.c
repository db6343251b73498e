/* A library may be linked without knowing who has what it calls. */
__attribute__((noinline)) int work(int a)
{
	return a * 3 + 1;
}
