/*
 * Formats of fixed fields are damaged in place, texts by words as well: either
 * way a damaged input stays close to a valid one, or no reader would look at
 * more than its first bytes.
 */
#include "mutate.h"

#define DAMAGES_MAX 4
#define STRETCH_MAX 64

static uint64_t state;

uint64_t fuzz_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

size_t fuzz_random_below(size_t limit)
{
	return limit ? fuzz_random() % limit : 0;
}

void fuzz_random_start(uint64_t seed, uint64_t index)
{
	state = (seed * 0x9e3779b97f4a7c15u) ^ (index * 0xd1342543de82ef95u);
	if (!state)
		state = 1;
	for (int i = 0; i < 8; i++)
		fuzz_random();
}

/* Values at which arithmetic goes wrong. */
static uint64_t random_value(void)
{
	static const uint64_t values[] = {
		0,	    1,		7,	    8,		 24,
		0x7f,	    0x80,	0xff,	    0xfff,	 0x1000,
		0x1fff,	    0x2000,	0x7fff,	    0xffff,	 0x7fffffff,
		0x80000000, 0xffffffff, INT64_MAX,  UINT64_MAX - 7,
		UINT64_MAX, UINT64_MAX - 0xfff,
	};

	if (fuzz_random_below(4) == 0)
		return fuzz_random();
	return values[fuzz_random_below(ARRAY_SIZE(values))];
}

/* Headers decide more than code does: half of all damage is done to them. */
static size_t random_place(const struct buffer *input)
{
	size_t place = fuzz_random_below(input->size);

	if (fuzz_target.place && fuzz_random_below(2))
		place = fuzz_target.place(input);
	return place < input->size ? place : 0;
}

static void bit_flip(struct buffer *input)
{
	input->data[random_place(input)] ^=
		(uint8_t)(1u << fuzz_random_below(8));
}

static void field_overwrite(struct buffer *input)
{
	static const size_t sizes[] = { 1, 2, 4, 8 };
	size_t size = sizes[fuzz_random_below(4)];
	size_t place = random_place(input);
	uint64_t value = random_value();

	if (fuzz_random_below(4))
		place &= ~(size - 1);
	if (place + size <= input->size)
		memcpy(input->data + place, &value, size);
}

/* One stretch of the input over another: valid things in the wrong place. */
static void stretch_copy(struct buffer *input)
{
	size_t from = random_place(input), to = random_place(input);
	size_t size = fuzz_random_below(STRETCH_MAX);

	if (from + size <= input->size && to + size <= input->size)
		memmove(input->data + to, input->data + from, size);
}

/* Opens a gap of @size bytes; what it holds is left over. */
static bool gap_make(struct buffer *input, size_t place, size_t size)
{
	if (input->size + size > FUZZ_INPUT_MAX)
		return false;
	memmove(input->data + place + size, input->data + place,
		input->size - place);
	input->size += size;
	return true;
}

static void stretch_insert(struct buffer *input)
{
	size_t from = random_place(input), to = random_place(input);
	size_t size = 1 + fuzz_random_below(STRETCH_MAX);
	uint8_t stretch[STRETCH_MAX];

	if (from + size > input->size)
		return;
	memcpy(stretch, input->data + from, size);
	if (gap_make(input, to, size))
		memcpy(input->data + to, stretch, size);
}

static void stretch_remove(struct buffer *input)
{
	size_t place = random_place(input);
	size_t size = 1 + fuzz_random_below(STRETCH_MAX);

	if (place + size > input->size)
		return;
	memmove(input->data + place, input->data + place + size,
		input->size - place - size);
	input->size -= size;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The next number of the text becomes another one. */
static void number_replace(struct buffer *input)
{
	static const char *const forms[] = { "%llu", "-%llu", "%llx", "%lld" };
	size_t place = random_place(input), size = 0;
	char text[32];
	size_t length;

	while (place < input->size && !is_digit(input->data[place]))
		place++;
	while (place + size < input->size && is_digit(input->data[place + size]))
		size++;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	length = (size_t)snprintf(text, sizeof(text),
				  forms[fuzz_random_below(ARRAY_SIZE(forms))],
				  (unsigned long long)random_value());
#pragma GCC diagnostic pop
	if (length > size && !gap_make(input, place, length - size))
		return;
	memcpy(input->data + place, text, length);
}

static void character_replace(struct buffer *input)
{
	static const char characters[] = "\0\n\r\t \\\"'/@+-,:{}[]()%\x7f\xff";

	input->data[random_place(input)] = (uint8_t)
		characters[fuzz_random_below(sizeof(characters) - 1)];
}

static void text_damage(struct buffer *input)
{
	switch (fuzz_random_below(6)) {
	case 0:
		stretch_remove(input);
		break;
	case 1:
	case 2:
		stretch_insert(input);
		break;
	case 3:
		number_replace(input);
		break;
	default:
		character_replace(input);
	}
}

static void field_damage(struct buffer *input)
{
	switch (fuzz_random_below(8)) {
	case 0:
		input->size = fuzz_random_below(input->size + 1);
		break;
	case 1:
	case 2:
		bit_flip(input);
		break;
	case 3:
		stretch_copy(input);
		break;
	default:
		field_overwrite(input);
	}
}

void fuzz_damage(struct buffer *input)
{
	for (size_t i = 1 + fuzz_random_below(DAMAGES_MAX); i-- > 0;) {
		if (!input->size)
			return;
		if (fuzz_target.text && fuzz_random_below(4))
			text_damage(input);
		else
			field_damage(input);
	}
}
