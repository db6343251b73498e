/*
 * The names of a module, static ones too.
 *
 * From .symtab of the module, or of its separate debug file when the module is
 * stripped; where neither has one, from .dynsym, and then `complete` is false:
 * there may be functions that nobody told us of.
 */
#pragma once

#include "debuginfo.h"
#include "target.h"

struct symbol {
	const char *name; /* without @VERSION */
	const char *file; /* of STT_FILE, a base name; NULL when not known */
	uint32_t group;	  /* number of that STT_FILE; 0: not known */
	uint64_t vaddr;	  /* STT_TLS: offset in the TLS block */
	uint64_t size;
	uint16_t section;
	unsigned char type;    /* STT_* */
	unsigned char binding; /* STB_* */
};

struct symbols {
	const struct target *target;
	const struct debuginfo *debuginfo; /* for sources; may be NULL */
	bool complete;
	struct symbol *entries; /* defined ones, in the table's order */
	size_t nr;
	struct symbol **code; /* those in executable sections, by address */
	size_t nr_code;
};

int symbols_read(const struct target *target,
		 const struct debuginfo *debuginfo,
		 struct symbols *ret_symbols, struct hf_diag *diag);
void symbols_release(struct symbols *symbols);

/* What a symbol can be used as. */
enum symbol_class { SYMBOL_FUNCTION, SYMBOL_DATA, SYMBOL_TLS, SYMBOL_OTHER };
enum symbol_class symbol_class(const struct symbol *symbol);
const char *symbol_class_name(enum symbol_class class);

/* The source file that defines it, best known form; NULL when unknown. */
const char *symbol_source(const struct symbols *symbols,
			  const struct symbol *symbol);

/**
 * source_matches() - whether a path may be called @suffix
 *
 * "pay.c" and "src/pay.c" both name "/build/src/pay.c"; where only "pay.c" is
 * known, "src/pay.c" names it too. NULL and "" name every path.
 */
bool source_matches(const char *path, const char *suffix);

struct symbol_matches {
	const struct symbol **entries; /* one per address */
	size_t nr;
};

/* Every definition of @name in files called @source, aliases left out. */
int symbols_find(const struct symbols *symbols, const char *name,
		 const char *source, struct symbol_matches *ret_matches);
static inline void symbol_matches_release(struct symbol_matches *matches)
{
	free(matches->entries);
}

/* The function that covers @vaddr, or NULL. */
const struct symbol *symbols_function_at(const struct symbols *symbols,
					 uint64_t vaddr);

/* Bytes next to a function that belong to no symbol of its section. */
struct symbol_gaps {
	uint32_t before;
	uint32_t behind;
};
struct symbol_gaps symbols_gaps(const struct symbols *symbols,
				const struct symbol *function);

/* Adds "NAME (FILE)" of symbols that @name may have been meant for. */
int symbols_near(const struct symbols *symbols, const char *name,
		 struct strings *near);
