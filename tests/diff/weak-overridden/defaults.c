__attribute__((weak)) int weak(int a)
{
	return a * 2 + 1;
}

int strong(int a)
{
	return weak(a) * a + 7;
}
