#include "callers.h"

#include <string.h>

#include "../lib/insn.h"

/* Whether a whole instruction of @function at @site is a branch to @to. */
static bool branches_to(const struct build *build,
			const struct symbol *function, uint64_t site,
			uint64_t to)
{
	const uint8_t *code = elf_bytes_at(build->target->file,
					   function->vaddr, function->size);
	struct insn insn;

	for (uint64_t at = 0; code && at < function->size; at += insn.size) {
		if (insn_decode(build->decoder, code + at, function->size - at,
				function->vaddr + at, &insn))
			return false;
		if (function->vaddr + at <= site &&
		    site < function->vaddr + at + insn.size)
			return insn.has_target && insn.target == to;
	}
	return false;
}

/* The target of what would be a branch whose opcode ends at @code. */
static bool maybe_branch_to(const uint8_t *code, size_t size, uint64_t vaddr,
			    uint64_t to)
{
	int32_t displacement;

	/* call rel32, jmp rel32, 0f 8x jcc rel32 */
	if (size >= 5 && (code[0] == 0xe8 || code[0] == 0xe9 ||
			  (code[0] & 0xf0) == 0x80)) {
		memcpy(&displacement, code + 1, sizeof(displacement));
		if (vaddr + 5 + (uint64_t)(int64_t)displacement == to)
			return true;
	}
	/* jmp rel8, jcc rel8 */
	return size >= 2 && (code[0] == 0xeb || (code[0] & 0xf0) == 0x70) &&
	       vaddr + 2 + (uint64_t)(int64_t)(int8_t)code[1] == to;
}

/* The caller that the bytes at @site belong to; false when they are none. */
static bool confirm(const struct build *build, uint64_t site, uint64_t to,
		    const struct symbol **ret_caller)
{
	*ret_caller = symbols_function_at(&build->symbols, site);
	if (!*ret_caller)
		return !build->symbols.complete;
	return branches_to(build, *ret_caller, site, to);
}

int callers_each(const struct build *build, uint64_t to,
		 int (*found)(void *context, const struct symbol *caller),
		 void *context)
{
	const struct elf_file *file = build->target->file;
	const struct symbol *caller, *last = NULL;
	int r = 0;

	for (size_t i = 1; i < file->nr_sections && !r; i++) {
		const Elf64_Shdr *section = &file->sections[i];
		const uint8_t *code = elf_section_data(file, section);

		if (!code || !(section->sh_flags & SHF_EXECINSTR))
			continue;
		for (uint64_t at = 0; at < section->sh_size && !r; at++) {
			if (!maybe_branch_to(code + at, section->sh_size - at,
					     section->sh_addr + at, to) ||
			    !confirm(build, section->sh_addr + at, to,
				     &caller) ||
			    (caller && caller == last))
				continue;
			last = caller;
			r = found(context, caller);
		}
	}
	return r;
}
