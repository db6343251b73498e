#include "patch_text.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define HEADER_SIZE 8

const char *patch_text_kind_name(enum patch_text_kind kind)
{
	return kind == PATCH_TEXT_DIFF ? "diff" : "source";
}

bool patch_text_name_valid(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < size; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return size && size <= PATCH_TEXT_NAME_MAX;
}

static uint32_t number_at(const uint8_t *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return le32toh(number);
}

int patch_text_read(const uint8_t *bytes, size_t size,
		    struct patch_text *ret_text)
{
	const char *name = (const char *)bytes + HEADER_SIZE, *end;
	struct patch_text text = { .name = name };
	uint32_t kind;

	if (size <= HEADER_SIZE)
		return -EBADMSG;
	kind = number_at(bytes);
	end = memchr(name, 0, size - HEADER_SIZE);
	if (!end || !patch_text_name_valid(name) ||
	    (kind != PATCH_TEXT_DIFF && kind != PATCH_TEXT_SOURCE))
		return -EBADMSG;
	text.kind = (enum patch_text_kind)kind;
	text.whole_size = number_at(bytes + 4);
	text.text = end + 1;
	text.size = size - HEADER_SIZE - (size_t)(text.text - name);
	if (text.size > text.whole_size || text.size > PATCH_TEXTS_SIZE_MAX)
		return -EBADMSG;
	*ret_text = text;
	return 0;
}

size_t patch_text_cut(const char *text, size_t size, size_t room)
{
	const char *end;

	if (size <= room)
		return size;
	end = memrchr(text, '\n', room);
	return end ? (size_t)(end - text) + 1 : room;
}
