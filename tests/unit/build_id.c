#include "../../lib/build_id.h"

#include <errno.h>
#include <stdlib.h>

#include "../../lib/cleanup.h"
#include "../tap.h"

/* namesz, descsz, type, then name and content */
#define WORD(x) (x) & 0xff, (x) >> 8 & 0xff, (x) >> 16 & 0xff, (x) >> 24 & 0xff
#define GNU 'G', 'N', 'U', 0
#define ABI_TAG WORD(4), WORD(16), WORD(1), GNU, WORD(0), WORD(3), WORD(2), WORD(0)
#define BUILD_ID WORD(4), WORD(3), WORD(3), GNU, 0xaa, 0xbb, 0xcc

/* In memory of exactly this size, so that a sanitizer sees reads beyond. */
static int find(const uint8_t *notes, size_t size, uint64_t alignment,
		struct build_id *id)
{
	owned(free_p) uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, notes, size);
	return build_id_from_notes(copy, size, alignment, id);
}

TEST(alone_and_behind_others)
{
	static const uint8_t alone[] = { BUILD_ID };
	static const uint8_t behind[] = { ABI_TAG, BUILD_ID, 0 };
	static const uint8_t odd_name[] = {
		WORD(5), WORD(1), WORD(3), 'X', 'e', 'n', '!',
		0,	 0,	  0,	   0,	9,   0,	  0,
		0,	 BUILD_ID
	};
	struct build_id id;

	CHECK_EQ(find(alone, sizeof(alone), 4, &id), 0);
	CHECK_EQ(id.size, 3);
	CHECK_EQ(id.bytes[2], 0xcc);
	CHECK_EQ(find(behind, sizeof(behind), 4, &id), 0);
	CHECK_EQ(find(odd_name, sizeof(odd_name), 4, &id), 0);
	CHECK_EQ(id.bytes[0], 0xaa);
}

/* .note.gnu.property: everything padded to 8. */
TEST(padded_to_8)
{
	static const uint8_t notes[] = {
		WORD(4), WORD(4), WORD(5), GNU, 1, 2, 3, 4, 0, 0, 0, 0, BUILD_ID
	};
	struct build_id id;

	CHECK_EQ(find(notes, sizeof(notes), 8, &id), 0);
	CHECK_EQ(id.bytes[0], 0xaa);
	CHECK_EQ(find(notes, sizeof(notes), 4, &id), -ENOENT);
}

TEST(none_or_broken)
{
	static const uint8_t other[] = { ABI_TAG };
	static const uint8_t empty_id[] = { WORD(4), WORD(0), WORD(3), GNU };
	static const uint8_t huge_name[] = { WORD(0xffffffff), WORD(3),
					     WORD(3), GNU, 1, 2, 3 };
	static const uint8_t huge_content[] = { WORD(4), WORD(0xfffffffd),
						WORD(3), GNU, 1, 2, 3 };
	static const uint8_t whole[] = { BUILD_ID };
	struct build_id id = { .size = 77 };

	CHECK_EQ(find(other, sizeof(other), 4, &id), -ENOENT);
	CHECK_EQ(find(empty_id, sizeof(empty_id), 4, &id), -ENOENT);
	CHECK_EQ(find(huge_name, sizeof(huge_name), 4, &id), -ENOENT);
	CHECK_EQ(find(huge_content, sizeof(huge_content), 4, &id), -ENOENT);
	for (size_t size = 0; size < sizeof(whole); size++)
		CHECK_EQ(find(whole, size, 4, &id), -ENOENT);
	CHECK_EQ(id.size, 77);
}

TEST(too_long_for_us)
{
	uint8_t notes[16 + BUILD_ID_SIZE_MAX + 1] = {
		WORD(4), WORD(BUILD_ID_SIZE_MAX + 1), WORD(3), GNU
	};
	struct build_id id;

	CHECK_EQ(find(notes, sizeof(notes), 4, &id), -ENOENT);
	notes[4]--;
	CHECK_EQ(find(notes, sizeof(notes), 4, &id), 0);
	CHECK_EQ(id.size, BUILD_ID_SIZE_MAX);
}

TEST(compare_and_spell)
{
	const struct build_id a = { 3, { 1, 2, 0xfe } };
	const struct build_id shorter = { 2, { 1, 2 } };
	const struct build_id other = { 3, { 1, 2, 0xff } };
	char text[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	CHECK(build_id_equal(&a, &a));
	CHECK(!build_id_equal(&a, &shorter));
	CHECK(!build_id_equal(&a, &other));
	CHECK_STR(build_id_format(&a, text), "0102fe");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
