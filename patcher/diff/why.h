/*
 * What a patch from a source diff holds, in words: the table that is printed
 * when it was made, and the reasons in its manifest.
 */
#pragma once

#include "change.h"

/* Why a function is replaced: "own code", "inlined callee g()". Owned by the
   caller; NULL: ENOMEM. */
char *why_text(const struct change *change);

/**
 * why_table() - what is replaced, what is new, what was left out, as lines
 *
 *	changed:
 *	  charge()  src/pay.o: own code
 *	new:
 *	  audit()  src/pay.o
 *	  3 literals, 1 constant, 1 table
 *	left out:
 *	  src/cli.c: not part of payd
 *
 * Adds to @lines. Return: 0; -ENOMEM.
 */
int why_table(const struct change_set *set, struct strings *lines);

/* The same for what is new alone, without a heading. */
int why_additions(const struct change_set *set, struct strings *lines);

/* What no patch does, in one line: for the end of every report. */
const char *why_limits(void);
