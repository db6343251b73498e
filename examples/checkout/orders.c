#define _GNU_SOURCE
#include "orders.h"

#include <pthread.h>
#include <stdio.h>

#define NR_SLOTS 65536

struct slot {
	uint64_t id;
	char reference[24]; /* the bank's, or the invoice's number */
};

/* Guarded by the lock, all of it. An order is in slot id % NR_SLOTS. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot book[NR_SLOTS];
static struct order_counts counts;
static uint64_t last_id;

uint64_t orders_next_id(void)
{
	uint64_t id;

	pthread_mutex_lock(&lock);
	id = ++last_id;
	pthread_mutex_unlock(&lock);
	return id;
}

void orders_count_accepted(void)
{
	pthread_mutex_lock(&lock);
	counts.accepted++;
	pthread_mutex_unlock(&lock);
}

void orders_land(const struct order *order, const char *reference)
{
	struct slot *slot = &book[order->id % NR_SLOTS];

	pthread_mutex_lock(&lock);
	slot->id = order->id;
	snprintf(slot->reference, sizeof(slot->reference), "%s", reference);
	counts.landed++;
	pthread_mutex_unlock(&lock);
}

bool orders_find(uint64_t id, char ret_reference[static 24])
{
	const struct slot *slot = &book[id % NR_SLOTS];
	bool found;

	pthread_mutex_lock(&lock);
	found = id && slot->id == id;
	if (found)
		snprintf(ret_reference, 24, "%s", slot->reference);
	pthread_mutex_unlock(&lock);
	return found;
}

void orders_count(struct order_counts *ret_counts)
{
	pthread_mutex_lock(&lock);
	*ret_counts = counts;
	pthread_mutex_unlock(&lock);
}
