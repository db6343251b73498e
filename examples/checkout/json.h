/*
 * Values of one flat JSON object, such as a checkout form sends. Strings are
 * taken without escapes; what has them is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False when the key is missing, of another kind, or the value too long. */
bool json_string(const char *object, const char *key, char *ret_value,
		 size_t size);
bool json_integer(const char *object, const char *key, int64_t *ret_value);
