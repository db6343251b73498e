/*
 * Exception tables (.gcc_except_table.f): which `catch` or clean-up belongs to
 * which call of f(). They are no items of a unit, and no code refers to them
 * but the unwind entries do; so a diff that changes only them would look like
 * none at all. Any difference of a function whose code stays is refused.
 *
 * Their offsets count from the start of the function, so that a table is the
 * same as long as its function is.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"

static const char table_name[] = ".gcc_except_table";

static bool is_table(const struct elf_file *file, const Elf64_Shdr *section)
{
	return section->sh_size && !strncmp(elf_section_name(file, section),
					    table_name, sizeof(table_name) - 1);
}

/* The next table at or after section @index; 0: there is none. */
static size_t next_table(const struct elf_file *file, size_t index)
{
	for (; index < file->nr_sections; index++)
		if (file->sections[index].sh_type == SHT_PROGBITS &&
		    is_table(file, &file->sections[index]))
			return index;
	return 0;
}

static const Elf64_Shdr *relocs_of(const struct elf_file *file, size_t index)
{
	for (size_t i = 1; i < file->nr_sections; i++)
		if (file->sections[i].sh_type == SHT_RELA &&
		    file->sections[i].sh_info == index)
			return &file->sections[i];
	return NULL;
}

/* What a relocation leads to, by name: types that are caught. */
static const char *symbol_name(const struct unit *unit, const Elf64_Rela *rela)
{
	size_t index = ELF64_R_SYM(rela->r_info);
	const Elf64_Shdr *section;

	if (index >= unit->symbols.nr)
		return "";
	section = elf_section_at(unit->file,
				 unit->symbols.entries[index].st_shndx);
	if (ELF64_ST_TYPE(unit->symbols.entries[index].st_info) == STT_SECTION)
		return section ? elf_section_name(unit->file, section) : "";
	return elf_symbol_name(unit->file, &unit->symbols, index);
}

static bool same_reloc(const struct unit *a, const Elf64_Rela *one,
		       const struct unit *b, const Elf64_Rela *other)
{
	return one->r_offset == other->r_offset &&
	       one->r_addend == other->r_addend &&
	       ELF64_R_TYPE(one->r_info) == ELF64_R_TYPE(other->r_info) &&
	       !strcmp(symbol_name(a, one), symbol_name(b, other));
}

static bool same_relocs(const struct unit *a, size_t one, const struct unit *b,
			size_t other)
{
	const Elf64_Shdr *first = relocs_of(a->file, one);
	const Elf64_Shdr *second = relocs_of(b->file, other);
	const Elf64_Rela *from, *to;
	size_t nr;

	if (!first || !second)
		return !first && !second;
	nr = elf_section_entries(first, sizeof(*from));
	from = (void *)elf_section_data(a->file, first);
	to = (void *)elf_section_data(b->file, second);
	if (!from || !to || nr != elf_section_entries(second, sizeof(*to)))
		return false;
	for (size_t i = 0; i < nr; i++)
		if (!same_reloc(a, &from[i], b, &to[i]))
			return false;
	return true;
}

static bool same_table(const struct unit *a, size_t one, const struct unit *b,
		       size_t other)
{
	const Elf64_Shdr *first = &a->file->sections[one];
	const Elf64_Shdr *second = &b->file->sections[other];
	const uint8_t *from = elf_section_data(a->file, first);
	const uint8_t *to = elf_section_data(b->file, second);

	return from && to && first->sh_size == second->sh_size &&
	       !memcmp(from, to, first->sh_size) &&
	       same_relocs(a, one, b, other);
}

/* ".gcc_except_table.f" is of f(); NULL: the compiler made one for all. */
static const char *function_name(const struct unit *unit, size_t table)
{
	const char *name =
		elf_section_name(unit->file, &unit->file->sections[table]) +
		sizeof(table_name) - 1;

	return *name == '.' && name[1] ? name + 1 : NULL;
}

/* The table of a function; NULL: the one for all. 0: there is none. */
static size_t table_of(const struct unit *unit, const char *function)
{
	size_t table = next_table(unit->file, 1);

	for (; table; table = next_table(unit->file, table + 1)) {
		const char *name = function_name(unit, table);

		if (function ? name && !strcmp(name, function) : !name)
			break;
	}
	return table;
}

/*
 * Whether a table must be found again: not where its function is gone, or new,
 * or replaced, which judge_unwind() says more of.
 */
static bool must_stay(const struct judge *judge, const struct unit *unit,
		      const char *function)
{
	const struct item *item = unit_find(unit, function);

	return item && item->twin && !change_of(judge->set, item) &&
	       !is_addition(judge->set, item);
}

static bool stays(const struct judge *judge, const struct unit *unit,
		  size_t table, const struct unit *other_unit)
{
	const char *function = function_name(unit, table);
	size_t other;

	if (function && !must_stay(judge, unit, function))
		return true;
	other = table_of(other_unit,
			 function ? unit_find(unit, function)->twin->name
				  : NULL);
	return other && same_table(unit, table, other_unit, other);
}

/* Tables of @unit that @other has not, or has others. */
static int find_changed(const struct judge *judge, const struct unit_pair *pair,
			const struct unit *unit, const struct unit *other,
			struct strings *found)
{
	size_t table = next_table(unit->file, 1);
	int r = 0;

	for (; table && !r; table = next_table(unit->file, table + 1)) {
		const char *function = function_name(unit, table);
		owned(free_p) char *line = NULL;

		if (stays(judge, unit, table, other))
			continue;
		line = function ? text_format("of %s() (%s)", function,
					      judge_source(judge, pair))
				: text_format("of functions in %s",
					      judge_source(judge, pair));
		r = line ? judge_add_once(found, line) : -ENOMEM;
	}
	return r;
}

static int refuse(const struct strings *found, struct hf_diag *diag)
{
	hf_refuse(diag, "needs-exception-tables",
		  "the diff changes what happens when an exception passes "
		  "(catch, destructors, clean-ups), and a patch brings no "
		  "tables for that");
	judge_list(found, diag);
	hf_hint(diag, "leave that part out of the diff, or write the fix as a "
		      "replacement function without them");
	return -ECANCELED;
}

int judge_exceptions(struct judge *judge, struct hf_diag *diag)
{
	struct strings found = { 0 };
	int r = 0;

	for (size_t i = 0; i < judge->set->nr_pairs && !r; i++) {
		const struct unit_pair *pair = &judge->set->pairs[i];
		const struct unit *original = pair->original;
		const struct unit *patched = pair->patched;

		if (original && patched)
			r = find_changed(judge, pair, original, patched, &found)
				    ?: find_changed(judge, pair, patched,
						    original, &found);
	}
	if (!r && found.nr)
		r = refuse(&found, diag);
	strings_release(&found);
	return r;
}
