/*
 * What differs between two objects that were correlated.
 *
 * Code is the same when its bytes are (fields of relocations aside) and each
 * reference leads to the twin of what the other leads to, at the same offset.
 * For data without identity (strings, constants, tables) the content counts in
 * place of the twin; for read-only variables both: a const table whose content
 * changed makes every function that uses it changed ("constant").
 *
 * What is the same by this measure can be left as it runs: its bytes are those
 * of the patched program, whichever of the two it calls or reads. That holds
 * for everything the compiler knows of one object (inlining, -fipa-ra, clones,
 * changed calling conventions), since all callers that relied on it were
 * compiled anew and compared.
 */
#pragma once

#include "unit.h"

/**
 * compare_units() - give every item of both its verdict, reason and detail
 *
 * A function and its cold part are one: both are changed when one is. Same
 * pairs have verdict SAME on both sides.
 *
 * Return: 0; -ENOMEM.
 */
int compare_units(struct unit *original, struct unit *patched,
		  struct hf_diag *diag);
