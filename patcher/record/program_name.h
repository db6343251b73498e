/*
 * Telling compilers, linkers and gcc's link-time optimiser by the names of their
 * programs.
 *
 * In a header because the preloaded library, which depends on nothing of ours,
 * needs it too. Only reads; safe after vfork(2).
 *
 *	gcc  cc  clang++-14  x86_64-linux-gnu-gcc-12     compilers
 *	ld  ld.bfd  ld.lld-14  x86_64-linux-gnu-ld.gold  linkers
 *	lto-wrapper                                      the optimiser
 *	gcc-ar  c++filt  clang-format  my-cc  ld.so      none of them
 *
 * A prefix must have the form of a triplet (two dashes at least): what is
 * called "my-cc" is some script with its own idea of arguments, and the
 * compiler that it starts is seen anyway.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum program_kind {
	PROGRAM_OTHER,
	PROGRAM_COMPILER,
	PROGRAM_LINKER,
	PROGRAM_OPTIMISER, /* what a linker's plugin of gcc's starts */
};

static inline const char *program_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "", "-12", "-4.9.2" */
static inline bool is_version_suffix(const char *text)
{
	if (!*text)
		return true;
	if (*text++ != '-')
		return false;
	for (bool digit = false;; text++) {
		if (*text >= '0' && *text <= '9')
			digit = true;
		else if (*text == '.' && digit)
			digit = false;
		else
			return !*text && digit;
	}
}

/* Whether @name is one of @words, perhaps with a version behind it. */
static inline bool is_one_of(const char *name, const char *const *words)
{
	for (; *words; words++) {
		size_t size = strlen(*words);

		if (!strncmp(name, *words, size) &&
		    is_version_suffix(name + size))
			return true;
	}
	return false;
}

static inline enum program_kind plain_name_kind(const char *name)
{
	static const char *const compilers[] = { "cc",	  "gcc",     "g++",
						 "c++",	  "clang",   "clang++",
						 "c89",	  "c99",     NULL };
	static const char *const linkers[] = { "ld",	  "ld.bfd", "ld.gold",
					       "ld.lld",  "ld.mold", NULL };

	if (is_one_of(name, compilers))
		return PROGRAM_COMPILER;
	return is_one_of(name, linkers) ? PROGRAM_LINKER : PROGRAM_OTHER;
}

/* What collect2 looks for before it takes "ld". */
static inline bool is_collected_linker(const char *name)
{
	return !strcmp(name, "real-ld") || !strcmp(name, "collect-ld");
}

static inline enum program_kind program_kind(const char *path)
{
	const char *name = program_base(path);
	enum program_kind kind = plain_name_kind(name);
	unsigned int nr_dashes = 0;

	if (is_collected_linker(name))
		return PROGRAM_LINKER;
	if (!strcmp(name, "lto-wrapper"))
		return PROGRAM_OPTIMISER;
	for (; kind == PROGRAM_OTHER && *name; name++)
		if (*name == '-' && ++nr_dashes >= 2)
			kind = plain_name_kind(name + 1);
	return kind;
}
