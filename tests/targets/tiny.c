/*
 * Functions whose first bytes are the hard part, written out byte by byte:
 * shorter than a jump, with and without padding around; with a branch back
 * into the first bytes; across the border of two pages; with room for a jump.
 * Their neighbours must come through unharmed.
 */
#include "target.h"

/* One function at exactly this place, nothing before or behind it. */
#define FUNCTION(name, ...)                                                    \
	__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"                 \
		".globl " #name "\n.type " #name ", @function\n" #name ":\n"   \
		__VA_ARGS__ "\n.size " #name ", . - " #name "\n.popsection");  \
	int name(int)

#define PADDING                                                                \
	__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"                 \
		".balign 16\n.popsection")

PADDING;
FUNCTION(short_padded, "xor %eax, %eax\n"
		       "ret");
PADDING;
FUNCTION(behind_padded, "mov $7, %eax\n"
			"ret");
PADDING;

/* Three in a row, without a byte between. */
FUNCTION(before_alone, "mov $6, %eax\n"
		       "ret");
FUNCTION(short_alone, "xor %eax, %eax\n"
		      "ret");
FUNCTION(behind_alone, "mov $8, %eax\n"
		       "ret");
PADDING;

/* A branch to byte 2, which a 5-byte jump would overwrite. */
#define LOOP                                                                   \
	"xor %eax, %eax\n"                                                     \
	"1: inc %eax\n"                                                        \
	"cmp $5, %eax\n"                                                       \
	"jne 1b\n"                                                             \
	"ret"
FUNCTION(loop_padded, LOOP);
PADDING;
FUNCTION(before_loop, "mov $9, %eax\n"
		      "ret");
FUNCTION(loop_alone, LOOP);
FUNCTION(behind_loop, "mov $10, %eax\n"
		      "ret");
PADDING;

/* A branch to its own first byte. */
FUNCTION(again, "lea -1(%rdi), %edi\n"
		"test %edi, %edi\n"
		"jns again\n"
		"mov %edi, %eax\n"
		"ret");
PADDING;

/* As -fpatchable-function-entry leaves it. */
FUNCTION(roomy, ".byte 0x0f, 0x1f, 0x44, 0, 0\n"
		"mov $11, %eax\n"
		"ret");

/* The first instruction stands on two pages. */
__asm__(".pushsection .text.tiny, \"ax\", @progbits\n"
	".balign 4096\n.skip 4094, 0xcc\n.popsection");
FUNCTION(page_crossing, "mov $12, %eax\n"
			"ret");

static void do_call(int nr, char **args)
{
	static const struct {
		const char *name;
		int (*call)(int);
	} functions[] = {
		{ "short_padded", short_padded },
		{ "behind_padded", behind_padded },
		{ "before_alone", before_alone },
		{ "short_alone", short_alone },
		{ "behind_alone", behind_alone },
		{ "loop_padded", loop_padded },
		{ "before_loop", before_loop },
		{ "loop_alone", loop_alone },
		{ "behind_loop", behind_loop },
		{ "again", again },
		{ "roomy", roomy },
		{ "page_crossing", page_crossing },
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (nr > 1 && !strcmp(args[1], functions[i].name)) {
			answer("%d", functions[i].call(number(nr, args, 2)));
			return;
		}
	}
	answer("no function");
}

int main(void)
{
	static const struct command commands[] = {
		{ "call", do_call },
		{ NULL, NULL },
	};

	return target_main(commands);
}
