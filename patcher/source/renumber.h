/*
 * Putting #line directives where line numbers have moved.
 *
 * A line's error is what the compiler takes for its number less what that
 * should be. Text that was added raises it; a #line, ours or the text's own,
 * makes it 0. A #line in a branch that the compiler skips does nothing, and
 * which branch that is nobody knows here: so at each #endif the errors of all
 * branches are brought together, and where they differ the error is unknown,
 * which is as bad as an error:
 *
 *	                 error
 *	+ int b;
 *	  #ifdef A         1
 *	  #line 2          0
 *	  int c;           0
 *	  #else            2    the #line above is a line, too, and was skipped
 *	  #line 4          0
 *	  int d;           0
 *	  #endif           0 and 0
 *	  int e;           0
 *
 * A directive is put before the first line with an error where one may stand.
 */
#pragma once

#include <stdint.h>

#include "../../lib/io.h"
#include "c_lexer.h"

/* What is known of a line of the text. */
struct line_want {
	unsigned int number; /* that it should have; 0: it does not matter */
	long moved; /* its number less the wanted one, but for #line */
	bool breaks; /* a #line in it or before it leads nobody knows where */
};

/**
 * renumber() - the text with #line directives that make the numbers right
 * @wants: one per line
 * @ret_text: a copy of @text where nothing was needed
 *
 * Return: 0; -ENOMEM.
 */
int renumber(const char *text, size_t size, const struct c_lines *lines,
	     const struct line_want *wants, struct buffer *ret_text,
	     size_t *ret_nr_directives);

/**
 * presented_numbers() - which number each line has by the text's own #line
 * @ret_numbers: one per line, owned by the caller; 0: not to be known
 *
 * Return: 0; -ENOMEM.
 */
int presented_numbers(const struct c_lines *lines, unsigned int **ret_numbers);
