/*
 * Instructions, decoded by capstone: lengths, branch targets, text.
 */
#pragma once

#include "arch/arch.h"

struct insn {
	hf_addr address;
	uint8_t size;
	bool is_call;
	bool is_jump;		/* jcc and jmp, direct or not */
	bool is_conditional;
	bool falls_through;	/* false after jmp, ret, ud2, hlt */
	bool has_target;	/* a direct branch: */
	hf_addr target;
	/* An operand addressed relative to the instruction's end: */
	bool pc_relative;
	uint8_t displacement_offset; /* where in the instruction it stands */
	uint8_t displacement_size;   /* in bytes */
	hf_addr pc_relative_address; /* what it refers to */
};

struct insn_decoder;

/* Return: 0; -ENOMEM; -ENOTSUP when capstone lacks this machine. */
int insn_decoder_new(const struct arch *arch, struct insn_decoder **ret_decoder,
		     struct hf_diag *diag);
void insn_decoder_free(struct insn_decoder *decoder);

/* Return: 0; -EILSEQ when @code does not begin with a whole instruction. */
int insn_decode(struct insn_decoder *decoder, const uint8_t *code, size_t size,
		hf_addr address, struct insn *ret_insn);

/* The same as text, "mnemonic operands". Return: as insn_decode(). */
int insn_format(struct insn_decoder *decoder, const uint8_t *code, size_t size,
		hf_addr address, char *ret_text, size_t text_size,
		size_t *ret_insn_size);
