/*
 * Variables: the process has them already, with values of its own.
 *
 *	can change          one instance, the running one: a new initial value
 *			    comes too late, a new size does not fit
 *	read-only           functions that are replaced get a copy. Others that
 *			    read it, and pointers that were stored, do not
 *	thread-local        each thread has its own already; new ones would need
 *			    the C library's help
 *
 * --force-data NAME is a person's word that the old value may stay. It is no
 * help against sizes that grow: the patch would write behind the end.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "../dies.h"
#include "graph.h"
#include "judge_parts.h"

struct data_findings {
	struct strings changed; /* lines */
	char *to_force;		/* the name of one that may be forced */
	bool cannot_force;	/* one of them */
	struct strings gone;	/* static locals */
	char *gone_name;
	struct strings threads;
};

static bool is_state(const struct item *item)
{
	return (item->kind == ITEM_VARIABLE || item->kind == ITEM_TABLE) &&
	       (item->writable || item->thread_local);
}

/* ---- names -------------------------------------------------------------- */

/* "counter" of "counter.1234", and of clang's "f.counter". */
static const char *plain_name(const struct item *item, char *base)
{
	char *dot = item->scope ? strchr(base, '.') : NULL;

	return dot && dot[1] ? dot + 1 : base;
}

/* As --force-data wants it: "counter", "f.counter". */
static char *option_name(const struct item *item)
{
	owned(free_p) char *base = item->name ? item_base_name(item->name) :
						NULL;

	if (!base)
		return item->name ? NULL : strdup("");
	if (!item->scope)
		return take_ptr(base);
	return text_format("%s.%s", item->scope, plain_name(item, base));
}

/* @word: "f.counter", "counter", "pay.c:counter". */
static bool is_called(const char *source, const char *name, const char *word)
{
	const char *colon = strrchr(word, ':');
	const char *dot = strchr(name, '.');

	if (colon) {
		owned(free_p) char *file = strndup(word,
						   (size_t)(colon - word));

		if (!file || !path_ends_with(source, file))
			return false;
		word = colon + 1;
	}
	return *name && (!strcmp(name, word) || (dot && !strcmp(dot + 1, word)));
}

static bool is_forced(struct judge *judge, const struct unit_pair *pair,
		      const struct item *item, const char *name)
{
	const char *source = judge_item_source(judge, pair, item);
	const struct strings *forced = &judge->build->options->force_data;
	bool is = false;

	for (size_t i = 0; i < forced->nr; i++)
		if (is_called(source, name, forced->items[i]))
			is = judge->data_used[i] = true;
	return is;
}

/* ---- values ------------------------------------------------------------- */

static bool is_text(const struct item *item)
{
	for (uint64_t i = 0; i < item->size; i++) {
		if (!item->bytes[i])
			return i > 0;
		if (!isprint(item->bytes[i]))
			return false;
	}
	return false;
}

static int64_t number_of(const struct item *item)
{
	uint64_t value = 0;

	memcpy(&value, item->bytes, item->size);
	/* Most numbers are signed, and small ones look alike. */
	if (item->size < sizeof(value) && value >> (item->size * 8 - 1))
		value |= ~0ull << (item->size * 8);
	return (int64_t)value;
}

/* "3", "\"text\"", "the literal ..."; false: nothing short to say. */
static bool value_text(const struct item *item, char *text, size_t size)
{
	if (item->nr_references) {
		if (item->nr_references > 1 || item->size != sizeof(void *))
			return false;
		item_describe(item->references[0].to, text, size);
		return true;
	}
	if (!item->bytes) {
		snprintf(text, size, "0");
		return true;
	}
	if (item->size && item->size <= 8 &&
	    !(item->size & (item->size - 1))) {
		snprintf(text, size, "%ld", number_of(item));
		return true;
	}
	if (!is_text(item))
		return false;
	snprintf(text, size, "\"%.*s\"",
		 (int)(item->size < 60 ? item->size : 60),
		 (const char *)item->bytes);
	return true;
}

static uint64_t first_difference(const struct item *a, const struct item *b)
{
	uint64_t i = 0;

	while (i < a->size && i < b->size &&
	       (a->bytes ? a->bytes[i] : 0) == (b->bytes ? b->bytes[i] : 0))
		i++;
	return i;
}

static char *value_change(const struct item *item)
{
	const struct item *twin = item->twin;
	char was[256], is[256];

	if (value_text(item, was, sizeof(was)) &&
	    value_text(twin, is, sizeof(is)) && strcmp(was, is))
		return text_format("starts as %s, in the patched source as %s",
				   was, is);
	if (item->why == WHY_CODE)
		return text_format("another initial value from byte %lu of "
				   "%lu on",
				   first_difference(item, twin), item->size);
	return text_format("its initial value leads to something else%s%s",
			   item->detail ? ": " : "", item->detail ?: "");
}

/*
 * Tables of labels: the new code would jump by the old ones, into the old code,
 * with another frame.
 */
static bool leads_into_code(const struct item *item)
{
	for (size_t i = 0; i < item->nr_references; i++) {
		const struct reference *reference = &item->references[i];

		if (reference->to->kind == ITEM_COLD ||
		    (item_is_code(reference->to) && reference->to_offset))
			return true;
	}
	return false;
}

/* What changed about a variable, in words. NULL: out of memory. */
static char *change_text(const struct item *item)
{
	const struct item *twin = item->twin;

	if (twin->kind == ITEM_EXTERNAL)
		return strdup("is defined in another file now");
	if (item->size != twin->size)
		return text_format("%lu bytes, in the patched source %lu",
				   item->size, twin->size);
	if (item->alignment < twin->alignment)
		return text_format("aligned to %lu bytes, in the patched "
				   "source to %lu",
				   item->alignment, twin->alignment);
	if (item->why == WHY_BINDING)
		return strdup(item->detail ?: "another kind of storage");
	if (leads_into_code(item) || leads_into_code(twin))
		return strdup("holds addresses of places inside of functions "
			      "that change");
	return value_change(item);
}

/* Behind its end there is something else; where it lies, it stays. */
static bool can_be_forced(const struct item *item)
{
	return item->twin && !leads_into_code(item) &&
	       !leads_into_code(item->twin) && item->twin->size <= item->size &&
	       item->twin->alignment <= item->alignment;
}

/* ---- what is found ------------------------------------------------------ */

static int add_finding(struct judge *judge, const struct unit_pair *pair,
		       const struct item *item, const char *what,
		       bool can_force, struct data_findings *found)
{
	owned(free_p) char *name = option_name(item);
	owned(free_p) char *line = NULL;
	char words[256];

	item_describe(item, words, sizeof(words));
	line = text_format("%s (%s): %s", words, judge_item_source(judge, pair, item),
			   what);
	if (!name || !line ||
	    (*name && can_force && judge_add_once(&judge->data_names, name)))
		return -ENOMEM;
	if (can_force && is_forced(judge, pair, item, name))
		return judge_override(judge,
				      "--force-data: %s (%s) keeps the value "
				      "that it has in the process; %s",
				      words, judge_item_source(judge, pair, item), what);
	if (!can_force)
		found->cannot_force = true;
	else if (!found->to_force && *name)
		found->to_force = take_ptr(name);
	return judge_add_once(&found->changed, line);
}

static int changed_state(struct judge *judge, const struct unit_pair *pair,
			 const struct item *item, struct data_findings *found)
{
	owned(free_p) char *what = change_text(item);

	if (!what)
		return -ENOMEM;
	return add_finding(judge, pair, item, what, can_be_forced(item), found);
}

/* ---- static locals that are gone ---------------------------------------- */

/* Also inlined everywhere, or cloned. */
static bool function_exists(const struct unit *unit, const char *name)
{
	Dwarf_Die die;

	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *item = unit->items[i];
		size_t size = strlen(name);

		if (item->kind == ITEM_FUNCTION && item->name &&
		    !strncmp(item->name, name, size) &&
		    (!item->name[size] || item->name[size] == '.'))
			return true;
	}
	return unit_function_die(unit, name, &die) && !die_is_declaration(&die);
}

static int removed_local(struct judge *judge, const struct unit_pair *pair,
			 const struct item *item, struct data_findings *found)
{
	owned(free_p) char *name = option_name(item);
	owned(free_p) char *line = NULL;
	char words[256];

	if (!name)
		return -ENOMEM;
	item_describe(item, words, sizeof(words));
	if (judge_add_once(&judge->data_names, name))
		return -ENOMEM;
	if (is_forced(judge, pair, item, name))
		return judge_override(judge,
				      "--force-data: %s (%s) is given up, with "
				      "what it holds",
				      words, judge_item_source(judge, pair, item));
	line = text_format("%s (%s)", words, judge_item_source(judge, pair, item));
	if (!line)
		return -ENOMEM;
	if (!found->gone_name)
		found->gone_name = take_ptr(name);
	return judge_add_once(&found->gone, line);
}

/* ---- variables that moved ----------------------------------------------- */

static bool same_base_name(const struct item *a, const struct item *b)
{
	owned(free_p) char *left = a->name ? item_base_name(a->name) : NULL;
	owned(free_p) char *right = b->name ? item_base_name(b->name) : NULL;

	return left && right &&
	       !strcmp(plain_name(a, left), plain_name(b, right));
}

/* What the patch brings anew, and the process has under this name. */
static const struct addition *find_moved(const struct change_set *set,
					 const struct item *item)
{
	for (size_t i = 0; i < set->nr_additions; i++) {
		const struct item *new = set->additions[i].patched;

		if (is_state(new) && new->kind == ITEM_VARIABLE &&
		    !new->twin && same_base_name(item, new))
			return &set->additions[i];
	}
	return NULL;
}

/* What the patch brings anew in the same object, and might be a new name. */
static const struct item *find_renamed(const struct change_set *set,
				       const struct unit_pair *pair,
				       const struct item *item)
{
	for (size_t i = 0; i < set->nr_additions; i++) {
		const struct item *new = set->additions[i].patched;

		if (set->additions[i].pair == pair && is_state(new) &&
		    new->kind == item->kind && !new->twin && !new->scope &&
		    new->name && new->size == item->size &&
		    new->nr_references == item->nr_references &&
		    item_same_bytes(item, new))
			return new;
	}
	return NULL;
}

static int renamed_state(struct judge *judge, const struct unit_pair *pair,
			 const struct item *item, const struct item *new,
			 struct data_findings *found)
{
	owned(free_p) char *what =
		text_format("is gone, and %s is new, with its size and initial "
			    "value: if that is a new name, the patch would "
			    "have a second one, that starts anew",
			    new->name);

	return what ? add_finding(judge, pair, item, what, true, found) :
		      -ENOMEM;
}

static int removed_state(struct judge *judge, const struct unit_pair *pair,
			 const struct item *item, struct data_findings *found)
{
	const struct addition *moved = find_moved(judge->set, item);
	const struct item *renamed =
		item->scope || !item->name ?
			NULL :
			find_renamed(judge->set, pair, item);
	owned(free_p) char *what = NULL;

	if (moved) {
		what = text_format("moves to %s: the patch would have a second "
				   "one, that starts anew",
				   judge_item_source(judge, moved->pair,
						     moved->patched));
		return what ? add_finding(judge, pair, item, what, false,
					  found) :
			      -ENOMEM;
	}
	if (renamed)
		return renamed_state(judge, pair, item, renamed, found);
	if (item->scope && pair->patched &&
	    function_exists(pair->patched, item->scope))
		return removed_local(judge, pair, item, found);
	return 0;
}

/* ---- read-only variables ------------------------------------------------ */

/* Tables of virtual functions and type information: every object has one. */
static bool is_of_class(const char *name)
{
	return !strncmp(name, "_ZTV", 4) || !strncmp(name, "_ZTI", 4) ||
	       !strncmp(name, "_ZTT", 4);
}

/* The compiler's own tables and names, which nobody takes the address of. */
static bool is_compiler_made(const char *name)
{
	static const char *const starts[] = { "CSWTCH.", "switch.table.",
					      "__func__", "__FUNCTION__",
					      "__PRETTY_FUNCTION__" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (!strncmp(name, starts[i], strlen(starts[i])))
			return true;
	return false;
}

static int warn_copy(struct judge *judge, const struct unit_pair *pair,
		     const struct item *item)
{
	static const struct notice_kind kind = {
		"constant-changed",
		"is constant, and changes: functions that are replaced read "
		"the new one,\npointers to it that the process has stored "
		"lead to the old one",
		"constants change: functions that are replaced read the new "
		"ones,\npointers to them that the process has stored lead to "
		"the old ones",
	};
	char words[256];

	if (is_compiler_made(item->name))
		return 0;
	item_describe(item, words, sizeof(words));
	return judge_notice(judge, &kind, "%s (%s)", words,
			    judge_item_source(judge, pair, item));
}

static int changed_constant(struct judge *judge, const struct unit_pair *pair,
			    const struct item *item,
			    struct data_findings *found, struct hf_diag *diag)
{
	const struct target *target = judge->build->target;
	owned(free_p) char *what = NULL;
	const char *reader = NULL;
	int r;

	if (is_of_class(item->name))
		return add_finding(judge, pair, item,
				   "objects that live point to the old one",
				   false, found);
	if (item->binding == STB_LOCAL)
		return warn_copy(judge, pair, item);
	r = judge_find_user(judge, item->name, &reader, diag);
	if (r)
		return r;
	if (reader)
		what = text_format("%s reads it as well, and would go on with "
				   "the old one",
				   reader);
	else if (target && target->kind == TARGET_LIBRARY &&
		 judge_is_exported(judge, item->name))
		what = text_format("%s exports it: others read the old one",
				   target->name);
	else
		return warn_copy(judge, pair, item);
	return what ? add_finding(judge, pair, item, what, true, found) :
		      -ENOMEM;
}

/* ---- all of them -------------------------------------------------------- */

static int judge_item(struct judge *judge, const struct unit_pair *pair,
		      const struct item *item, struct data_findings *found,
		      struct hf_diag *diag)
{
	if (item->verdict == VERDICT_REMOVED && is_state(item))
		return removed_state(judge, pair, item, found);
	if (item->verdict != VERDICT_CHANGED || !item->twin)
		return 0;
	if (is_state(item) || is_state(item->twin))
		return item->kind == ITEM_EXTERNAL ?
			       0 :
			       changed_state(judge, pair, item, found);
	if (item->kind == ITEM_VARIABLE && item->name)
		return changed_constant(judge, pair, item, found, diag);
	return 0;
}

static int judge_items(struct judge *judge, const struct unit_pair *pair,
		       struct data_findings *found, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++)
		r = judge_item(judge, pair, pair->original->items[i], found,
			       diag);
	return r;
}

static int find_threads(struct judge *judge, struct data_findings *found)
{
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_additions && !r; i++) {
		const struct addition *addition = &judge->set->additions[i];
		owned(free_p) char *line = NULL;
		char words[256];

		if (!addition->patched->thread_local)
			continue;
		item_describe(addition->patched, words, sizeof(words));
		line = text_format("%s (%s), %lu bytes", words,
				   judge_item_source(judge, addition->pair,
						     addition->patched),
				   addition->patched->size);
		r = line ? judge_add_once(&found->threads, line) : -ENOMEM;
	}
	return r;
}

/* The flag that makes the compiler add data of its own to every function. */
static const char *instrumented_by(const struct compile *compile)
{
	static const char *const flags[] = { "-fsanitize=", "-fprofile-arcs",
					     "-fprofile-generate", "--coverage",
					     "-fprofile-instr-generate" };

	for (size_t i = 0; compile && i < compile->arguments.nr; i++)
		for (size_t k = 0; k < sizeof(flags) / sizeof(*flags); k++)
			if (!strncmp(compile->arguments.items[i], flags[k],
				     strlen(flags[k])))
				return compile->arguments.items[i];
	return NULL;
}

static void hint_instrumented(const struct change_set *set,
			      struct hf_diag *diag)
{
	const char *flag = NULL;

	for (size_t i = 0; i < set->nr_pairs && !flag; i++)
		flag = instrumented_by(set->pairs[i].original_compile);
	if (flag)
		hf_hint(diag, "%s gives functions tables that the run-time "
			      "library knows, and a patch cannot change: write "
			      "the fix as a replacement source, which is "
			      "compiled without it: hotfix-build --target BIN "
			      "fix.c",
			flag);
}

static int refuse_changed(const struct judge *judge,
			  const struct data_findings *found,
			  struct hf_diag *diag)
{
	hf_refuse(diag, "data-changed",
		  "the diff changes data that every running %s has already",
		  judge->build->target ? judge->build->target->name :
					 "process");
	judge_list(&found->changed, diag);
	hf_hint(diag, "a patch brings code, and leaves the values that the "
		      "process holds: leave these changes out of the diff");
	if (found->to_force)
		hf_hint(diag, "if the process may keep what it has, say "
			      "--force-data %s",
			found->to_force);
	if (found->cannot_force)
		hf_hint(diag, "what moves, grows beyond its place, or leads "
			      "inside of code that changes, cannot be forced: "
			      "give the patched source a new variable beside "
			      "it");
	hint_instrumented(judge->set, diag);
	return -ECANCELED;
}

static int refuse_gone(const struct data_findings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "static-local-removed",
		  "the diff removes static variables of functions that stay");
	judge_list(&found->gone, diag);
	hf_hint(diag, "what they hold in the process would be lost, and be "
		      "stale after a revert: keep them in the diff, unused if "
		      "need be");
	hf_hint(diag, "if it may be given up, say --force-data %s",
		found->gone_name);
	return -ECANCELED;
}

static int refuse_threads(const struct data_findings *found,
			  struct hf_diag *diag)
{
	hf_refuse(diag, "needs-tls",
		  "the diff needs new thread-local variables");
	judge_list(&found->threads, diag);
	hf_hint(diag, "the threads that run have no room for them: use an "
		      "ordinary variable, pthread_getspecific(), or a "
		      "parameter");
	return -ECANCELED;
}

static int verdict(const struct judge *judge, const struct data_findings *found,
		   struct hf_diag *diag)
{
	if (found->changed.nr)
		return refuse_changed(judge, found, diag);
	if (found->gone.nr)
		return refuse_gone(found, diag);
	if (found->threads.nr)
		return refuse_threads(found, diag);
	return 0;
}

int judge_data(struct judge *judge, struct hf_diag *diag)
{
	struct data_findings found = { 0 };
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_pairs && !r; i++)
		if (judge->set->pairs[i].original)
			r = judge_items(judge, &judge->set->pairs[i], &found,
					diag);
	if (!r)
		r = find_threads(judge, &found);
	if (!r)
		r = verdict(judge, &found, diag);
	strings_release(&found.changed);
	strings_release(&found.gone);
	strings_release(&found.threads);
	free(found.to_force);
	free(found.gone_name);
	return r;
}
