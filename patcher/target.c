#include "target.h"

#include <errno.h>
#include <string.h>

#include "../lib/build_id.h"

static int read_build_id(struct target *target, struct hf_diag *diag)
{
	const struct elf_file *file = target->file;

	for (size_t i = 0; i < file->nr_segments; i++) {
		const Elf64_Phdr *segment = &file->segments[i];
		const uint8_t *notes;

		if (segment->p_type != PT_NOTE)
			continue;
		notes = elf_bytes_at(file, segment->p_vaddr,
				     segment->p_filesz);
		if (notes && !build_id_from_notes(notes, segment->p_filesz,
						  segment->p_align,
						  &target->build_id))
			return 0;
	}
	hf_refuse(diag, "no-build-id", "%s has no build-id", file->path);
	hf_detail(diag, "Without it nothing tells whether a running process "
			"executes this very build.");
	hf_hint(diag, "link the target with -Wl,--build-id (most "
		      "distributions do)");
	return -ECANCELED;
}

/* A string of the dynamic section, by its offset in DT_STRTAB. */
static const char *dynamic_string(const struct elf_file *file, uint64_t offset)
{
	for (size_t i = 1; i < file->nr_sections; i++)
		if (file->sections[i].sh_type == SHT_DYNAMIC)
			return elf_string(file, file->sections[i].sh_link,
					  offset);
	return "";
}

struct dynamic_facts {
	const char *soname;
	const char *runpath;
	const char *rpath;
	bool pie;
};

static int read_dynamic(struct target *target, struct dynamic_facts *facts)
{
	const struct elf_file *file = target->file;
	size_t nr;
	const Elf64_Dyn *dynamic = elf_dynamic(file, &nr);

	for (size_t i = 0; i < nr && dynamic[i].d_tag != DT_NULL; i++) {
		const char *text = dynamic_string(file, dynamic[i].d_un.d_val);

		switch (dynamic[i].d_tag) {
		case DT_NEEDED:
			if (strings_add(&target->needed, text))
				return -ENOMEM;
			break;
		case DT_SONAME:
			facts->soname = text;
			break;
		case DT_RUNPATH:
			facts->runpath = text;
			break;
		case DT_RPATH:
			facts->rpath = text;
			break;
		case DT_FLAGS_1:
			facts->pie = dynamic[i].d_un.d_val & DF_1_PIE;
			break;
		}
	}
	return 0;
}

/*
 * libc.so.6 has an interpreter and is a library; a static PIE has none and is
 * an executable. So the linker's own word (DF_1_PIE) comes first.
 */
static enum target_kind kind_of(const struct target *target,
				const struct dynamic_facts *facts)
{
	if (target->file->header->e_type == ET_EXEC || facts->pie)
		return TARGET_EXECUTABLE;
	if (facts->soname || !elf_segment(target->file, PT_INTERP))
		return TARGET_LIBRARY;
	return TARGET_EXECUTABLE;
}

static int copy_interpreter(struct target *target)
{
	const Elf64_Phdr *segment = elf_segment(target->file, PT_INTERP);
	const uint8_t *path;

	if (!segment)
		return 0;
	path = elf_bytes_at(target->file, segment->p_vaddr, segment->p_filesz);
	if (!path)
		return 0;
	target->interpreter = strndup((const char *)path, segment->p_filesz);
	return target->interpreter ? 0 : -ENOMEM;
}

static int describe(struct target *target)
{
	const char *slash = strrchr(target->file->path, '/');
	struct dynamic_facts facts = { 0 };
	const char *name = slash ? slash + 1 : target->file->path;
	const char *runpath;

	if (read_dynamic(target, &facts))
		return -ENOMEM;
	target->kind = kind_of(target, &facts);
	if (target->kind == TARGET_LIBRARY && facts.soname)
		name = facts.soname;
	runpath = facts.runpath ?: facts.rpath;
	if (runpath && !(target->runpath = strdup(runpath)))
		return -ENOMEM;
	target->name = strdup(name);
	return target->name ? copy_interpreter(target) : -ENOMEM;
}

static int check_kind(struct target *target, struct hf_diag *diag)
{
	const Elf64_Ehdr *header = target->file->header;

	if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
		return hf_refuse(diag, "not-a-module",
				 "%s is no executable and no shared library "
				 "(ELF type %u)",
				 target->file->path, header->e_type);
	target->arch = arch_find(header->e_machine);
	if (!target->arch || header->e_machine != EM_X86_64)
		return hf_refuse(diag, "machine-unsupported",
				 "%s is for a machine (ELF number %u) that "
				 "hotfix cannot patch",
				 target->file->path, header->e_machine);
	return 0;
}

/*
 * In an executable the TLS block ends at the thread pointer (x86-64, "variant
 * II"), so every variable has a fixed offset from it:
 *
 *	tls_start                               fs:0
 *	   | .tdata        .tbss       (padding)  | thread control block
 *	   +-- sym.st_value --> variable
 */
static int read_tls(struct target *target, struct hf_diag *diag)
{
	const Elf64_Phdr *segment = elf_segment(target->file, PT_TLS);
	uint64_t alignment;

	if (!segment)
		return 0;
	alignment = segment->p_align ?: 1;
	if ((alignment & (alignment - 1)) ||
	    segment->p_vaddr & (alignment - 1) ||
	    segment->p_memsz > INT32_MAX || alignment > INT32_MAX)
		return hf_refuse(diag, "tls-unsupported",
				 "%s: its thread-local storage is not aligned "
				 "as its header says",
				 target->file->path);
	target->has_tls = true;
	target->tls_start = -(int64_t)align_up(segment->p_memsz, alignment);
	return 0;
}

/* The TLS offset that a relocation of the module itself stands for. */
static bool own_tls_offset(const struct target *target, const Elf64_Rela *reloc,
			   int64_t *ret_offset)
{
	struct elf_symbols symbols = elf_symbols(target->file, SHT_DYNSYM);
	size_t index = ELF64_R_SYM(reloc->r_info);

	*ret_offset = reloc->r_addend;
	if (!index)
		return true;
	/* A global one may be bound to another module's variable. */
	if (index >= symbols.nr ||
	    symbols.entries[index].st_shndx == SHN_UNDEF ||
	    ELF64_ST_VISIBILITY(symbols.entries[index].st_other) == STV_DEFAULT)
		return false;
	*ret_offset += (int64_t)symbols.entries[index].st_value;
	return true;
}

static void note_tls_slot(struct target *target, const Elf64_Rela *reloc)
{
	int64_t offset;

	if (!own_tls_offset(target, reloc, &offset))
		return;
	switch (ELF64_R_TYPE(reloc->r_info)) {
	case R_X86_64_TPOFF64:
		target->tls_pointer_slot =
			(struct tls_slot){ reloc->r_offset, offset };
		break;
	case R_X86_64_DTPMOD64:
		target->tls_module_slot =
			(struct tls_slot){ reloc->r_offset, 0 };
		break;
	}
}

static void find_tls_slots(struct target *target)
{
	const struct elf_file *file = target->file;

	for (size_t i = 1; i < file->nr_sections; i++) {
		const Elf64_Shdr *section = &file->sections[i];
		const Elf64_Rela *relocs;

		if (section->sh_type != SHT_RELA ||
		    !(section->sh_flags & SHF_ALLOC))
			continue;
		relocs = (void *)elf_section_data(file, section);
		for (size_t k = 0;
		     k < elf_section_entries(section, sizeof(*relocs)); k++)
			note_tls_slot(target, &relocs[k]);
	}
}

int target_open(const char *path, struct target **ret_target,
		struct hf_diag *diag)
{
	owned(target_close_p) struct target *target =
		calloc(1, sizeof(*target));
	int r;

	if (!target)
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	r = elf_open(path, &target->file, diag);
	if (!r)
		r = check_kind(target, diag);
	if (!r)
		r = read_build_id(target, diag);
	if (!r)
		r = read_tls(target, diag);
	if (r)
		return r;
	if (describe(target))
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	if (target->kind == TARGET_LIBRARY)
		find_tls_slots(target);
	*ret_target = take_ptr(target);
	return 0;
}

void target_close(struct target *target)
{
	if (target->file)
		elf_close(target->file);
	strings_release(&target->needed);
	free(target->name);
	free(target->runpath);
	free(target->interpreter);
	free(target);
}
