#include "passage.h"

#include <dwarf.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "../../lib/insn.h"

enum passage {
	PASSAGE_THROW,	/* of exceptions: calls that may throw */
	PASSAGE_CANCEL, /* of cancelled threads: any call may be the place */
};

struct search {
	const struct build *build;
	const struct unit *unit;
	const struct item *root;
	enum passage passage;
	bool pointers_throw; /* the unit's language has exceptions */
	bool *seen;	     /* as unit->item_block */
	char *call;	     /* found */
};

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* ---- languages ---------------------------------------------------------- */

static bool is_c(Dwarf_Word language)
{
	switch (language) {
	case DW_LANG_C89:
	case DW_LANG_C:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case DW_LANG_Mips_Assembler:
		return true;
	default:
		return false;
	}
}

/* Whether a compilation unit is of a language that has exceptions. */
static bool unit_throws(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	Dwarf_Word language;
	const char *producer;

	if (dwarf_formudata(dwarf_attr(unit, DW_AT_language, &attribute),
			    &language) ||
	    is_c(language))
		return false;
	producer =
		dwarf_formstring(dwarf_attr(unit, DW_AT_producer, &attribute));
	return !producer || !strstr(producer, "-fno-exceptions");
}

/* The last of the flags counts. Only gcc tells them in the debug information.
 */
static bool is_disabled(const struct compile *compile)
{
	bool disabled = false;

	for (size_t i = 0; compile && i < compile->arguments.nr; i++) {
		const char *word = compile->arguments.items[i];

		if (!strcmp(word, "-fno-exceptions"))
			disabled = true;
		else if (!strcmp(word, "-fexceptions"))
			disabled = false;
	}
	return disabled;
}

static bool pair_throws(const struct unit_pair *pair)
{
	Dwarf *dwarf = debuginfo_dwarf(pair->patched->debuginfo);
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	if (is_disabled(pair->patched_compile))
		return false;
	while (dwarf &&
	       !dwarf_get_units(dwarf, cu, &cu, NULL, NULL, &die, NULL))
		if (dwarf_tag(&die) == DW_TAG_compile_unit && unit_throws(&die))
			return true;
	return false;
}

/* ---- callees of other objects ------------------------------------------- */

/*
 * What tells only its name: C++, its run-time support, and C that calls back.
 * Not _Unwind_Resume(), which hands on what was thrown in the function already.
 */
static bool name_throws(const char *name, bool callbacks_throw)
{
	static const char *const harmless[] = {
		"_ZdlPv",
		"_ZdaPv", /* operator delete */
		"_ZSt9terminatev",
	};
	static const char *const throwers[] = {
		"_Z",
		"__cxa_bad_",
		"__cxa_call_unexpected",
		"__cxa_rethrow",
		"__cxa_throw",
		"__cxa_vec_", /* constructors of an array */
		"_Unwind_ForcedUnwind",
		"_Unwind_RaiseException",
		"_Unwind_Resume_or_Rethrow",
	};
	static const char *const callers[] = {
		"qsort", "qsort_r", "bsearch", "pthread_once", "call_once",
	};

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (has_prefix(name, harmless[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(throwers); i++)
		if (has_prefix(name, throwers[i]))
			return true;
	for (size_t i = 0; callbacks_throw && i < ARRAY_SIZE(callers); i++)
		if (!strcmp(name, callers[i]))
			return true;
	return false;
}

/* Of the target, by its debug information; by its name where there is none. */
static bool symbol_throws(const struct build *build,
			  const struct symbol *symbol)
{
	const struct debug_entity *entity =
		debuginfo_entity(build->debuginfo, symbol->vaddr);
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	Dwarf_Die die, unit;

	if (!entity || !dwarf || !dwarf_offdie(dwarf, entity->die, &die) ||
	    !dwarf_diecu(&die, &unit, NULL, NULL))
		return name_throws(symbol->name, true);
	return unit_throws(&unit);
}

/* What a replacement source calls so: see hotfix.h. */
static const char *name_in_target(const struct build *build, const char *name)
{
	static const char original[] = "hotfix.original.";

	if (has_prefix(name, original))
		return name + sizeof(original) - 1;
	for (size_t i = 0; i < build->nr_objects; i++)
		for (size_t k = 0; k < build->objects[i].nr_records; k++) {
			const struct record *record =
				&build->objects[i].records[k];

			if (record->kind == HOTFIX_RECORD_IMPORT &&
			    !strcmp(record->local, name))
				return record->name;
		}
	return name;
}

static int external_throws(const struct search *search, const char *name,
			   bool *ret_throws)
{
	struct symbol_matches matches = { 0 };
	int r;

	*ret_throws = false;
	r = symbols_find(&search->build->symbols, name, NULL, &matches);
	if (r)
		return r;
	for (size_t i = 0; i < matches.nr; i++)
		*ret_throws |= symbol_throws(search->build, matches.entries[i]);
	if (!matches.nr)
		*ret_throws = name_throws(name, search->pointers_throw);
	symbol_matches_release(&matches);
	return 0;
}

/* ---- calls -------------------------------------------------------------- */

static int found(struct search *search, const char *name)
{
	const char *what = search->passage == PASSAGE_THROW
				   ? "which may throw"
				   : "where a thread may be cancelled";

	free(search->call);
	search->call = name ? text_format("calls %s(), %s", name, what)
			    : text_format("calls by a pointer, %s", what);
	return search->call ? 0 : -ENOMEM;
}

static const struct reference *reference_in(const struct item *item,
					    const struct insn *insn)
{
	for (size_t i = 0; i < item->nr_references; i++)
		if (item->references[i].offset >= insn->address &&
		    item->references[i].offset < insn->address + insn->size)
			return &item->references[i];
	return NULL;
}

/* call *f@GOTPCREL(%rip) is a call of f; call *f(%rip) is one by a pointer. */
static bool is_direct(const struct insn *insn,
		      const struct reference *reference)
{
	return insn->has_target ||
	       (reference && (reference->type == R_X86_64_GOTPCREL ||
			      reference->type == R_X86_64_GOTPCRELX ||
			      reference->type == R_X86_64_REX_GOTPCRELX));
}

static int look_into(struct search *search, const struct item *item);

static int look_at_call(struct search *search, const struct item *item,
			const struct insn *insn)
{
	const struct reference *reference = reference_in(item, insn);
	const struct item *callee = reference ? reference->to : NULL;
	const char *name;
	bool throws = true;
	int r = 0;

	if (!is_direct(insn, reference)) {
		throws = search->passage == PASSAGE_CANCEL ||
			 search->pointers_throw;
		return throws ? found(search, NULL) : 0;
	}
	if (!callee) /* of itself */
		return 0;
	if (item_is_code(callee)) {
		r = look_into(search, callee);
		return !r && search->call && item == search->root
			       ? found(search, callee->name)
			       : r;
	}
	name = name_in_target(search->build, callee->name ?: "");
	if (search->passage == PASSAGE_THROW)
		r = external_throws(search, name, &throws);
	return r || !throws ? r : found(search, name);
}

static int look_at_code(struct search *search, const struct item *item)
{
	struct insn insn;
	int r = 0;

	for (uint64_t at = 0;
	     item->bytes && at < item->size && !r && !search->call;
	     at += insn.size) {
		if (insn_decode(search->build->decoder, item->bytes + at,
				item->size - at, at, &insn))
			return found(search, NULL);
		if (insn.is_call)
			r = look_at_call(search, item, &insn);
	}
	return r;
}

static int look_into(struct search *search, const struct item *item)
{
	const struct unit *unit = search->unit;
	bool *seen = &search->seen[item - unit->item_block];
	int r;

	if (*seen)
		return 0;
	*seen = true;
	r = look_at_code(search, item);
	for (size_t i = 0; i < unit->nr_items && !r && !search->call; i++)
		if (unit->items[i]->kind == ITEM_COLD &&
		    unit->items[i]->parent == item)
			r = look_at_code(search, unit->items[i]);
	return r;
}

/* @ret_call: NULL when there is none. */
static int find_call(const struct build *build, const struct change_set *set,
		     const struct unit_pair *pair, enum passage passage,
		     const struct item *item, char **ret_call)
{
	owned(free_p) bool *seen =
		calloc(pair->patched->nr_items + 1, sizeof(*seen));
	struct search search = {
		.build = build,
		.unit = pair->patched,
		.root = item,
		.passage = passage,
		.pointers_throw =
			pair_throws(pair) || set->unwinding.pointers_throw,
		.seen = seen,
	};
	int r = seen ? look_into(&search, item) : -ENOMEM;

	if (!r)
		*ret_call = search.call;
	return r;
}

/* ---- the program -------------------------------------------------------- */

static void read_name(const char *name, struct unwinding *ret)
{
	if (!strcmp(name, "pthread_cancel") || !strcmp(name, "pthread_exit") ||
	    !strcmp(name, "thrd_exit"))
		ret->cancels = true;
	/* C's own has clean-ups and never catches. */
	else if (strstr(name, "_personality") &&
		 !strstr(name, "__gcc_personality"))
		ret->has_handlers = true;
}

static void read_symbols(const struct elf_file *file, uint32_t type,
			 struct unwinding *ret)
{
	const struct elf_symbols symbols = elf_symbols(file, type);

	for (size_t i = 1; i < symbols.nr; i++)
		read_name(elf_symbol_name(file, &symbols, i), ret);
}

static void read_sections(const struct elf_file *file, struct unwinding *ret)
{
	for (size_t i = 1; i < file->nr_sections; i++)
		if (file->sections[i].sh_size &&
		    has_prefix(elf_section_name(file, &file->sections[i]),
			       ".gcc_except_table"))
			ret->has_tables = true;
}

static int look_at_object(struct unwinding *unwinding, const char *path,
			  struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	int r = elf_open(path, &file, diag);

	if (r)
		return r;
	read_symbols(file, SHT_SYMTAB, unwinding);
	read_sections(file, unwinding);
	return 0;
}

int passage_look_at_program(struct change_set *set, struct hf_diag *diag)
{
	const struct link_step *link = set->link;
	int r = 0;

	for (size_t i = 0; link && i < link->nr_inputs && !r; i++)
		if (!link->inputs[i].optimised)
			r = look_at_object(&set->unwinding,
					   link->inputs[i].object, diag);
	for (size_t i = 0; link && i < link->optimised.nr && !r; i++)
		r = look_at_object(&set->unwinding, link->optimised.items[i],
				   diag);
	return r;
}

/* The C library of a static program has tables, whatever it is linked with. */
void passage_look_at_target(const struct build *build, struct change_set *set)
{
	const struct target *target = build->target;
	struct unwinding *unwinding = &set->unwinding;

	read_symbols(target->file, SHT_SYMTAB, unwinding);
	read_symbols(target->file, SHT_DYNSYM, unwinding);
	for (size_t i = 0; i < build->symbols.nr; i++)
		read_name(build->symbols.entries[i].name, unwinding);
	read_sections(target->file, unwinding);
	if (target->kind == TARGET_EXECUTABLE && !target->interpreter)
		unwinding->has_tables = unwinding->has_handlers;
	for (size_t i = 0; i < build->nr_replacements; i++)
		unwinding->pointers_throw |=
			symbol_throws(build, build->replacements[i].old);
}

/* ---- reasons ------------------------------------------------------------ */

static bool has_table(const struct unit *unit, const struct item *function)
{
	if (function->has_table)
		return true;
	for (size_t i = 0; i < unit->nr_items; i++)
		if (unit->items[i]->kind == ITEM_COLD &&
		    unit->items[i]->parent == function &&
		    unit->items[i]->has_table)
			return true;
	return false;
}

int passage_reason(const struct build *build, const struct change_set *set,
		   const struct unit_pair *pair, const struct item *item,
		   char **ret_reason)
{
	const struct unwinding *unwinding = &set->unwinding;
	char *reason = NULL;
	int r = 0;

	if (has_table(pair->patched, item)) {
		*ret_reason = strdup("has clean-ups that run on exceptions or "
				     "when a thread is cancelled");
		return *ret_reason ? 0 : -ENOMEM;
	}
	/* A library's exceptions may be caught by whoever called it. */
	if (unwinding->has_handlers ||
	    (build->target && build->target->kind == TARGET_LIBRARY))
		r = find_call(build, set, pair, PASSAGE_THROW, item, &reason);
	if (!r && !reason && unwinding->has_tables && unwinding->cancels)
		r = find_call(build, set, pair, PASSAGE_CANCEL, item, &reason);
	if (!r)
		*ret_reason = reason;
	return r;
}

bool passage_stated(const struct options *options, const struct item *item,
		    bool *used)
{
	owned(free_p) char *base =
		item->name ? item_base_name(item->name) : NULL;
	bool stated = false;

	for (size_t i = 0; base && i < options->nothrow.nr; i++) {
		const char *word = options->nothrow.items[i];

		if (fnmatch(word, item->name, 0) && strcmp(word, base))
			continue;
		stated = true;
		if (used)
			used[i] = true;
	}
	return stated;
}

const char *passage_code(const struct item *item)
{
	return item->has_table ? "needs-exception-tables"
			       : "needs-unwind-entries";
}

void passage_hints(const char *name, struct hf_diag *diag)
{
	hf_hint(diag, "an exception would end the process there, and a "
		      "cancelled thread would silently leave out clean-ups");
	hf_hint(diag, "move what changes into a function that calls nothing of "
		      "that kind, or write a replacement function without "
		      "clean-ups (hotfix-build --target BIN fix.c)");
	hf_hint(diag,
		"if nothing is thrown and no thread cancelled while it "
		"runs, state it: --nothrow %s",
		name);
}
