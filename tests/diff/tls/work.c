/* Thread-local data that exists: of the object, of another, of the library. */
#include "serve.h"
#include <errno.h>
#include <pthread.h>

static __thread int mine = 5;
__thread int ours = 60;
extern __thread int theirs;

SEPARATE static int count(int a)
{
	errno = 0;
	mine += a;
	ours += a;
	theirs += a;
	return mine + ours + theirs;
}

static void *in_thread(void *result)
{
	*(int *)result = count(1);
	return NULL;
}

COMMAND(count) { answer("%d", count(ARGUMENT)); }
COMMAND(thread)
{
	pthread_t thread;
	int result;

	pthread_create(&thread, NULL, in_thread, &result);
	pthread_join(thread, NULL);
	answer("%d", result);
}

const struct command commands[] = { ENTRY(count), ENTRY(thread), END };
