/*
 * ledgerd: the accounts of a payment service, in memory.
 *
 *   PAY CUSTOMER MERCHANT AMOUNT       OK | NO
 *   REFUND MERCHANT CUSTOMER AMOUNT    OK | NO
 *   STATEMENT ACCOUNT                  the last line of its statement | NO
 *   TOTAL                              TOTAL of all balances
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../common/lines.h"
#include "../common/net.h"
#include "ledger.h"

static void answer(char *request, char reply[static LINE_MAX_SIZE])
{
	char command[12] = "", line[STATEMENT_SIZE];
	unsigned int from = 0, to = 0;
	int64_t amount = 0;
	bool done = false;
	int nr = sscanf(request, "%11s %u %u %" SCNd64, command, &from, &to,
			&amount);

	if (nr == 1 && !strcmp(command, "TOTAL")) {
		snprintf(reply, LINE_MAX_SIZE, "TOTAL %" PRId64,
			 ledger_total());
		return;
	}
	if (nr == 2 && !strcmp(command, "STATEMENT") &&
	    ledger_statement(from, line)) {
		snprintf(reply, LINE_MAX_SIZE, "%s", line);
		return;
	}
	if (nr == 4 && !strcmp(command, "PAY"))
		done = ledger_pay(from, to, amount);
	else if (nr == 4 && !strcmp(command, "REFUND"))
		done = ledger_refund(from, to, amount);
	snprintf(reply, LINE_MAX_SIZE, done ? "OK" : "NO");
}

int main(int argc, char **argv)
{
	ledger_open();
	return lines_serve("ledgerd", net_port_argument(argc, argv), answer);
}
