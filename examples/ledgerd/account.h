/*
 * One account: its balance, and the statement that its owner reads.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#define STATEMENT_SIZE 80

struct account {
	pthread_mutex_t lock;
	int64_t balance; /* cents */
	uint64_t nr_postings;
	char statement[STATEMENT_SIZE]; /* the last line */
};

void account_open(struct account *account, int64_t balance);

/*
 * One side of a movement: the new balance, and a line on the statement. The
 * caller sees to it that nobody else is at the account.
 */
void account_post(struct account *account, int64_t amount, const char *what,
		  unsigned int other);
