/*
 * What others have written over a function, named.
 */
#include "../../agent/foreign_bytes.h"
#include "../tap.h"

TEST(foreign_bytes)
{
	static const uint8_t expected[8] = { 0x55, 0x48, 0x89, 0xe5,
					     0x53, 0x50, 0x90, 0xc3 };
	static const struct { uint8_t found[8]; const char *want; } cases[] = {
		{ { 0xcc, 0x48, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "a breakpoint (int3) at +0" },
		{ { 0x55, 0xcc, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "a breakpoint (int3) at +1" },
		/* jmp . + 5 + 0x10 */
		{ { 0xe9, 0x10, 0, 0, 0, 0x50, 0x90, 0xc3 },
		  "a jump to 0x400015 in /lib/trace.so at +0" },
		{ { 0x55, 0xe9, 0xfa, 0xff, 0xff, 0xff, 0x90, 0xc3 },
		  "a jump to 0x400000 in /lib/trace.so at +1" },
		{ { 0xeb, 0x80, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "a jump to 0x3fff82 in unmapped memory at +0" },
		{ { 0xff, 0x25, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "an indirect jump at +0" },
		/* call . + 5 + 0x10 */
		{ { 0xe8, 0x10, 0, 0, 0, 0x50, 0x90, 0xc3 },
		  "a call to 0x400015 in /lib/trace.so at +0" },
		/* mov $ADDRESS,%rax; mov $ADDRESS,%r11; push $ADDRESS */
		{ { 0x48, 0xb8, 1, 2, 3, 4, 5, 6 },
		  "an absolute jump at +0" },
		{ { 0x49, 0xbb, 1, 2, 3, 4, 5, 6 },
		  "an absolute jump at +0" },
		{ { 0x68, 1, 2, 3, 4, 0xc3, 0x90, 0xc3 },
		  "an absolute jump at +0" },
		{ { 0x55, 0xcd, 0x03, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "a breakpoint (int3) at +1" },
		{ { 0x0f, 0x0b, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "a trap (ud2) at +0" },
		{ { 0xf4, 0x48, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "a trap (hlt) at +0" },
		{ { 0x55, 0x48, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xe9 },
		  "at +7: e9 instead of c3" },
		{ { 0x55, 0x48, 0x89, 0xe5, 0x53, 0x50, 0x90, 0xc3 },
		  "no difference" },
	};
	char path[] = "/lib/trace.so";
	struct mapping map = { .range = { 0x400000, 0x401000 }, .path = path };
	struct mappings mappings = { &map, 1 };
	char text[128], small[8];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		foreign_bytes_describe(&mappings, 0x400000, expected,
				       cases[i].found, 8, text, sizeof(text));
		CHECK_CONTAINS(text, cases[i].want);
	}
	foreign_bytes_describe(&mappings, 0x400000, expected, cases[0].found, 8,
			       small, sizeof(small));
	CHECK_STR(small, "a break");
}

/* Its first byte is the function's own: a jump like the one that was there. */
TEST(begins_as_the_function)
{
	static const uint8_t expected[8] = { 0xe9, 0x10, 0, 0, 0, 0x90, 0x90,
					     0xc3 };
	static const uint8_t found[8] = { 0xe9, 0x10, 0, 0, 1, 0x90, 0x90,
					  0xc3 };
	static const uint8_t behind[8] = { 0xe9, 0x10, 0, 0, 0, 0x91, 0x90,
					   0xc3 };
	struct mappings mappings = { 0 };
	char text[128];

	foreign_bytes_describe(&mappings, 0x400000, expected, found, 8, text,
			       sizeof(text));
	CHECK_CONTAINS(text, "a jump to 0x1400015 in unmapped memory at +0");
	foreign_bytes_describe(&mappings, 0x400000, expected, behind, 8, text,
			       sizeof(text));
	CHECK_CONTAINS(text, "at +5: 91 90 c3 instead of 90 90 c3");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
