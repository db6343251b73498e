/*
 * Code that a patch comes too late for, and code that is never left.
 *
 * main() runs once; constructors and the resolvers of IFUNCs have run. A
 * replacement of those takes effect in no process that runs already. What only
 * they call may have run as well: that is a warning, since nobody can tell
 * start-up from the main loop.
 */
#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "../../lib/insn.h"
#include "../dies.h"
#include "judge_parts.h"

/* ---- what has run ------------------------------------------------------- */

static bool is_start_section(const struct unit *unit, const struct item *item)
{
	static const char *const names[] = { ".init_array", ".preinit_array",
					     ".ctors" };
	const Elf64_Shdr *section;

	if (!item->section || item->section >= SHN_LORESERVE)
		return false;
	section = elf_section_at(unit->file, item->section);
	for (size_t i = 0; section && i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(elf_section_name(unit->file, section), names[i],
			     strlen(names[i])))
			return true;
	return false;
}

static bool refers_to(const struct item *item, const struct item *to)
{
	for (size_t i = 0; i < item->nr_references; i++)
		if (item->references[i].to == to)
			return true;
	return false;
}

static bool is_constructor(const struct unit *unit, const struct item *function)
{
	for (size_t i = 0; i < unit->nr_items; i++)
		if (refers_to(unit->items[i], function) &&
		    is_start_section(unit, unit->items[i]))
			return true;
	return false;
}

static bool is_main(const struct item *item)
{
	return item->binding != STB_LOCAL && !strcmp(item->name ?: "", "main");
}

/* By any of its names: the resolver itself has one of its own. */
static bool is_resolver(const struct change *change)
{
	const struct elf_symbols *symbols = &change->pair->original->symbols;
	const struct item *item = change->original;

	if (item->type == STT_GNU_IFUNC)
		return true;
	for (size_t i = 0; i < item->nr_aliases; i++)
		if (ELF64_ST_TYPE(symbols->entries[item->aliases[i]].st_info) ==
		    STT_GNU_IFUNC)
			return true;
	return false;
}

/* How a function is run once, before anybody can patch; NULL: it is not. */
static const char *run_once(const struct change *change)
{
	if (is_main(change->original))
		return "main() runs once";
	if (is_resolver(change))
		return "its resolver was asked when the program was loaded";
	if (is_constructor(change->pair->original, change->original))
		return "constructors have run";
	return NULL;
}

/* ---- what only main() calls --------------------------------------------- */

static const struct item *function_of(const struct item *item)
{
	return item->kind == ITEM_COLD && item->parent ? item->parent : item;
}

/* A static function that main() alone refers to. */
static bool is_only_of_main(const struct change *change)
{
	const struct unit *unit = change->pair->original;
	bool called = false;

	if (change->original->binding != STB_LOCAL)
		return false;
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *user = function_of(unit->items[i]);

		if (user == change->original ||
		    !refers_to(unit->items[i], change->original))
			continue;
		if (!item_is_code(user) || !is_main(user))
			return false;
		called = true;
	}
	return called;
}

/* ---- what never returns ------------------------------------------------- */

static bool is_return(const struct insn *insn, const uint8_t *code)
{
	/* ret; rep ret; ret $n */
	return !insn->falls_through && !insn->is_jump && !insn->is_call &&
	       (code[insn->size - 1] == 0xc3 || code[0] == 0xc2);
}

/* A jump to somewhere else, or by a register: it may be a call at the end. */
static bool may_leave(const struct item *item, const struct insn *insn)
{
	if (!insn->is_jump)
		return false;
	if (!insn->has_target)
		return true;
	for (size_t i = 0; i < item->nr_references; i++)
		if (item->references[i].offset >= insn->address &&
		    item->references[i].offset < insn->address + insn->size)
			return true;
	return false;
}

static bool code_returns(const struct build *build, const struct item *item)
{
	struct insn insn;

	for (uint64_t at = 0; item->bytes && at < item->size; at += insn.size)
		if (insn_decode(build->decoder, item->bytes + at,
				item->size - at, at, &insn) ||
		    is_return(&insn, item->bytes + at) ||
		    may_leave(item, &insn))
			return true;
	return !item->bytes;
}

static bool is_noreturn(const struct change *change)
{
	Dwarf_Die die;

	return item_function_die(change->pair->original, change->original,
				 &die) &&
	       dwarf_hasattr_integrate(&die, DW_AT_noreturn);
}

static bool never_returns(const struct build *build,
			  const struct change *change)
{
	return is_noreturn(change) ||
	       (build->decoder && !code_returns(build, change->original));
}

/* ---- warnings ----------------------------------------------------------- */

static const struct notice_kind endless = {
	"never-returns",
	"never returns: a thread that is inside stays in the old code,\nand "
	"`hotfix apply` has to be told to accept that (--mode entry)",
	"functions never return: threads that are inside stay in the old "
	"code,\nand `hotfix apply` has to be told to accept that (--mode entry)",
};

static const struct notice_kind of_start = {
	"called-by-main",
	"is called by main() only: if that is at start-up, it has run already",
	"functions are called by main() only: if that is at start-up, they "
	"have run already",
};

static const struct notice_kind removed = {
	"function-removed",
	"is removed: pointers to it that the process has stored still run it",
	"functions are removed: pointers to them that the process has stored "
	"still run them",
};

static int warn_change(struct judge *judge, const struct change *change)
{
	const char *name = change->original->name;
	const char *source = judge_item_source(judge, change->pair,
					       change->original);
	const char *once = run_once(change);

	if (once)
		return judge_warn(judge,
				  "%s() (%s) changes, but %s: processes that "
				  "run already do not see it",
				  name, source, once);
	if (never_returns(judge->build, change))
		return judge_notice(judge, &endless, "%s() (%s)", name, source);
	if (is_only_of_main(change))
		return judge_notice(judge, &of_start, "%s() (%s)", name,
				    source);
	return 0;
}

/*
 * call, jmp, jcc with a 32-bit displacement. Anything else may have stored the
 * address.
 */
static bool is_branch(const struct item *user,
		      const struct reference *reference)
{
	const uint8_t *field = user->bytes + reference->offset;

	if (!item_is_code(user) || !user->bytes || !reference->offset)
		return false;
	return field[-1] == 0xe8 || field[-1] == 0xe9 ||
	       (reference->offset > 1 && field[-2] == 0x0f &&
		(field[-1] & 0xf0) == 0x80);
}

static bool address_is_taken(const struct unit *unit,
			     const struct item *function)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *user = unit->items[i];

		for (size_t k = 0; k < user->nr_references; k++)
			if (user->references[k].to == function &&
			    !is_branch(user, &user->references[k]) &&
			    function_of(user) != function)
				return true;
	}
	return false;
}

static int warn_removals(struct judge *judge, const struct unit_pair *pair)
{
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++) {
		const struct item *item = pair->original->items[i];

		if (item->kind == ITEM_FUNCTION && item->name &&
		    item->verdict == VERDICT_REMOVED &&
		    address_is_taken(pair->original, item))
			r = judge_notice(judge, &removed, "%s() (%s)",
					 item->name,
					 judge_item_source(judge, pair, item));
	}
	return r;
}

/* ---- what would have been made at start-up ------------------------------ */

#define CALLS_MAX 4 /* deep: compilers need one */

static int add_unmade(const struct judge *judge, const struct unit_pair *pair,
		      const struct item *code, unsigned int depth,
		      struct strings *found)
{
	int r = 0;

	for (size_t i = 0; i < code->nr_references && !r; i++) {
		const struct item *to = code->references[i].to;
		owned(free_p) char *line = NULL;

		if (item_is_code(to) && to != code && depth < CALLS_MAX) {
			r = add_unmade(judge, pair, to, depth + 1, found);
			continue;
		}
		if (!to->writable || !is_addition(judge->set, to))
			continue;
		line = text_format("variable %s (%s)", to->name ?: "?",
				   judge_source(judge, pair));
		r = line ? judge_add_once(found, line) : -ENOMEM;
	}
	return r;
}

static int refuse_unmade(const struct strings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "needs-constructor",
		  "the diff adds variables that code makes when the program "
		  "starts");
	judge_list(found, diag);
	hf_hint(diag, "the process has started long ago: they would stay "
		      "zeros. Make them variables of the function that uses "
		      "them (static), or give them constant initial values");
	return -ECANCELED;
}

/* New variables that a changed constructor would have filled. */
static int judge_unmade(struct judge *judge, struct hf_diag *diag)
{
	const struct change_set *set = judge->set;
	struct strings found = { 0 };
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		if (is_constructor(set->changes[i].pair->original,
				   set->changes[i].original))
			r = add_unmade(judge, set->changes[i].pair,
				       set->changes[i].patched, 0, &found);
	if (!r && found.nr)
		r = refuse_unmade(&found, diag);
	strings_release(&found);
	return r;
}

/* ---- the verdict -------------------------------------------------------- */

static int refuse(const struct judge *judge, struct hf_diag *diag)
{
	const struct change_set *set = judge->set;

	hf_refuse(diag, "already-ran",
		  "the diff changes only code that has run when a process can "
		  "be patched");
	for (size_t i = 0; i < set->nr_changes; i++)
		hf_detail(diag, "  %s() (%s): %s", set->changes[i].original->name,
			  judge_item_source(judge, set->changes[i].pair,
					    set->changes[i].original),
			  run_once(&set->changes[i]));
	hf_hint(diag, "what it left behind in the process stays as it is: "
		      "restart the service to get this fix");
	hf_hint(diag, "or repair that by a replacement source with a hook, see "
		      "hotfix-build(1)");
	return -ECANCELED;
}

/* A call of its name does not come to its entry: there is nothing to redirect. */
static void leave_resolvers(struct change_set *set)
{
	size_t kept = 0;

	for (size_t i = 0; i < set->nr_changes; i++)
		if (!is_resolver(&set->changes[i]))
			set->changes[kept++] = set->changes[i];
	set->nr_changes = kept;
}

int judge_run(struct judge *judge, struct hf_diag *diag)
{
	struct change_set *set = judge->set;
	size_t nr_late = 0;
	int r = judge_unmade(judge, diag);

	if (r)
		return r;
	for (size_t i = 0; i < set->nr_changes; i++)
		nr_late += run_once(&set->changes[i]) != NULL;
	if (set->nr_changes && nr_late == set->nr_changes)
		return refuse(judge, diag);
	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = warn_change(judge, &set->changes[i]);
	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		if (set->pairs[i].original && set->pairs[i].patched)
			r = warn_removals(judge, &set->pairs[i]);
	leave_resolvers(set);
	return r;
}
