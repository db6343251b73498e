/*
 * Where the linker kept both names, they stand at one address. Of static
 * functions some linkers drop the name with the code; then the objects tell:
 * equal code in a link that was to fold, and no place of its own in the target.
 */
#include "folded.h"

#include <errno.h>
#include <string.h>

/* Without "@V1": symbols_read() has cut versions off. */
static bool is_named(const char *own, const char *name)
{
	size_t size = strcspn(own, "@");

	return !strncmp(own, name, size) && !name[size];
}

/* How many of its names are @name: "f@V1" and "f@@V2" are two. */
static size_t count_own(const struct change *change, const char *name)
{
	const struct unit *unit = change->pair->original;
	const struct item *item = change->original;
	size_t nr = is_named(item->name, name);

	for (size_t i = 0; i < item->nr_aliases; i++)
		nr += is_named(elf_symbol_name(unit->file, &unit->symbols,
					       item->aliases[i]),
			       name);
	return nr;
}

/* Empty functions stand at the start of whatever comes next. */
static bool is_at_entry(const struct change *change, const struct symbol *symbol)
{
	return symbol->vaddr == change->target->vaddr && symbol->size &&
	       symbol_class(symbol) == SYMBOL_FUNCTION;
}

static size_t count_there(const struct build *build,
			  const struct change *change, const char *name)
{
	size_t nr = 0;

	for (size_t i = 0; i < build->symbols.nr_code; i++) {
		const struct symbol *symbol = build->symbols.code[i];

		nr += is_at_entry(change, symbol) &&
		      !strcmp(symbol->name, name);
	}
	return nr;
}

/* A function of the target at the same entry that is not the change's. */
static const struct symbol *find_other(const struct build *build,
				       const struct change *change)
{
	for (size_t i = 0; i < build->symbols.nr_code; i++) {
		const struct symbol *symbol = build->symbols.code[i];

		/* Perhaps with another number than ours. */
		if (symbol == change->target)
			continue;
		if (is_at_entry(change, symbol) &&
		    count_own(change, symbol->name) <
			    count_there(build, change, symbol->name))
			return symbol;
	}
	return NULL;
}

static int refuse(const struct build *build, const struct change *change,
		  const char *name, const char *source, struct hf_diag *diag)
{
	hf_refuse(diag, "function-folded",
		  "%s() of %s and %s()%s%s are one function in %s: the linker "
		  "has folded equal code (--icf), and both have one entry",
		  change->original->name, change->pair->name, name,
		  source ? " of " : "", source ?: "", build->target->name);
	hf_hint(diag, "a patch redirects entries: whoever calls the other one "
		      "would come to the changed code as well");
	hf_hint(diag, "let the diff change the functions that call %s() "
		      "instead, and call a new function from there",
		change->original->name);
	return -ECANCELED;
}

/* ---- names that are gone ------------------------------------------------ */

static bool may_fold(const struct link_step *link)
{
	for (size_t i = 0; link && i < link->arguments.nr; i++) {
		const char *option = strstr(link->arguments.items[i], "--icf");

		if (option && strncmp(option, "--icf=none", 10))
			return true;
	}
	return false;
}

static bool is_equal_code(const struct elf_file *file, const Elf64_Sym *symbol,
			  const struct item *item)
{
	const Elf64_Shdr *section = elf_section_at(file, symbol->st_shndx);
	const uint8_t *bytes =
		section ? elf_section_data(file, section) : NULL;

	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && bytes &&
	       item->bytes && symbol->st_size == item->size &&
	       symbol->st_value <= section->sh_size &&
	       symbol->st_size <= section->sh_size - symbol->st_value &&
	       !memcmp(bytes + symbol->st_value, item->bytes, item->size);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Whether the target has another place for a function of @source. */
static bool has_own_place(const struct build *build,
			  const struct change *change, const char *name,
			  const char *source)
{
	for (size_t i = 0; i < build->symbols.nr_code; i++) {
		const struct symbol *symbol = build->symbols.code[i];

		if (!strcmp(symbol->name, name) &&
		    symbol->vaddr != change->target->vaddr &&
		    (!symbol->file || !source ||
		     !strcmp(base_of(symbol->file), base_of(source))))
			return true;
	}
	return false;
}

static int check_object(const struct build *build, const struct change *change,
			const char *path, struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	bool is_own = !strcmp(path, change->pair->original->path);
	const char *source = NULL;
	struct elf_symbols symbols;
	int r = elf_open(path, &file, diag);

	if (r)
		return r;
	symbols = elf_symbols(file, SHT_SYMTAB);
	for (size_t i = 1; i < symbols.nr; i++) {
		const Elf64_Sym *symbol = &symbols.entries[i];
		const char *name = elf_symbol_name(file, &symbols, i);

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FILE)
			source = name;
		if (!is_equal_code(file, symbol, change->original) ||
		    (is_own && count_own(change, name)) ||
		    has_own_place(build, change, name, source))
			continue;
		return refuse(build, change, name, source, diag);
	}
	return 0;
}

static int check_change(const struct build *build, const struct change_set *set,
			const struct change *change, struct hf_diag *diag)
{
	const struct symbol *other = find_other(build, change);
	int r = 0;

	if (other)
		return refuse(build, change, other->name,
			      symbol_source(&build->symbols, other), diag);
	if (!may_fold(set->link))
		return 0;
	for (size_t i = 0; i < set->link->nr_inputs && !r; i++)
		if (!set->link->inputs[i].optimised)
			r = check_object(build, change,
					 set->link->inputs[i].object, diag);
	for (size_t i = 0; i < set->nr_pairs && !r; i++)
		if (set->pairs[i].original && set->pairs[i].original->optimised)
			r = check_object(build, change,
					 set->pairs[i].original->path, diag);
	return r;
}

int folded_check(const struct build *build, const struct change_set *set,
		 struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < set->nr_changes && !r; i++)
		r = check_change(build, set, &set->changes[i], diag);
	return r;
}
