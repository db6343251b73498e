/*
 * Assembler files, code that only fits where it was, and sections that somebody
 * reads when the program starts.
 *
 *	.init_array, .ctors, .fini_array   lists of functions, run by the C library
 *	set_commands, initcalls, ...       lists that the program itself runs
 *					   through, between __start_X and __stop_X
 *
 * Their readers have run, or go by bounds that the linker fixed: what a patch
 * adds to them nobody would see.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"

/* ---- assembler ---------------------------------------------------------- */

static int refuse_assembler(const struct judge *judge,
			    const struct unit_pair *pair, struct hf_diag *diag)
{
	hf_refuse(diag, "assembler-changed",
		  "%s is written in assembler, and the diff changes it",
		  judge_source(judge, pair));
	hf_hint(diag, "nothing tells which registers and which stack hand-made "
		      "code relies on: leave it out of the diff");
	hf_hint(diag, "or replace the C functions that call it, by a "
		      "replacement source: hotfix-build --target BIN fix.c");
	return -ECANCELED;
}

static int refuse_unseen(const struct unit_pair *pair, struct hf_diag *diag)
{
	hf_refuse(diag, "object-unseen",
		  "%s changes, but no compiler was seen to make it",
		  pair->name);
	hf_hint(diag, "it may come from an assembler, from objcopy or from a "
		      "compiler that is not known: C and C++ sources are");
	hf_hint(diag, "if it holds data that the diff changes, that cannot be "
		      "brought into a running process");
	return -ECANCELED;
}

/* What counts from the GOT: position-independent code of the larger models. */
static bool is_of_larger_model(const struct item *item)
{
	for (size_t i = 0; i < item->nr_references; i++)
		switch (item->references[i].type) {
		case R_X86_64_GOT64:
		case R_X86_64_GOTOFF64:
		case R_X86_64_GOTPC32:
		case R_X86_64_GOTPC64:
		case R_X86_64_GOTPCREL64:
		case R_X86_64_GOTPLT64:
		case R_X86_64_PLTOFF64:
			return true;
		}
	return false;
}

static int check_model(const struct judge *judge, const struct change *change,
		       struct hf_diag *diag)
{
	if (!is_of_larger_model(change->original) &&
	    !is_of_larger_model(change->patched))
		return 0;
	hf_refuse(diag, "relocation-unsupported",
		  "%s() (%s) is compiled for a large code model "
		  "(-mcmodel=large, -mcmodel=medium), and counts from the "
		  "target's GOT: a patch has another one",
		  change->original->name, judge_source(judge, change->pair));
	hf_hint(diag, "write the fix as a replacement source: hotfix-build "
		      "--target BIN -o OUT.hotfix.so fix.c");
	return -ECANCELED;
}

static int check_models(const struct judge *judge, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_changes && !r; i++)
		r = check_model(judge, &judge->set->changes[i], diag);
	return r;
}

int judge_objects(struct judge *judge, struct hf_diag *diag)
{
	for (size_t i = 0; i < judge->set->nr_pairs; i++) {
		const struct unit_pair *pair = &judge->set->pairs[i];
		const struct compile *old = pair->original_compile;
		const struct compile *new = pair->patched_compile;

		if (!pair_differs(pair))
			continue;
		if ((old && old->assembler) || (new && new->assembler))
			return refuse_assembler(judge, pair, diag);
		if ((pair->original && !old) || (pair->patched && !new))
			return refuse_unseen(pair, diag);
	}
	return check_models(judge, diag);
}

/* ---- what a section is for ---------------------------------------------- */

static bool begins_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static bool is_in(const char *name, const char *const *prefixes, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (begins_with(name, prefixes[i]))
			return true;
	return false;
}

/* Functions that the C library runs before main(), or at the end. */
static bool is_start_list(const char *name)
{
	static const char *const prefixes[] = { ".init_array", ".fini_array",
						".preinit_array", ".ctors",
						".dtors" };

	return is_in(name, prefixes, sizeof(prefixes) / sizeof(*prefixes));
}

/* What compilers make on their own account. */
static bool is_ordinary(const char *name)
{
	static const char *const prefixes[] = {
		".data",       ".bss",	 ".rodata",	     ".tdata",
		".tbss",       ".sdata", ".sbss",	     ".lbss",
		".ldata",      ".lrodata", ".gnu.linkonce.", ".text",
		".gnu.build",  ".stapsdt", ".note",	     ".eh_frame",
		".gcc_except", "__patchable_function_entries",
		"xray_",       "__llvm_", "__sancov",	     "asan_globals",
	};

	return is_in(name, prefixes, sizeof(prefixes) / sizeof(*prefixes));
}

static const char *section_of(const struct unit *unit, const struct item *item)
{
	const Elf64_Shdr *section =
		item->section && item->section < SHN_LORESERVE ?
			elf_section_at(unit->file, item->section) :
			NULL;

	return section ? elf_section_name(unit->file, section) : "";
}

/* ---- findings ----------------------------------------------------------- */

struct section_findings {
	struct strings starts;	 /* constructors */
	struct strings lists;	 /* of the program's own */
	const char *first_list;
};

static bool is_forced(struct judge *judge, const char *section)
{
	const struct strings *forced = &judge->build->options->force_data;
	bool is = false;

	for (size_t i = 0; i < forced->nr; i++)
		if (!strcmp(forced->items[i], section))
			is = judge->data_used[i] = true;
	return is;
}

static const char *verdict_words(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ADDED:
		return "a new entry";
	case VERDICT_REMOVED:
		return "an entry that is gone";
	default:
		return "another content";
	}
}

static int add_start(struct judge *judge, const struct unit_pair *pair,
		     const struct item *item, struct section_findings *found)
{
	char function[256] = "";
	owned(free_p) char *line = NULL;

	if (item->nr_references)
		item_describe(item->references[0].to, function,
			      sizeof(function));
	line = text_format("%s (%s): %s", *function ? function : "?",
			   judge_source(judge, pair),
			   item->verdict == VERDICT_REMOVED ?
				   "no longer run" :
				   "to be run at start or end");
	return line ? judge_add_once(&found->starts, line) : -ENOMEM;
}

static int add_list(struct judge *judge, const struct unit_pair *pair,
		    const struct item *item, const char *section,
		    struct section_findings *found)
{
	owned(free_p) char *line = NULL;

	if (judge_add_once(&judge->data_names, section))
		return -ENOMEM;
	if (is_forced(judge, section))
		return judge_override(judge,
				      "--force-data: section %s of %s stays as "
				      "it is",
				      section, judge_source(judge, pair));
	found->first_list = section;
	line = text_format("%s of %s: %s%s%s", section,
			   judge_source(judge, pair),
			   verdict_words(item->verdict),
			   item->name ? ", " : "", item->name ?: "");
	return line ? judge_add_once(&found->lists, line) : -ENOMEM;
}

static int look_at(struct judge *judge, const struct unit_pair *pair,
		   const struct unit *unit, const struct item *item,
		   struct section_findings *found)
{
	const char *section = section_of(unit, item);

	if (item_is_code(item) || item->kind == ITEM_EXTERNAL || !*section ||
	    is_ordinary(section))
		return 0;
	if (is_start_list(section))
		return add_start(judge, pair, item, found);
	return add_list(judge, pair, item, section, found);
}

static int look_at_unit(struct judge *judge, const struct unit_pair *pair,
			const struct unit *unit,
			struct section_findings *found)
{
	int r = 0;

	for (size_t i = 0; i < unit->nr_items && !r; i++) {
		struct item *item = unit->items[i];

		/* Changed ones are met once, as they shall be. */
		if (item->verdict == VERDICT_ADDED ||
		    item->verdict == VERDICT_REMOVED ||
		    (item->verdict == VERDICT_CHANGED && unit == pair->patched))
			r = look_at(judge, pair, unit, item, found);
	}
	return r;
}

static int refuse_starts(const struct section_findings *found,
			 struct hf_diag *diag)
{
	hf_refuse(diag, "needs-constructor",
		  "the diff changes what runs when the program starts or ends");
	judge_list(&found->starts, diag);
	hf_hint(diag, "the process has started long ago, and a patch runs no "
		      "constructors: leave them out of the diff");
	hf_hint(diag, "what must be done once can be done in a hook of a "
		      "replacement source, see hotfix-build(1)");
	return -ECANCELED;
}

static int refuse_lists(const struct section_findings *found,
			struct hf_diag *diag)
{
	hf_refuse(diag, "section-changed",
		  "the diff changes lists that the program collects in "
		  "sections of its own");
	judge_list(&found->lists, diag);
	hf_hint(diag, "such lists are read at start-up, between bounds that "
		      "the linker fixed: what is new there would not be seen");
	hf_hint(diag, "if the old list may stay as it is, say --force-data %s",
		found->first_list);
	return -ECANCELED;
}

int judge_sections(struct judge *judge, struct hf_diag *diag)
{
	struct section_findings found = { 0 };
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_pairs && !r; i++) {
		const struct unit_pair *pair = &judge->set->pairs[i];

		if (pair->original && pair->patched)
			r = look_at_unit(judge, pair, pair->original, &found);
		if (pair->patched && !r)
			r = look_at_unit(judge, pair, pair->patched, &found);
	}
	if (!r && found.starts.nr)
		r = refuse_starts(&found, diag);
	else if (!r && found.lists.nr)
		r = refuse_lists(&found, diag);
	strings_release(&found.starts);
	strings_release(&found.lists);
	return r;
}
