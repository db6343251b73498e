/*
 * A program with an indirect function of its own.
 */
#include "target.h"

static volatile int value_base = 1;

static int chosen_well(int x)
{
	return x * 21;
}

static int (*choose(void))(int)
{
	return chosen_well;
}

__attribute__((ifunc("choose"))) int chosen(int x);

PATCHABLE int value(void)
{
	return value_base;
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

static void do_chosen(int nr, char **args)
{
	answer("%d", chosen(number(nr, args, 1)));
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ "chosen", do_chosen },
		{ NULL, NULL },
	};

	return target_main(commands);
}
