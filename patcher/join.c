#include "join.h"

#include <errno.h>
#include <fcntl.h>

#include "../lib/patch_file.h"
#include "publish.h"

static const char section_name[] = ".note.hotfix.parts";

static int add_part(struct tail *tail, const char *path, struct hf_diag *diag)
{
	owned(buffer_release) struct buffer bytes = { 0 };
	int r = file_read(AT_FDCWD, path, PATCH_FILE_SIZE_MAX, &bytes, diag);

	if (!r && tail_add_note(tail, PATCH_NOTE_TYPE_PART, bytes.data,
				bytes.size))
		r = hf_fail(diag, -ENOMEM, "cannot join %s", path);
	return r;
}

static int add_parts(struct tail *tail, const struct strings *files,
		     Elf64_Shdr *section, struct hf_diag *diag)
{
	int r = 0;

	section->sh_type = SHT_NOTE;
	section->sh_addralign = 4;
	section->sh_offset = align_up(tail_end(tail), 4);
	for (size_t i = 1; i < files->nr && !r; i++)
		r = add_part(tail, files->items[i], diag);
	section->sh_size = tail_end(tail) - section->sh_offset;
	return r;
}

static int add_headers(struct tail *tail, const struct elf_file *file,
		       Elf64_Shdr *section)
{
	Elf64_Shdr *names = elf_section_at(file, file->header->e_shstrndx);
	uint64_t start, unused;
	int r;

	if (!names || !elf_section_data(file, names))
		return -EBADMSG;
	section->sh_name = (Elf64_Word)names->sh_size;
	r = tail_add(tail, elf_section_data(file, names), names->sh_size, 1,
		     &start);
	if (!r)
		r = tail_add(tail, section_name, sizeof(section_name), 1,
			     &unused);
	names->sh_offset = start;
	names->sh_size += sizeof(section_name);
	if (!r)
		r = tail_add(tail, file->sections,
			     file->nr_sections * sizeof(*section), 8, &start);
	if (!r)
		r = tail_add(tail, section, sizeof(*section), 8, &unused);
	file->header->e_shoff = start;
	file->header->e_shnum = (Elf64_Half)(file->nr_sections + 1);
	return r;
}

int join_parts(const struct strings *files, const char *output,
	       struct hf_diag *diag)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	Elf64_Shdr section = { 0 };
	struct tail tail = { 0 };
	int r = elf_open(files->items[0], &file, diag);

	if (r)
		return r;
	tail.base = file->size;
	r = add_parts(&tail, files, &section, diag);
	if (!r) {
		r = add_headers(&tail, file, &section);
		if (r)
			hf_fail(diag, r, "cannot join %s", output);
	}
	if (!r)
		r = publish_patch(file, &tail, output, diag);
	free(tail.data);
	return r;
}
