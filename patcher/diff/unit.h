/*
 * A relocatable object as a graph: items that refer to items.
 *
 * An item is the smallest thing that is compared, kept or left as a whole: a
 * function, its cold part, a variable, one string literal, one constant, a
 * table without a name. A reference is a relocation, freed of the accidents of
 * code generation: whether the compiler wrote a symbol or a section and an
 * offset, and how far the instruction's end is from the field, is gone.
 *
 *	.text.f   48 8d 3d [....]   lea  .LC5(%rip), %rdi
 *	                   R_X86_64_PC32  .rodata.str1.1 + 0x1c
 *	is
 *	item f ── reference { offset 3, bias -4 } ──► item "no memory\n" + 0
 *
 * so that  symbol + r_addend  ==  address of `to` + to_offset + bias.
 *
 * Objects are compiled with -ffunction-sections -fdata-sections; where a
 * section still holds several symbols (assembler, common sections), each symbol
 * reaches to the next.
 */
#pragma once

#include "../debuginfo.h"
#include "../elf_file.h"

enum item_kind {
	ITEM_FUNCTION,
	ITEM_COLD,     /* NAME.cold, of the function `parent` */
	ITEM_VARIABLE, /* data with a name */
	ITEM_TABLE,    /* data without one: switch tables, whole sections */
	ITEM_STRING,   /* one string of a mergeable section, with its NUL */
	ITEM_CONSTANT, /* one entry of any other mergeable section */
	ITEM_EXTERNAL, /* an undefined symbol */
};

struct item;
struct symbol;

struct reference {
	uint64_t offset; /* of the field, in the item */
	uint32_t type;	 /* R_X86_64_… */
	struct item *to;
	/*
	 * Where in `to`, from its start. May be its size (one past the end), or
	 * even outside of it where a compiler folded an index.
	 */
	int64_t to_offset;
	/*
	 * What the field's place adds: for PC-relative fields in code, the
	 * distance back from the end of the instruction (-4, or less when an
	 * immediate follows). 0 in data, where a PC-relative table entry keeps
	 * its whole r_addend in `to_offset`.
	 */
	int64_t bias;
	Elf64_Rela *rela; /* in the unit's file, for editing */
};

/* What compare.h found; SAME until then. */
enum verdict { VERDICT_SAME, VERDICT_CHANGED, VERDICT_ADDED, VERDICT_REMOVED };

/* Why an item is not the same. */
enum why {
	WHY_NOT,
	WHY_CODE,      /* its own instructions or bytes */
	WHY_REFERENCE, /* it refers to something else now: detail says what */
	WHY_CONSTANT,  /* a literal, table or constant that it uses differs */
	WHY_SIZE,      /* data: of another size */
	WHY_COLD,      /* only its cold part differs */
	WHY_INLINED,   /* a function that is inlined into it: detail names it */
	WHY_CALLEE,    /* calls another clone: detail names it */
	WHY_BINDING,   /* attributes: section, type, thread-local, … */
};

struct item {
	enum item_kind kind;
	const char *name;  /* of its first symbol; NULL: none */
	size_t symbol;	   /* index of that; 0: none */
	size_t *aliases;   /* more symbols at the same place */
	size_t nr_aliases;
	size_t section;	   /* index; 0: external; SHN_COMMON: common */
	uint64_t offset;   /* in the section */
	uint64_t size;
	uint64_t alignment;
	const uint8_t *bytes; /* NULL: zeros, or external */
	unsigned char type;    /* STT_* of its symbol */
	unsigned char binding; /* STB_*; STB_LOCAL where it has no symbol */
	unsigned char visibility; /* STV_* */
	/* What is read-only after relocation (.data.rel.ro) is not writable. */
	bool writable, executable, thread_local;
	/* Its unwind entry names an exception table: it has clean-ups. */
	bool has_table;
	struct reference *references; /* by offset */
	size_t nr_references;
	/*
	 * ITEM_COLD: its function. ITEM_TABLE: the only function that refers to
	 * it, else NULL.
	 */
	struct item *parent;
	/* A static local variable: the function that it stands in, by DWARF or
	   by the only function that refers to it; NULL: file scope, unknown. */
	const char *scope;
	/* In a unit that was optimised at link time: the path of the source
	   that it is from; NULL: unknown. Its DWARF, whatever it is called; 0:
	   none. Whether it is a global of the source. */
	const char *origin;
	uint64_t die;
	bool shared;
	/* Of several of its name, the one that the target's code means: see
	   bind_learn.h. */
	const struct symbol *learned;
	/* Filled in by correlate.h and compare.h. */
	struct item *twin; /* in the other unit; NULL: none */
	enum verdict verdict;
	enum why why;
	char *detail; /* may be NULL; owned */
};

struct unit {
	char *path;
	const char *source; /* of STT_FILE; NULL: none */
	struct elf_file *file;
	struct elf_symbols symbols;
	struct debuginfo *debuginfo; /* NULL: none */
	/* By section and offset; then common ones, then externals. */
	struct item **items;
	size_t nr_items;
	/* Made of several sources by gcc's link-time optimiser. */
	bool optimised;
	bool learned; /* bind_learn() was here */
	/* For unit.c: */
	struct item *item_block;
	struct reference *reference_block;
	struct item **symbol_items; /* by index of the symbol */
	size_t *by_name; /* indices of symbols */
	size_t nr_by_name;
	struct strings scopes; /* names that stand nowhere else */
};

/**
 * unit_open() - read an object
 *
 * Not modelled, since they hold nothing of the program itself: what is not
 * loaded, notes, unwind and exception tables.
 *
 * Return: 0; -ECANCELED: "object-lto", "machine-unsupported",
 * "object-too-large"; -ENOEXEC when it is no ET_REL or damaged; -ENOMEM;
 * -errno.
 */
int unit_open(const char *path, struct unit **ret_unit, struct hf_diag *diag);
/* The same, of what optimised.h has put together: unit->optimised. */
int unit_open_optimised(const char *path, struct unit **ret_unit,
			struct hf_diag *diag);
void unit_close(struct unit *unit);
DEFINE_CLEANUP(struct unit, unit_close)

/* The item that covers a place; one past the end of the last counts. */
struct item *unit_item_at(const struct unit *unit, size_t section,
			  uint64_t offset);
/* The item of a symbol, by index; NULL for file and section symbols. */
struct item *unit_item_of_symbol(const struct unit *unit, size_t symbol);
/* The item with a name, aliases too; NULL: none. Local names may repeat: the
   first. */
struct item *unit_find(const struct unit *unit, const char *name);

/* Static in its source, and only seen by other partitions of one link (gcc makes
   it a hidden global, with a number). */
bool item_is_private(const struct item *item);

/* What tells it from others of its name: the source, of a static one; a global
   is the only one, wherever it stands: "". NULL: unknown. */
static inline const char *item_place(const struct item *item)
{
	return item->shared ? "" : item->origin;
}

static inline bool item_is_code(const struct item *item)
{
	return item->kind == ITEM_FUNCTION || item->kind == ITEM_COLD;
}

/* Data that nobody can change: literals, constants, const variables, tables. */
static inline bool item_is_read_only_data(const struct item *item)
{
	return !item_is_code(item) && item->kind != ITEM_EXTERNAL &&
	       !item->writable && !item->thread_local;
}

/*
 * A name without the numbers that the compiler deals out: "f.constprop" of
 * "f.constprop.3", "counter" of "counter.1234", "f.part.isra" of
 * "f.part.0.isra.1", "CSWTCH" of "CSWTCH.17", ".LC" of ".LC12"; "helper" of
 * "helper.lto_priv.0", which a static name gets that another file has as well.
 * Owned by the caller. NULL: ENOMEM.
 */
char *item_base_name(const char *name);

/* "f()", "variable counter of f()", "the literal \"abc\"", for messages; in
   @buffer, which is returned. */
const char *item_describe(const struct item *item, char *buffer, size_t size);
