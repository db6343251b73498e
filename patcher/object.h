/*
 * A compiled replacement source, before it is linked.
 *
 * What it defines, what it needs and how it uses it is read from its symbols
 * and relocations. Where two files mean different things of the target by one
 * name, the name is changed in the object, so that the linker keeps them apart.
 */
#pragma once

#include "../include/hotfix/hotfix.h"
#include "array.h"
#include "elf_file.h"

/* How an undefined symbol is used, by its relocations. */
enum use {
	USE_CALL = 1 << 0,	   /* called or jumped to */
	USE_ADDRESS = 1 << 1, /* its address is taken or its bytes read */
	USE_TLS = 1 << 2,	   /* as a thread-local variable */
	USE_DIRECT = 1 << 3,  /* assumed to be in the same module: hidden */
	USE_TLS_MODULE = 1 << 4, /* and by its module's number */
};

struct object_import {
	const char *symbol; /* as the object has it, before any renaming */
	size_t index;	    /* in its symbol table */
	unsigned int uses;
	bool weak;
};

/* A HOTFIX_... line; strings point into the object. */
struct record {
	enum hotfix_record_kind kind;
	const char *name;
	const char *source;
	const char *local;
	const char *symbol; /* of the function in this file, or NULL */
};

struct object {
	const char *source; /* the .c file; borrowed */
	char *path;
	struct elf_file *file;
	struct elf_symbols symbols;
	struct object_import *imports;
	size_t nr_imports;
	struct record *records;
	size_t nr_records;
	/* Names appended to the string table when the object is saved. */
	char *new_names;
	size_t new_names_size;
};

int object_open(const char *source, const char *path,
		struct object *ret_object, struct hf_diag *diag);
void object_release(struct object *object);

/* The defined symbol of that name, or NULL. */
const Elf64_Sym *object_definition(const struct object *object,
				   const char *name);

/* Return: 0; -ENOMEM. */
int object_rename(struct object *object, size_t symbol, const char *name);

/* Writes the object with its changes, without its records. */
int object_save(struct object *object, struct hf_diag *diag);
