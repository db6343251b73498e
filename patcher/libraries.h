/*
 * What the target's libraries export, as far as they are on this machine.
 *
 * The DT_NEEDED closure is searched as the dynamic loader would: RUNPATH with
 * $ORIGIN, the directories of ld.so.conf, the standard ones, and where the
 * interpreter lives (musl's libc is its own interpreter). A library that is not
 * here is not an error: it is only one that cannot be asked.
 */
#pragma once

#include "options.h"
#include "target.h"

struct libraries {
	struct elf_file **files;
	char **names; /* as DT_NEEDED spells them */
	size_t nr;
	struct strings missing; /* needed and not found here */
};

int libraries_open(const struct target *target, const char *sysroot,
		   struct libraries *ret_libraries, struct hf_diag *diag);
void libraries_close(struct libraries *libraries);

struct exported {
	const char *version; /* NULL: unversioned */
	const char *library; /* NULL when not known */
	unsigned char type;  /* STT_*; STT_NOTYPE when not known */
	uint64_t size;
};

/**
 * libraries_find() - the definition of an exported name
 *
 * The version that the target itself is bound to comes first, then the default
 * one of the first library that has it.
 *
 * Return: 0; -ENOENT.
 */
int libraries_find(const struct libraries *libraries,
		   const struct target *target, const char *name,
		   struct exported *ret_exported);
