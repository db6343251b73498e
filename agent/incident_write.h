/*
 * Words that others have chosen, on their way into a document. As printf(), of
 * which "%s", "%lld" and "%%" are known: what is put in for "%s" is cleaned and
 * escaped, the format itself is not. Documents are UTF-8.
 */
#pragma once

#include <stdio.h>

/* Text, and values of attributes in quotes. Control characters become '?'. */
void html_print(FILE *to, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Running text on one line; nothing in it is an order to a Markdown reader. */
void md_print(FILE *to, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for one text: `like this`, whatever is in it; nothing for "". */
void md_code(FILE *to, const char *text);

/* A block of lines, fenced. @language: "diff", "c", "". */
void md_block(FILE *to, const char *language, const char *text);
