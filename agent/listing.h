/*
 * Code as lines of assembly, one listing or two side by side.
 */
#pragma once

#include "../lib/arch/arch.h"
#include "output.h"

#define LISTING_BYTES_MAX 16
#define LISTING_TEXT_SIZE 192

struct listing_line {
	hf_addr address;
	uint8_t size;
	uint8_t bytes[LISTING_BYTES_MAX];
	hf_addr refers_to; /* by an operand relative to it, 0: none */
	char text[LISTING_TEXT_SIZE];
};

struct listing {
	struct listing_line *lines;
	size_t nr;
};

/**
 * listing_make() - disassemble @size bytes that stand at @address
 *
 * What is no instruction is listed byte by byte.
 *
 * Return: 0; -ENOMEM; -ENOTSUP without a disassembler for @arch.
 */
int listing_make(const struct arch *arch, const uint8_t *code, size_t size,
		 hf_addr address, struct listing *ret_listing,
		 struct hf_diag *diag);
void listing_release(struct listing *listing);

/* Appends "; COMMENT" to a line. */
void listing_comment(struct listing_line *line, const char *comment);

/* [{"address","bytes","text"}] */
json_t *listing_json(const struct listing *listing);

/* Both beside each other, as wide as needed and the terminal allows; @left may
 * be empty, then @right stands alone. */
void listings_print(const struct listing *left, const struct listing *right,
		    struct output *output);
