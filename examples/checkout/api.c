#define _GNU_SOURCE
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "orders.h"
#include "payment.h"

/* False, and the reason, when the form cannot be an order. */
static bool order_parse(const char *form, struct order *order,
			const char **ret_reason)
{
	char currency[4], price[24];

	*ret_reason = "customer, method, currency, price, authorised wanted";
	if (!json_string(form, "customer", order->customer,
			 sizeof(order->customer)) ||
	    !json_string(form, "method", order->method,
			 sizeof(order->method)) ||
	    !json_string(form, "currency", currency, sizeof(currency)) ||
	    !json_string(form, "price", price, sizeof(price)) ||
	    !json_integer(form, "authorised", &order->authorised))
		return false;

	*ret_reason = "no such currency";
	order->currency = currency_find(currency);
	if (!order->currency)
		return false;

	*ret_reason = "not a price";
	return price_parse(price, order->currency, &order->price_micros);
}

static void post_checkout(const struct http_request *request,
			  struct http_response *response)
{
	char form[HTTP_REQUEST_MAX + 1];
	struct receipt receipt = { 0 };
	struct order order = { 0 };
	const char *reason;

	memcpy(form, request->body, request->body_size);
	form[request->body_size] = '\0';
	if (!order_parse(form, &order, &reason)) {
		http_answer(response, 400, "{\"error\": \"%s\"}\n", reason);
		return;
	}

	order.id = orders_next_id();
	switch (payment_charge(&order, &receipt)) {
	case PAYMENT_REFUSED:
		http_answer(response, 402, "{\"error\": \"not paid\"}\n");
		return;
	case PAYMENT_DONE:
		orders_land(&order, receipt.reference);
		break;
	case PAYMENT_PENDING:
		break;
	}
	orders_count_accepted();
	http_answer(response, 200, "{\"order\": %" PRIu64 "}\n", order.id);
}

static void get_order(const struct http_request *request,
		      struct http_response *response)
{
	uint64_t id = strtoull(request->path + strlen("/orders/"), NULL, 10);
	char reference[24];

	if (orders_find(id, reference))
		http_answer(response, 200,
			    "{\"order\": %" PRIu64 ", \"paid\": \"%s\"}\n", id,
			    reference);
	else
		http_answer(response, 404, "{\"error\": \"no such order\"}\n");
}

static void get_orders(const struct http_request *request,
		       struct http_response *response)
{
	struct order_counts counts;

	(void)request;
	orders_count(&counts);
	http_answer(response, 200,
		    "{\"accepted\": %" PRIu64 ", \"landed\": %" PRIu64
		    ", \"missing\": %" PRIu64 "}\n",
		    counts.accepted, counts.landed,
		    counts.accepted - counts.landed);
}

static const struct route {
	const char *method, *path; /* a path that ends in / is a prefix */
	void (*handle)(const struct http_request *request,
		       struct http_response *response);
} routes[] = {
	{ "POST", "/checkout", post_checkout },
	{ "GET", "/orders", get_orders },
	{ "GET", "/orders/", get_order },
};

static bool route_matches(const struct route *route,
			  const struct http_request *request)
{
	size_t length = strlen(route->path);

	if (strcmp(route->method, request->method))
		return false;
	if (route->path[length - 1] == '/')
		return !strncmp(route->path, request->path, length);
	return !strcmp(route->path, request->path);
}

void api_handle(const struct http_request *request,
		struct http_response *response)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!route_matches(&routes[i], request))
			continue;
		routes[i].handle(request, response);
		return;
	}
	http_answer(response, 404, "{\"error\": \"no such page\"}\n");
}
