/* A shared library is what is patched. */
#include <string.h>

int work_calls;
static int hidden_state = 7;

__attribute__((noinline)) static int helper(int a)
{
	return a + hidden_state++;
}

int work(int a)
{
	work_calls++;
	return helper(a) * (int)strlen("two");
}
