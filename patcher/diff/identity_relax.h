/*
 * What a linker or an assembler may write in the place of what the compiler
 * asked for (x86-64 psABI, "Linker Optimization" and "Thread-Local Storage").
 *
 * Pure: bytes in, an answer out. Whether the field then leads to the right
 * thing is asked elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the number in a field of the target stands for. */
enum field_meaning {
	FIELD_UNKNOWN,
	FIELD_ADDRESS,	    /* the address of the thing, or of a PLT entry */
	FIELD_WORD,	    /* the same in 64 bits, perhaps relocated */
	FIELD_SLOT,	    /* of a GOT slot that holds the address */
	FIELD_TP_OFFSET,    /* a variable's distance from the thread pointer */
	FIELD_TP_SLOT,	    /* of a GOT slot that holds such a distance */
	FIELD_BLOCK_OFFSET, /* a variable's place in its TLS block */
	FIELD_GD_SLOT,	    /* of two slots: module, place in its block */
	FIELD_LD_SLOT,	    /* of two slots: this module, 0 */
	FIELD_DESC_SLOT,    /* of a TLS descriptor */
	FIELD_NONE,	    /* there is no field any more */
};

/* How a field is read. */
struct field_form {
	enum field_meaning meaning;
	uint8_t size; /* bytes; 0: a mark without a field */
	bool pc_relative;
	bool is_signed; /* extended so to 64 bits */
};

/* As the compiler meant it. FIELD_UNKNOWN: not understood. */
struct field_form relocation_form(uint32_t type);

/* Two sequences that do the same. */
struct relaxed {
	size_t object_size;
	size_t target_size;
	size_t nr_references; /* of the object's, that it covers */
	size_t field;	      /* where in the target's sequence */
	struct field_form form;
};

/**
 * relax_match() - is that the relaxed form of this?
 * @type:   of the first reference in the object's instruction
 * @field:  where that stands in it
 * @object: begins with the instruction, @object_left bytes
 * @target: likewise
 */
bool relax_match(uint32_t type, size_t field, const uint8_t *object,
		 size_t object_left, const uint8_t *target, size_t target_left,
		 struct relaxed *ret_relaxed);

/* The size of the NOP at @code; 0: it is none. */
size_t nop_size(const uint8_t *code, size_t left);

/*
 * What a direct branch does, whatever the size of its displacement: equal
 * numbers, equal branches. 0: it is none, or one that nobody should compare so.
 */
unsigned int branch_form(const uint8_t *code, size_t size);
