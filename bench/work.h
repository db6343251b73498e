#pragma once
#include <stdint.h>

/* The function that is patched: realistic in size, cheap enough to see a jump. */
uint64_t work(uint64_t value, unsigned int rounds);
