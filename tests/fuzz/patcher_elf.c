/*
 * A module as the patcher reads it: tables, what the dynamic loader is told,
 * names of functions.
 */
#include "../../patcher/symbols.h"
#include "fuzz.h"

static void tables_walk(const struct elf_file *file, uint32_t type)
{
	struct elf_symbols symbols = elf_symbols(file, type);

	for (size_t i = 0; i < symbols.nr; i++)
		PROMISE(elf_symbol_name(file, &symbols, i));
}

static bool symbols_walk(const struct target *target)
{
	struct symbols symbols = { 0 };

	if (symbols_read(target, NULL, &symbols, NULL))
		return false;
	for (size_t i = 0; i < symbols.nr; i++) {
		const struct symbol *symbol = &symbols.entries[i];

		PROMISE(symbol->name);
		(void)symbol_source(&symbols, symbol);
		(void)symbols_function_at(&symbols, symbol->vaddr);
		if (symbol_class(symbol) == SYMBOL_FUNCTION)
			(void)symbols_gaps(&symbols, symbol);
	}
	symbols_release(&symbols);
	return true;
}

static bool read_target(const char *path)
{
	owned(target_close_p) struct target *target = NULL;
	struct hf_diag diag = { 0 };

	if (target_open(path, &target, &diag)) {
		PROMISE(diag.message[0]);
		return false;
	}
	return symbols_walk(target);
}

static bool read_elf(const uint8_t *bytes, size_t size)
{
	const char *path = fuzz_file(bytes, size);
	owned(elf_close_p) struct elf_file *file = NULL;
	size_t nr = 0;

	if (elf_open(path, &file, NULL))
		return false;
	tables_walk(file, SHT_SYMTAB);
	tables_walk(file, SHT_DYNSYM);
	(void)elf_dynamic(file, &nr);
	return read_target(path);
}

static void seeds(void)
{
	fuzz_seed_built("tiny.so");
}

const struct fuzz_target fuzz_target = {
	.read = read_elf, .seeds = seeds, .place = fuzz_place_elf,
};
