/* The note that holds what a patch was written as. */
#include "../../lib/patch_text.h"
#include "../tap.h"

#include <errno.h>

static const uint8_t good[] = {
	1, 0, 0, 0, 9, 0, 0, 0, 'a', '.', 'd', 0, '+', 'x', '\n',
};

/* In memory of exactly this size, so that a sanitizer sees reads beyond. */
static int parse(const uint8_t *bytes, size_t size, struct patch_text *ret_text)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(size ? size : 1);
	memcpy(copy, bytes, size);
	return patch_text_read(copy, size, ret_text);
}

TEST(a_good_one)
{
	struct patch_text text;

	CHECK_EQ(parse(good, sizeof(good), &text), 0);
	CHECK_EQ(text.kind, PATCH_TEXT_DIFF);
	CHECK_STR(text.name, "a.d");
	CHECK_EQ(text.size, 3);
	CHECK_BYTES(text.text, "+x\n", 3);
	CHECK_EQ(text.whole_size, 9);
	/* An empty file */
	CHECK_EQ(parse(good, 12, &text), 0);
	CHECK_EQ(text.size, 0);
}

TEST(damaged)
{
	struct patch_text text;
	uint8_t bytes[sizeof(good)];

	for (size_t size = 0; size < 12; size++)
		CHECK_EQ(parse(good, size, &text), -EBADMSG);
	static const struct {
		size_t at;
		uint8_t value;
	} edits[] = {
		{ 0, 0 }, { 0, 3 }, { 3, 1 },	  /* another kind */
		{ 4, 2 },			  /* longer than whole */
		{ 8, 0 }, { 9, '\n' }, { 9, 127 }, /* its name */
	};
	for (size_t i = 0; i < sizeof(edits) / sizeof(*edits); i++) {
		memcpy(bytes, good, sizeof(good));
		bytes[edits[i].at] = edits[i].value;
		CHECK_EQ(parse(bytes, sizeof(bytes), &text), -EBADMSG);
	}
}

TEST(names)
{
	char name[PATCH_TEXT_NAME_MAX + 2];

	memset(name, 'n', sizeof(name));
	name[PATCH_TEXT_NAME_MAX + 1] = '\0';
	CHECK(!patch_text_name_valid(name));
	name[PATCH_TEXT_NAME_MAX] = '\0';
	CHECK(patch_text_name_valid(name));
	CHECK(!patch_text_name_valid(""));
}

TEST(cut_at_lines)
{
	static const char text[] = "one\ntwo\nthree\n";

	CHECK_EQ(patch_text_cut(text, 14, 14), 14);
	CHECK_EQ(patch_text_cut(text, 14, 13), 8);
	CHECK_EQ(patch_text_cut(text, 14, 8), 8);
	CHECK_EQ(patch_text_cut(text, 14, 7), 4);
	CHECK_EQ(patch_text_cut(text, 14, 3), 3);
	CHECK_EQ(patch_text_cut(text, 14, 0), 0);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
