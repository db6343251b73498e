#define _GNU_SOURCE
#include "account.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void account_open(struct account *account, int64_t balance)
{
	pthread_mutex_init(&account->lock, NULL);
	account->balance = balance;
	strcpy(account->statement, "opened");
}

void account_post(struct account *account, int64_t amount, const char *what,
		  unsigned int other)
{
	int64_t balance = account->balance + amount;

	snprintf(account->statement, sizeof(account->statement),
		 "%s %u: %+" PRId64 " = %" PRId64, what, other, amount,
		 balance);
	account->balance = balance;
	account->nr_postings++;
}
