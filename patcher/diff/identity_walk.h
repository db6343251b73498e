/*
 * Two versions of one piece of code, decoded side by side.
 *
 *	object			target
 *	 0  push %rbx	  #0	 0  push %rbx
 *	 1  jmp  f+0x20	  #1	 1  jmp  f+0x18      short here, long there
 *	 6  (nop)		 3  (nop)
 *	16  ret		  #2	 8  ret
 *
 * Instructions that are no NOP are numbered; a NOP has the number of what
 * follows it. A branch goes to the same place when the numbers of its two
 * targets are equal. Fields that stand for something else are only collected
 * here, as uses: where they lead is looked at when all numbers are known.
 */
#pragma once

#include "../../lib/insn.h"
#include "identity_relax.h"
#include "unit.h"

#define WALK_NOWHERE UINT32_MAX

/* A field of the target, and what it has to lead to. */
struct field_use {
	const struct item *to;
	int64_t to_offset;
	uint32_t type; /* of the relocation; R_X86_64_NONE: there was none */
	enum field_meaning meaning;
	uint64_t place; /* of the field; 0 for short branches */
	uint64_t value; /* the address that it leads to, or its number */
	uint32_t object_at, target_at; /* offsets of the instructions */
};

struct walk {
	const struct item *item;
	const uint8_t *code; /* of the target, `size` bytes at `vaddr` */
	size_t size;
	uint64_t vaddr;
	/* Numbers by offset, up to and with one past the end. */
	uint32_t *object_numbers;
	uint32_t *target_numbers;
	uint32_t nr_instructions;
	struct field_use *uses; /* in the object's order */
	size_t nr_uses;
	/* A call of __tls_get_addr for the module's own block is gone, so
	   that offsets in it count from the thread pointer. */
	bool local_dynamic_relaxed;
	/* Why it could not go on; NULL: both ends were reached. */
	const char *stopped;
	uint32_t object_at, target_at; /* where */
};

/**
 * identity_walk() - decode @item's bytes and those at @vaddr in step
 * @unit: for branches into another item of the same section; may be NULL
 *
 * Return: 0, also when they differ: see ret_walk->stopped; -ENOMEM.
 */
int identity_walk(struct insn_decoder *decoder, const struct unit *unit,
		  const struct item *item, const uint8_t *code, size_t size,
		  uint64_t vaddr, struct walk *ret_walk);
void walk_release(struct walk *walk);

/* Whether the object's @offset and the target's @vaddr are the same place. */
bool walk_same_place(const struct walk *walk, int64_t offset, uint64_t vaddr);
