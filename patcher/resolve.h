/*
 * What the undefined names of the replacements stand for.
 *
 * In this order: what a HOTFIX_IMPORT_... line says; a global of the target's
 * own; its only local of that name; what its libraries export, or what it
 * imports already. Ambiguous or of another kind than it is used as: refused.
 */
#pragma once

#include "build.h"

/**
 * resolve_imports() - find what each undefined name means, and tell the linker
 *
 * Fills build->manifest->imports. Where files disagree about a name, it is
 * renamed in the object. Names found nowhere are left for
 * resolve_check_complete(): the compiler's own library may define them.
 *
 * Return: 0; -ECANCELED: "symbol-ambiguous", "symbol-kind", "tls-unavailable";
 * -ENOMEM.
 */
int resolve_imports(struct build *build, struct hf_diag *diag);

/**
 * resolve_check_complete() - after the link: nothing may remain unknown
 *
 * Imports that the result does not use are dropped.
 *
 * Return: 0; -ECANCELED (code "symbol-missing") with names that come near.
 */
int resolve_check_complete(struct build *build,
			   const struct elf_file *linked, struct hf_diag *diag);

/* What the code needs to know of a thread-local variable. */
enum tls_need { TLS_NEED_ANY, TLS_NEED_POINTER_OFFSET, TLS_NEED_MODULE };

/**
 * import_of_symbol() - describe something of the target itself
 * @called:	nothing but calls: any address that leads there will do
 * @ret_import: everything but `symbol`; also on failure to be released
 *
 * A library's own exported name may mean something else in a process: a copy
 * that an executable made of a variable, another library's malloc(). Where the
 * library asks the loader, so does the import (`slot`).
 *
 * Return: 0; -ECANCELED (code "tls-unavailable"); -ENOMEM.
 */
int import_of_symbol(const struct build *build, const struct symbol *symbol,
		     enum tls_need need, bool called,
		     struct manifest_import *ret_import,
		     struct hf_diag *diag);
/* The same for what a library exports under @name. Return: 0; -ENOMEM. */
int import_of_exported(const char *name, const struct exported *exported,
		       bool called, struct manifest_import *ret_import);
void import_release(struct manifest_import *import);

/* The import whose symbol in the patch is @symbol, or NULL. */
struct manifest_import *import_find(const struct manifest *manifest,
				    const char *symbol);
/* Return: the new import, zeroed; NULL: ENOMEM. */
struct manifest_import *import_add(struct manifest *manifest);
