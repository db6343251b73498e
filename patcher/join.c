#include "join.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../lib/build_id.h"
#include "../lib/patch_file.h"
#include "publish.h"

static const char section_name[] = ".note.hotfix.parts";

/* ---- what fits together -------------------------------------------------- */

static int open_all(const struct strings *files, struct patch_file **patches,
		    struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < files->nr && !r; i++)
		r = patch_file_open(files->items[i], &patches[i], diag);
	return r;
}

static int check_whole(const struct patch_file *patch, struct hf_diag *diag)
{
	if (!patch->nr_others)
		return 0;
	hf_refuse(diag, "join-parts", "%s is joined already: it is for %zu modules",
		  patch->path, patch_nr_parts(patch));
	hf_hint(diag, "join the files that it was made from");
	return -ECANCELED;
}

static int check_two(const struct patch_file *first,
		     const struct patch_file *second, struct hf_diag *diag)
{
	const struct manifest *a = first->manifest, *b = second->manifest;

	if (strcmp(a->name, b->name)) {
		hf_refuse(diag, "join-names",
			  "one patch has one name, but %s is called %s and %s "
			  "is called %s",
			  first->path, a->name, second->path, b->name);
		hf_hint(diag, "build each of them with the same --name");
		return -ECANCELED;
	}
	if (build_id_equal(&a->target.build_id, &b->target.build_id)) {
		hf_refuse(diag, "join-targets", "%s and %s are both for %s",
			  first->path, second->path, a->target.name);
		hf_hint(diag, "build one patch from both sources: hotfix-build "
			      "--target %s -o OUT.hotfix.so ONE.c TWO.c",
			a->target.name);
		return -ECANCELED;
	}
	return 0;
}

/* patch_file.h refuses all this, too, in words about a file. */
static int check_together(struct patch_file *const *patches, size_t nr,
			  struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		r = check_whole(patches[i], diag);
		for (size_t k = 0; k < i && !r; k++)
			r = check_two(patches[k], patches[i], diag);
	}
	return r;
}

static int check_files(const struct strings *files, struct hf_diag *diag)
{
	owned(free_p) struct patch_file **patches =
		calloc(files->nr, sizeof(struct patch_file *));
	int r;

	if (!patches)
		return hf_fail(diag, -ENOMEM, "cannot join");
	r = open_all(files, patches, diag);
	if (!r)
		r = check_together(patches, files->nr, diag);
	for (size_t i = 0; i < files->nr; i++)
		patch_file_free(patches[i]);
	return r;
}

/* ---- writing ------------------------------------------------------------- */

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
	int r = check_files(files, diag);

	if (!r)
		r = elf_open(files->items[0], &file, diag);
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
