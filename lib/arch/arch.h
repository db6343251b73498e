/*
 * What the rest needs to know of a machine, as one constant table each.
 *
 * Chosen by ELF's e_machine, not by the machine we run on: encoders and
 * relocations are pure functions and are tested everywhere.
 */
#pragma once

#include <capstone/capstone.h>
#include <stdbool.h>

#include "../diag.h"
#include "../types.h"

#define JUMP_SIZE_MAX 16

/* What a relocation asks for; machine-independent. */
enum reloc_class {
	RELOC_UNSUPPORTED,
	RELOC_NONE,
	RELOC_RELATIVE,	  /* image base + addend */
	RELOC_ABSOLUTE,	  /* symbol + addend, 64 bits */
	RELOC_ABSOLUTE_LOW,	   /* the same in 32 bits, zero-extended */
	RELOC_ABSOLUTE_LOW_SIGNED, /* the same in 32 bits, sign-extended */
	RELOC_PC_RELATIVE, /* symbol + addend - place, 32 bits signed */
	RELOC_TLS_MODULE, /* the dynamic loader's number of a module */
	/* 64 bits in data, 32 signed ones in code; see reloc_size(). */
	RELOC_TLS_OFFSET, /* offset in the module's TLS block */
	RELOC_TLS_THREAD_POINTER, /* offset from the thread pointer */
};

struct arch {
	const char *name;
	uint16_t e_machine;
	cs_arch capstone_arch;
	cs_mode capstone_mode;

	/* Bytes of a jump that reaches @jump_reach either way. */
	size_t jump_size;
	int64_t jump_reach;
	/* Bytes of the shortest jump, for SITE_SHORT_JUMP. */
	size_t short_jump_size;

	/* Return: 0; -ERANGE when @to is out of reach. */
	int (*encode_jump)(hf_addr from, hf_addr to, uint8_t *ret_bytes);
	int (*encode_short_jump)(hf_addr from, hf_addr to, uint8_t *ret_bytes);

	/* Bytes of a landing pad (endbr64, bti) at the start of @code, or 0. */
	size_t (*landing_pad_size)(const uint8_t *code, size_t size);

	/* Size of the NOP at the start of @code; 0 when it is no NOP. */
	size_t (*nop_size)(const uint8_t *code, size_t size);

	/*
	 * Size of the padding instruction (a NOP of any length, a trap) at the
	 * start of @code; 0 when it is something else.
	 */
	size_t (*padding_size)(const uint8_t *code, size_t size);

	enum reloc_class (*reloc_class)(uint32_t type);
	/* Name of a relocation type for messages; never NULL. */
	const char *(*reloc_name)(uint32_t type);
	/* Bytes that a relocation of this type writes: 0, 4 or 8. */
	size_t (*reloc_size)(uint32_t type);
};

extern const struct arch arch_x86_64;

/* The table for ELF's @e_machine, or NULL when we have none. */
const struct arch *arch_find(uint16_t e_machine);
