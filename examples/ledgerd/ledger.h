/*
 * The accounts of a payment service: merchants and their customers. Money only
 * moves between accounts, so that the total of all balances never changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "account.h"

#define NR_MERCHANTS 4
#define NR_CUSTOMERS 64
#define NR_ACCOUNTS (NR_MERCHANTS + NR_CUSTOMERS) /* the merchants first */
#define OPENING_BALANCE 1000000			  /* cents, of each */

void ledger_open(void);

static inline bool is_merchant(unsigned int account)
{
	return account < NR_MERCHANTS;
}

static inline bool is_customer(unsigned int account)
{
	return !is_merchant(account) && account < NR_ACCOUNTS;
}

/*
 * Move money from a customer to a merchant, and back. Cents; false when an
 * account is not what it should be, or the amount is not positive.
 */
bool ledger_pay(unsigned int customer, unsigned int merchant, int64_t amount);
bool ledger_refund(unsigned int merchant, unsigned int customer,
		   int64_t amount);

/* The last line of an account's statement; false without such an account. */
bool ledger_statement(unsigned int account,
		      char ret_line[static STATEMENT_SIZE]);

/* The total of all balances at one moment. */
int64_t ledger_total(void);
