/* Its author states that no order lives while the patch comes or goes. */
#include "serve.h"

struct order {
	int amount;
	int price;
};

static struct order *orders[8];

SEPARATE static int place(int amount)
{
	struct order *order = malloc(sizeof(*order));

	order->amount = amount;
	order->price = amount * 2;
	orders[amount & 7] = order;
	return order->price;
}

SEPARATE static int price(int which)
{
	return orders[which & 7] ? orders[which & 7]->price : -1;
}

COMMAND(place) { answer("%d", place(ARGUMENT)); }
COMMAND(price) { answer("%d", price(ARGUMENT)); }

const struct command commands[] = { ENTRY(place), ENTRY(price), END };
