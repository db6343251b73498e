/*
 * HOTFIX_ORIGINAL: calling the code that was replaced.
 *
 * The entry of a replaced function holds a jump, so its first instructions run
 * in the patch, and then control goes on behind the jump:
 *
 *	target                              patch
 *	charge:    endbr64                  hotfix.original.charge:
 *	  entry:   jmp replacement            endbr64
 *	           (overwritten rest)         push %rbp          displaced
 *	  resume:  mov %rsp,%rbp  <--+        lea  x(%rip),%rax  instructions
 *	           ...               +------- jmp  *hotfix.resume.charge@GOT
 *
 * The displaced instructions are whole ones. What they address relative to
 * themselves gets a R_X86_64_PC32 relocation against the import
 * hotfix.resume.charge, whose value is `resume` in the running target; short
 * direct branches become long ones first.
 */
#pragma once

#include "build.h"
#include "../lib/insn.h"

/* Whether @symbol is one that HOTFIX_ORIGINAL() refers to. */
bool original_is_symbol(const char *symbol);

/* A 32-bit pc-relative field in a displaced instruction. */
struct original_reloc {
	uint32_t offset;  /* in the displaced code */
	int64_t addend;	  /* against the import hotfix.resume.NAME */
};

#define ORIGINAL_CODE_MAX 128
#define ORIGINAL_RELOCS_MAX 16

struct original_code {
	uint8_t bytes[ORIGINAL_CODE_MAX];
	size_t size;
	struct original_reloc relocs[ORIGINAL_RELOCS_MAX];
	size_t nr_relocs;
};

/**
 * original_displace() - copy instructions so that they work elsewhere
 * @code:  the function's first bytes, as in the target
 * @size:  whole instructions to copy: site_plan.resume
 * @vaddr: of the function
 *
 * Return: 0; -ECANCELED (code "original-...") when an instruction has no long
 * form (loop, jrcxz).
 */
int original_displace(struct insn_decoder *decoder, const uint8_t *code,
		      size_t size, hf_addr vaddr,
		      struct original_code *ret_code, struct hf_diag *diag);

/**
 * original_build() - the object with every original that the sources call
 * @ret_path: of the object, owned by the caller; NULL when none is called
 */
int original_build(struct build *build, char **ret_path, struct hf_diag *diag);

/* One relocation for .rela.hotfix, by symbols of the linked file. */
struct original_place {
	const char *name; /* at hotfix.original.NAME + offset, against
			     hotfix.resume.NAME; owned by the manifest */
	uint32_t offset;
	int64_t addend;
};

/* All of them; an array owned by the caller (free). */
int original_places(const struct build *build,
		    struct original_place **ret_places, size_t *ret_nr,
		    struct hf_diag *diag);
