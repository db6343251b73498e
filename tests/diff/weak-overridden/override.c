int weak(int a)
{
	return a * 5 + 1;
}
