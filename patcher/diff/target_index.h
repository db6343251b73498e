/*
 * What bind.h and identity.h look up in the target again and again, sorted
 * once, when it is first asked for: names, and the words that the dynamic
 * loader fills in.
 */
#pragma once

#include "../build.h"

/* Return: 0; -ENOMEM. */
int target_index_new(struct target_index **ret_index, struct hf_diag *diag);
void target_index_free(struct target_index *index);

/* Symbols of one name, in the table's order. */
struct named {
	const struct symbol *const *symbols;
	size_t nr;
};

/* Return: 0, also when there is none; -ENOMEM. */
int target_find(const struct build *build, const char *name,
		struct named *ret_named);

/* Whether one of them, that is not thread-local, begins at @vaddr. */
bool named_has(const struct named *named, uint64_t vaddr);

/* Whether something called @name begins at @vaddr. */
bool target_is_named(const struct build *build, const char *name,
		     uint64_t vaddr);

/* libraries_find(), remembered. Return: 0; -ENOENT; -ENOMEM. */
int target_find_exported(const struct build *build, const char *name,
			 struct exported *ret_exported);

/* Whether the target asks its libraries for that name. */
bool target_imports(const struct build *build, const char *name);

/* Eight bytes of the target, as they are when it runs. */
struct target_word {
	/*
	 * R_X86_64_NONE: `value` is what stands there; R_X86_64_RELATIVE: an
	 * address of the target; others: of the symbol `name`, or of the target
	 * itself where that is NULL, plus `value`.
	 */
	uint32_t type;
	const char *name;
	bool defined; /* by the target itself, at `vaddr` */
	uint64_t vaddr;
	uint64_t value;
};

/* Return: 0; -ENOENT when nothing is known of that address; -ENOMEM. */
int target_word(const struct build *build, uint64_t vaddr,
		struct target_word *ret_word);

/* The slot that a PLT entry jumps through. Return: 0; -ENOENT: it is none. */
int target_plt_slot(const struct build *build, uint64_t vaddr,
		    uint64_t *ret_slot);

/* Filled in by target_alike.c, NULL before. */
struct target_alike **target_index_alike(const struct build *build);

/* For choosing among functions by their code: not while doing just that. */
bool target_enter(const struct build *build);
void target_leave(const struct build *build);
bool target_entered(const struct build *build);
