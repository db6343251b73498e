/*
 * Functions that changed no memory and now do.
 *
 * A compiler that sees a function write nothing but registers and its own stack
 * (gcc -fipa-pure-const, clang's function attributes) lets callers in the same
 * source file use values over the call that they had read from memory before
 * it, or make one call of two. A replacement that writes memory breaks what
 * those callers were told. Their code does not show whether they made use of
 * it, so this is a warning that names one of them.
 */
#pragma once

#include "build.h"

/* Return: 0, with a warning where there is reason for one; -errno. */
int purity_check(struct build *build, const struct elf_file *linked,
		 struct hf_diag *diag);
