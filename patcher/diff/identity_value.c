/*
 * Where a field of the target leads: through the PLT, through slots of the GOT
 * that the linker or the loader fills, or directly; and, for thread-local
 * variables, how far from the thread pointer or into the block.
 */
#include "identity_check.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "bind.h"
#include "target_alike.h"

#define PLACE_SIZE 256

int check_differs(struct check *check, const char *format, ...)
{
	va_list arguments;
	int r;

	free(take_ptr(check->reason));
	va_start(arguments, format);
	r = vasprintf(&check->reason, format, arguments);
	va_end(arguments);
	if (r >= 0)
		return 0;
	check->reason = NULL;
	return -ENOMEM;
}

static int leads_elsewhere(struct check *check, uint64_t vaddr,
			   const struct item *to, int64_t to_offset)
{
	char ours[PLACE_SIZE], theirs[PLACE_SIZE];

	return check_differs(
		check, "it refers to %s; the target's refers to %s",
		describe_place(to, to_offset, ours, sizeof(ours)),
		describe_address(check->build, vaddr, theirs, sizeof(theirs)));
}

/* ---- names -------------------------------------------------------------- */

/* Up to the version: .symver gives names like "f@V1". */
static bool same_name(const char *a, const char *b)
{
	size_t size = strcspn(a, "@");

	return size == strcspn(b, "@") && !strncmp(a, b, size);
}

static bool is_called(const struct check *check, const struct item *item,
		      const char *name)
{
	const struct unit *unit = check->pair->original;

	if (item->name && same_name(item->name, name))
		return true;
	for (size_t i = 0; i < item->nr_aliases; i++)
		if (same_name(elf_symbol_name(unit->file, &unit->symbols,
					      item->aliases[i]),
			      name))
			return true;
	return false;
}

/* By name alone, while a function is chosen by its code. */
static bool is_named_there(const struct check *check, const struct item *item,
			   uint64_t vaddr)
{
	return check->pair->original->optimised ?
		       target_is_alike(check->build, item->name, vaddr) :
		       target_is_named(check->build, item->name, vaddr);
}

/* A word that the loader fills with a symbol's address. */
static bool word_names(const struct check *check,
		       const struct target_word *word, const struct item *to,
		       const struct binding *binding)
{
	if (!word->name)
		return false;
	if (is_called(check, to, word->name))
		return true;
	/* The target's own, under another of its names. */
	return word->defined && binding->kind == BINDING_TARGET &&
	       word->vaddr == binding->vaddr;
}

/* ---- words -------------------------------------------------------------- */

/* An undefined weak symbol is 0. */
static bool is_absent(const struct item *to, const struct binding *binding)
{
	return to->kind == ITEM_EXTERNAL && to->binding == STB_WEAK &&
	       binding->kind != BINDING_TARGET;
}

static int check_named_word(struct check *check, uint64_t vaddr,
			    const struct target_word *word,
			    const struct item *to, int64_t to_offset)
{
	struct binding binding;
	int r = bind_item(check->build, check->pair, to, &binding);

	if (r)
		return r;
	if (word_names(check, word, to, &binding) &&
	    word->value == (uint64_t)to_offset)
		return 1;
	return leads_elsewhere(check, vaddr, to, to_offset);
}

/* The loader calls a resolver: the symbol is its address. */
static int check_resolver_word(struct check *check, uint64_t vaddr,
			       const struct target_word *word,
			       const struct item *to, int64_t to_offset)
{
	struct binding binding;
	int r = bind_item(check->build, check->pair, to, &binding);

	if (r)
		return r;
	if (binding.kind == BINDING_TARGET && !to_offset &&
	    binding.symbol->type == STT_GNU_IFUNC &&
	    binding.vaddr == word->value)
		return 1;
	if (check->tentative && to->name &&
	    is_named_there(check, to, word->value))
		return 1;
	return leads_elsewhere(check, vaddr, to, to_offset);
}

/* What stands there when nothing fills it: an address only where those are
   fixed when linking. */
static int check_plain_word(struct check *check, uint64_t vaddr, uint64_t value,
			    const struct item *to, int64_t to_offset)
{
	struct binding binding;
	int r;

	if (value && check->build->target->file->header->e_type == ET_EXEC)
		return check_address(check, value, to, to_offset);
	r = bind_item(check->build, check->pair, to, &binding);
	if (r)
		return r;
	if (!value && is_absent(to, &binding))
		return 1;
	return leads_elsewhere(check, vaddr, to, to_offset);
}

int check_word(struct check *check, uint64_t vaddr, const struct item *to,
	       int64_t to_offset)
{
	struct target_word word;
	int r = target_word(check->build, vaddr, &word);

	if (r == -ENOENT)
		return leads_elsewhere(check, vaddr, to, to_offset);
	if (r)
		return r;
	switch (word.type) {
	case R_X86_64_NONE:
		return check_plain_word(check, vaddr, word.value, to,
					to_offset);
	case R_X86_64_RELATIVE:
		return check_address(check, word.value, to, to_offset);
	case R_X86_64_IRELATIVE:
		return check_resolver_word(check, vaddr, &word, to, to_offset);
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
		return check_named_word(check, vaddr, &word, to, to_offset);
	case R_X86_64_JUMP_SLOT:
		word.value = 0; /* its addend says nothing */
		return check_named_word(check, vaddr, &word, to, to_offset);
	default:
		return check_differs(check,
				     "the target's word at %#lx has a "
				     "relocation of type %u, which is not "
				     "understood",
				     vaddr, word.type);
	}
}

/* ---- addresses ---------------------------------------------------------- */

const struct walk *check_part(const struct check *check,
			      const struct item *item)
{
	for (size_t i = 0; i < check->nr_parts; i++)
		if (check->parts[i].item == item)
			return &check->parts[i];
	return NULL;
}

static int check_plt(struct check *check, uint64_t vaddr, const struct item *to,
		     int64_t to_offset)
{
	uint64_t slot;

	if (to_offset || target_plt_slot(check->build, vaddr, &slot))
		return leads_elsewhere(check, vaddr, to, to_offset);
	return check_word(check, slot, to, 0);
}

/* The compiler's own constants: who has the content has the thing. */
static bool is_compilers_own(const struct item *to)
{
	static const char *const names[] = {
		"__func__.",
		"__FUNCTION__.",
		"__PRETTY_FUNCTION__.",
		"CSWTCH.",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names) && to->name; i++)
		if (!strncmp(to->name, names[i], strlen(names[i])))
			return true;
	return false;
}

static int check_unbound(struct check *check, uint64_t vaddr,
			 const struct item *to, int64_t to_offset,
			 const struct binding *binding)
{
	uint64_t start = vaddr - (uint64_t)to_offset;
	char ours[PLACE_SIZE], theirs[PLACE_SIZE];

	if (is_absent(to, binding))
		return vaddr ? check_plt(check, vaddr, to, to_offset) : 1;
	if (check->tentative && is_named_there(check, to, start))
		return 1;
	if (is_compilers_own(to) && item_is_constant(check, to))
		return check_constant(check, start, to);
	describe_place(to, to_offset, ours, sizeof(ours));
	if (binding->kind == BINDING_AMBIGUOUS)
		return check_differs(check,
				     "it refers to %s, and the target has %zu "
				     "of that name that cannot be told apart",
				     ours, binding->nr_candidates);
	return check_differs(
		check,
		"it refers to %s, which is not found in the "
		"target%s; the target's refers to %s",
		ours,
		check->build->symbols.complete
			? ""
			: " (it is stripped: --debuginfo names the "
			  "file with its symbols)",
		describe_address(check->build, vaddr, theirs, sizeof(theirs)));
}

static int check_named(struct check *check, uint64_t vaddr,
		       const struct item *to, int64_t to_offset)
{
	struct binding binding;
	int r = bind_item(check->build, check->pair, to, &binding);

	if (r)
		return r;
	switch (binding.kind) {
	case BINDING_TARGET:
		if (vaddr != binding.vaddr + (uint64_t)to_offset)
			return check_plt(check, vaddr, to, to_offset);
		return check_constant(check, binding.vaddr, to);
	case BINDING_EXPORTED:
		if (!vaddr && is_absent(to, &binding))
			return 1;
		return check_plt(check, vaddr, to, to_offset);
	default:
		return check_unbound(check, vaddr, to, to_offset, &binding);
	}
}

int check_address(struct check *check, uint64_t vaddr, const struct item *to,
		  int64_t to_offset)
{
	const struct walk *part = check_part(check, to);

	if (part) {
		if (walk_same_place(part, to_offset, vaddr) ||
		    (!to_offset && check_plt(check, vaddr, to, 0) == 1))
			return 1;
		return leads_elsewhere(check, vaddr, to, to_offset);
	}
	switch (to->kind) {
	case ITEM_STRING:
	case ITEM_CONSTANT:
	case ITEM_TABLE:
		return check_literal(check, vaddr, to, to_offset);
	default:
		return check_named(check, vaddr, to, to_offset);
	}
}

/* ---- thread-local variables --------------------------------------------- */

static int differs_tls(struct check *check, const struct field_use *use)
{
	char ours[PLACE_SIZE];

	return check_differs(
		check,
		"it refers to the thread-local %s; the target's "
		"refers to another one",
		describe_place(use->to, use->to_offset, ours, sizeof(ours)));
}

/* 1: @offset in the target's block is the variable. */
static int check_block_offset(struct check *check, const struct field_use *use,
			      int64_t offset)
{
	struct binding binding;
	int r = bind_item(check->build, check->pair, use->to, &binding);

	if (r)
		return r;
	if (binding.kind == BINDING_TARGET &&
	    (int64_t)binding.vaddr + use->to_offset == offset)
		return 1;
	return differs_tls(check, use);
}

static int check_tp_offset(struct check *check, const struct field_use *use,
			   int64_t offset)
{
	const struct target *target = check->build->target;

	if (target->kind != TARGET_EXECUTABLE)
		return differs_tls(check, use);
	return check_block_offset(check, use, offset - target->tls_start);
}

/* A slot for a symbol's, or the target's own variable. */
static int check_tls_word(struct check *check, const struct field_use *use,
			  const struct target_word *word)
{
	if (!word->name)
		return check_block_offset(check, use, (int64_t)word->value);
	if (is_called(check, use->to, word->name) &&
	    (int64_t)word->value == use->to_offset)
		return 1;
	return differs_tls(check, use);
}

static int check_tp_slot(struct check *check, const struct field_use *use)
{
	struct target_word word;

	if (target_word(check->build, use->value, &word))
		return differs_tls(check, use);
	if (word.type == R_X86_64_TPOFF64)
		return check_tls_word(check, use, &word);
	if (word.type == R_X86_64_NONE)
		return check_tp_offset(check, use, (int64_t)word.value);
	return differs_tls(check, use);
}

static int check_descriptor(struct check *check, const struct field_use *use)
{
	struct target_word word;

	if (target_word(check->build, use->value, &word) ||
	    word.type != R_X86_64_TLSDESC)
		return differs_tls(check, use);
	return check_tls_word(check, use, &word);
}

/* The module's number: the target itself, or the one that has a symbol. */
static bool is_module_slot(const struct check *check, uint64_t vaddr,
			   struct target_word *ret_word)
{
	return !target_word(check->build, vaddr, ret_word) &&
	       ret_word->type == R_X86_64_DTPMOD64;
}

static int check_general_slot(struct check *check, const struct field_use *use)
{
	struct target_word module, offset;

	if (!is_module_slot(check, use->value, &module) ||
	    target_word(check->build, use->value + 8, &offset) ||
	    (offset.type != R_X86_64_DTPOFF64 &&
	     offset.type != R_X86_64_NONE) ||
	    (offset.type == R_X86_64_DTPOFF64
		     ? !module.name || !offset.name ||
			       strcmp(module.name, offset.name)
		     : module.name != NULL))
		return differs_tls(check, use);
	return check_tls_word(check, use, &offset);
}

static int check_local_slot(struct check *check, const struct field_use *use)
{
	struct target_word module;

	if (is_module_slot(check, use->value, &module) && !module.name)
		return 1;
	return differs_tls(check, use);
}

static bool local_dynamic_relaxed(const struct check *check)
{
	for (size_t i = 0; i < check->nr_parts; i++)
		if (check->parts[i].local_dynamic_relaxed)
			return true;
	return false;
}

/* ---- all of them -------------------------------------------------------- */

int check_use(struct check *check, const struct field_use *use)
{
	switch (use->meaning) {
	case FIELD_NONE:
		return 1;
	case FIELD_ADDRESS:
		return check_address(check, use->value, use->to,
				     use->to_offset);
	case FIELD_WORD:
		return check_word(check, use->place, use->to, use->to_offset);
	case FIELD_SLOT:
		if (use->to_offset)
			break;
		return check_word(check, use->value, use->to, 0);
	case FIELD_TP_OFFSET:
		return check_tp_offset(check, use, (int64_t)use->value);
	case FIELD_TP_SLOT:
		return check_tp_slot(check, use);
	case FIELD_BLOCK_OFFSET:
		if (local_dynamic_relaxed(check))
			return check_tp_offset(check, use, (int64_t)use->value);
		return check_block_offset(check, use, (int64_t)use->value);
	case FIELD_GD_SLOT:
		return check_general_slot(check, use);
	case FIELD_LD_SLOT:
		return check_local_slot(check, use);
	case FIELD_DESC_SLOT:
		return check_descriptor(check, use);
	default:
		break;
	}
	return check_differs(check, "relocation type %u is not understood",
			     use->type);
}
