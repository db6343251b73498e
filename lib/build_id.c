/*
 * ELF notes: a header of three words, the owner's name, the content. Name and
 * content are padded, each to the segment's alignment. The sizes come from
 * outside: all sums are made in 64 bits, where 32-bit sizes cannot overflow.
 */
#include "build_id.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

static bool is_build_id(const Elf64_Nhdr *header, const uint8_t *name)
{
	return header->n_type == NT_GNU_BUILD_ID &&
	       header->n_namesz == sizeof(ELF_NOTE_GNU) &&
	       !memcmp(name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) &&
	       header->n_descsz > 0 && header->n_descsz <= BUILD_ID_SIZE_MAX;
}

int build_id_from_notes(const uint8_t *notes, size_t size, uint64_t alignment,
			struct build_id *ret_id)
{
	const uint64_t pad = alignment == 8 ? 8 : 4;
	uint64_t at = 0;
	Elf64_Nhdr header;

	while (at <= size && size - at >= sizeof(header)) {
		uint64_t name, content, end;

		memcpy(&header, notes + at, sizeof(header));
		name = at + sizeof(header);
		content = align_up(name + header.n_namesz, pad);
		end = content + header.n_descsz;
		if (end > size)
			break;
		if (is_build_id(&header, notes + name)) {
			ret_id->size = header.n_descsz;
			memcpy(ret_id->bytes, notes + content, ret_id->size);
			return 0;
		}
		at = align_up(end, pad);
	}
	return -ENOENT;
}

bool build_id_equal(const struct build_id *a, const struct build_id *b)
{
	return a->size == b->size && !memcmp(a->bytes, b->bytes, a->size);
}

const char *build_id_format(const struct build_id *id,
			    char text[HEX_SIZE(BUILD_ID_SIZE_MAX)])
{
	hex_encode(id->bytes, id->size, text);
	return text;
}
