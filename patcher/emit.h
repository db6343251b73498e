/*
 * From the linker's shared object to a patch file.
 *
 * Every dynamic relocation against an undefined symbol moves to .rela.hotfix,
 * and R_X86_64_NONE stays in its place; the manifest becomes .note.hotfix. Both
 * are appended behind the linker's bytes, outside the loaded segments:
 *
 *	[ as linked: segments, .symtab, DWARF, old section headers (unused) ]
 *	[ .note.hotfix.source ][ .note.hotfix ][ .rela.hotfix ][ .shstrtab ]
 *	[ section headers ]
 */
#pragma once

#include "build.h"

/* Fills in where replacements and hooks are. Return: 0; -errno. */
int emit_locate(struct build *build, const struct elf_file *linked,
		struct hf_diag *diag);

/* The entry of a replacement, see preserve.h, and its call instruction. */
bool emit_find_entry(const struct elf_file *linked, const char *replacement,
		     const Elf64_Sym **ret_entry, const Elf64_Sym **ret_call);

/**
 * emit_patch() - write the patch file
 * @linked: edited here, in our memory only
 *
 * The result is opened and checked as the agent would before it takes the name
 * options->output; on failure no file of ours remains.
 */
int emit_patch(const struct build *build, struct elf_file *linked,
	       struct hf_diag *diag);
