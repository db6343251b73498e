/*
 * Data that is what it holds: literals, constants, tables, and constant data
 * with a name. Bytes must be equal and relocated words lead to the same.
 *
 * A table without a name may be many things in one section. The bytes from one
 * referenced place to the next are taken for one of them, so that the target
 * may have put something between:
 *
 *	object  .rodata		| table of f | table of g | .LC3 |
 *				^ lea in f   ^ lea in g   ^
 *	target  .rodata		| table of f | names[] | table of g | ...
 */
#include "identity_check.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "identity_paths.h"

#define DEPTH_MAX 16
#define PLACE_SIZE 256

/* Bytes [start, end) of an item, and where in the target its start would be. */
struct region {
	const struct item *item;
	uint64_t start, end;
	uint64_t vaddr;
	bool ends_item;
};

bool item_is_constant(const struct check *check, const struct item *item)
{
	const struct elf_file *file = check->pair->original->file;
	const Elf64_Shdr *section;

	if (item_is_read_only_data(item))
		return true;
	if (item->kind != ITEM_VARIABLE || item->thread_local)
		return false;
	/* Constant once the loader is through with it. */
	section = elf_section_at(file, item->section);
	return section &&
	       !strncmp(elf_section_name(file, section), ".data.rel.ro", 12);
}

/* ---- bytes -------------------------------------------------------------- */

static size_t field_size(const struct reference *reference)
{
	switch (reference->type) {
	case R_X86_64_64:
	case R_X86_64_PC64:
		return 8;
	default:
		return 4;
	}
}

static bool is_zero(const uint8_t *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool same_bytes(const struct region *region, uint64_t start,
		       uint64_t end, const uint8_t *theirs)
{
	const uint8_t *ours = region->item->bytes;

	theirs += start - region->start;
	return ours ? !memcmp(ours + start, theirs, end - start)
		    : is_zero(theirs, end - start);
}

/*
 * Behind a switch table or, where strings are not merged (-O0), behind one of
 * those: zeros up to where something else was aligned.
 */
static bool is_padding(const struct region *region, uint64_t start)
{
	const struct item *item = region->item;

	return !region->ends_item && start > region->start &&
	       region->end - start < 32 && item->bytes &&
	       is_zero(item->bytes + start, region->end - start);
}

/* Text, its NUL, and fewer than 8 bytes to the next multiple of 8. */
static bool is_padded_string(const struct region *region, uint64_t *ret_end)
{
	uint64_t at = region->start, size;
	const uint8_t *bytes = region->item->bytes;

	while (bytes && at < region->end &&
	       (isprint(bytes[at]) || isspace(bytes[at])))
		at++;
	size = at - region->start + 1;
	if (!bytes || size < 2 || at >= region->end || bytes[at] ||
	    region->end - at > 8 || region->end % 8 || !is_padding(region, at))
		return false;
	*ret_end = at + 1;
	return true;
}

static int differs_bytes(struct check *check, const struct region *region,
			 uint64_t start)
{
	char ours[PLACE_SIZE], theirs[PLACE_SIZE];

	return check_differs(
		check,
		"it refers to %s; the target's refers to %s, which "
		"differs behind byte %lu",
		describe_place(region->item, (int64_t)region->start, ours,
			       sizeof(ours)),
		describe_address(check->build, region->vaddr + region->start,
				 theirs, sizeof(theirs)),
		start - region->start);
}

/* ---- words -------------------------------------------------------------- */

/*
 * Entries relative to their table hold  label - table.  The assembler wrote
 * that as  label + (entry - table) - entry,  so what was added must go before
 * the label is known. The table starts at the last place before the entry that
 * the code refers to.
 */
static int check_relative(struct check *check, const struct region *region,
			  const struct reference *reference)
{
	uint64_t distance = reference->offset - region->start;
	uint64_t start = region->vaddr + region->start;
	const uint8_t *bytes =
		elf_bytes_at(check->build->target->file, start + distance, 4);
	int32_t value;

	if (!bytes)
		return differs_bytes(check, region, reference->offset);
	memcpy(&value, bytes, sizeof(value));
	return check_address(check, start + (uint64_t)(int64_t)value,
			     reference->to,
			     reference->to_offset - (int64_t)distance);
}

static int check_narrow(struct check *check, const struct region *region,
			const struct reference *reference)
{
	const uint8_t *bytes =
		elf_bytes_at(check->build->target->file,
			     region->vaddr + reference->offset, 4);
	uint32_t value;

	if (!bytes)
		return differs_bytes(check, region, reference->offset);
	memcpy(&value, bytes, sizeof(value));
	return check_address(check, value, reference->to, reference->to_offset);
}

static int check_entry(struct check *check, const struct region *region,
		       const struct reference *reference)
{
	switch (reference->type) {
	case R_X86_64_64:
		return check_word(check, region->vaddr + reference->offset,
				  reference->to, reference->to_offset);
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		return check_relative(check, region, reference);
	case R_X86_64_32:
	case R_X86_64_32S:
		return check_narrow(check, region, reference);
	default:
		return check_differs(check,
				     "relocation type %u in data is not "
				     "understood",
				     reference->type);
	}
}

static int entry_context(struct check *check, const struct region *region,
			 const struct reference *reference)
{
	owned(free_p) char *reason = take_ptr(check->reason);
	char text[PLACE_SIZE];

	return check_differs(check, "%s: in its entry at %lu, %s",
			     describe_place(region->item,
					    (int64_t)region->start, text,
					    sizeof(text)),
			     reference->offset - region->start, reason ?: "");
}

/* ---- a region ----------------------------------------------------------- */

/* The words of a region and the bytes between them. */
static int check_pieces(struct check *check, const struct region *region,
			const uint8_t *theirs)
{
	const struct item *item = region->item;
	uint64_t at = region->start, end;
	int r = 1;

	for (size_t i = 0; i < item->nr_references; i++) {
		const struct reference *reference = &item->references[i];

		if (reference->offset < region->start ||
		    reference->offset >= region->end)
			continue;
		if (reference->offset < at ||
		    !same_bytes(region, at, reference->offset, theirs))
			return differs_bytes(check, region, at);
		r = check_entry(check, region, reference);
		if (r <= 0)
			return r ?: entry_context(check, region, reference);
		at = reference->offset + field_size(reference);
	}
	if (at == region->start && is_padded_string(region, &end))
		return same_bytes(region, at, end, theirs)
			       ? 1
			       : differs_bytes(check, region, at);
	if (at > region->end || (!is_padding(region, at) &&
				 !same_bytes(region, at, region->end, theirs)))
		return differs_bytes(check, region, at);
	return r;
}

static int check_region(struct check *check, const struct region *region)
{
	const uint8_t *theirs = elf_bytes_at(check->build->target->file,
					     region->vaddr + region->start,
					     region->end - region->start);
	int r;

	/* Near the end of the section there may be no padding. */
	if (!theirs)
		return differs_bytes(check, region, region->start);
	if (check->depth >= DEPTH_MAX)
		return check_differs(check, "tables that refer to tables are "
					    "nested too deep");
	check->depth++;
	r = check_pieces(check, region, theirs);
	check->depth--;
	return r;
}

/* ---- strings ------------------------------------------------------------ */

static int differs_string(struct check *check, const struct item *string,
			  uint64_t vaddr)
{
	char ours[PLACE_SIZE], theirs[PLACE_SIZE];

	return check_differs(
		check, "it refers to %s; the target's refers to %s",
		describe_place(string, 0, ours, sizeof(ours)),
		describe_address(check->build, vaddr, theirs, sizeof(theirs)));
}

static int check_string(struct check *check, const struct item *string,
			uint64_t vaddr)
{
	const struct elf_file *file = check->build->target->file;
	const uint8_t *theirs = elf_bytes_at(file, vaddr, string->size);

	if (theirs && string->bytes &&
	    !memcmp(theirs, string->bytes, string->size))
		return 1;
	if (string->bytes && paths_equal(check, string, vaddr)) {
		check->nr_paths++;
		return 1;
	}
	return differs_string(check, string, vaddr);
}

/* ---- tables without a name ---------------------------------------------- */

static void lower_end(const struct item *user, const struct item *table,
		      int64_t above, uint64_t *end)
{
	for (size_t i = 0; i < user->nr_references; i++) {
		const struct reference *reference = &user->references[i];

		if (reference->to == table && reference->to_offset > above &&
		    (uint64_t)reference->to_offset < *end)
			*end = (uint64_t)reference->to_offset;
	}
}

/* The next place in @table that anything of the unit refers to. */
static uint64_t next_place(const struct check *check, const struct item *table,
			   int64_t above)
{
	const struct unit *unit = check->pair->original;
	uint64_t end = table->size;

	for (size_t i = 0; i < unit->nr_items; i++)
		lower_end(unit->items[i], table, above, &end);
	return end;
}

static int check_table(struct check *check, const struct item *table,
		       uint64_t vaddr, int64_t to_offset)
{
	struct region region = {
		.item = table,
		.end = table->size,
		.vaddr = vaddr - (uint64_t)to_offset,
		.ends_item = true,
	};

	/* A folded index points outside: then the whole. */
	if (to_offset >= 0 && (uint64_t)to_offset < table->size) {
		region.start = (uint64_t)to_offset;
		region.end = next_place(check, table, to_offset);
		region.ends_item = region.end == table->size;
	}
	return check_region(check, &region);
}

/* ---- by kind ------------------------------------------------------------ */

int check_literal(struct check *check, uint64_t vaddr, const struct item *to,
		  int64_t to_offset)
{
	const struct region whole = {
		.item = to,
		.end = to->size,
		.vaddr = vaddr - (uint64_t)to_offset,
		.ends_item = true,
	};

	if (to->kind == ITEM_STRING)
		return check_string(check, to, whole.vaddr);
	if (to->kind == ITEM_TABLE)
		return check_table(check, to, vaddr, to_offset);
	return check_region(check, &whole);
}

static bool is_known(const struct check *check, const struct item *item)
{
	for (size_t i = 0; i < check->nr_known; i++)
		if (check->known[i] == item)
			return true;
	return false;
}

int check_constant(struct check *check, uint64_t vaddr, const struct item *to)
{
	const struct region whole = {
		.item = to,
		.end = to->size,
		.vaddr = vaddr,
		.ends_item = true,
	};
	const struct item **known;
	int r;

	/* What a table refers to by name has been found by name. */
	if (check->depth || !item_is_constant(check, to) || is_known(check, to))
		return 1;
	r = check_region(check, &whole);
	if (r <= 0)
		return r;
	known = array_append(check->known, check->nr_known);
	if (!known)
		return -ENOMEM;
	*known = to;
	return 1;
}
