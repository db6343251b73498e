/* After the change the clone takes another set of arguments, so its callers
   must come along, though their source is the same. */
#include "serve.h"

struct order { int amount, price, flags; char text[40]; };
static struct order orders[8] = { { 1, 10, 0, "a" }, { 2, 20, 1, "b" },
				  { 3, 30, 0, "c" }, { 4, 40, 1, "d" } };

SEPARATE static int value(const struct order *order)
{
	return order->amount * order->price;
}

SEPARATE static int total(int count)
{
	int sum = 0;

	for (int i = 0; i < count; i++)
		sum += value(&orders[i & 7]);
	return sum;
}

COMMAND(total) { answer("%d", total(ARGUMENT)); }

const struct command commands[] = { ENTRY(total), END };
