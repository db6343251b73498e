/* Places in the middle of static data, in code and in data, which compilers
   write as a section and an offset. */
#include "serve.h"

static struct { char pad[40]; int value; char name[12]; } box = {
	.value = 30, .name = "inside" };
static int table[20] = { [7] = 70, [19] = 190 };
static int *const middle[] = { &table[7], &box.value, &table[19] };
static const char text[] = "one\0two\0three";
static const char *const words[] = { text + 4, text + 8, box.name };

SEPARATE static int number_at(int a)
{
	return *middle[a % 3] + table[a % 20] + table[19];
}

SEPARATE static const char *word_at(int a)
{
	return a == 5 ? text + 4 : words[a % 3];
}

COMMAND(number) { answer("%d", number_at(ARGUMENT)); }
COMMAND(word) { answer("%s", word_at(ARGUMENT)); }
COMMAND(set) { table[19] = ARGUMENT; box.value++; answer("set"); }

const struct command commands[] = { ENTRY(number), ENTRY(word), ENTRY(set),
				    END };
