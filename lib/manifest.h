/*
 * The manifest: what a patch file says about itself, JSON in .note.hotfix.
 *
 * Addresses are virtual addresses as the ELF file of the module has them
 * ("vaddr"); in a process they stand at load bias + vaddr. Strings are owned by
 * the manifest; those marked "may be NULL" are absent from the JSON then.
 */
#pragma once

#include "site.h"

#define MANIFEST_SCHEMA 1
#define MANIFEST_NAME_MAX 63

enum hook_kind {
	HOOK_PRE_APPLY,
	HOOK_POST_APPLY,
	HOOK_PRE_REVERT,
	HOOK_POST_REVERT,
	NR_HOOKS,
};

/* A stretch of a function that stands elsewhere: NAME.cold. */
struct manifest_part {
	char *name;
	uint64_t vaddr;
	uint64_t size;
	uint8_t sha256[SHA256_SIZE];
};

#define MANIFEST_LINES_MAX 256

/*
 * Which source lines code is from, of one file: "1a40:42 1a47:43", from this
 * address on this line, in order of addresses; line 0: unknown.
 */
struct manifest_lines {
	char *file;
	char *rows;
};

/* Whether the function, built anew from its source, is what the target runs. */
enum manifest_identity {
	IDENTITY_NOT_COMPARED, /* the patch is from a replacement source */
	IDENTITY_PROVEN,
	IDENTITY_UNPROVEN, /* accepted by the author, see `overrides` */
};

/* A function of the target that the patch replaces. */
struct manifest_function {
	char *name;
	char *source;	     /* source file, may be NULL */
	uint64_t vaddr;	     /* in the target module */
	uint64_t size;
	uint8_t sha256[SHA256_SIZE]; /* of its bytes, as built */
	uint32_t gap_before; /* padding bytes that belong to no symbol */
	uint32_t gap_behind;
	struct site_plan plan;
	struct manifest_part *parts;
	size_t nr_parts;
	/* Of the function and its parts, for reports; NULL: unknown. */
	struct manifest_lines *lines;
	size_t nr_lines;
	/* The replacement, in the patch. */
	char *replacement;
	uint64_t replacement_vaddr;
	uint64_t replacement_size;
	bool calls_original; /* HOTFIX_ORIGINAL is used: not if reentered */
	/* From a source diff only. */
	char *why; /* it changed: "own code"; may be NULL */
	enum manifest_identity identity;
	uint32_t identity_instructions; /* that were compared */
	uint32_t identity_references;	/* of them, checked to lead to the same */
	char *difference; /* IDENTITY_UNPROVEN: the first one, may be NULL */
};

enum import_kind {
	IMPORT_FUNCTION,
	IMPORT_OBJECT,
	IMPORT_IFUNC,
	IMPORT_TLS,
};

/* How a thread-local import is found, see hotfix-patch(5). */
enum import_tls {
	/* Executable: the thread-pointer offset is known: `tls_offset`. */
	IMPORT_TLS_EXECUTABLE,
	/*
	 * Library: the module already has a slot that the loader filled for
	 * one of its own thread-local variables; `tls_slot` is its vaddr,
	 * `tls_slot_offset` that variable's offset in the TLS block.
	 */
	IMPORT_TLS_THREAD_POINTER_SLOT, /* R_X86_64_TPOFF64 */
	IMPORT_TLS_MODULE_SLOT,		/* R_X86_64_DTPMOD64 */
};

/* Something that lives in the target and that the patch refers to. */
struct manifest_import {
	char *symbol; /* its name in the patch's .dynsym */
	enum import_kind kind;
	/*
	 * true: of the target module itself, at `vaddr` (IMPORT_TLS: offset in
	 * the TLS block). false: of whatever module exports `name`.
	 */
	bool in_module;
	char *name;    /* the target's name for it */
	char *source;  /* source file, may be NULL */
	uint64_t vaddr;
	/*
	 * vaddr of the slot by which the module itself reaches what it exports
	 * at `vaddr`; what the loader put there counts: another module's may
	 * stand in for it. 0: none.
	 */
	uint64_t slot;
	uint64_t size;	/* 0 when unknown */
	char *version; /* symbol version for exported names, may be NULL */
	char *library; /* soname it was found in at build time, may be NULL */
	enum import_tls tls;
	int64_t tls_offset;
	uint64_t tls_slot;
	int64_t tls_slot_offset;
};

/* A function that runs in the target around apply and revert. */
struct manifest_hook {
	char *symbol; /* NULL: no such hook */
	uint64_t vaddr;
};

enum target_kind { TARGET_EXECUTABLE, TARGET_LIBRARY };

struct manifest_target {
	char *name; /* soname, or the executable's file name */
	enum target_kind kind;
	struct build_id build_id;
	uint16_t machine; /* e_machine */
};

/* A diff that the patch was built from. */
struct manifest_diff {
	char *name; /* base name of the file */
	uint8_t sha256[SHA256_SIZE];
};

struct manifest {
	char *name; /* [A-Za-z0-9][A-Za-z0-9._-]*, at most MANIFEST_NAME_MAX */
	char *reason; /* may be NULL */
	char *ticket; /* may be NULL */
	char *author; /* may be NULL */
	char *created; /* ISO 8601, UTC */
	char *tool;    /* "hotfix-build 0.1" */
	char *compiler; /* the compiler's own version line, may be NULL */
	char *flags;	/* compiler flags used, may be NULL */
	struct manifest_target target;
	struct manifest_function *functions;
	size_t nr_functions;
	struct manifest_import *imports;
	size_t nr_imports;
	struct manifest_hook hooks[NR_HOOKS];
	/* What was proved at build time and how; one line each. */
	char **proof;
	size_t nr_proof;
	/* What the author accepted against advice, one line each. */
	char **overrides;
	size_t nr_overrides;
	/* From a source diff only. */
	struct manifest_diff *diffs;
	size_t nr_diffs;
	char *build_command; /* may be NULL */
};

const char *hook_kind_name(enum hook_kind kind);

/**
 * manifest_parse() - read and check the JSON form
 *
 * Whatever the input, the result obeys every bound stated above, or it is
 * refused: the caller need not check strings for NULL, names for characters or
 * sizes for sanity. (Whether addresses fit the module is the caller's.)
 *
 * Return: 0; -EBADMSG (code "patch-malformed") with the path of the offending
 * member; -ECANCELED (code "patch-too-new") for a schema we do not know;
 * -ENOMEM.
 */
int manifest_parse(const char *json, size_t size, struct manifest **ret_manifest,
		   struct hf_diag *diag);

/*
 * The JSON form, owned by the caller (free). What the bounds above forbid is
 * written all the same: manifest_parse() is the judge.
 *
 * Return: 0; -EINVAL when a string is missing or is not UTF-8; -ENOMEM.
 */
int manifest_format(const struct manifest *manifest, char **ret_json,
		    struct hf_diag *diag);

void manifest_free(struct manifest *manifest);

bool manifest_name_valid(const char *name);

/**
 * manifest_line() - the source line of code at @vaddr, in @function or a part
 * @ret_file: borrowed from the manifest
 *
 * Return: 0: unknown.
 */
unsigned int manifest_line(const struct manifest_function *function,
			   uint64_t vaddr, const char **ret_file);
