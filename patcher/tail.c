#include "tail.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/patch_file.h"

int tail_add(struct tail *tail, const void *data, size_t size, size_t alignment,
	     uint64_t *ret_offset)
{
	size_t start = (size_t)(align_up(tail_end(tail), alignment) -
				tail->base);
	uint8_t *grown = realloc(tail->data, start + size);

	if (!grown)
		return -ENOMEM;
	memset(grown + tail->size, 0, start - tail->size);
	if (size)
		memcpy(grown + start, data, size);
	tail->data = grown;
	tail->size = start + size;
	*ret_offset = tail->base + start;
	return 0;
}

int tail_add_note(struct tail *tail, uint32_t type, const void *content,
		  size_t size)
{
	char owner[8] = PATCH_NOTE_OWNER; /* padded to 4 */
	const Elf64_Nhdr header = {
		sizeof(PATCH_NOTE_OWNER),
		(Elf64_Word)size,
		type,
	};
	uint64_t unused;
	int r = tail_add(tail, &header, sizeof(header), 4, &unused);

	if (!r)
		r = tail_add(tail, owner, sizeof(owner), 4, &unused);
	if (!r)
		r = tail_add(tail, content, size, 4, &unused);
	/* The last padding bytes belong to the note. */
	return r ?: tail_add(tail, NULL, 0, 4, &unused);
}
