/*
 * What the compiler of a function knew of another.
 *
 * A compiler looks into the functions of the source file it compiles, and what
 * it sees there it relies on: callers in the same file are made for the function
 * as it was. Functions of other files are only known by their declarations.
 */
#pragma once

#include "build.h"

/* DW_AT_producer of the function's unit; "" where nobody tells. */
const char *knowledge_producer(const struct build *build,
			       const struct symbol *function);

/*
 * Whether the compiler may have seen both together. With link-time optimisation
 * it sees everything; what nobody knows the source of may be anywhere.
 */
bool knowledge_same_source(const struct build *build, const struct symbol *a,
			   const struct symbol *b);

/* -mcmodel=large: calls through registers, of functions known all the same. */
bool knowledge_calls_by_register(const struct build *build,
				 const struct symbol *function);

/**
 * knowledge_find_caller() - a caller that was compiled knowing @function
 * @in_entry_mode: the old code of replaced callers may run on
 * @ret_name:      the first one found; NULL when there is none
 *
 * Return: 0; -errno.
 */
int knowledge_find_caller(const struct build *build,
			  const struct symbol *function, bool in_entry_mode,
			  const char **ret_name);
