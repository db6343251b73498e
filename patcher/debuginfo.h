/*
 * DWARF of a module: found, checked and indexed by address.
 *
 * The search is libdwfl's: in the module itself, beside it (.gnu_debuglink),
 * in /usr/lib/debug (by build-id, also below --sysroot), and from debuginfod
 * where DEBUGINFOD_URLS is set. A file given with --debuginfo must carry the
 * module's build-id. Addresses are those of the ELF file.
 */
#pragma once

#include <elfutils/libdw.h>

#include "options.h"
#include "target.h"

/* A function or variable that a compilation unit defines at its top. */
struct debug_entity {
	uint64_t vaddr;
	Dwarf_Off die;
	const char *source;
};

struct debuginfo;

/**
 * debuginfo_open() - the debug information of a module
 * @ret_debuginfo: NULL when there is none anywhere, which is no error
 *
 * Return: 0; -ECANCELED (code "debuginfo-mismatch") when the file that was
 * asked for is of another build; -ENOEXEC; -errno.
 */
int debuginfo_open(const struct target *target, const struct options *options,
		   struct debuginfo **ret_debuginfo, struct hf_diag *diag);

/*
 * The DWARF of a file that we made ourselves. NULL result: it has none.
 * Sections of an object (ET_REL) get addresses of libdwfl's choice, see
 * debuginfo_section_at().
 */
int debuginfo_open_file(const char *path, struct debuginfo **ret_debuginfo,
			struct hf_diag *diag);
void debuginfo_close(struct debuginfo *debuginfo);
DEFINE_CLEANUP(struct debuginfo, debuginfo_close)

/* NULL when there is symbol table but no DWARF, or @debuginfo is NULL. */
Dwarf *debuginfo_dwarf(const struct debuginfo *debuginfo);

/* The separate debug file, for its .symtab; NULL when there is none. */
const struct elf_file *debuginfo_symbol_file(const struct debuginfo *debuginfo);

/* What is defined exactly at @vaddr; NULL when unknown. */
const struct debug_entity *debuginfo_entity(const struct debuginfo *debuginfo,
					    uint64_t vaddr);

/* Path of the source file that defines what is at @vaddr; NULL: unknown. */
const char *debuginfo_source(const struct debuginfo *debuginfo, uint64_t vaddr);

/* Path of the source that something in the DWARF is from; NULL: unknown. */
const char *debuginfo_die_source(const struct debuginfo *debuginfo,
				 Dwarf_Die *die);

/* In an object: the section that an address of its DWARF lies in, and where. */
bool debuginfo_section_at(const struct debuginfo *debuginfo, uint64_t vaddr,
			  size_t *ret_section, uint64_t *ret_offset);

/* Path of a compilation unit's source, with its directory. NULL: ENOMEM. */
char *debuginfo_unit_path(Dwarf_Die *unit);

/* The address in `DW_OP_addr` of a variable's location. */
bool debuginfo_static_address(Dwarf_Die *variable, uint64_t *ret_vaddr);
