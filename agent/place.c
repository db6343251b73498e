/*
 * Looks at every gap between two mappings, cuts off what must stay free and
 * what is out of reach, and takes the best of what is left.
 */
#include "place.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LOWEST_ADDRESS (1ull << 20)
#define HIGHEST_ADDRESS 0x7ffffffff000ull
/*
 * Few numbers that programs keep lie here: most sizes and counters are smaller,
 * 1 GiB and the largest tv_nsec among them; times of day, since 2021, are larger.
 */
static const struct range rare_numbers = { 0x41000000, 0x60000000 };

struct search {
	struct range window; /* where the image may stand: its first, its end */
	struct range near;
	uint64_t size;
	bool heap_seen;

	bool found;
	hf_addr best;
};

static bool mapping_is(const struct mapping *mapping, const char *path)
{
	return mapping && !strcmp(mapping->path, path);
}

static hf_addr add_clamped(hf_addr address, uint64_t distance)
{
	hf_addr sum;

	return __builtin_add_overflow(address, distance, &sum) ? UINT64_MAX
							       : sum;
}

static hf_addr subtract_clamped(hf_addr address, uint64_t distance)
{
	return address > distance ? address - distance : 0;
}

/* @below, @above: the neighbours of the gap; NULL at the ends of memory. */
static struct range gap_usable(const struct search *search,
			       const struct mapping *below,
			       const struct mapping *above)
{
	struct range gap = search->window;
	hf_addr start = below ? below->range.end + HF_PAGE_SIZE : 0;
	hf_addr end = above ? subtract_clamped(above->range.start, HF_PAGE_SIZE)
			    : UINT64_MAX;

	/* Without a heap yet, the first brk(2) makes one above the program. */
	if (mapping_is(below, "[heap]") ||
	    (!search->heap_seen && below &&
	     below->range.start < search->near.end &&
	     below->range.end >= search->near.end))
		start = add_clamped(start, PLACE_GROWTH_ROOM);
	if (mapping_is(above, "[stack]"))
		end = subtract_clamped(end, PLACE_GROWTH_ROOM);

	if (start > gap.start)
		gap.start = align_up(start, HF_PAGE_SIZE);
	if (end < gap.end)
		gap.end = align_down(end, HF_PAGE_SIZE);
	return gap;
}

static void gap_consider(struct search *search, const struct mapping *below,
			 const struct mapping *above)
{
	struct range gap = gap_usable(search, below, above);
	hf_addr lowest = gap.start, highest;
	bool is_below;

	if (gap.end < gap.start || gap.end - gap.start < search->size)
		return;
	highest = gap.end - search->size;

	/* Ascending order: a later gap below the module is a nearer one. */
	is_below = highest < search->near.start;
	if (is_below) {
		search->best = highest;
		search->found = true;
	} else if (!search->found) {
		search->best = mapping_is(below, "[heap]") ? highest : lowest;
		search->found = true;
	}
}

static struct range window_make(struct range near, uint64_t reach)
{
	struct range window;

	window.start = align_up(subtract_clamped(near.end, reach), HF_PAGE_SIZE);
	window.end = align_down(add_clamped(near.start, reach), HF_PAGE_SIZE);
	if (window.start < LOWEST_ADDRESS)
		window.start = LOWEST_ADDRESS;
	if (window.end > HIGHEST_ADDRESS)
		window.end = HIGHEST_ADDRESS;
	return window;
}

static void gaps_search(const struct mappings *mappings, struct search *search)
{
	const struct mapping *below = NULL;

	for (size_t i = 0; i < mappings->nr; i++)
		if (mapping_is(&mappings->entries[i], "[heap]"))
			search->heap_seen = true;
	for (size_t i = 0; i < mappings->nr; i++) {
		const struct mapping *above = &mappings->entries[i];

		gap_consider(search, below, above);
		below = above;
	}
	/* [vsyscall] has the last addresses: nothing is above it. */
	if (!below || below->range.end < HIGHEST_ADDRESS)
		gap_consider(search, below, NULL);
}

static int refuse_no_room(struct range near, uint64_t reach, uint64_t size,
			  hf_addr highest_end, struct hf_diag *diag)
{
	hf_refuse(diag, "no-room",
		  "no free %llu bytes within %llu MiB of the module at %#llx-%#llx",
		  (unsigned long long)size, (unsigned long long)(reach >> 20),
		  (unsigned long long)near.start,
		  (unsigned long long)near.end);
	if (highest_end < HIGHEST_ADDRESS)
		hf_detail(diag,
			  "and below %#llx: the patch holds addresses in 32 bits, as code for a fixed address does",
			  (unsigned long long)highest_end);
	hf_hint(diag,
		"the address space around the module is full;");
	hf_hint(diag,
		"256 MiB above the heap and below the stack are kept for their growth");
	return -ECANCELED;
}

static int refuse_too_large(struct range near, uint64_t reach,
			    struct hf_diag *diag)
{
	hf_refuse(diag, "module-too-large",
		  "the module at %#llx-%#llx takes %llu MiB with its data: from nowhere does a jump reach all of it, %llu MiB is the most",
		  (unsigned long long)near.start, (unsigned long long)near.end,
		  (unsigned long long)(near.end - near.start) >> 20,
		  (unsigned long long)reach >> 20);
	hf_hint(diag,
		"install the corrected program and restart it; one that keeps its large data in memory from malloc or mmap can be patched");
	return -ECANCELED;
}

static struct range window_clip(struct range window, struct range to)
{
	if (window.start < to.start)
		window.start = to.start;
	if (window.end > to.end)
		window.end = to.end;
	return window;
}

int place_find(const struct mappings *mappings, struct range near,
	       uint64_t reach, uint64_t size, hf_addr highest_end,
	       hf_addr *ret_address, struct hf_diag *diag)
{
	struct search search = { .near = near, .size = size };
	struct range window;

	if (near.end < near.start || near.end - near.start > reach)
		return refuse_too_large(near, reach, diag);
	search.window = window_make(near, reach);
	if (search.window.end > highest_end)
		search.window.end = align_down(highest_end, HF_PAGE_SIZE);
	window = search.window;
	search.window = window_clip(window, rare_numbers);
	if (near.start < rare_numbers.start)
		gaps_search(mappings, &search);
	search.window = window;
	if (!search.found)
		gaps_search(mappings, &search);
	if (!search.found)
		return refuse_no_room(near, reach, size, highest_end, diag);
	*ret_address = search.best;
	return 0;
}
