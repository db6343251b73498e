#include "file_code.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>

struct file_code {
	int fd;
	Elf *elf;
	size_t nr_segments;
	struct build_id build_id;
};

static void build_id_read(struct file_code *file)
{
	GElf_Phdr segment;

	for (size_t i = 0; i < file->nr_segments; i++) {
		Elf_Data *data;

		if (!gelf_getphdr(file->elf, (int)i, &segment) ||
		    segment.p_type != PT_NOTE)
			continue;
		data = elf_getdata_rawchunk(file->elf,
					    (int64_t)segment.p_offset,
					    segment.p_filesz, ELF_T_BYTE);
		if (data && !build_id_from_notes(data->d_buf, data->d_size,
						 segment.p_align,
						 &file->build_id))
			return;
	}
}

int file_code_open(const char *path, struct file_code **ret_file,
		   struct hf_diag *diag)
{
	struct file_code *file = calloc(1, sizeof(*file));

	if (!file)
		return hf_fail(diag, -ENOMEM, "cannot open %s", path);
	/* A pipe, which is no ELF file, would keep us waiting. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0) {
		int error = -errno;

		free(file);
		return hf_fail(diag, error, "cannot open %s", path);
	}
	elf_version(EV_CURRENT);
	file->elf = elf_begin(file->fd, ELF_C_READ_MMAP, NULL);
	if (!file->elf || gelf_getclass(file->elf) != ELFCLASS64 ||
	    elf_getphdrnum(file->elf, &file->nr_segments)) {
		file_code_free(file);
		return hf_error(diag, -EBADMSG, "not-elf",
				"%s is no 64-bit ELF program or library", path);
	}
	build_id_read(file);
	*ret_file = file;
	return 0;
}

void file_code_free(struct file_code *file)
{
	if (file->elf)
		elf_end(file->elf);
	close(file->fd);
	free(file);
}

const struct build_id *file_code_build_id(const struct file_code *file)
{
	return &file->build_id;
}

static int file_code_read(const struct code_source *source, uint64_t vaddr,
			  void *bytes, size_t size)
{
	const struct file_code *file = source->context;
	GElf_Phdr segment;

	for (size_t i = 0; i < file->nr_segments; i++) {
		Elf_Data *data;

		if (!gelf_getphdr(file->elf, (int)i, &segment) ||
		    segment.p_type != PT_LOAD || vaddr < segment.p_vaddr ||
		    vaddr - segment.p_vaddr > segment.p_filesz ||
		    size > segment.p_filesz - (vaddr - segment.p_vaddr))
			continue;
		data = elf_getdata_rawchunk(
			file->elf,
			(int64_t)(segment.p_offset + vaddr - segment.p_vaddr),
			size, ELF_T_BYTE);
		if (!data || data->d_size != size)
			return -EFAULT;
		memcpy(bytes, data->d_buf, size);
		return 0;
	}
	return -EFAULT;
}

static void file_code_describe(const struct code_source *source, uint64_t vaddr,
			       const uint8_t *bytes, size_t size, char *text,
			       size_t text_size)
{
	(void)source, (void)vaddr, (void)bytes, (void)size, (void)text,
		(void)text_size;
}

void file_code_source(const struct file_code *file,
		      struct code_source *ret_source)
{
	*ret_source = (struct code_source){
		.read = file_code_read,
		.describe = file_code_describe,
		.context = file,
	};
}
