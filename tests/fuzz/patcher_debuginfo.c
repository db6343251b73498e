/* The patcher's index of debug information, and its walks over types. */
#include <dwarf.h>

#include "../../patcher/debuginfo.h"
#include "../../patcher/dies.h"
#include "../../patcher/types.h"
#include "fuzz.h"

#define DEPTH_MAX 8

static void type_walk(Dwarf_Die *die)
{
	static FILE *nowhere;
	struct type_difference difference;
	Dwarf_Die type;

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (!type_of(die, &type))
		return;
	if (nowhere)
		type_print(nowhere, &type);
	(void)types_equal(&type, &type, &difference);
	if (type_strip(&type))
		(void)type_array_length(&type);
}

static void children_walk(Dwarf_Die *die, unsigned int depth)
{
	Dwarf_Die child;
	uint64_t vaddr;

	if (depth == DEPTH_MAX || dwarf_child(die, &child))
		return;
	do {
		type_walk(&child);
		(void)die_is_declaration(&child);
		(void)die_number(&child, DW_AT_byte_size);
		(void)debuginfo_static_address(&child, &vaddr);
		children_walk(&child, depth + 1);
	} while (!dwarf_siblingof(&child, &child));
}

static void units_walk(struct debuginfo *debuginfo)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	while (!dwarf_get_units(debuginfo_dwarf(debuginfo), unit, &unit, NULL,
				NULL, &die, NULL)) {
		free(debuginfo_unit_path(&die));
		(void)debuginfo_die_source(debuginfo, &die);
		children_walk(&die, 0);
	}
}

static bool read_debuginfo(const uint8_t *bytes, size_t size)
{
	owned(debuginfo_close_p) struct debuginfo *debuginfo = NULL;

	if (debuginfo_open_file(fuzz_file(bytes, size), &debuginfo, NULL) ||
	    !debuginfo)
		return false;
	units_walk(debuginfo);
	return true;
}

static void seeds(void)
{
	fuzz_seed_built("tiny.so");
	fuzz_seed_built("tiny.o");
}

const struct fuzz_target fuzz_target = {
	.read = read_debuginfo, .seeds = seeds, .place = fuzz_place_elf,
};
