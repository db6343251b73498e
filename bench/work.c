#include "work.h"

uint64_t work(uint64_t value, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++) {
		value ^= value << 13;
		value ^= value >> 7;
		value ^= value << 17;
	}
	return value;
}
