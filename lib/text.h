/*
 * Words that others have chosen, on their way to a terminal: a process names
 * itself, a symbol and a path may hold any byte. Terminals obey some of them.
 *
 * They obey C0 and DEL; C1 as UTF-8 (U+0080 to U+009F) and, where the locale is
 * not UTF-8, as the bare bytes 0x80 to 0x9f wherever they stand. Marks that turn
 * the direction of text make a line read otherwise than it is. What is no UTF-8
 * stands for nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Once, as a program begins: whether its user's locale (locale(7), LC_CTYPE) has
 * UTF-8, which is all that is needed of it. Kept open it would be a twentieth of
 * the agent's memory.
 */
void text_ask_locale(void);

/* Return: what text_ask_locale() found; false before. */
bool text_is_utf8(void);

/**
 * text_clean() - put '?' for every byte that must not reach a terminal
 * @text: changed in place, its length stays
 * @but: control characters that may stay, such as "\n"
 */
void text_clean(char *text, const char *but);

/* The same for a reader that takes UTF-8 whatever the locale is: a document. */
void text_clean_document(char *text, const char *but);

/*
 * Where one name among other words is meant, it must not begin a line of its
 * own: '?' for each newline. Programs (--json) get the rest of it as it is.
 */
void text_one_line(char *text);
