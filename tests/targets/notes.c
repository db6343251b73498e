/*
 * A program with many notes before its build-id's, in the same segment.
 */
#include "target.h"

__asm__(".pushsection .note.aaa, \"a\", @note\n"
	".rept 5\n"
	".long 6, 20, 3\n" /* NT_GNU_BUILD_ID's type, another owner */
	".asciz \"hotel\"\n.balign 4\n"
	".fill 20, 1, 0xaa\n"
	".endr\n"
	".popsection");

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ NULL, NULL },
	};

	return target_main(commands);
}
