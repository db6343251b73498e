/*
 * Symbol versions of a module: NAME@@GLIBC_2.34.
 *
 * .gnu.version gives each dynamic symbol an index; .gnu.version_d names the
 * versions that the module defines, .gnu.version_r those that it needs and of
 * which library.
 */
#pragma once

#include "elf_file.h"

struct symbol_version {
	const char *name;    /* NULL: unversioned */
	const char *library; /* of a needed one: file name; else NULL */
	bool is_default;     /* what a plain reference is bound to */
};

struct symbol_version symbol_version(const struct elf_file *file,
				     size_t dynamic_symbol);
