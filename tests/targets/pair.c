/*
 * A program with two libraries, and a third one loaded on command.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "lib.h"
#include "target.h"

static int (*plug)(void);
static void *plug_handle;

PATCHABLE int value(void)
{
	volatile int one = 1;

	return one;
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

static void do_left(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d %d", left_value(), left_twice());
}

static void do_right(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", right_value());
}

static void do_hidden(int nr, char **args)
{
	answer("%d %d", left_hidden(number(nr, args, 1)),
	       right_hidden(number(nr, args, 1)));
}

static void do_ticks(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d %d", left_tick(), right_tick());
}

static void *ticks_run(void *ret)
{
	int *ticks = ret;

	ticks[0] = left_tick();
	ticks[1] = right_tick();
	return NULL;
}

static void do_ticks_thread(int nr, char **args)
{
	pthread_t thread;
	int ticks[2] = { -1, -1 };

	(void)nr, (void)args;
	if (!pthread_create(&thread, NULL, ticks_run, ticks))
		pthread_join(thread, NULL);
	answer("%d %d", ticks[0], ticks[1]);
}

/* --- workers that call a library function all the time ------------------- */

static atomic_ulong nr_calls, nr_bad;

static void *worker_run(void *unused)
{
	for (unsigned int i = 1;; i++) {
		int got = left_value();

		if (i % 256 == 0)
			nanosleep(&(struct timespec){ 0, 500000 }, NULL);

		if (got < 10 || got > 19)
			atomic_fetch_add(&nr_bad, 1);
		atomic_fetch_add(&nr_calls, 1);
	}
	return unused;
}

static void do_left_workers(int nr, char **args)
{
	pthread_t thread;
	int count = 0;

	while (count < number(nr, args, 1) &&
	       !pthread_create(&thread, NULL, worker_run, NULL))
		count++;
	answer("%d", count);
}

/* Answers after a thousand more calls. */
static void do_left_calls(int nr, char **args)
{
	unsigned long until = atomic_load(&nr_calls) + 1000;

	(void)nr, (void)args;
	while (atomic_load(&nr_calls) < until)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	answer("bad %lu", atomic_load(&nr_bad));
}

/* --- commands ------------------------------------------------------------ */

static void do_load(int nr, char **args)
{
	plug_handle = nr > 1 ? dlopen(args[1], RTLD_NOW) : NULL;
	plug = plug_handle ? (int (*)(void))dlsym(plug_handle, "plug_value") :
			     NULL;
	answer("%s", plug ? "loaded" : dlerror());
}

/* A second copy of it, in a namespace of its own. */
static void do_load_apart(int nr, char **args)
{
	void *apart = nr > 1 ? dlmopen(LM_ID_NEWLM, args[1], RTLD_NOW) : NULL;

	answer("%s", apart ? "loaded" : dlerror());
}

static void do_unload(int nr, char **args)
{
	(void)nr, (void)args;
	plug = NULL;
	answer("%d", dlclose(plug_handle));
}

static void do_plug(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", plug ? plug() : -1);
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },	 { "left", do_left },
		{ "right", do_right },	 { "hidden", do_hidden },
		{ "ticks", do_ticks },	 { "ticks-thread", do_ticks_thread },
		{ "load", do_load },
		{ "load-apart", do_load_apart },	 { "unload", do_unload },
		{ "plug", do_plug },
		{ "left-workers", do_left_workers },
		{ "left-calls", do_left_calls },
		{ NULL, NULL },
	};

	return target_main(commands);
}
