/*
 * What gcc's link-time optimiser made of a program, as one unit.
 *
 *	a.o  b.o  libc.a(c.o) ──► prog.ltrans0.o  prog.ltrans1.o  debug of a, b, c
 *	                                └──────────── ld -r ───────────┘
 *	                                               │
 *	d.s ──► d.o                          one object in place of a.o, b.o, c.o
 *
 * The inputs hold no code that counts, and where a function ends up, in which
 * of the results, depends on all of the program. Together they are an object
 * like any other: functions in sections of their own, with relocations, and
 * with DWARF whose references from one result to another are resolved.
 */
#pragma once

#include "../record/recording.h"

/**
 * optimised_merge() - make that object, or find it made before
 * @ret_path: owned by the caller; below the recording's directory
 *
 * Return: 0; -ECANCELED (code "object-lto") when there is nothing to be merged
 * or it cannot be; -EINTR; -ENOMEM; -errno.
 */
int optimised_merge(const struct link_step *link, char **ret_path,
		    struct hf_diag *diag);
