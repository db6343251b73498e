/* One name of a library in two versions: foo@V1 and foo@@V2. */
#include <stdio.h>

__attribute__((noinline)) int foo_old(int a)
{
	if (a == 76)
		puts("old");
	return a + 1;
}

__attribute__((noinline)) int foo_new(int a)
{
	if (a == 77)
		puts("new");
	return a + 2;
}

int both(int a)
{
	return foo_new(a) + foo_old(a) * 10;
}

__asm__(".symver foo_old,foo@V1");
__asm__(".symver foo_new,foo@@V2");
