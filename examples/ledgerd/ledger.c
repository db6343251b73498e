#define _GNU_SOURCE
#include "ledger.h"

#include <string.h>

/* Who wants several locks takes them in the order of the accounts. */
static struct account accounts[NR_ACCOUNTS];

void ledger_open(void)
{
	for (unsigned int i = 0; i < NR_ACCOUNTS; i++)
		account_open(&accounts[i], OPENING_BALANCE);
}

/* A customer's lock keeps his movements apart. */
bool ledger_pay(unsigned int customer, unsigned int merchant, int64_t amount)
{
	if (!is_customer(customer) || !is_merchant(merchant) || amount <= 0)
		return false;

	pthread_mutex_lock(&accounts[customer].lock);
	account_post(&accounts[customer], -amount, "paid to", merchant);
	account_post(&accounts[merchant], amount, "paid by", customer);
	pthread_mutex_unlock(&accounts[customer].lock);
	return true;
}

bool ledger_refund(unsigned int merchant, unsigned int customer,
		   int64_t amount)
{
	if (!is_customer(customer) || !is_merchant(merchant) || amount <= 0)
		return false;

	pthread_mutex_lock(&accounts[customer].lock);
	account_post(&accounts[merchant], -amount, "refunded to", customer);
	account_post(&accounts[customer], amount, "refunded by", merchant);
	pthread_mutex_unlock(&accounts[customer].lock);
	return true;
}

bool ledger_statement(unsigned int account,
		      char ret_line[static STATEMENT_SIZE])
{
	if (account >= NR_ACCOUNTS)
		return false;
	pthread_mutex_lock(&accounts[account].lock);
	memcpy(ret_line, accounts[account].statement, STATEMENT_SIZE);
	ret_line[STATEMENT_SIZE - 1] = '\0';
	pthread_mutex_unlock(&accounts[account].lock);
	return true;
}

int64_t ledger_total(void)
{
	int64_t total = 0;

	for (unsigned int i = 0; i < NR_ACCOUNTS; i++)
		pthread_mutex_lock(&accounts[i].lock);
	for (unsigned int i = 0; i < NR_ACCOUNTS; i++)
		total += accounts[i].balance;
	for (unsigned int i = NR_ACCOUNTS; i-- > 0;)
		pthread_mutex_unlock(&accounts[i].lock);
	return total;
}
