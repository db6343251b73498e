/*
 * Disassembly, alone and side by side.
 */
#include "../../agent/listing.h"
#include "../tap.h"

#include "../../lib/cleanup.h"

static const uint8_t old_bytes[] = {
	0x55,			   /* push %rbp */
	0x8b, 0x05, 4, 0, 0, 0,    /* mov 4(%rip),%eax */
	0xc3,			   /* ret */
};
static const uint8_t new_bytes[] = {
	0xb8, 2, 0, 0, 0,	   /* mov $2,%eax */
	0x06,			   /* not in 64 bits */
	0xc3,			   /* ret */
	0xe8, 0, 0,		   /* a call cut short */
};

static void make(const uint8_t *bytes, size_t size, hf_addr address,
		 struct listing *listing)
{
	*listing = (struct listing){ 0 };
	if (listing_make(&arch_x86_64, bytes, size, address, listing, NULL))
		abort();
}

TEST(every_byte_is_listed)
{
	struct listing listing;
	hf_addr next = 0x1000;

	make(new_bytes, sizeof(new_bytes), 0x1000, &listing);
	for (size_t i = 0; i < listing.nr; i++) {
		CHECK_EQ(listing.lines[i].address, next);
		CHECK_BYTES(listing.lines[i].bytes, new_bytes + (next - 0x1000),
			    listing.lines[i].size);
		next += listing.lines[i].size;
	}
	CHECK_EQ(next, 0x1000 + sizeof(new_bytes));
	CHECK_STR(listing.lines[1].text, ".byte 0x06");
	CHECK_STR(listing.lines[3].text, ".byte 0xe8");
	listing_release(&listing);
}

TEST(relative_operands)
{
	struct listing listing;

	make(old_bytes, sizeof(old_bytes), 0x1000, &listing);
	CHECK_EQ(listing.nr, 3);
	CHECK_EQ(listing.lines[0].refers_to, 0);
	CHECK_EQ(listing.lines[1].refers_to, 0x100b); /* 0x1001 + 6 + 4 */
	listing_comment(&listing.lines[1], "balance");
	CHECK_CONTAINS(listing.lines[1].text, "  ; balance");
	listing_release(&listing);
}

static char *text;

static void print(const struct listing *left, const struct listing *right,
		  unsigned int width)
{
	struct output output;
	size_t size;

	free(text);
	output_open(&output, "show", "functions", false);
	output.width = width;
	output.out = open_memstream(&text, &size);
	listings_print(left, right, &output);
	fclose(output.out);
}

TEST(columns)
{
	struct listing old, new, none = { 0 };
	const char *bar;

	make(old_bytes, sizeof(old_bytes), 0x1000, &old);
	make(new_bytes, sizeof(new_bytes), 0x2000, &new);
	print(&old, &new, 0);
	CHECK_CONTAINS(text, "      1000  pushq %rbp");
	CHECK_CONTAINS(text, "|      2000  movl $2, %eax\n");
	bar = strchr(text, '|');
	CHECK(bar && bar - text > 20);
	/* A row of which only the right half is there. */
	CHECK_CONTAINS(text, "  |      2007  .byte 0xe8\n");
	print(&none, &new, 0);
	CHECK(!strchr(text, '|'));
	listing_release(&old);
	listing_release(&new);
}

/* No line is wider than the terminal, and what is cut off says so. */
TEST(narrow_terminal)
{
	struct listing old, new;
	bool cut = false;

	make(old_bytes, sizeof(old_bytes), 0x1000, &old);
	make(new_bytes, sizeof(new_bytes), 0x2000, &new);
	for (int i = 0; i < 12; i++) {
		listing_comment(&old.lines[0], "long");
		listing_comment(&new.lines[0], "comment");
	}
	print(&old, &new, 80);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		CHECK(strlen(line) <= 80);
		cut |= line[strlen(line) - 1] == '~';
	}
	CHECK(cut);
	listing_release(&old);
	listing_release(&new);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
