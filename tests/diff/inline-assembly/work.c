/* Hand-written instructions with labels, sections and symbols of their own. */
#include "serve.h"

static int counter = 3;
static int hits[4];

SEPARATE static int work(int a)
{
	int result;

	__asm__ volatile("movl %1, %0\n"
			 "	testl %0, %0\n"
			 "	jns 1f\n"
			 "	negl %0\n"
			 "1:	addl $7, %0\n"
			 : "=&r"(result) : "r"(a) : "cc");
	__asm__ volatile("lock incl %0" : "+m"(counter));
	__asm__ volatile("movl $5, %0" : "=m"(hits[1]));
	return result + counter;
}

SEPARATE static int other(int a)
{
	__asm__("bswap %0" : "+r"(a));
	return a;
}

COMMAND(work) { answer("%d", work(ARGUMENT)); }
COMMAND(other) { answer("%d", other(ARGUMENT)); }
COMMAND(hits) { answer("%d", hits[1]); }

const struct command commands[] = { ENTRY(work), ENTRY(other), ENTRY(hits),
				    END };
