/*
 * How the judge works, concern by concern; only for judge*.c.
 *
 *	assembler files, sections whose readers have run    judge_sections.c
 *	values and sizes of variables                       judge_data.c
 *	layouts of types, by judge_types.c's lists          judge_layout.c
 *	lengths of what is allocated already		    judge_lengths.c
 *	functions taken from another object	    judge_moves.c
 *	names of one function that part		    judge_names.c
 *	exception tables that change alone		    judge_exceptions.c
 *	code that exceptions pass			    judge_unwind.c
 *	prototypes, and callers that stay                   judge_signature.c
 *	code that has already run, or never ends            judge_run.c
 *	files of the diff, and when nothing is left to do   judge_sources.c
 *	one warning for all that it concerns                judge_notice.c
 *
 * Each looks at the whole set before it refuses, so that one run tells all
 * there is to know of its kind.
 */
#pragma once

#include "../../lib/cleanup.h"
#include "change.h"

struct judge {
	struct build *build;
	struct change_set *set;
	/* Which of the options' words were of use, by index. */
	bool *data_used, *layout_used, *nothrow_used;
	/* What they could have been, for people who mistyped one. */
	struct strings data_names, layout_names, nothrow_names;
};

int judge_objects(struct judge *judge, struct hf_diag *diag);
int judge_exceptions(struct judge *judge, struct hf_diag *diag);
int judge_unwind(struct judge *judge, struct hf_diag *diag);
int judge_sections(struct judge *judge, struct hf_diag *diag);
int judge_data(struct judge *judge, struct hf_diag *diag);
int judge_layouts(struct judge *judge, struct hf_diag *diag);
int judge_moves(struct judge *judge, struct hf_diag *diag);
int judge_lengths(struct judge *judge, struct hf_diag *diag);
int judge_names(struct judge *judge, struct hf_diag *diag);
int judge_signatures(struct judge *judge, struct hf_diag *diag);
int judge_run(struct judge *judge, struct hf_diag *diag);
/* Fills in set->left_out. */
int judge_sources(struct judge *judge, struct hf_diag *diag);
/* Refuses when there is nothing to replace. */
int judge_nothing(struct judge *judge, struct hf_diag *diag);

/* ---- helpers: judge.c --------------------------------------------------- */

int judge_warn(struct judge *judge, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/**
 * judge_notice() - a warning of this kind concerns one more
 * @format: its name, and where it is: "table (src/a.c)"
 *
 * judge_say_notices() makes one warning of each kind.
 */
int judge_notice(struct judge *judge, const struct notice_kind *kind,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));
int judge_say_notices(struct judge *judge);
/* A line of the manifest's overrides, and a warning that says the same. */
int judge_override(struct judge *judge, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* "src/a.c" as the diff spells it, else as the object knows it. */
const char *judge_source(const struct judge *judge,
			 const struct unit_pair *pair);
/* The same for something in it, which may be from one of several sources. */
const char *judge_item_source(const struct judge *judge,
			      const struct unit_pair *pair,
			      const struct item *item);
/* The message's lines: as many as a person reads. */
void judge_list(const struct strings *lines, struct hf_diag *diag);
/* Adds @line unless it is there. Return: 0; -ENOMEM. */
int judge_add_once(struct strings *lines, const char *line);

/* Whether a source file of the build is the one that a diff calls @path. */
bool path_ends_with(const char *source, const char *path);

/* What the patch changes or adds anything in. */
bool pair_is_touched(const struct change_set *set,
		     const struct unit_pair *pair);

/* More than debug information. */
bool pair_differs(const struct unit_pair *pair);

/* ---- helpers: judge_users.c --------------------------------------------- */

/* Which object the link takes a global name from. */
struct definition {
	const char *name;		/* of the object; NULL: of none */
	const struct unit_pair *pair;	/* NULL: of an object that stays */
	const struct item *item;
	bool weak;
};

int judge_find_definition(const struct judge *judge, const char *name,
			  bool patched, struct definition *ret_definition,
			  struct hf_diag *diag);
/* Code or data of the target that refers to a global name, and is the same in
   the patched build: where that stands. NULL: there is none. */
int judge_find_user(const struct judge *judge, const char *name,
		    const char **ret_user, struct hf_diag *diag);
bool judge_is_exported(const struct judge *judge, const char *name);

/* ---- helpers: judge_types.c --------------------------------------------- */

struct live_type {
	char *name; /* "struct foo", "conf_t", "struct loc of f()" */
	Dwarf_Die die;
	bool is_constant; /* of an enumeration without a name: */
	Dwarf_Sword value;
};

struct live_types {
	struct live_type *items; /* by name; one name may stand twice */
	size_t nr;
};

/* Every complete type of a unit that data can be of. Return: 0; -ENOMEM. */
int live_types_collect(const struct unit *unit, struct live_types *ret_types);
void live_types_release(struct live_types *types);
/* The first of that name; NULL: none. Its namesakes follow it. */
const struct live_type *live_types_find(const struct live_types *types,
					const char *name);

/* The function of the source that code called @name was made from. */
bool unit_function_die(const struct unit *unit, const char *name,
		       Dwarf_Die *ret_die);
/* The same, of an item, by any of its names. */
bool item_function_die(const struct unit *unit, const struct item *item,
		       Dwarf_Die *ret_die);
