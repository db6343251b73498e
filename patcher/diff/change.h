/*
 * What one diff changes in one target: pairs of objects, and of what differs in
 * them that which the patch brings.
 */
#pragma once

#include "../build.h"
#include "../record/recording.h"
#include "../source/source_patch.h"
#include "unit.h"

/* How the rebuilt original compares with the target's own bytes. */
struct identity {
	bool checked;
	bool proven;
	size_t nr_instructions; /* compared */
	size_t nr_references;	/* of them checked to lead to the same */
	/* Literals that are equal but for the directory of the build. */
	size_t nr_paths;
	/* When not proven: the first difference, in words, with both
	   instructions. Owned. */
	char *difference;
};

/* One object of the target, before and after. */
struct unit_pair {
	const char *name; /* of the link input, below the source directory */
	const struct compile *original_compile; /* NULL: not seen */
	const struct compile *patched_compile;
	struct unit *original; /* NULL: the object is new */
	struct unit *patched;  /* NULL: it is gone */
};

/* A function of the target that is replaced. */
struct change {
	struct unit_pair *pair;
	struct item *original;
	struct item *patched;
	const struct symbol *target; /* in build->symbols */
	struct identity identity;
};

/* Something that the patch brings beside the replacements. */
struct addition {
	struct unit_pair *pair;
	struct item *patched; /* new function or variable, literal, table, … */
};

/* A warning that may concern many. */
struct notice_kind {
	const char *code; /* for programs */
	const char *one, *many; /* what follows the name; the number */
};

struct notice {
	const struct notice_kind *kind;
	struct strings names; /* "table (src/a.c)" */
};

void notices_release(struct notice *notices, size_t nr);

/* What the objects of a program have for who unwinds its stacks. */
struct unwinding {
	bool has_handlers; /* of a language that catches exceptions */
	bool has_tables;   /* anything that is run while a stack is unwound */
	bool cancels;	   /* threads are ended before they return */
	/* A source of C replaces what is of such a language. */
	bool pointers_throw;
};

struct change_set {
	/* Of struct rebuilds, borrowed as `sources` is; pairs point into it. */
	struct recording original_build, patched_build;
	const struct link_step *link; /* of the original; NULL: unknown */
	struct unit_pair *pairs; /* only those whose objects differ */
	size_t nr_pairs;
	size_t nr_units; /* objects of the target, changed or not */
	struct change *changes;
	size_t nr_changes;
	struct addition *additions;
	size_t nr_additions;
	struct unwinding unwinding; /* see passage.h */
	/* Lines for people: what was not taken, and why. */
	struct strings left_out;
	struct notice *notices; /* of judge.h's warnings, in full */
	size_t nr_notices;
	struct source_changes sources;
};

void change_set_release(struct change_set *set);

/* The change of an original or patched item; NULL. */
struct change *change_of(const struct change_set *set, const struct item *item);
bool is_addition(const struct change_set *set, const struct item *patched);
