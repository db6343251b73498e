/*
 * Lengths of time as an operator types and reads them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/diag.h"

#define DURATION_TEXT_SIZE 32

/**
 * duration_parse() - "500ms", "5s", "2m", "250us", "1.5s"; a bare number: s
 *
 * Return: 0; -EINVAL with the reason, also above 24 hours.
 */
int duration_parse(const char *text, uint64_t *ret_ns, struct hf_diag *diag);

/* Two or three digits and a unit: "143 µs", "6.2 ms", "1.24 s". */
const char *duration_format(uint64_t ns, bool utf8,
			    char text[DURATION_TEXT_SIZE]);
