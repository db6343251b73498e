/*
 * ledger_pay() and ledger_refund() take the customer's lock only, and so two
 * customers of one merchant change its balance at the same time: one of the two
 * movements is lost, and money with it.
 *
 * From now on whoever changes a balance holds that account's lock. This is a
 * promise between the two functions, worth nothing while a single thread still
 * runs either old one: they are switched together, when no thread is in any.
 *
 * Both take the two locks in the order of the accounts, as ledger_total() does.
 */
#include <hotfix/hotfix.h>

#include "ledger.h"

extern struct account accounts[]; /* static in ledger.c */

static void pair_lock(unsigned int merchant, unsigned int customer)
{
	pthread_mutex_lock(&accounts[merchant].lock);
	pthread_mutex_lock(&accounts[customer].lock);
}

static void pair_unlock(unsigned int merchant, unsigned int customer)
{
	pthread_mutex_unlock(&accounts[customer].lock);
	pthread_mutex_unlock(&accounts[merchant].lock);
}

bool ledger_pay(unsigned int customer, unsigned int merchant, int64_t amount)
{
	if (!is_customer(customer) || !is_merchant(merchant) || amount <= 0)
		return false;

	pair_lock(merchant, customer);
	account_post(&accounts[customer], -amount, "paid to", merchant);
	account_post(&accounts[merchant], amount, "paid by", customer);
	pair_unlock(merchant, customer);
	return true;
}
HOTFIX_REPLACE(ledger_pay);

bool ledger_refund(unsigned int merchant, unsigned int customer,
		   int64_t amount)
{
	if (!is_customer(customer) || !is_merchant(merchant) || amount <= 0)
		return false;

	pair_lock(merchant, customer);
	account_post(&accounts[merchant], -amount, "refunded to", customer);
	account_post(&accounts[customer], amount, "refunded by", merchant);
	pair_unlock(merchant, customer);
	return true;
}
HOTFIX_REPLACE(ledger_refund);
