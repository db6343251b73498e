#include "texts.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "../lib/patch_text.h"
#include "../lib/types.h"

#define FILE_SIZE_MAX (256u << 20)

/* A file may be called anything. */
static void name_make(const char *path, char ret_name[PATCH_TEXT_NAME_MAX + 1])
{
	const char *slash = strrchr(path, '/');

	snprintf(ret_name, PATCH_TEXT_NAME_MAX + 1, "%s",
		 slash ? slash + 1 : path);
	for (char *c = ret_name; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
}

static int note_add(struct tail *tail, enum patch_text_kind kind,
		    const char *name, const struct buffer *text, size_t size)
{
	const uint32_t header[] = { htole32(kind), htole32((uint32_t)text->size) };
	size_t name_size = strlen(name) + 1;
	size_t whole = sizeof(header) + name_size + size;
	owned(free_p) char *bytes = malloc(whole);

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), name, name_size);
	memcpy(bytes + sizeof(header) + name_size, text->data, size);
	return tail_add_note(tail, PATCH_NOTE_TYPE_TEXT, bytes, whole);
}

static int text_add(struct tail *tail, enum patch_text_kind kind,
		    const char *path, size_t *room, struct hf_diag *diag)
{
	owned(buffer_release) struct buffer text = { 0 };
	char name[PATCH_TEXT_NAME_MAX + 1];
	size_t size;
	int r = file_read(AT_FDCWD, path, FILE_SIZE_MAX, &text, diag);

	if (r)
		return r;
	name_make(path, name);
	size = patch_text_cut((const char *)text.data, text.size, *room);
	*room -= size;
	r = note_add(tail, kind, name, &text, size);
	return r ? hf_fail(diag, r, "cannot keep %s in the patch", path) : 0;
}

int texts_add(const struct options *options, struct tail *tail,
	      Elf64_Shdr *section, struct hf_diag *diag)
{
	bool is_diff = options->source_directory;
	const struct strings *files = is_diff ? &options->diffs :
						&options->sources;
	size_t room = PATCH_TEXTS_SIZE_MAX;
	int r = 0;

	section->sh_type = SHT_NOTE;
	section->sh_addralign = 4;
	section->sh_offset = align_up(tail_end(tail), 4);
	for (size_t i = 0; i < files->nr && i < PATCH_TEXTS_MAX && !r; i++)
		r = text_add(tail,
			     is_diff ? PATCH_TEXT_DIFF : PATCH_TEXT_SOURCE,
			     files->items[i], &room, diag);
	section->sh_size = tail_end(tail) - section->sh_offset;
	return r;
}
