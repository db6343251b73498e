#include "choose_code.h"

#include <errno.h>
#include <string.h>

/* The longest field; more than is filled in may be left out. */
#define FIELD_SIZE 8

struct functions {
	const struct symbol **items; /* of the target, by name */
	size_t nr;
};

static int by_name(const void *a, const void *b)
{
	const struct symbol *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static int functions_collect(const struct build *build,
			     struct functions *functions)
{
	for (size_t i = 0; i < build->symbols.nr; i++) {
		const struct symbol *symbol = &build->symbols.entries[i];
		const struct symbol **item;

		if (symbol_class(symbol) != SYMBOL_FUNCTION || !symbol->size)
			continue;
		item = array_append(functions->items, functions->nr);
		if (!item)
			return -ENOMEM;
		*item = symbol;
	}
	if (functions->nr)
		qsort(functions->items, functions->nr,
		      sizeof(*functions->items), by_name);
	return 0;
}

/* The first of that name; functions->nr when there is none. */
static size_t functions_find(const struct functions *functions,
			     const char *name)
{
	size_t low = 0, high = functions->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(functions->items[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- the linker's fields ------------------------------------------------ */

/* For each section with relocations, a byte for each of its own: 1 in fields. */
struct masks {
	uint8_t **items;
	size_t nr;
};

static void masks_release(struct masks *masks)
{
	for (size_t i = 0; i < masks->nr; i++)
		free(masks->items[i]);
	free(masks->items);
}

static void mask_fields(const struct elf_file *object, const Elf64_Shdr *table,
			uint8_t *mask, size_t size)
{
	const Elf64_Rela *relas = (const void *)elf_section_data(object, table);
	size_t nr = relas ? elf_section_entries(table, sizeof(*relas)) : 0;

	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < FIELD_SIZE; k++)
			if (relas[i].r_offset < size - k)
				mask[relas[i].r_offset + k] = 1;
}

static int masks_read(const struct elf_file *object, struct masks *masks)
{
	masks->items = calloc(object->nr_sections, sizeof(*masks->items));
	if (!masks->items)
		return -ENOMEM;
	masks->nr = object->nr_sections;
	for (size_t i = 0; i < object->nr_sections; i++) {
		const Elf64_Shdr *table = elf_section_at(object, i);
		const Elf64_Shdr *section =
			elf_section_at(object, table->sh_info);

		if (table->sh_type != SHT_RELA || !section ||
		    !(section->sh_flags & SHF_EXECINSTR) ||
		    section->sh_size < FIELD_SIZE ||
		    masks->items[table->sh_info])
			continue;
		masks->items[table->sh_info] = calloc(1, section->sh_size);
		if (!masks->items[table->sh_info])
			return -ENOMEM;
		mask_fields(object, table, masks->items[table->sh_info],
			    section->sh_size);
	}
	return 0;
}

/* ---- comparing ---------------------------------------------------------- */

static bool is_same_code(const uint8_t *code, const uint8_t *mask,
			 const uint8_t *running, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!(mask && mask[i]) && code[i] != running[i])
			return false;
	return true;
}

/* Whether one of the target's functions of that name is this one. */
static bool is_in_target(const struct build *build,
			 const struct functions *functions,
			 const struct elf_file *object,
			 const struct masks *masks, const Elf64_Sym *symbol,
			 const char *name)
{
	const Elf64_Shdr *section = elf_section_at(object, symbol->st_shndx);
	const uint8_t *code = section ? elf_section_data(object, section) : NULL;
	const uint8_t *mask = section ? masks->items[symbol->st_shndx] : NULL;

	if (!code || symbol->st_value > section->sh_size ||
	    symbol->st_size > section->sh_size - symbol->st_value)
		return false;
	for (size_t i = functions_find(functions, name);
	     i < functions->nr && !strcmp(functions->items[i]->name, name);
	     i++) {
		const struct symbol *function = functions->items[i];
		const uint8_t *running =
			elf_bytes_at(build->target->file, function->vaddr,
				     function->size);

		if (running && function->size == symbol->st_size &&
		    is_same_code(code + symbol->st_value,
				 mask ? mask + symbol->st_value : NULL, running,
				 symbol->st_size))
			return true;
	}
	return false;
}

static int count_object(const struct build *build,
			const struct functions *functions, const char *path,
			size_t *nr_same)
{
	owned(elf_close_p) struct elf_file *object = NULL;
	struct masks masks = { 0 };
	struct elf_symbols symbols;
	int r;

	/* What cannot be read has nothing in common. */
	if (elf_open(path, &object, NULL))
		return 0;
	symbols = elf_symbols(object, SHT_SYMTAB);
	r = masks_read(object, &masks);
	for (size_t i = 1; i < symbols.nr && !r; i++) {
		const Elf64_Sym *symbol = &symbols.entries[i];

		*nr_same += ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
			    symbol->st_size &&
			    is_in_target(build, functions, object, &masks,
					 symbol,
					 elf_symbol_name(object, &symbols, i));
	}
	masks_release(&masks);
	return r;
}

int choose_code(const struct build *build, const struct link_step *link,
		size_t *ret_nr_same)
{
	struct functions functions = { 0 };
	size_t nr_same = 0;
	int r = functions_collect(build, &functions);

	for (size_t i = 0; i < link->nr_inputs && !r; i++)
		if (!link->inputs[i].optimised)
			r = count_object(build, &functions,
					 link->inputs[i].object, &nr_same);
	for (size_t i = 0; i < link->optimised.nr && !r; i++)
		r = count_object(build, &functions, link->optimised.items[i],
				 &nr_same);
	free(functions.items);
	if (!r)
		*ret_nr_same = nr_same;
	return r;
}
