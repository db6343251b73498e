#include "text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool utf8;

void text_ask_locale(void)
{
	locale_t users = newlocale(LC_CTYPE_MASK, "", NULL);

	utf8 = users && !strcmp(nl_langinfo_l(CODESET, users), "UTF-8");
	if (users)
		freelocale(users);
}

bool text_is_utf8(void)
{
	return utf8;
}

static bool continues(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Return: the bytes of the character at @text, and which one; 0: no UTF-8. */
static size_t character_at(const uint8_t *text, uint32_t *ret_character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = text[0] < 0x80 ? 1 :
		      text[0] < 0xc0 ? 0 :
		      text[0] < 0xe0 ? 2 :
		      text[0] < 0xf0 ? 3 :
		      text[0] < 0xf8 ? 4 :
				       0;
	uint32_t character = size > 1 ? text[0] & (0x7fu >> size) : text[0];

	for (size_t i = 1; i < size; i++) {
		if (!continues(text[i]))
			return 0;
		character = character << 6 | (text[i] & 0x3f);
	}
	if (!size || character < smallest[size] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return size;
}

static bool is_obeyed(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
	       (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

static bool has_bare_control(const uint8_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] >= 0x80 && text[i] < 0xa0)
			return true;
	return false;
}

static void clean(char *text, const char *but, bool bytes_are_characters)
{
	size_t size;

	for (uint8_t *at = (uint8_t *)text; *at; at += size) {
		uint32_t character = 0;
		bool bad;

		size = character_at(at, &character);
		bad = !size || is_obeyed(character) ||
		      (bytes_are_characters && has_bare_control(at, size));
		if (!size)
			size = 1;
		if (bad && !strchr(but, *at))
			memset(at, '?', size);
	}
}

void text_clean(char *text, const char *but)
{
	clean(text, but, !utf8);
}

void text_clean_document(char *text, const char *but)
{
	clean(text, but, false);
}

void text_one_line(char *text)
{
	while ((text = strchr(text, '\n')))
		*text++ = '?';
}
