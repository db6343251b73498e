/*
 * Lines do not correspond to each other across the two columns: the compiler
 * is free to order both differently, and any pairing would suggest a meaning.
 */
#include "listing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/digest.h"
#include "../lib/insn.h"

static struct listing_line *line_add(struct listing *listing, size_t *room)
{
	struct listing_line *lines;
	size_t wanted = *room ? *room * 2 : 64;

	if (listing->nr == *room) {
		lines = reallocarray(listing->lines, wanted, sizeof(*lines));
		if (!lines)
			return NULL;
		listing->lines = lines;
		*room = wanted;
	}
	listing->lines[listing->nr] = (struct listing_line){ 0 };
	return &listing->lines[listing->nr++];
}

/* Return: the number of bytes that the line took. */
static size_t line_fill(struct insn_decoder *decoder, const uint8_t *code,
			size_t size, hf_addr address, struct listing_line *line)
{
	struct insn insn;
	size_t taken = 0;

	if (insn_format(decoder, code, size, address, line->text,
			sizeof(line->text), &taken) ||
	    !taken || taken > size || taken > LISTING_BYTES_MAX) {
		taken = 1;
		snprintf(line->text, sizeof(line->text), ".byte 0x%02x", *code);
	} else if (!insn_decode(decoder, code, size, address, &insn) &&
		   insn.pc_relative)
		line->refers_to = insn.pc_relative_address;
	line->address = address;
	line->size = (uint8_t)taken;
	memcpy(line->bytes, code, taken);
	return taken;
}

static int lines_make(struct insn_decoder *decoder, const uint8_t *code,
		      size_t size, hf_addr address, struct listing *listing)
{
	struct listing_line *line;
	size_t room = 0;

	for (size_t at = 0; at < size;) {
		line = line_add(listing, &room);
		if (!line)
			return -ENOMEM;
		at += line_fill(decoder, code + at, size - at, address + at,
				line);
	}
	return 0;
}

int listing_make(const struct arch *arch, const uint8_t *code, size_t size,
		 hf_addr address, struct listing *ret_listing,
		 struct hf_diag *diag)
{
	struct listing listing = { 0 };
	struct insn_decoder *decoder;
	int r;

	r = insn_decoder_new(arch, &decoder, diag);
	if (r)
		return r;
	r = lines_make(decoder, code, size, address, &listing);
	insn_decoder_free(decoder);
	if (r) {
		listing_release(&listing);
		return hf_fail(diag, r, "cannot list code");
	}
	*ret_listing = listing;
	return 0;
}

void listing_release(struct listing *listing)
{
	free(listing->lines);
	*listing = (struct listing){ 0 };
}

void listing_comment(struct listing_line *line, const char *comment)
{
	size_t size = strlen(line->text);

	snprintf(line->text + size, sizeof(line->text) - size, "  ; %s",
		 comment);
}

json_t *listing_json(const struct listing *listing)
{
	json_t *array = json_array();
	char bytes[HEX_SIZE(LISTING_BYTES_MAX)];

	for (size_t i = 0; i < listing->nr; i++) {
		const struct listing_line *from = &listing->lines[i];
		json_t *line = json_object();

		hex_encode(from->bytes, from->size, bytes);
		json_put(line, "address", json_address(from->address));
		json_put(line, "bytes", json_text(bytes));
		json_put(line, "text", json_text(from->text));
		json_add(array, line);
	}
	return array;
}

/* "  40113a  push rbp" */
static void line_format(const struct listing *listing, size_t index,
			char *ret_text, size_t size)
{
	*ret_text = '\0';
	if (index < listing->nr)
		snprintf(ret_text, size, "%8" PRIx64 "  %s",
			 listing->lines[index].address,
			 listing->lines[index].text);
}

static size_t listing_width(const struct listing *listing)
{
	char text[LISTING_TEXT_SIZE + 24];
	size_t width = 0;

	for (size_t i = 0; i < listing->nr; i++) {
		line_format(listing, i, text, sizeof(text));
		if (strlen(text) > width)
			width = strlen(text);
	}
	return width;
}

/* What does not fit ends in "~", so that nobody reads half an operand. */
static void text_shorten(char *text, size_t width)
{
	if (strlen(text) <= width)
		return;
	text[width - 1] = '~';
	text[width] = '\0';
}

/* Room for the left column: what it needs, at most what leaves the same to the
 * right one, unless that needs less. @width: of the terminal, 0: any. */
static size_t left_width(const struct listing *left,
			 const struct listing *right, size_t width)
{
	size_t needs = listing_width(left), other = listing_width(right);
	size_t room = width > 10 ? width - 7 : 0;

	if (!room || needs + other <= room || needs <= room / 2)
		return needs;
	return other < room / 2 ? room - other : room / 2;
}

void listings_print(const struct listing *left, const struct listing *right,
		    struct output *output)
{
	char a[LISTING_TEXT_SIZE + 24], b[LISTING_TEXT_SIZE + 24];
	size_t nr = left->nr > right->nr ? left->nr : right->nr;
	size_t width = left_width(left, right, output->width);
	size_t rest = output->width ? output->width - width - 7 : sizeof(b);

	for (size_t i = 0; i < nr; i++) {
		line_format(left, i, a, sizeof(a));
		line_format(right, i, b, sizeof(b));
		if (!left->nr) {
			output_print(output, "  %s\n", b);
			continue;
		}
		text_shorten(a, width);
		text_shorten(b, rest);
		output_print(output, "  %-*s  %s%s%s\n", (int)width, a, "|",
			     *b ? "  " : "", b);
	}
}
