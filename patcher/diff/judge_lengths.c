/*
 * Lengths that are numbers in the code, of memory that is allocated already.
 *
 *	#define SLOTS 64		before, 256 in the patched source
 *
 *	start()	   table = calloc(SLOTS, 8);	has run: 64 slots
 *	put(n)	   if (n < SLOTS) table[n] = …	would write to slot 255
 *
 * No type and no variable changes. What tells is a function that allocates by
 * another number than before, and another one in which nothing but numbers
 * changes, by the same measure: 63 to 255 is "n < SLOTS", too. A function that
 * allocates for itself only, and knows the length itself, has no such partner.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/insn.h"
#include "judge_parts.h"

#define TEXT_SIZE 160

/* A number that stands in both versions of a function, at the same place. */
struct number {
	long old, new;
	bool allocates; /* it goes into a call that allocates */
};

struct numbers {
	struct number *items;
	size_t nr;
	bool only; /* nothing else differs */
};

/* One version of a function, instruction by instruction. */
struct reading {
	const struct build *build;
	const struct item *item;
	uint64_t at;
	struct insn insn;
	char text[TEXT_SIZE];
};

/* ---- instructions ------------------------------------------------------- */

/* Padding depends on what stands before it. Return: false at the end. */
static bool read_next(struct reading *reading)
{
	const struct item *item = reading->item;
	size_t size = 0;

	do {
		const uint8_t *code = item->bytes + reading->at;
		size_t left = item->size - reading->at;

		if (!left ||
		    insn_decode(reading->build->decoder, code, left,
				reading->at, &reading->insn) ||
		    insn_format(reading->build->decoder, code, left,
				reading->at, reading->text, TEXT_SIZE, &size))
			return false;
		reading->at += size;
	} while (!strncmp(reading->text, "nop", 3));
	return true;
}

/* Cuts an immediate operand out of the text. Return: whether there is one. */
static bool take_number(char *text, long *ret_number)
{
	char *start = strchr(text, '$'), *end;

	if (!start)
		return false;
	*ret_number = (long)strtoull(start + 1, &end, 0);
	memmove(start + 1, end, strlen(end) + 1);
	return true;
}

/* Where it leads is a matter of lengths in between. */
static void cut_target(struct reading *reading)
{
	if (reading->insn.has_target)
		reading->text[strcspn(reading->text, " ")] = '\0';
}

/* ---- calls -------------------------------------------------------------- */

static const char *callee(const struct reading *reading)
{
	const struct insn *insn = &reading->insn;
	const struct item *item = reading->item;

	for (size_t i = 0; i < item->nr_references; i++)
		if (item->references[i].offset >= insn->address &&
		    item->references[i].offset < insn->address + insn->size)
			return item->references[i].to->name ?: "";
	return "";
}

/* malloc, zcalloc, apr_palloc, reallocarray; mmap; operator new and new[]. */
static bool is_allocator(const char *name)
{
	return strstr(name, "alloc") || strstr(name, "ALLOC") ||
	       strstr(name, "memalign") || !strncmp(name, "mmap", 4) ||
	       !strncmp(name, "_Zn", 3);
}

/* Or a jump: the call of "return malloc(n);". */
static void settle_call(const struct reading *reading, struct numbers *numbers,
			size_t first)
{
	if (!is_allocator(callee(reading)))
		return;
	for (size_t i = first; i < numbers->nr; i++)
		numbers->items[i].allocates = true;
}

/* ---- one function ------------------------------------------------------- */

static int compare_numbers(struct reading *old, struct reading *new,
			   struct numbers *numbers)
{
	long was = 0, is = 0;
	bool has_old = take_number(old->text, &was);
	bool has_new = take_number(new->text, &is);
	struct number *number;

	cut_target(old);
	cut_target(new);
	if (has_old != has_new || strcmp(old->text, new->text)) {
		numbers->only = false;
		return 0;
	}
	if (was == is)
		return 0;
	number = array_append(numbers->items, numbers->nr);
	if (!number)
		return -ENOMEM;
	*number = (struct number){ was, is, false };
	return 0;
}

static bool is_readable(const struct change *change)
{
	return change->original && change->original->bytes &&
	       change->patched && change->patched->bytes;
}

/* As far as both versions have the same form. */
static int collect(const struct build *build, const struct change *change,
		   struct numbers *numbers)
{
	struct reading old = { .build = build, .item = change->original };
	struct reading new = { .build = build, .item = change->patched };
	size_t since_call = 0;
	bool more_old, more_new;
	int r = 0;

	*numbers = (struct numbers){ .only = true };
	if (!build->decoder || !is_readable(change))
		return 0;
	while (!r && numbers->only) {
		more_old = read_next(&old);
		more_new = read_next(&new);
		if (!more_old || !more_new) {
			numbers->only = more_old == more_new;
			break;
		}
		r = compare_numbers(&old, &new, numbers);
		if (r || !(new.insn.is_call || new.insn.is_jump))
			continue;
		settle_call(&new, numbers, since_call);
		if (new.insn.is_call)
			since_call = numbers->nr;
	}
	return r;
}

/* ---- two functions ------------------------------------------------------ */

/* Bytes and elements; "n < 64" is "n <= 63" to the compiler. */
static bool same_measure(const struct number *length, const struct number *use)
{
	for (long more = -1; more <= 1; more++) {
		long was = use->old + more, is = use->new + more;

		if (was > 1 && is > 1 &&
		    (__int128)length->old * is == (__int128)length->new * was)
			return true;
	}
	return false;
}

static bool is_use(const struct number *length, const struct numbers *user)
{
	for (size_t i = 0; user->only && i < user->nr; i++)
		if (same_measure(length, &user->items[i]))
			return true;
	return false;
}

struct length_findings {
	struct strings lines;
	char *first;
};

static bool is_stated(struct judge *judge, const char *name)
{
	const struct strings *allowed = &judge->build->options->allow_layout;
	bool stated = false;

	for (size_t i = 0; i < allowed->nr; i++)
		if (!strcmp(allowed->items[i], name))
			stated = judge->layout_used[i] = true;
	return stated;
}

static int add_finding(struct judge *judge, const struct change *change,
		       const struct number *length, const struct change *user,
		       struct length_findings *found)
{
	owned(free_p) char *name =
		text_format("%s()", change->original->name ?: "?");
	owned(free_p) char *line = NULL;

	if (!name || judge_add_once(&judge->layout_names, name))
		return -ENOMEM;
	if (is_stated(judge, name))
		return judge_override(judge,
				      "--allow-layout: stated that nothing of "
				      "what %s has allocated by %ld, now %ld, "
				      "lives while no thread is in what is "
				      "replaced",
				      name, length->old, length->new);
	line = text_format("%s (%s) allocates by %ld, in the patched source "
			   "by %ld, and %s() changes in the same measure",
			   name,
			   judge_item_source(judge, change->pair,
					     change->original),
			   length->old, length->new,
			   user->original->name ?: "?");
	if (!line || (!found->first && !(found->first = strdup(name))))
		return -ENOMEM;
	return judge_add_once(&found->lines, line);
}

/* Whoever relies on what this function allocates. */
static int judge_length(struct judge *judge, const struct numbers *all,
			size_t index, const struct number *length,
			struct length_findings *found)
{
	const struct change *changes = judge->set->changes;
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_changes && !r; i++)
		if (i != index && is_use(length, &all[i]))
			r = add_finding(judge, &changes[index], length,
					&changes[i], found);
	return r;
}

static int judge_change(struct judge *judge, const struct numbers *all,
			size_t index, struct length_findings *found)
{
	const struct numbers *numbers = &all[index];
	int r = 0;

	for (size_t i = 0; i < numbers->nr && !r; i++)
		if (numbers->items[i].allocates)
			r = judge_length(judge, all, index, &numbers->items[i],
					 found);
	return r;
}

static int refuse(const struct length_findings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "length-changed",
		  "the diff changes how much memory is allocated, and code that "
		  "would rely on the new length: what is allocated already "
		  "keeps the old one");
	judge_list(&found->lines, diag);
	hf_hint(diag, "keep the length in the running process, and change it "
		      "with the next release; or fix what uses it without a "
		      "new length");
	hf_hint(diag,
		"if nothing allocated there can be alive while no thread is "
		"inside what is replaced, state it: --allow-layout '%s'",
		found->first);
	return -ECANCELED;
}

int judge_lengths(struct judge *judge, struct hf_diag *diag)
{
	size_t nr = judge->set->nr_changes;
	owned(free_p) struct numbers *all = calloc(nr + 1, sizeof(*all));
	struct length_findings found = { 0 };
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; i < nr && !r; i++)
		r = collect(judge->build, &judge->set->changes[i], &all[i]);
	for (size_t i = 0; i < nr && !r; i++)
		r = judge_change(judge, all, i, &found);
	if (!r && found.lines.nr)
		r = refuse(&found, diag);
	for (size_t i = 0; all && i < nr; i++)
		free(all[i].items);
	strings_release(&found.lines);
	free(found.first);
	return r;
}
