#include "duplicates.h"

#include <errno.h>
#include <string.h>

#include "static_local.h"

/* A variable that can change: read-only tables do no harm twice. */
static bool is_variable(const struct elf_file *file, uint16_t section,
			unsigned char type)
{
	const Elf64_Shdr *place = elf_section_at(file, section);

	/* .data.rel.ro is writable only until it is relocated. */
	return type == STT_OBJECT && place && place->sh_flags & SHF_WRITE &&
	       !strstr(elf_section_name(file, place), ".rel.ro") &&
	       strcmp(elf_section_name(file, place), ".hotfix.records");
}

/* "calls" of "calls.0", which the compiler made of a static variable. */
static char *variable_name(const char *symbol)
{
	const char *dot = strchr(symbol, '.');

	if (dot && dot > symbol && dot[1] &&
	    !dot[1 + strspn(dot + 1, "0123456789")])
		return strndup(symbol, (size_t)(dot - symbol));
	return strdup(symbol);
}

static const struct symbol *find_in_target(const struct build *build,
					   const char *variable, bool is_local)
{
	for (size_t i = 0; i < build->symbols.nr; i++) {
		const struct symbol *symbol = &build->symbols.entries[i];

		if ((is_local ? static_local_is(symbol->name, variable) :
				!strcmp(symbol->name, variable)) &&
		    is_variable(build->target->file, symbol->section,
				symbol->type))
			return symbol;
	}
	return NULL;
}

static int check_symbol(struct build *build, const struct object *object,
			const Elf64_Sym *entry, const char *name)
{
	owned(free_p) char *variable = NULL;
	bool is_local;

	if (!is_variable(object->file, entry->st_shndx,
			 ELF64_ST_TYPE(entry->st_info)))
		return 0;
	variable = variable_name(name);
	if (!variable)
		return -ENOMEM;
	is_local = strcmp(variable, name);
	if (!find_in_target(build, variable, is_local))
		return 0;
	if (is_local)
		return strings_addf(
			&build->warnings,
			"%s has a static variable %s in a function, and so "
			"does %s: the patch's own starts anew\n"
			"(HOTFIX_IMPORT_AS(%s, \"\", FUNCTION.%s) and extern "
			"mean the target's)",
			object->source, variable, build->target->name,
			variable, variable);
	return strings_addf(&build->warnings,
			    "%s defines %s, and so does %s: the patch has a "
			    "variable of its own\n(declare it extern to use "
			    "the target's)",
			    object->source, variable, build->target->name);
}

int duplicates_warn(struct build *build, struct hf_diag *diag)
{
	for (size_t i = 0; i < build->nr_objects; i++) {
		const struct object *object = &build->objects[i];

		for (size_t k = 1; k < object->symbols.nr; k++)
			if (check_symbol(build, object,
					 &object->symbols.entries[k],
					 elf_symbol_name(object->file,
							 &object->symbols, k)))
				return hf_fail(diag, -ENOMEM,
					       "cannot add a warning");
	}
	return 0;
}
