#include "wrapped.h"

#include <string.h>

/* The words of "-Wl,--wrap=a,--wrap,b" and "-Xlinker --wrap -Xlinker b". */
struct words {
	const char *next; /* NULL: the argument is at its end */
	size_t argument;
	const char *word;
	size_t size;
};

static bool is_for_linker(const char *argument)
{
	return !strcmp(argument, "-Xlinker");
}

static bool next_word(const struct strings *arguments, struct words *words)
{
	while (!words->next) {
		const char *argument;

		if (words->argument == arguments->nr)
			return false;
		argument = arguments->items[words->argument++];
		if (is_for_linker(argument))
			continue;
		words->next = strncmp(argument, "-Wl,", 4) ? argument :
							     argument + 4;
	}
	words->word = words->next;
	words->size = strcspn(words->next, ",");
	words->next = words->next[words->size] ? words->next + words->size + 1 :
						 NULL;
	return true;
}

static bool is_word(const struct words *words, const char *text)
{
	return words->size == strlen(text) &&
	       !strncmp(words->word, text, words->size);
}

/* "--wrap=NAME", "-wrap=NAME": the name begins behind that. */
static size_t prefix_size(const struct words *words)
{
	static const char *const prefixes[] = { "--wrap=", "-wrap=" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(words->word, prefixes[i], strlen(prefixes[i])))
			return strlen(prefixes[i]);
	return 0;
}

bool link_wraps(const struct link_step *link, const char *name)
{
	struct words words = { 0 };
	bool is_name = false; /* of the word before: a --wrap */

	while (link && name && next_word(&link->arguments, &words)) {
		size_t skip = prefix_size(&words);

		words.word += skip;
		words.size -= skip;
		if ((skip || is_name) && is_word(&words, name))
			return true;
		is_name = !skip && !is_name &&
			  (is_word(&words, "--wrap") || is_word(&words, "-wrap"));
	}
	return false;
}

const char *link_unwrapped(const struct link_step *link, const char *name)
{
	static const char real[] = "__real_";

	if (name && !strncmp(name, real, sizeof(real) - 1) &&
	    link_wraps(link, name + sizeof(real) - 1))
		return name + sizeof(real) - 1;
	return name;
}
