/*
 * How extract.h is done; only for extract*.c.
 *
 *	fates        what becomes of each item that is met	extract_fates.c
 *	  |
 *	unwind       the unwinder need not pass any of it	extract_unwind.c
 *	  |
 *	names        unique over all objects of the patch	extract_names.c
 *	  |
 *	layout       sections kept, left out, or copied from	extract_layout.c
 *	  |
 *	references   led to where they shall go			extract_references.c
 *	  |			imports for what the target has	extract_imports.c
 *	symbols      hidden or dropped; debug information	extract_symbols.c
 *	  |
 *	stubs        the object with what no compiler wrote	extract_stubs.c
 */
#pragma once

#include "../resolve.h"
#include "bind.h"
#include "extract.h"
#include "object_edit.h"

/* What a reference to an item leads to. */
enum fate_kind {
	FATE_UNKNOWN, /* nothing has referred to it yet */
	FATE_KEPT,    /* the patch's own: it is brought along */
	FATE_TARGET,  /* the target's or a library's: `binding` */
	FATE_LINKER,  /* external, of another object of the patch or of the
			 compiler's library: the linker finds it by name */
	FATE_ABSENT,  /* weak, and nobody has it: address 0 */
};

/* Different code wants different things of one import. */
enum import_way {
	WAY_CALL,	 /* any address that calls it */
	WAY_ADDRESS,	 /* the one that the target's own pointers have */
	WAY_TLS_POINTER, /* its offset from the thread pointer */
	WAY_TLS_MODULE,	 /* its module's number, its offset there */
	NR_IMPORT_WAYS,
};

struct fate {
	enum fate_kind kind;
	/* Its bytes are in the patch. Also true of code that shares its section
	   with what is kept, though the target's own goes on being used. */
	bool included;
	const struct change *change; /* the replacement of `binding` */
	struct binding binding;
	const char *name; /* that it was bound by */
	bool imported[NR_IMPORT_WAYS];
	size_t imports[NR_IMPORT_WAYS]; /* in the manifest */
	/* Where it is copied to; 0: it stays in its section. */
	size_t copy_section;
	uint64_t copy_offset;
};

/* A symbol of ours at the start of a section. */
struct marker {
	size_t section;
	char *name;
};

/* The undefined symbol through which an object reaches an import. */
struct import_use {
	size_t import;
	size_t symbol;
};

/* One object of the patch. */
struct extract_unit {
	const struct unit_pair *pair;
	bool used; /* something of it is kept */
	struct fate *fates; /* as pair->patched->item_block */
	struct object_edit edit;
	size_t read_only, writable; /* sections for copies; 0: none yet */
	/* Of the file's symbols: the linker finds it by name. */
	bool *linker_finds;
	struct marker *markers;
	size_t nr_markers;
	struct import_use *uses;
	size_t nr_uses;
	size_t object; /* in build->objects */
};

struct place {
	struct extract_unit *unit;
	struct item *item;
};

struct extract {
	struct build *build;
	struct change_set *set;
	struct extract_unit *units; /* as set->pairs */
	struct place *included;	    /* grows while it is gone through */
	size_t nr_included;
	struct strings names; /* that mean something already */
	size_t nr_markers;
	struct strings thunks; /* imports whose address must be near */
	bool needs_absent;     /* something to call that is not there */
	char *tls_import;      /* for the number of the target's module */
	size_t first_import;   /* those before are not ours */
};

static inline struct fate *fate_of(const struct extract_unit *unit,
				   const struct item *item)
{
	return &unit->fates[item - unit->pair->patched->item_block];
}

/* Whether a loaded section that is no item's must stay with the code. */
bool extract_section_stays(const struct elf_file *file,
			   const Elf64_Shdr *section);

int extract_fates(struct extract *extract, struct hf_diag *diag);
int extract_unwind(const struct extract *extract,
		   const struct extract_unit *unit, struct hf_diag *diag);
int extract_names(struct extract *extract, struct hf_diag *diag);
int extract_layout(struct extract *extract, struct extract_unit *unit,
		   struct hf_diag *diag);
int extract_references(struct extract *extract, struct extract_unit *unit,
		       struct hf_diag *diag);
int extract_symbols(struct extract *extract, struct extract_unit *unit,
		    struct hf_diag *diag);
int extract_stubs(struct extract *extract, struct hf_diag *diag);

/* Names of what the stubs hold. */
#define STUB_ABSENT "hotfix.absent"
#define STUB_TLS "hotfix.tls"
#define STUB_THUNK "hotfix.thunk."

/* A name that nothing in the patch has, owned by the caller; NULL: ENOMEM. */
char *extract_unique_name(struct extract *extract, const char *name);

/* The import for what @fate is bound to. */
int extract_import(struct extract *extract, struct fate *fate,
		   enum import_way way, const struct manifest_import **ret_import,
		   struct hf_diag *diag);
/* The symbol by which @unit knows an import. Return: 0; -ENOMEM. */
int extract_import_symbol(struct extract *extract, struct extract_unit *unit,
			  const struct manifest_import *import,
			  size_t *ret_symbol);
