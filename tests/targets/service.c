/*
 * A service: every few milliseconds it does its work by itself, which a patch may
 * spoil. Commands: "work N" is answered by "done" when work has been done N more
 * times; "value"; "linger" never comes out of linger() again.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "target.h"

static atomic_ulong nr_done;

PATCHABLE int value(void)
{
	return 1;
}

PATCHABLE void work(void)
{
	usleep(2000);
}

PATCHABLE void linger(void)
{
	for (;;)
		pause();
}

static void *linger_for_ever(void *unused)
{
	linger();
	return unused;
}

static void *serve(void *unused)
{
	(void)unused;
	for (;;) {
		work();
		nr_done++;
	}
	return NULL;
}

static void command_work(int nr, char **args)
{
	unsigned long until = nr_done + (nr > 1 ? strtoul(args[1], NULL, 10) : 1);

	while (nr_done < until)
		usleep(1000);
	answer("done");
}

static void command_linger(int nr, char **args)
{
	pthread_t thread;

	(void)nr;
	(void)args;
	answer("%d", pthread_create(&thread, NULL, linger_for_ever, NULL));
}

static void command_value(int nr, char **args)
{
	(void)nr;
	(void)args;
	answer("%d", value());
}

int main(void)
{
	static const struct command commands[] = {
		{ "work", command_work },
		{ "value", command_value },
		{ "linger", command_linger },
		{ NULL, NULL },
	};
	pthread_t thread;

	/* Children of a patch are nobody's. */
	signal(SIGCHLD, SIG_IGN);
	if (pthread_create(&thread, NULL, serve, NULL))
		return 1;
	return target_main(commands);
}
