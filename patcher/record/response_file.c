/*
 * In such a file words are separated by white space; quotes of both kinds and
 * the backslash protect. Files may name files.
 */
#include "response_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"

enum { MAX_DEPTH = 16, MAX_SIZE = 64 << 20 };

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Takes one word off *text and writes it, unquoted, to @word (never longer than
 * what it came from).
 */
static void take_word(const char **text, char *word)
{
	const char *at = *text;
	char quote = '\0';

	for (; *at && (quote || !is_blank(*at)); at++) {
		if (*at == '\\' && at[1])
			*word++ = *++at;
		else if (quote && *at == quote)
			quote = '\0';
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
		else
			*word++ = *at;
	}
	*word = '\0';
	*text = at;
}

static int split_words(const char *text, struct strings *list)
{
	owned(free_p) char *word = malloc(strlen(text) + 1);
	int r = word ? 0 : -ENOMEM;

	while (!r) {
		while (is_blank(*text))
			text++;
		if (!*text)
			break;
		take_word(&text, word);
		r = strings_add(list, word);
	}
	return r;
}

static int expand(char *const *arguments, unsigned int depth,
		  struct strings *list);

static int expand_file(const char *argument, unsigned int depth,
		       struct strings *list)
{
	struct buffer text = { 0 };
	struct strings words = { 0 };
	int r;

	if (depth >= MAX_DEPTH ||
	    file_read(AT_FDCWD, argument + 1, MAX_SIZE, &text, NULL) < 0)
		return strings_add(list, argument);
	r = split_words((const char *)text.data, &words);
	if (!r && words.nr)
		r = expand(words.items, depth + 1, list);
	strings_release(&words);
	buffer_release(&text);
	return r;
}

static int expand(char *const *arguments, unsigned int depth,
		  struct strings *list)
{
	int r = 0;

	for (; *arguments && !r; arguments++)
		r = **arguments == '@' ?
			    expand_file(*arguments, depth, list) :
			    strings_add(list, *arguments);
	return r;
}

int response_expand(char *const *arguments, struct strings *ret_list)
{
	struct strings list = { 0 };
	int r = expand(arguments, 0, &list);

	if (r < 0)
		strings_release(&list);
	else
		*ret_list = list;
	return r;
}
