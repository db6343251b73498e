/*
 * Which functions of the target are replaced, and whether each one's entry can
 * be redirected.
 */
#pragma once

#include "build.h"

/**
 * replaced_find() - the functions that records and --replace name
 *
 * Fills build->replacements, manifest->functions and the hooks.
 *
 * Return: 0; -ECANCELED: "function-missing", "function-ambiguous",
 * "function-clone", "function-ifunc", "replaced-twice", "nothing-replaced",
 * "site-..."; -ENOMEM.
 */
int replaced_find(struct build *build, struct hf_diag *diag);

/**
 * replaced_add() - @symbol of the target is replaced by @new of @object
 * @new: lives as long as @object
 *
 * Copies that the compiler made (f.isra.0, f.constprop.0) are replaced as any
 * other function: who calls this must know that @new is called like them.
 *
 * Return: 0; -ECANCELED: "function-ifunc", "function-size", "replaced-twice",
 * "site-..."; -ENOMEM.
 */
int replaced_add(struct build *build, const struct object *object,
		 const struct symbol *symbol, const char *new,
		 struct hf_diag *diag);

/**
 * replaced_lookup() - one function of the target by name
 * @source: as much of its source file's path as is needed, NULL or "" for any
 */
int replaced_lookup(const struct build *build, const char *name,
		    const char *source, const struct symbol **ret_symbol,
		    struct hf_diag *diag);

/* Whether @symbol is a copy that the compiler made of @function. */
bool is_clone_of(const char *symbol, const char *function);
/* Whether it is the rarely used part that the compiler split off. */
bool is_cold_of(const char *symbol, const char *function);
