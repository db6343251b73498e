/*
 * As much of C's and C++'s lexical structure as it takes to know where a
 * preprocessor directive may stand: line by line.
 *
 * Comments, strings, character constants, raw strings, continued lines and
 * directives are told apart; parentheses are counted, since they may hold the
 * arguments of a macro. What is not C at all does no harm: quotes end with
 * their line, a `}` in the first column ends every open parenthesis.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum c_directive {
	C_NO_DIRECTIVE,
	C_IF,	 /* #if, #ifdef, #ifndef */
	C_ELIF,	 /* #elif, #elifdef, #elifndef */
	C_ELSE,
	C_ENDIF,
	C_LINE,	 /* #line 5 "x", # 5 "x" */
	C_OTHER,
};

/* A piece of the text; size 0: there is none. */
struct c_piece {
	size_t at, size;
};

struct c_line {
	size_t start; /* offset of its first character */
	bool safe;    /* a directive may be put before it */
	enum c_directive directive; /* that begins in this line */
	bool never;		    /* it is #if 0 */
	/* C_LINE: the number, and the file's name without its quotes. */
	unsigned int number; /* 0: a macro, or too large */
	struct c_piece digits, name;
	/* Where blanks and comments end; c_lex() needs them. */
	bool after_name, has_token, opens;
};

struct c_lines {
	struct c_line *items;
	size_t nr;
};

/* Return: 0; -ENOMEM. */
int c_lex(const char *text, size_t size, struct c_lines *ret_lines);
void c_lines_release(struct c_lines *lines);
