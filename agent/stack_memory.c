/*
 * Looking at all of a process's memory for words that lead into some code.
 *
 * Reservations can be a thousand times larger than what is in use, and reading
 * an untouched page would make the kernel back it, or with userfaultfd wait for
 * a thread that we hold. So private mappings are read only where
 * /proc/PID/pagemap says that a page is present or swapped out: an untouched
 * page holds nothing that the process has written. Shared memory may be in use
 * without being in the process's page tables, and is read whole.
 *
 * Since Linux 6.7 the kernel lists the pages in use. Before, each page has a
 * word in that file, which for the terabytes that a sanitizer or a collector of
 * garbage reserves would take minutes: such memory is not looked at, and said
 * to be unreadable.
 */
#include "stack.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../lib/io.h"

#define CHUNK_SIZE  (1u << 20)
#define CHUNK_PAGES (CHUNK_SIZE / HF_PAGE_SIZE)

/* What may be looked through page by page: half a second. */
#define PAGE_BY_PAGE_MAX (64ull << 30)

/* PAGEMAP_SCAN of linux/fs.h, newer than many a build machine. */
struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct pagemap_scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t regions;
	uint64_t nr_regions;
	uint64_t max_pages;
	uint64_t inverted;
	uint64_t all_of;
	uint64_t any_of;
	uint64_t wanted;
};

#define PAGEMAP_SCAN_REQUEST _IOWR('f', 16, struct pagemap_scan)
#define PAGEMAP_IN_USE	     (1u << 3 | 1u << 4) /* present, swapped */
#define REGIONS_MAX	     256

struct walk {
	const struct process *process;
	uint64_t page_by_page; /* bytes looked through so */
	bool left_out;	       /* some memory, as there would be too much */
	/* Called with words in ascending order; true ends the walk. */
	bool (*visit)(void *context, const uint64_t *words, size_t nr,
		      hf_addr address);
	void *context;
	uint64_t bytes;
	size_t nr_unreadable;
	uint64_t *words; /* CHUNK_SIZE bytes */
};

static int walk_init(struct walk *walk, const struct process *process,
		     struct hf_diag *diag)
{
	walk->process = process;
	walk->words = malloc(CHUNK_SIZE);
	if (!walk->words)
		return hf_fail(diag, -ENOMEM, "cannot look through memory");
	return 0;
}

static void walk_release(struct walk *walk)
{
	free(walk->words);
}

/* Return: 1: end of the walk; 0; -EFAULT: not readable as a whole; -ESRCH. */
static int walk_read(struct walk *walk, hf_addr address, size_t size)
{
	int r;

	r = process_peek(walk->process, address, walk->words, size);
	if (r < 0)
		return r == -ESRCH ? r : -EFAULT;
	walk->bytes += size;
	return walk->visit(walk->context, walk->words,
			   size / sizeof(*walk->words), address);
}

/* Pages that are unmapped meanwhile or belong to a device are passed over. */
static int walk_pages(struct walk *walk, hf_addr address, size_t nr)
{
	int r;

	r = walk_read(walk, address, nr * HF_PAGE_SIZE);
	if (r != -EFAULT)
		return r;
	for (size_t i = 0; i < nr; i++) {
		r = walk_read(walk, address + i * HF_PAGE_SIZE, HF_PAGE_SIZE);
		if (r == -EFAULT)
			walk->nr_unreadable++;
		else if (r)
			return r;
	}
	return 0;
}

/* Which of @nr pages hold something; all, when that cannot be known. */
static void pages_in_use(const struct walk *walk, hf_addr address, size_t nr,
			 bool *ret_used)
{
	uint64_t entries[CHUNK_PAGES];
	off_t offset = (off_t)(address / HF_PAGE_SIZE * sizeof(*entries));

	memset(ret_used, true, nr * sizeof(*ret_used));
	if (read_full_at(walk->process->pagemap, entries, nr * sizeof(*entries),
			 offset) < 0)
		return;
	for (size_t i = 0; i < nr; i++)
		ret_used[i] = entries[i] & (PAGE_PRESENT | PAGE_SWAPPED);
}

static int walk_chunk(struct walk *walk, hf_addr address, size_t nr,
		      bool shared)
{
	bool used[CHUNK_PAGES];
	size_t first = 0;

	if (shared)
		return walk_pages(walk, address, nr);
	pages_in_use(walk, address, nr, used);
	while (first < nr) {
		size_t end = first;
		int r;

		while (end < nr && used[end])
			end++;
		if (end > first) {
			r = walk_pages(walk, address + first * HF_PAGE_SIZE,
				       end - first);
			if (r)
				return r;
		}
		first = end + 1;
	}
	return 0;
}

static int walk_page_by_page(struct walk *walk, struct range range, bool shared)
{
	hf_addr at = range.start;

	walk->page_by_page += range.end - range.start;
	if (walk->page_by_page > PAGE_BY_PAGE_MAX) {
		walk->left_out = true;
		walk->nr_unreadable +=
			(range.end - range.start) / HF_PAGE_SIZE;
		return 0;
	}
	while (at < range.end) {
		size_t nr = (range.end - at) / HF_PAGE_SIZE;
		int r;

		if (nr > CHUNK_PAGES)
			nr = CHUNK_PAGES;
		r = walk_chunk(walk, at, nr, shared);
		if (r)
			return r;
		at += nr * HF_PAGE_SIZE;
	}
	return 0;
}

/* Pages that are in use, all of them. */
static int walk_region(struct walk *walk, const struct page_region *region)
{
	int r = 0;

	for (hf_addr at = region->start; !r && at < region->end;) {
		size_t nr = (region->end - at) / HF_PAGE_SIZE;

		if (nr > CHUNK_PAGES)
			nr = CHUNK_PAGES;
		r = walk_pages(walk, at, nr);
		at += nr * HF_PAGE_SIZE;
	}
	return r;
}

/*
 * Some of the pages in use from @start on. Return: number of regions, with
 * @ret_next where to go on; -ENOTTY: the kernel cannot.
 */
static int regions_list(const struct walk *walk, hf_addr start, hf_addr end,
			struct page_region regions[REGIONS_MAX],
			hf_addr *ret_next)
{
	struct pagemap_scan scan = {
		.size = sizeof(scan),
		.start = start,
		.end = end,
		.regions = (uint64_t)(uintptr_t)regions,
		.nr_regions = REGIONS_MAX,
		.any_of = PAGEMAP_IN_USE,
		.wanted = PAGEMAP_IN_USE,
	};
	int nr = ioctl(walk->process->pagemap, PAGEMAP_SCAN_REQUEST, &scan);

	if (nr < 0 || scan.walk_end <= start)
		return -ENOTTY;
	*ret_next = scan.walk_end;
	return nr;
}

/* Where the kernel does not list them, page by page from there on. */
static int walk_listed(struct walk *walk, struct range range)
{
	struct page_region regions[REGIONS_MAX];
	hf_addr at = range.start;

	while (at < range.end) {
		hf_addr next;
		int nr = regions_list(walk, at, range.end, regions, &next);
		int r = 0;

		if (nr < 0)
			return walk_page_by_page(
				walk, (struct range){ at, range.end }, false);
		for (int i = 0; i < nr && !r; i++)
			r = walk_region(walk, &regions[i]);
		if (r)
			return r;
		at = next;
	}
	return 0;
}

/* Return: 1: @visit ended it; 0; -ESRCH. */
static int walk_range(struct walk *walk, struct range range, bool shared)
{
	if (!shared && walk->process->pagemap >= 0)
		return walk_listed(walk, range);
	return walk_page_by_page(walk, range, shared);
}

/* --- what belongs to the threads ------------------------------------------ */

/* A stack that a C library made: unnamed memory right above a guard page. */
static bool is_thread_stack(const struct mappings *mappings, size_t i)
{
	const struct mapping *stack = &mappings->entries[i];
	const struct mapping *guard = stack - 1;

	if (stack->path[0] && strncmp(stack->path, "[anon:", 6))
		return false;
	return i > 0 && guard->protection == PROT_NONE &&
	       guard->range.end == stack->range.start;
}

/* The one thread whose stack pointer is in @mapping; NULL also when several. */
static const struct thread *only_thread_on(const struct mapping *mapping,
					   const struct tracee *tracee)
{
	const struct thread *owner = NULL;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		const struct thread *thread = &tracee->threads[i];

		if (thread->state == THREAD_GONE ||
		    !range_contains(&mapping->range, thread->regs.rsp))
			continue;
		if (owner)
			return NULL;
		owner = thread;
	}
	return owner;
}

/*
 * The part of mapping @i that is a thread's own stack, or an empty range. A
 * thread's control block (fs) stands at the top of a stack made for it; what
 * lies from there on is data.
 */
static struct range own_part(const struct mappings *mappings, size_t i,
			     const struct tracee *tracee)
{
	const struct mapping *mapping = &mappings->entries[i];
	const struct thread *owner = only_thread_on(mapping, tracee);
	struct range part = { 0, 0 };

	if (!owner)
		return part;
	if (!strcmp(mapping->path, "[stack]"))
		return mapping->range;
	if (is_thread_stack(mappings, i) &&
	    range_contains(&mapping->range, owner->regs.fs_base) &&
	    owner->regs.fs_base > owner->regs.rsp) {
		part.start = mapping->range.start;
		part.end = align_down(owner->regs.fs_base, HF_PAGE_SIZE);
	}
	return part;
}

int stack_own_parts(const struct mappings *mappings,
		    const struct tracee *tracee, struct range **ret_parts,
		    size_t *ret_nr, struct hf_diag *diag)
{
	owned(free_p) struct range *parts = NULL;
	size_t nr = 0;

	/* Each thread has one at the most. */
	parts = calloc(tracee->nr_threads + 1, sizeof(*parts));
	if (!parts)
		return hf_fail(diag, -ENOMEM, "cannot list the stacks");
	for (size_t i = 0; i < mappings->nr; i++) {
		struct range part = own_part(mappings, i, tracee);

		if (part.start < part.end)
			parts[nr++] = part;
	}
	*ret_parts = take_ptr(parts);
	*ret_nr = nr;
	return 0;
}

/* --- walking around them -------------------------------------------------- */

static bool is_writable(const struct mapping *mapping)
{
	int wanted = PROT_READ | PROT_WRITE;

	return (mapping->protection & wanted) == wanted;
}

/* Whole pages: a page is read or it is not. */
static struct range skip_pages(const struct range *skip)
{
	return (struct range){ align_down(skip->start, HF_PAGE_SIZE),
			       align_up(skip->end, HF_PAGE_SIZE) };
}

/* The first address from @at on that is in none of @skips. */
static hf_addr skip_past(const struct range *skips, size_t nr, hf_addr at)
{
	size_t i = 0;

	while (i < nr) {
		struct range skip = skip_pages(&skips[i++]);

		if (range_contains(&skip, at)) {
			at = skip.end;
			i = 0; /* that may be inside another one */
		}
	}
	return at;
}

/* Where the next skip above @at begins, @end at the latest. */
static hf_addr next_skip(const struct range *skips, size_t nr, hf_addr at,
			 hf_addr end)
{
	for (size_t i = 0; i < nr; i++) {
		struct range skip = skip_pages(&skips[i]);

		if (skip.start > at && skip.start < end)
			end = skip.start;
	}
	return end;
}

/* All of @mapping that is in none of @skips. */
static int walk_mapping(struct walk *walk, const struct mapping *mapping,
			const struct range *skips, size_t nr_skips)
{
	hf_addr end = mapping->range.end;
	hf_addr at = skip_past(skips, nr_skips, mapping->range.start);

	while (at < end) {
		hf_addr next = next_skip(skips, nr_skips, at, end);
		int r = walk_range(walk, (struct range){ at, next },
				   mapping->shared);

		if (r)
			return r;
		at = skip_past(skips, nr_skips, next);
	}
	return 0;
}

static int walk_all(struct walk *walk, const struct mappings *mappings,
		    bool with_shared, const struct range *skips,
		    size_t nr_skips)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < mappings->nr; i++) {
		const struct mapping *mapping = &mappings->entries[i];

		if (is_writable(mapping) && (with_shared || !mapping->shared))
			r = walk_mapping(walk, mapping, skips, nr_skips);
	}
	return r;
}

/* --- return addresses anywhere -------------------------------------------- */

struct return_search {
	const struct stack_query *query;
	struct stack_hit hit;
};

static bool visit_for_returns(void *context, const uint64_t *words, size_t nr,
			      hf_addr address)
{
	struct return_search *search = context;
	const struct stack_query *query = search->query;

	for (size_t i = 0; i < nr; i++) {
		for (size_t j = 0; j < query->nr_ranges; j++) {
			if (words[i] <= query->ranges[j].start ||
			    words[i] > query->ranges[j].end)
				continue;
			search->hit = (struct stack_hit){
				.range = j,
				.value = words[i],
				.where = address + i * sizeof(*words),
				.unproven = true,
			};
			return true;
		}
	}
	return false;
}

static int refuse_left_out(const struct stack_query *query,
			   struct hf_diag *diag)
{
	hf_refuse(diag, "memory-too-large",
		  "process %d (%s) has too much memory mapped to look through "
		  "all of it while it is held",
		  (int)query->process->pid, query->process->command);
	hf_hint(diag, "Linux 6.7 and later list the pages in use; or leave "
		      "--scan=all out if nothing here is on a coroutine's "
		      "stack");
	return -ECANCELED;
}

int stack_scan_memory(const struct stack_query *query,
		      const struct tracee *tracee, struct stack_hit *ret_hit,
		      struct hf_diag *diag)
{
	owned(free_p) struct range *own = NULL;
	struct return_search search = { .query = query };
	struct walk walk = { .visit = visit_for_returns, .context = &search };
	size_t nr_own;
	int r;

	r = stack_own_parts(query->mappings, tracee, &own, &nr_own, diag);
	if (r < 0)
		return r;
	r = walk_init(&walk, query->process, diag);
	if (r < 0)
		return r;
	r = walk_all(&walk, query->mappings, false, own, nr_own);
	walk_release(&walk);
	if (r < 0)
		return hf_fail(diag, r, "cannot look through memory");
	if (query->stats)
		query->stats->bytes += walk.bytes;
	if (r == 1)
		*ret_hit = search.hit;
	return r || !walk.left_out ? r : refuse_left_out(query, diag);
}

/* --- pointers into an image ----------------------------------------------- */

struct pointer_search {
	struct range range;
	struct memory_pointers found;
};

static bool visit_for_pointers(void *context, const uint64_t *words, size_t nr,
			       hf_addr address)
{
	struct pointer_search *search = context;

	for (size_t i = 0; i < nr; i++) {
		if (!range_contains(&search->range, words[i]))
			continue;
		if (!search->found.nr_found++) {
			search->found.first_where =
				address + i * sizeof(*words);
			search->found.first_value = words[i];
		}
	}
	return false;
}

int memory_scan_pointers_except(const struct process *process,
				const struct mappings *mappings,
				struct range range, const struct range *skips,
				size_t nr_skips,
				struct memory_pointers *ret_pointers,
				struct hf_diag *diag)
{
	struct pointer_search search = { .range = range };
	struct walk walk = { .visit = visit_for_pointers, .context = &search };
	int r;

	r = walk_init(&walk, process, diag);
	if (r < 0)
		return r;
	r = walk_all(&walk, mappings, true, skips, nr_skips);
	walk_release(&walk);
	if (r < 0)
		return hf_fail(diag, r, "cannot look through memory");
	search.found.nr_unreadable = walk.nr_unreadable;
	*ret_pointers = search.found;
	return 0;
}

int memory_scan_pointers(const struct process *process,
			 const struct mappings *mappings, struct range range,
			 struct range skip,
			 struct memory_pointers *ret_pointers,
			 struct hf_diag *diag)
{
	return memory_scan_pointers_except(process, mappings, range, &skip, 1,
					   ret_pointers, diag);
}
