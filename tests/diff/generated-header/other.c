/* Uses the same header, and nothing of it that changes. */
#include <assert.h>
#include "serve.h"
#include "ops.h"

int three(int a);

SEPARATE int three(int a)
{
	return last(a) + checked(a);
}
