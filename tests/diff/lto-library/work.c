/* A shared library, optimised as a whole, is what is patched; half of it comes
   from an archive. */
#include <string.h>

int work_calls;
int helper(int a);

int work(int a)
{
	work_calls++;
	return helper(a) * (int)strlen("two");
}
