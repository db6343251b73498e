/* Damage to an input, from nothing but two numbers. */
#pragma once

#include "../fuzz.h"

void fuzz_random_start(uint64_t seed, uint64_t index);

/* @input: has room for FUZZ_INPUT_MAX bytes. */
void fuzz_damage(struct buffer *input);
