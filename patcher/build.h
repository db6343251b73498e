/*
 * One run of hotfix-build: from sources and a target to a patch file.
 *
 *	target, symbols, debuginfo      what is running (read only)
 *	  |
 *	compile: fix.c -> objects       with the target's flags, or
 *	diff/: a diff -> objects        from the target's own build
 *	  |
 *	replaced: records -> functions  which, where, how redirected, how safe
 *	  |
 *	resolve: undefined -> imports   module + offset, or exported name
 *	  |
 *	original: displaced entries     an object of ours
 *	  |
 *	link: ld -shared                an ordinary shared object
 *	  |
 *	inspect: types, inlined copies  DWARF of both
 *	  |
 *	preserve: registers             what callers rely on
 *	  |
 *	emit: .note.hotfix, .rela.hotfix
 */
#pragma once

#include "debuginfo.h"
#include "flags.h"
#include "libraries.h"
#include "object.h"
#include "options.h"
#include "symbols.h"
#include "target.h"

/* A function of the target and what takes its place. */
struct replacement {
	const struct symbol *old;
	const struct object *object;
	const char *new; /* the function's name in that object */
	char *saved;	 /* registers that its entry saves; NULL: no entry */
};

/*
 * A relocation that the linker could not have put into a shared object, see
 * diff/extract.h. Places are named by symbols of the linked file.
 */
struct held_reloc {
	char *place;
	uint64_t offset; /* of the field, from `place` */
	uint32_t type;
	char *import; /* its symbol in the patch; NULL: it leads to `to` */
	char *to;     /* of the patch itself */
	int64_t addend;
};

struct change_set;
struct rebuilds;

struct build {
	const struct options *options;
	struct target *target;
	struct debuginfo *debuginfo; /* NULL: none */
	struct symbols symbols;
	struct libraries libraries;
	struct insn_decoder *decoder;
	struct target_index *index; /* of names and slots, diff/target_index.h */

	char *directory; /* temporary files */
	struct strings compiler; /* its words: CC may hold several */
	struct flags *flags; /* one per source */
	struct object *objects; /* one per source */
	size_t nr_objects;

	struct replacement *replacements; /* as manifest->functions */
	size_t nr_replacements;
	struct manifest *manifest;
	struct held_reloc *held;
	size_t nr_held;
	/* From a source diff; else NULL. */
	struct rebuilds *rebuilds; /* borrowed */
	struct change_set *changes;
	struct strings generated; /* objects that we wrote ourselves */
	char *linked; /* path of the result before emit */
	struct strings warnings;
};

/**
 * build_run() - make the patch file that @options ask for
 * @rebuilds: for a source diff, of the same source and diffs: made by the
 *            first run that needs them, used by all, released by the caller
 * @ret_build: what was built; also on failure, for its warnings; may be NULL.
 *             Release with build_free().
 *
 * On failure options->output is as it was before.
 */
int build_run(const struct options *options, struct rebuilds *rebuilds,
	      struct build **ret_build, struct hf_diag *diag);
/* What the patch will be called, owned by the caller; NULL: ENOMEM. */
char *build_name(const struct options *options);

/* A new directory for temporary files, owned by the caller; NULL: see errno. */
char *build_make_directory(struct hf_diag *diag);

void build_free(struct build *build);
DEFINE_CLEANUP(struct build, build_free)

/**
 * build_open_target() - the part of build_run() that reads what is running
 * @build: zeroed but for `options`; released with build_free() also on failure
 *
 * Return: 0; what target_open(), debuginfo_open() and the others return.
 */
int build_open_target(struct build *build, struct hf_diag *diag);

/* Adds a line to the manifest's proof. Return: 0; -ENOMEM. */
int build_prove(struct build *build, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The replacement of the function at @vaddr; NULL when it is not replaced. */
const struct replacement *build_replacement_at(const struct build *build,
					       uint64_t vaddr);
