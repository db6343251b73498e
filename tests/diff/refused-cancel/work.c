/* With -fexceptions the clean-ups are in tables, which the unwinder reads. */
#include <pthread.h>
#include <semaphore.h>

#include "serve.h"

static sem_t inside, never;
static volatile int cleaned;

static void clean(void *value)
{
	cleaned = cleaned * 10 + *(int *)value;
}

SEPARATE static int wait_here(int value)
{
	sem_post(&inside);
	while (sem_wait(&never))
		;
	return value;
}

SEPARATE static int work(int value)
{
	cleaned = value + 1;
	return wait_here(value) * 2 + cleaned;
}

static int result;

static void *run(void *unused)
{
	int one = 1, two = 2;

	(void)unused;
	pthread_cleanup_push(clean, &one);
	pthread_cleanup_push(clean, &two);
	result = work(5);
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

/* Ours, to be wiped: return addresses that stay would hold the patch. */
static char stack[256 << 10] __attribute__((aligned(4096)));

COMMAND(cancel)
{
	pthread_attr_t attributes;
	pthread_t thread;
	void *value;

	(void)nr, (void)args;
	sem_init(&inside, 0, 0);
	sem_init(&never, 0, 0);
	pthread_attr_init(&attributes);
	pthread_attr_setstack(&attributes, stack, sizeof(stack));
	pthread_create(&thread, &attributes, run, NULL);
	while (sem_wait(&inside))
		;
	pthread_cancel(thread);
	pthread_join(thread, &value);
	memset(stack, 0, sizeof(stack));
	answer("%s %d", value == PTHREAD_CANCELED ? "cancelled" : "ended",
	       cleaned);
}

const struct command commands[] = { ENTRY(cancel), END };
