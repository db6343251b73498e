/* Loads a library again and again, and unloads it. */
#include <dlfcn.h>

#include "target.h"

static void *library;

static void do_load(int nr, char **args)
{
	library = nr > 1 ? dlopen(args[1], RTLD_NOW) : NULL;
	answer("%s", library ? "ok" : dlerror());
}

static void do_unload(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%s", dlclose(library) ? dlerror() : "ok");
	library = NULL;
}

static void do_value(int nr, char **args)
{
	int (*value)(void) = NULL;

	(void)nr, (void)args;
	if (library)
		*(void **)&value = dlsym(library, "plug_value");
	answer("%d", value ? value() : -1);
}

int main(void)
{
	static const struct command commands[] = {
		{ "load", do_load },
		{ "unload", do_unload },
		{ "value", do_value },
		{ NULL, NULL },
	};

	return target_main(commands);
}
