/*
 * How a unit is read, step by step; only for unit*.c.
 *
 *	items        sections cut at their symbols       unit_items.c
 *	references   relocations, led to items           unit_references.c
 *	owners       who a cold part or a table is of    unit_owners.c
 *	scopes       what function a static local is in  unit_scope.c
 *	tables       which functions have clean-ups      unit_unwind.c
 */
#pragma once

#include "unit.h"

/* Cuts the sections. Fills in items and what finds them. */
int unit_read_items(struct unit *unit, struct hf_diag *diag);
/* Fills in the items' references. */
int unit_read_references(struct unit *unit, struct hf_diag *diag);
/* Fills in `parent`, and `scope` where DWARF had nothing to say. */
int unit_find_owners(struct unit *unit, struct hf_diag *diag);
/* Fills in `scope` by DWARF. */
void unit_find_scopes(struct unit *unit);

/* Fills in `has_table`. */
int unit_find_tables(struct unit *unit, struct hf_diag *diag);

/* Allocated, and neither unwind tables nor notes. */
bool unit_section_is_modelled(const struct elf_file *file,
			      const Elf64_Shdr *section);
/* Relocations of a modelled section; NULL: it is something else. */
Elf64_Shdr *unit_relocated_section(const struct unit *unit,
				   const Elf64_Shdr *relocations);

/* The index of a symbol's section; 0: it has none (undefined, absolute,
   common). */
size_t symbol_section(const Elf64_Sym *symbol);
bool symbol_is_common(const Elf64_Sym *symbol);
/* Neither section nor file, which name no place in the program. */
bool symbol_is_entity(const Elf64_Sym *symbol);

/*
 * The item at a place, or the nearest one before it, or the section's first:
 * where compilers fold an index into an address, it may lie outside.
 */
struct item *unit_item_near(const struct unit *unit, size_t section,
			    int64_t offset);

/* What a field of that type adds its own address to. */
bool relocation_is_pc_relative(uint32_t type);
/* Bytes of its field; 0: it has none (R_X86_64_NONE, TLSDESC_CALL). */
size_t relocation_size(uint32_t type);

int unit_fail_damaged(const struct unit *unit, struct hf_diag *diag,
		      const char *reason);
