/* Where an image goes, for the address spaces that exist. */
#include <errno.h>
#include <string.h>

#include "../../agent/place.h"
#include "../tap.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

#define MAP(from, to, name)                                                    \
	{                                                                      \
		.range = { from, to }, .path = (char *)(uintptr_t)(name)       \
	}

static int find(struct mapping *entries, size_t nr, struct range near,
		uint64_t size, hf_addr *ret_address, struct hf_diag *diag)
{
	const struct mappings mappings = { entries, nr };

	return place_find(&mappings, near, PLACE_REACH, size, UINT64_MAX,
			  ret_address, diag);
}

/* Right below a position-independent program, one page apart. */
TEST(pie_below)
{
	struct mapping maps[] = {
		MAP(0x555555554000, 0x555555560000, "/bin/server"),
		MAP(0x555555580000, 0x5555555a1000, "[heap]"),
		MAP(0x7ffff7d00000, 0x7ffff7f00000, "/lib/libc.so.6"),
		MAP(0x7ffffffde000, 0x7ffffffff000, "[stack]"),
		MAP(0xffffffffff600000, 0xffffffffff601000, "[vsyscall]"),
	};
	struct range near = { 0x555555554000, 0x555555560000 };
	hf_addr at;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x3000, &at, NULL), 0);
	CHECK_EQ(at, 0x555555554000 - 0x1000 - 0x3000);
}

/* A second image goes below the first. */
TEST(pie_second_image)
{
	struct mapping maps[] = {
		MAP(0x555555550000, 0x555555553000, "/memfd:hotfix:a (deleted)"),
		MAP(0x555555554000, 0x555555560000, "/bin/server"),
		MAP(0x555555580000, 0x5555555a1000, "[heap]"),
	};
	struct range near = { 0x555555554000, 0x555555560000 };
	hf_addr at;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x2000, &at, NULL), 0);
	CHECK_EQ(at, 0x555555550000 - 0x1000 - 0x2000);
}

/* Near a program at 0x400000 whose heap ends there. */
static int find_non_pie(hf_addr heap_end, uint64_t size, hf_addr *ret_address)
{
	struct mapping maps[] = {
		MAP(0x400000, 0x4a0000, "/bin/server"),
		MAP(0x4c0000, heap_end, "[heap]"),
		MAP(0x7ffff7d00000, 0x7ffff7f00000, "/lib/libc.so.6"),
	};
	struct range near = { 0x400000, 0x4a0000 };

	return find(maps, ARRAY_SIZE(maps), near, size, ret_address, NULL);
}

/* 0x400000: not below it, where its numbers are, but above the heap. */
TEST(non_pie)
{
	hf_addr at;

	CHECK_EQ(find_non_pie(0x4f0000, 0x10000, &at), 0);
	CHECK_EQ(at, 0x60000000 - 0x10000);
	CHECK_EQ(find_non_pie(0x4f0000, 0x1f000000, &at), 0);
	CHECK_EQ(at, 0x41000000);
}

/* A second image goes below the first; none where the heap is to grow. */
TEST(non_pie_second_image)
{
	struct mapping maps[] = {
		MAP(0x400000, 0x4a0000, "/bin/server"),
		MAP(0x4c0000, 0x3ff00000, "[heap]"),
		MAP(0x5fffd000, 0x60000000, "/memfd:hotfix:a (deleted)"),
		MAP(0x7ffff7d00000, 0x7ffff7f00000, "/lib/libc.so.6"),
	};
	struct range near = { 0x400000, 0x4a0000 };
	hf_addr at;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x2000, &at, NULL), 0);
	CHECK_EQ(at, 0x5fffd000 - 0x1000 - 0x2000);
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x10100000, &at, NULL), 0);
	CHECK(at >= 0x60000000);
}

/* Where nothing is free there: right below the program, above the first MiB. */
TEST(non_pie_below)
{
	hf_addr at;

	CHECK_EQ(find_non_pie(0x60000000, 0x10000, &at), 0);
	CHECK_EQ(at, 0x400000 - 0x1000 - 0x10000);
	/* All but a page of it. */
	CHECK_EQ(find_non_pie(0x60000000, 0x2ff000, &at), 0);
	CHECK_EQ(at, 0x100000);
}

/* Too large for below: above, as far from the heap as the reach allows. */
TEST(non_pie_above_heap)
{
	hf_addr at;

	CHECK_EQ(find_non_pie(0x60000000, 0x300000, &at), 0);
	CHECK_EQ(at, 0x400000 + PLACE_REACH - 0x300000);
	CHECK(at >= 0x60000000 + PLACE_GROWTH_ROOM);
}

/* Code for a fixed address holds addresses in 32 bits, some signed. */
TEST(highest_end)
{
	struct mapping maps[] = {
		MAP(0x400000, 0x4a0000, "/bin/server"),
		MAP(0x4c0000, 0x60000000, "[heap]"),
		MAP(0x7ffff7d00000, 0x7ffff7f00000, "/lib/libc.so.6"),
	};
	const struct mappings mappings = { maps, ARRAY_SIZE(maps) };
	struct range near = { 0x400000, 0x4a0000 };
	struct hf_diag diag = { 0 };
	hf_addr at;

	CHECK_EQ(place_find(&mappings, near, PLACE_REACH, 0x300000, 2 * GIB,
			    &at, NULL), 0);
	CHECK_EQ(at, 2 * GIB - 0x300000);
	/* Below the program there is room as before. */
	CHECK_EQ(place_find(&mappings, near, PLACE_REACH, 0x10000, 2 * GIB, &at,
			    NULL), 0);
	CHECK_EQ(at, 0x400000 - 0x1000 - 0x10000);
	/* A module high up, as a position-independent one. */
	near = (struct range){ 0x7ffff7d00000, 0x7ffff7f00000 };
	CHECK_EQ(place_find(&mappings, near, PLACE_REACH, 0x1000, 2 * GIB, &at,
			    &diag), -ECANCELED);
	CHECK_STR(diag.code, "no-room");
	CHECK(strstr(diag.message, "below 0x80000000"));
}

/* A module that is larger than a jump reaches: no place could do. */
TEST(module_too_large)
{
	struct mapping maps[] = {
		MAP(0x10000000000, 0x10000000000 + PLACE_REACH + 0x1000,
		    "/bin/server"),
	};
	struct range near = maps[0].range;
	struct hf_diag diag;
	hf_addr at = 1;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "module-too-large");
	CHECK_EQ(at, 1);
	near.end -= 0x1000;
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "no-room");
}

/* A heap that fills what is in reach keeps its 256 MiB: refused. */
TEST(heap_keeps_its_room)
{
	struct mapping maps[] = {
		MAP(0x400000, 0x4a0000, "/bin/server"),
		MAP(0x4c0000, 0x400000 + PLACE_REACH - 200 * MIB, "[heap]"),
	};
	struct range near = { 0x400000, 0x4a0000 };
	struct hf_diag diag;
	hf_addr at = 1;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x400000, &at, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "no-room");
	CHECK_EQ(at, 1);
	maps[1].range.end -= 100 * MIB;
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x400000, &at, &diag), 0);
}

/* No heap yet: where the first brk(2) will make one is left free too. */
TEST(heap_not_made_yet)
{
	struct mapping maps[] = {
		MAP(0x400000, 0x4a0000, "/bin/server"),
	};
	struct range near = { 0x400000, 0x4a0000 };
	hf_addr at;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x400000, &at, NULL), 0);
	CHECK(at >= 0x4a0000 + PLACE_GROWTH_ROOM);
}

/* Between libraries: the nearest hole below that is large enough. */
TEST(library_between_others)
{
	struct mapping maps[] = {
		MAP(0x7ffff7000000, 0x7ffff7100000, "/lib/liba.so"),
		MAP(0x7ffff7200000, 0x7ffff7300000, "/lib/libb.so"),
		MAP(0x7ffff7304000, 0x7ffff7500000, "/lib/libc.so.6"),
		MAP(0x7ffff7500000, 0x7ffff7502000, ""),
		MAP(0x7ffffffde000, 0x7ffffffff000, "[stack]"),
	};
	struct range near = { 0x7ffff7304000, 0x7ffff7500000 };
	hf_addr at;

	/* Two pages and two guards fit exactly into 0x4000. */
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x2000, &at, NULL), 0);
	CHECK_EQ(at, 0x7ffff7301000);
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x3000, &at, NULL), 0);
	CHECK_EQ(at, 0x7ffff7200000 - 0x1000 - 0x3000);
}

/* The main stack keeps its way down. */
TEST(stack_keeps_its_room)
{
	const hf_addr middle = 0x7f0000000000;
	struct mapping maps[] = {
		MAP(middle - PLACE_REACH, middle, "/lib/liba.so"),
		MAP(middle + 200 * MIB, middle + 210 * MIB, "[stack]"),
		MAP(middle + 210 * MIB, middle + PLACE_REACH, "full"),
		MAP(middle + PLACE_REACH, middle + 2 * PLACE_REACH, "[heap]"),
	};
	struct range near = { middle - 16 * MIB, middle };
	hf_addr at;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, NULL),
		 -ECANCELED);
	maps[1].path = (char *)(uintptr_t)"";
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, NULL), 0);
	CHECK_EQ(at, middle + 0x1000);
}

/* Every byte of the hole reaches every byte of the module. */
TEST(reach_both_ways)
{
	struct mapping maps[] = {
		MAP(1 * GIB, 9 * GIB, "full"),
		MAP(9 * GIB + 0x3000, 14 * GIB, "/bin/huge"),
	};
	struct range near = { 9 * GIB + 0x3000, 10 * GIB };
	hf_addr at;

	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, NULL), 0);
	CHECK_EQ(at, 9 * GIB + 0x1000);
	near.end = 9 * GIB + 0x1000 + PLACE_REACH;
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, NULL), 0);
	CHECK_EQ(at, 9 * GIB + 0x1000);
	/* One byte more, and the far end of the module is out of reach. */
	near.end++;
	CHECK_EQ(find(maps, ARRAY_SIZE(maps), near, 0x1000, &at, NULL),
		 -ECANCELED);
}

TEST(nonsense_is_refused)
{
	struct mapping maps[] = { MAP(0x400000, 0x500000, "x") };
	struct range sane = { 0x400000, 0x500000 };
	struct range swapped = { 0x500000, 0x400000 };
	struct range endless = { 0x400000, UINT64_MAX };
	hf_addr at;

	CHECK_EQ(find(maps, 1, swapped, 0x1000, &at, NULL), -ECANCELED);
	CHECK_EQ(find(maps, 1, endless, 0x1000, &at, NULL), -ECANCELED);
	CHECK_EQ(find(maps, 1, sane, UINT64_MAX & ~0xfffull, &at, NULL),
		 -ECANCELED);
	CHECK_EQ(find(maps, 0, sane, 0x1000, &at, NULL), 0);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
