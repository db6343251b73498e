/*
 * What the customers of each example server do. A workload is one exchange,
 * repeated by every client without end, and judged with a customer's eyes.
 */
#pragma once

#include "client.h"

struct workload {
	const char *name;
	const char *unit;     /* "orders" */
	const char *wrong;    /* "vanished" */
	unsigned int clients;
	unsigned int pause_us; /* between two exchanges of one client */
	enum verdict (*exchange)(struct client *client);
};

extern const struct workload checkout_workload;
extern const struct workload vault_workload;
extern const struct workload ledgerd_workload;
extern const struct workload prefork_workload;
