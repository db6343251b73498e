/*
 * Where and how a function's entry can be redirected.
 *
 * The plan is made from the bytes alone, by one function that both programs
 * call: the patcher at build time, the agent again on the running bytes. The
 * manifest carries the plan for people; the agent trusts only its own.
 *
 *   SITE_NOP_ROOM    endbr64? [nop nop nop nop nop] rest      the jump goes
 *                             ^ entry                         over NOPs
 *   SITE_JUMP        endbr64? [jmp rel32      ] rest          over whole
 *                             ^ entry          ^ resume       instructions
 *   SITE_SHORT_JUMP  [jmp rel32] ... endbr64? [jmp rel8] rest
 *                    ^ relay: padding         ^ entry
 *                      before or behind the function
 */
#pragma once

#include "insn.h"

enum site_strategy {
	SITE_NOP_ROOM,
	SITE_JUMP,
	SITE_SHORT_JUMP,
};

struct site_plan {
	enum site_strategy strategy;
	/* All offsets count from the function's first byte. */
	uint32_t entry;	 /* first overwritten byte: 0, or behind a landing pad */
	uint32_t size;	 /* overwritten bytes at the entry */
	uint32_t resume; /* first whole instruction that is not overwritten */
	int32_t relay;	 /* SITE_SHORT_JUMP: the 5-byte jump; may be negative */
	/*
	 * A jump inside the function leads to the overwritten entry itself.
	 * Harmless when nobody runs the old code; so neither mode `entry` nor
	 * a call of the original is allowed.
	 */
	bool reentered;
};

/* The bytes that a plan is made from. */
struct site_code {
	hf_addr address;       /* of the function's first byte */
	const uint8_t *bytes;  /* the function */
	size_t size;
	/* Bytes between the neighbours and the function; NULL when none. */
	const uint8_t *gap_before; /* ends where the function begins */
	size_t gap_before_size;
	const uint8_t *gap_behind; /* begins where the function ends */
	size_t gap_behind_size;
};

/* Strategy as text: "nop-room", "jump", "short-jump". */
const char *site_strategy_name(enum site_strategy strategy);
/* Return: 0; -EINVAL. */
int site_strategy_parse(const char *name, enum site_strategy *ret_strategy);

/**
 * site_plan_make() - choose the first strategy that is safe
 *
 * Return: 0; -ECANCELED (code "site-...") with the reason: the function is too
 * short and has no padding, a branch leads into the overwritten bytes, the
 * bytes do not decode; -ENOMEM.
 */
int site_plan_make(const struct arch *arch, const struct site_code *code,
		   struct site_plan *ret_plan, struct hf_diag *diag);

/* One contiguous store. */
struct site_write {
	hf_addr address;
	uint8_t size;
	uint8_t bytes[JUMP_SIZE_MAX];
};

#define SITE_WRITES_MAX 2

/**
 * site_plan_encode() - the stores that lead @function to @replacement
 * @ret_writes: relay first, entry last: done in this order, each store leaves
 *              a function that works
 *
 * Return: 0; -ERANGE when @replacement is out of reach.
 */
int site_plan_encode(const struct arch *arch, const struct site_plan *plan,
		     hf_addr function, hf_addr replacement,
		     struct site_write ret_writes[SITE_WRITES_MAX],
		     size_t *ret_nr_writes, struct hf_diag *diag);
