extern int __real_level(int a), __real_rate(int a);

int __wrap_level(int a)
{
	return __real_level(a) * 10;
}

int __wrap_rate(int a)
{
	return __real_rate(a) * 100;
}
