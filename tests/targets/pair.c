/*
 * A program with two libraries, and a third one loaded on command.
 */
#include <dlfcn.h>
#include <pthread.h>

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

static void do_load(int nr, char **args)
{
	plug_handle = nr > 1 ? dlopen(args[1], RTLD_NOW) : NULL;
	plug = plug_handle ? (int (*)(void))dlsym(plug_handle, "plug_value") :
			     NULL;
	answer("%s", plug ? "loaded" : dlerror());
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
		{ "load", do_load },	 { "unload", do_unload },
		{ "plug", do_plug },	 { NULL, NULL },
	};

	return target_main(commands);
}
