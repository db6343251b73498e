/*
 * The module that a patch is for: an executable or a shared library.
 *
 * Everything the patch pins is read from BIN itself: build-id, bytes of code,
 * program headers. Names may come from elsewhere, see symbols.h.
 */
#pragma once

#include "../lib/arch/arch.h"
#include "../lib/manifest.h"
#include "array.h"
#include "elf_file.h"

/* A slot of a library that the loader fills for one of its own variables. */
struct tls_slot {
	uint64_t vaddr; /* of the slot; 0: there is none */
	int64_t offset; /* of that variable in the TLS block */
};

struct target {
	struct elf_file *file;
	const struct arch *arch;
	char *name; /* soname, or the executable's file name */
	enum target_kind kind;
	struct build_id build_id;
	/* What the dynamic loader is told; all empty in a static executable. */
	struct strings needed;
	char *runpath;	   /* DT_RUNPATH, else DT_RPATH; may be NULL */
	char *interpreter; /* may be NULL */
	/* Thread-local storage. */
	bool has_tls;
	int64_t tls_start; /* executable: thread pointer to the TLS block */
	struct tls_slot tls_pointer_slot; /* R_X86_64_TPOFF64 */
	struct tls_slot tls_module_slot;  /* R_X86_64_DTPMOD64 */
};

/**
 * target_open() - read and check the module
 *
 * Return: 0; -ECANCELED: "no-build-id", "machine-unsupported", "not-a-module";
 * -ENOEXEC; -errno.
 */
int target_open(const char *path, struct target **ret_target,
		struct hf_diag *diag);
void target_close(struct target *target);
DEFINE_CLEANUP(struct target, target_close)
