#include "replaced.h"

#include <errno.h>
#include <string.h>

#include "../lib/digest.h"
#include "../lib/insn.h"
#include "inlines.h"

#define FUNCTION_SIZE_MAX (16u << 20)

/* "charge" of "charge.isra.0": what the compiler put behind, or NULL. */
static const char *suffix_of(const char *symbol, const char *function)
{
	size_t size = strlen(function);

	return !strncmp(symbol, function, size) && symbol[size] == '.' ?
		       symbol + size :
		       NULL;
}

bool is_cold_of(const char *symbol, const char *function)
{
	const char *suffix = suffix_of(symbol, function);

	return suffix && !strncmp(suffix, ".cold", 5) &&
	       (!suffix[5] || suffix[5] == '.');
}

bool is_clone_of(const char *symbol, const char *function)
{
	static const char *const kinds[] = { ".isra.", ".constprop.", ".part." };
	const char *suffix = suffix_of(symbol, function);

	for (size_t i = 0; suffix && i < ARRAY_SIZE(kinds); i++)
		if (!strncmp(suffix, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* ---- finding ------------------------------------------------------------ */

static int refuse_ambiguous(const struct build *build,
			    const struct symbol_matches *matches,
			    const char *name, struct hf_diag *diag)
{
	hf_refuse(diag, "function-ambiguous",
		  "%zu functions of %s are called %s", matches->nr,
		  build->target->name, name);
	for (size_t i = 0; i < matches->nr; i++)
		hf_detail(diag, "  %#lx  of %s", matches->entries[i]->vaddr,
			  symbol_source(&build->symbols,
					matches->entries[i]) ?:
				  "unknown source");
	hf_hint(diag, "say which: HOTFIX_REPLACE_IN(\"file.c\", %s, "
		      "replacement); or --replace file.c:%s=replacement",
		name, name);
	return -ECANCELED;
}

static int refuse_clone_only(const struct build *build, const char *name,
			     const struct symbol *clone, struct hf_diag *diag)
{
	hf_refuse(diag, "function-clone",
		  "%s has no %s(): the compiler kept only %s, a copy with "
		  "another calling convention",
		  build->target->name, name, clone->name);
	hf_hint(diag, "replace the functions that call %s instead",
		clone->name);
	return -ECANCELED;
}

static int refuse_missing(const struct build *build, const char *name,
			  const char *source, struct hf_diag *diag)
{
	struct strings near = { 0 };
	int r;

	for (size_t i = 0; i < build->symbols.nr; i++)
		if (is_clone_of(build->symbols.entries[i].name, name))
			return refuse_clone_only(build, name,
						 &build->symbols.entries[i],
						 diag);
	r = inlines_refuse_if_only_inlined(build, name, diag);
	if (r)
		return r;
	hf_refuse(diag, "function-missing", "%s has no function %s",
		  build->target->name, name);
	if (source && *source)
		hf_detail(diag, "(looked for in source files called %s)",
			  source);
	if (!symbols_near(&build->symbols, name, &near))
		for (size_t i = 0; i < near.nr; i++)
			hf_detail(diag, "  did you mean %s?", near.items[i]);
	strings_release(&near);
	if (!build->symbols.complete)
		hf_hint(diag, "%s is stripped: give its debug file with "
			      "--debuginfo to reach what is static",
			build->target->name);
	return -ECANCELED;
}

static void keep_functions(struct symbol_matches *matches)
{
	size_t kept = 0;

	for (size_t i = 0; i < matches->nr; i++)
		if (symbol_class(matches->entries[i]) == SYMBOL_FUNCTION)
			matches->entries[kept++] = matches->entries[i];
	matches->nr = kept;
}

static int refuse_no_function(const struct build *build, const char *name,
			      enum symbol_class class, struct hf_diag *diag)
{
	return hf_refuse(diag, "symbol-kind", "%s in %s is %s, no function",
			 name, build->target->name, symbol_class_name(class));
}

int replaced_lookup(const struct build *build, const char *name,
		    const char *source, const struct symbol **ret_symbol,
		    struct hf_diag *diag)
{
	struct symbol_matches matches = { 0 };
	enum symbol_class class = SYMBOL_FUNCTION;
	int r = symbols_find(&build->symbols, name, source, &matches);

	if (r)
		return hf_fail(diag, r, "cannot look for %s", name);
	if (matches.nr)
		class = symbol_class(matches.entries[0]);
	keep_functions(&matches);
	if (matches.nr > 1)
		r = refuse_ambiguous(build, &matches, name, diag);
	else if (!matches.nr && class != SYMBOL_FUNCTION)
		r = refuse_no_function(build, name, class, diag);
	else if (!matches.nr)
		r = refuse_missing(build, name, source, diag);
	else
		*ret_symbol = matches.entries[0];
	symbol_matches_release(&matches);
	return r;
}

/* ---- what can be replaced ----------------------------------------------- */

static bool is_compilers_copy(const char *name)
{
	const char *dot = strchr(name, '.');
	owned(free_p) char *base =
		dot ? strndup(name, (size_t)(dot - name)) : NULL;

	return base && (is_clone_of(name, base) || is_cold_of(name, base));
}

static int check_no_copy(const struct build *build, const struct symbol *symbol,
			 struct hf_diag *diag)
{
	if (!is_compilers_copy(symbol->name))
		return 0;
	return hf_refuse(diag, "function-clone",
			 "%s in %s is a copy that the compiler made, with "
			 "another calling convention",
			 symbol->name, build->target->name);
}

static int check_replaceable(const struct build *build,
			     const struct symbol *symbol, struct hf_diag *diag)
{
	const char *target = build->target->name;

	if (symbol->type == STT_GNU_IFUNC)
		return hf_refuse(diag, "function-ifunc",
				 "%s() in %s is chosen by a resolver (IFUNC) "
				 "when the program starts; replace the "
				 "implementation that it chooses",
				 symbol->name, target);
	if (!symbol->size || symbol->size > FUNCTION_SIZE_MAX ||
	    !elf_bytes_at(build->target->file, symbol->vaddr, symbol->size))
		return hf_refuse(diag, "function-size",
				 "the size of %s() in %s is not known (%lu "
				 "bytes): is it written in assembly?",
				 symbol->name, target, symbol->size);
	return 0;
}

/* The bytes next to the function, for a relay of a short jump. */
static void find_gaps(const struct build *build, const struct symbol *symbol,
		      struct site_code *code)
{
	const struct elf_file *file = build->target->file;
	struct symbol_gaps gaps = symbols_gaps(&build->symbols, symbol);

	code->gap_before =
		elf_bytes_at(file, symbol->vaddr - gaps.before, gaps.before);
	code->gap_before_size = code->gap_before ? gaps.before : 0;
	code->gap_behind = elf_bytes_at(file, symbol->vaddr + symbol->size,
					gaps.behind);
	code->gap_behind_size = code->gap_behind ? gaps.behind : 0;
}

static int plan_site(const struct build *build, const struct symbol *symbol,
		     struct manifest_function *function, struct hf_diag *diag)
{
	struct site_code code = {
		.address = symbol->vaddr,
		.bytes = elf_bytes_at(build->target->file, symbol->vaddr,
				      symbol->size),
		.size = symbol->size,
	};
	int r;

	find_gaps(build, symbol, &code);
	r = site_plan_make(build->target->arch, &code, &function->plan, diag);
	if (r)
		return hf_context(diag, r, "%s() in %s", symbol->name,
				  build->target->name);
	function->gap_before = (uint32_t)code.gap_before_size;
	function->gap_behind = (uint32_t)code.gap_behind_size;
	sha256(code.bytes, code.size, function->sha256);
	return 0;
}

static bool same_source(const struct build *build, const struct symbol *a,
			const struct symbol *b)
{
	const char *left = a->file ?: symbol_source(&build->symbols, a);
	const char *right = b->file ?: symbol_source(&build->symbols, b);

	return !left || !right || source_matches(left, right) ||
	       source_matches(right, left);
}

/* Only its own parent jumps there, so it belongs to the function. */
static int add_parts(const struct build *build, const struct symbol *symbol,
		     struct manifest_function *function)
{
	for (size_t i = 0; i < build->symbols.nr; i++) {
		const struct symbol *cold = &build->symbols.entries[i];
		const uint8_t *bytes;
		struct manifest_part *part;

		if (!is_cold_of(cold->name, symbol->name) || !cold->size ||
		    !same_source(build, symbol, cold))
			continue;
		bytes = elf_bytes_at(build->target->file, cold->vaddr,
				     cold->size);
		if (!bytes)
			continue;
		part = array_append(function->parts, function->nr_parts);
		if (!part || !(part->name = strdup(cold->name)))
			return -ENOMEM;
		part->vaddr = cold->vaddr;
		part->size = cold->size;
		sha256(bytes, cold->size, part->sha256);
	}
	return 0;
}

static int check_not_twice(const struct build *build,
			   const struct symbol *symbol, const char *new,
			   const struct object *object, struct hf_diag *diag)
{
	for (size_t i = 0; i < build->nr_replacements; i++) {
		const struct replacement *other = &build->replacements[i];

		if (other->old->vaddr == symbol->vaddr)
			return hf_refuse(diag, "replaced-twice",
					 "%s() is replaced twice, by %s() of "
					 "%s and %s() of %s",
					 symbol->name, other->new,
					 other->object->source, new,
					 object->source);
		if (strcmp(other->new, new))
			continue;
		hf_refuse(diag, "replaced-twice",
			  "%s() of %s replaces two functions, %s() and %s()",
			  new, object->source, other->old->name, symbol->name);
		hf_hint(diag, "write one replacement for each, with a name of "
			      "its own");
		return -ECANCELED;
	}
	return 0;
}

/* Whether all that @symbol does is to jump to @to. */
static bool is_jump_to(const struct build *build, const struct symbol *symbol,
		       uint64_t to)
{
	const uint8_t *code = elf_bytes_at(build->target->file, symbol->vaddr,
					   symbol->size);
	struct insn insn;
	size_t pad;

	if (!code || symbol->size > 16)
		return false;
	pad = build->target->arch->landing_pad_size(code, symbol->size);
	return !insn_decode(build->decoder, code + pad, symbol->size - pad,
			    symbol->vaddr + pad, &insn) &&
	       insn.is_jump && !insn.is_conditional && insn.has_target &&
	       insn.target == to;
}

/*
 * Another name for the same code, or what the compiler's folding of identical
 * functions leaves of a second one: it is replaced too, wanted or not.
 */
static int warn_aliases(struct build *build, const struct symbol *symbol)
{
	int r = 0;

	for (size_t i = 0; i < build->symbols.nr_code && !r; i++) {
		const struct symbol *other = build->symbols.code[i];

		if (symbol_class(other) != SYMBOL_FUNCTION ||
		    !strcmp(other->name, symbol->name))
			continue;
		if (other->vaddr == symbol->vaddr)
			r = strings_addf(&build->warnings,
					 "%s() is another name for the code of "
					 "%s(): it is replaced as well",
					 other->name, symbol->name);
		else if (is_jump_to(build, other, symbol->vaddr))
			r = strings_addf(&build->warnings,
					 "%s() does nothing but jump to %s(), "
					 "so it is replaced as well (the "
					 "compiler may have merged two equal "
					 "functions)",
					 other->name, symbol->name);
	}
	return r;
}

static int add_function(struct build *build, const struct symbol *symbol,
			const char *new, struct hf_diag *diag)
{
	const char *source = symbol_source(&build->symbols, symbol);
	struct manifest_function *function =
		array_append(build->manifest->functions,
			     build->manifest->nr_functions);

	if (!function || !(function->name = strdup(symbol->name)) ||
	    !(function->replacement = strdup(new)) ||
	    (source && !(function->source = strdup(source))))
		return hf_fail(diag, -ENOMEM, "cannot add a function");
	function->vaddr = symbol->vaddr;
	function->size = symbol->size;
	if (add_parts(build, symbol, function) || warn_aliases(build, symbol))
		return hf_fail(diag, -ENOMEM, "cannot add a function");
	return plan_site(build, symbol, function, diag);
}

int replaced_add(struct build *build, const struct object *object,
		 const struct symbol *symbol, const char *new,
		 struct hf_diag *diag)
{
	struct replacement *replacement;
	int r = check_replaceable(build, symbol, diag);

	if (!r)
		r = check_not_twice(build, symbol, new, object, diag);
	if (r)
		return r;
	replacement =
		array_append(build->replacements, build->nr_replacements);
	if (!replacement)
		return hf_fail(diag, -ENOMEM, "cannot add a function");
	*replacement = (struct replacement){ symbol, object, new, NULL };
	return add_function(build, symbol, new, diag);
}

static int add_replacement(struct build *build, const struct object *object,
			   const char *old, const char *source, const char *new,
			   struct hf_diag *diag)
{
	const struct symbol *symbol = NULL;
	int r = replaced_lookup(build, old, source, &symbol, diag);

	if (!r)
		r = check_no_copy(build, symbol, diag);
	return r ?: replaced_add(build, object, symbol, new, diag);
}

/* ---- records and options ------------------------------------------------ */

static int add_hook(struct build *build, const struct object *object,
		    const struct record *record, struct hf_diag *diag)
{
	enum hook_kind kind =
		(enum hook_kind)(record->kind - HOTFIX_RECORD_PRE_APPLY);
	struct manifest_hook *hook = &build->manifest->hooks[kind];

	if (hook->symbol)
		return hf_refuse(diag, "hook-twice",
				 "%s: there is a %s hook already, %s()",
				 object->source, hook_kind_name(kind),
				 hook->symbol);
	hook->symbol = strdup(record->symbol);
	return hook->symbol ? 0 : hf_fail(diag, -ENOMEM, "cannot add a hook");
}

static int add_record(struct build *build, const struct object *object,
		      const struct record *record, struct hf_diag *diag)
{
	switch (record->kind) {
	case HOTFIX_RECORD_REPLACE:
		return add_replacement(build, object, record->name,
				       record->source, record->symbol, diag);
	case HOTFIX_RECORD_IMPORT:
		return 0;
	case HOTFIX_RECORD_PRE_APPLY:
	case HOTFIX_RECORD_POST_APPLY:
	case HOTFIX_RECORD_PRE_REVERT:
	case HOTFIX_RECORD_POST_REVERT:
		return add_hook(build, object, record, diag);
	}
	hf_error(diag, -EINVAL, "record-malformed",
		 "%s: a record of an unknown kind (%u)", object->source,
		 (unsigned int)record->kind);
	hf_hint(diag, "is its <hotfix/hotfix.h> of another version?");
	return -EINVAL;
}

static bool defines_function(const struct object *object, const char *name)
{
	const Elf64_Sym *symbol = object_definition(object, name);

	return symbol && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
}

static int add_option(struct build *build, const struct replace_option *option,
		      struct hf_diag *diag)
{
	const struct object *object = NULL;
	const char *name;

	for (size_t i = 0; i < build->nr_objects && !object; i++)
		if (defines_function(&build->objects[i], option->new))
			object = &build->objects[i];
	if (!object)
		return hf_refuse(diag, "function-missing",
				 "--replace %s=%s: no source file defines a "
				 "function %s",
				 option->old, option->new, option->new);
	/* The object's own copy of the name lives as long as the object. */
	name = elf_symbol_name(
		object->file, &object->symbols,
		(size_t)(object_definition(object, option->new) -
			 object->symbols.entries));
	return add_replacement(build, object, option->old, option->source,
			       name, diag);
}

/* A replacement is found by name in the result, so it must be the only one. */
static int check_unique(const struct build *build,
			const struct replacement *replacement,
			struct hf_diag *diag)
{
	for (size_t i = 0; i < build->nr_objects; i++) {
		const struct object *object = &build->objects[i];

		if (object == replacement->object ||
		    !defines_function(object, replacement->new))
			continue;
		hf_refuse(diag, "replaced-twice",
			  "%s and %s both define a function %s",
			  replacement->object->source, object->source,
			  replacement->new);
		hf_hint(diag, "give one another name and say "
			      "HOTFIX_REPLACE_AS(old, new)");
		return -ECANCELED;
	}
	return 0;
}

int replaced_find(struct build *build, struct hf_diag *diag)
{
	const struct options *options = build->options;
	int r = 0;

	for (size_t i = 0; i < build->nr_objects && !r; i++) {
		const struct object *object = &build->objects[i];

		for (size_t k = 0; k < object->nr_records && !r; k++)
			r = add_record(build, object, &object->records[k],
				       diag);
	}
	for (size_t i = 0; i < options->nr_replaces && !r; i++)
		r = add_option(build, &options->replaces[i], diag);
	for (size_t i = 0; i < build->nr_replacements && !r; i++)
		r = check_unique(build, &build->replacements[i], diag);
	if (r || build->nr_replacements)
		return r;
	hf_refuse(diag, "nothing-replaced",
		  "the sources do not say which functions they replace");
	hf_hint(diag, "write HOTFIX_REPLACE(name); behind the function "
		      "(#include <hotfix/hotfix.h>), or give --replace NAME");
	return -ECANCELED;
}
