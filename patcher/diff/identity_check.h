/*
 * One attempt to prove one function: what its parts know of each other.
 *
 *	identity.c	    walk both parts, then look at every use
 *	identity_value.c    does a field lead to what it has to?
 *	identity_content.c  literals, constants, tables: are they equal?
 *	identity_text.c     the difference, in words
 */
#pragma once

#include "change.h"
#include "identity_walk.h"
#include "target_index.h"

struct check {
	const struct build *build;
	const struct unit_pair *pair;
	const struct item *function;
	const struct symbol *target;
	/* The function and, where it has one, its cold part. */
	struct walk parts[2];
	size_t nr_parts;
	/* Choosing among several functions: names decide, not addresses. */
	bool tentative;
	unsigned int depth; /* of contents that refer to contents */
	size_t nr_paths;
	/* Read-only data with names whose contents were found equal. */
	const struct item **known;
	size_t nr_known;
	char *reason; /* why the last check failed; owned; may be NULL */
};

/*
 * Each of the following returns 1 when it is the same, 0 when it is not (with
 * a reason), or -ENOMEM.
 */

/* Where a field leads to. */
int check_use(struct check *check, const struct field_use *use);

/* Does @vaddr stand for @to + @to_offset? */
int check_address(struct check *check, uint64_t vaddr, const struct item *to,
		  int64_t to_offset);

/* Do the eight bytes at @vaddr? */
int check_word(struct check *check, uint64_t vaddr, const struct item *to,
	       int64_t to_offset);

/* Data without identity: is at @vaddr what @to has at @to_offset? */
int check_literal(struct check *check, uint64_t vaddr, const struct item *to,
		  int64_t to_offset);

/* Constant data with a name, which begins at @vaddr. */
int check_constant(struct check *check, uint64_t vaddr, const struct item *to);
bool item_is_constant(const struct check *check, const struct item *item);

/* The part of the function that @item is; NULL. */
const struct walk *check_part(const struct check *check,
			      const struct item *item);

/* Sets the reason. Return: 0, or -ENOMEM. */
int check_differs(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What @vaddr is in the target, in words; into @buffer, which is returned. */
const char *describe_address(const struct build *build, uint64_t vaddr,
			     char *buffer, size_t size);

/* "f()+0x1c", "the literal \"abc\""; into @buffer, which is returned. */
const char *describe_place(const struct item *item, int64_t offset,
			   char *buffer, size_t size);

/* The instructions at two offsets of a part, and the reason. NULL: ENOMEM. */
char *describe_difference(const struct check *check, const struct walk *part,
			  uint32_t object_at, uint32_t target_at,
			  const char *reason);
