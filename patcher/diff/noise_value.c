/*
 * Values of one variable in three builds.
 */
#include <ctype.h>

#include "noise.h"

static uint8_t byte_of(const struct item *item, uint64_t at)
{
	return item->bytes ? item->bytes[at] : 0;
}

static bool is_in_word(uint8_t byte)
{
	return isalnum(byte) || byte == ':';
}

/*
 * A byte that an unchanged build changes, or of the same word of text: random
 * digits are sometimes the same ones.
 *
 *	original   id 4de9d
 *	again      id 4f01d
 *	noise         -----
 */
static bool is_noise_at(const struct item *original, const struct item *again,
			uint64_t at)
{
	uint64_t start = at, end = at + 1;

	while (start && is_in_word(byte_of(original, at)) &&
	       is_in_word(byte_of(original, start - 1)))
		start--;
	while (end < original->size && is_in_word(byte_of(original, at)) &&
	       is_in_word(byte_of(original, end)))
		end++;
	for (uint64_t i = start; i < end; i++)
		if (byte_of(original, i) != byte_of(again, i))
			return true;
	return false;
}

bool noise_explains(const struct item *original, const struct item *patched,
		    const struct item *again)
{
	if (original->size != patched->size || original->size != again->size ||
	    original->nr_references || patched->nr_references ||
	    again->nr_references)
		return false;
	for (uint64_t i = 0; i < original->size; i++)
		if (byte_of(original, i) != byte_of(patched, i) &&
		    !is_noise_at(original, again, i))
			return false;
	return true;
}
