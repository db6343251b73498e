/*
 * What the projects of this folder are made of: a program that answers lines,
 * see tests/targets/target.h (copied beside this file).
 *
 *	COMMAND(twice) { answer("%d", twice(ARGUMENT)); }
 *	const struct command commands[] = { ENTRY(twice), END };
 *
 * serve.c has main().
 */
#pragma once

#include "target.h"

#ifdef __cplusplus
extern "C" {
#endif
extern const struct command commands[];
extern void sweep(int nr, char **args);
#ifdef __cplusplus
}
#endif

#define COMMAND(name) static void on_##name(int nr, char **args)
#define ENTRY(name) { #name, on_##name }
/* Every program can also be asked to sweep(). */
#define END { "sweep", sweep }, { NULL, NULL }
#define ARGUMENT number(nr, args, 1)
#define ARGUMENT2 number(nr, args, 2)

/* A function of its own; the compiler may still clone it and know it. */
#define SEPARATE __attribute__((noinline))
