/*
 * A program whose main function is always busy: a thread stays in hold() for
 * ever, while another one may make a new program of the process.
 */
#include <pthread.h>
#include <semaphore.h>

#include "target.h"

static sem_t inside;

PATCHABLE int hold(void)
{
	sem_post(&inside);
	for (;;)
		pause();
	return 1;
}

static void *hold_run(void *unused)
{
	hold();
	return unused;
}

static void do_hold(int nr, char **args)
{
	pthread_t thread;

	(void)nr, (void)args;
	sem_init(&inside, 0, 0);
	if (pthread_create(&thread, NULL, hold_run, NULL))
		abort();
	sem_wait(&inside);
	answer("inside");
}

/* exec PROGRAM ARG...: the answer is the new program's "ready". */
static void do_exec(int nr, char **args)
{
	args[nr] = NULL;
	execv(args[1], args + 1);
	answer("%s", strerror(errno));
}

int main(void)
{
	static const struct command commands[] = {
		{ "hold", do_hold },
		{ "exec", do_exec },
		{ NULL, NULL },
	};

	return target_main(commands);
}
