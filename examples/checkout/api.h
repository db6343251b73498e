/*
 * What the service answers:
 *
 *   POST /checkout    {"customer": "c7", "method": "card", "currency": "JPY",
 *                      "price": "1200", "authorised": 1200}
 *   GET  /orders/ID   an order of the book
 *   GET  /orders      how many were accepted, how many landed
 */
#pragma once

#include "../common/http.h"

void api_handle(const struct http_request *request,
		struct http_response *response);
