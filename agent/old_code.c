/*
 * What is shown as a function's old code is proven by the digest that the patch
 * file carries, or it is not shown.
 */
#include "old_code.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>

#include "../lib/io.h"
#include "module.h"

/* Larger functions do not exist; a manifest that says so gets no memory. */
#define FUNCTION_SIZE_MAX (16u << 20)

int old_code_open_file(const char *path, struct old_code *ret_code,
		       struct hf_diag *diag)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return hf_fail(diag, -errno, "cannot open %s", path);
	*ret_code = (struct old_code){ .path = path, .fd = fd };
	return 0;
}

static int bias_find(const struct survey *survey,
		     const struct manifest_target *target, hf_addr *ret_bias,
		     struct hf_diag *diag)
{
	const struct module *module;
	struct modules modules;
	int r;

	r = modules_read(survey->process, &survey->mappings, &modules, diag);
	if (r)
		return r;
	r = modules_match(&modules, &target->build_id, target->name, &module,
			  diag);
	if (!r)
		*ret_bias = module->bias;
	modules_release(&modules);
	return r;
}

int old_code_open_process(pid_t pid, const struct manifest_target *target,
			  struct old_code *ret_code, struct hf_diag *diag)
{
	struct old_code code = { .fd = -1 };
	int r;

	r = survey_read(pid, &code.survey, diag);
	if (r)
		return r;
	r = bias_find(&code.survey, target, &code.bias, diag);
	if (r) {
		survey_release(&code.survey);
		return r;
	}
	*ret_code = code;
	return 0;
}

/* Where in the file the loader finds @size bytes for @vaddr. */
static int file_offset(Elf *elf, uint64_t vaddr, uint64_t size, off_t *ret_offset)
{
	size_t nr;
	GElf_Phdr phdr;

	if (elf_getphdrnum(elf, &nr))
		return -EBADMSG;
	for (size_t i = 0; i < nr; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr) || phdr.p_type != PT_LOAD)
			continue;
		if (vaddr < phdr.p_vaddr || vaddr - phdr.p_vaddr > phdr.p_filesz ||
		    size > phdr.p_filesz - (vaddr - phdr.p_vaddr))
			continue;
		*ret_offset = (off_t)(phdr.p_offset + (vaddr - phdr.p_vaddr));
		return *ret_offset < 0 ? -EBADMSG : 0;
	}
	return -ENOENT;
}

static int file_bytes(const struct old_code *code,
		      const struct manifest_function *function, uint8_t *bytes,
		      struct hf_diag *diag)
{
	off_t offset;
	Elf *elf;
	int r;

	elf_version(EV_CURRENT);
	elf = elf_begin(code->fd, ELF_C_READ, NULL);
	r = elf && elf_kind(elf) == ELF_K_ELF ?
		    file_offset(elf, function->vaddr, function->size, &offset) :
		    -EBADMSG;
	elf_end(elf);
	if (r == -EBADMSG)
		return hf_error(diag, r, "not-elf", "%s is no ELF file",
				code->path);
	if (r)
		return hf_refuse(diag, "function-changed",
				 "%s has nothing at 0x%llx, where %s should be",
				 code->path, (unsigned long long)function->vaddr,
				 function->name);
	r = read_full_at(code->fd, bytes, function->size, offset);
	return r ? hf_fail(diag, r, "cannot read %s", code->path) : 0;
}

/* Puts the own bytes back over the stores of one of our patches. */
static void write_undo(const struct control_write *write, hf_addr address,
		       uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < write->size; i++) {
		hf_addr at = write->address + i;

		if (i < sizeof(write->old_bytes) && at >= address &&
		    at - address < size)
			bytes[at - address] = write->old_bytes[i];
	}
}

static void patches_undo(const struct controls *controls, hf_addr address,
			 uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		for (size_t j = 0; !control->damaged &&
				   j < control->block.nr_sites; j++) {
			const struct control_site *site = &control->sites[j];

			for (size_t k = 0; k < site->nr_writes &&
					   k < SITE_WRITES_MAX; k++)
				write_undo(&site->writes[k], address, bytes,
					   size);
		}
	}
}

static int process_bytes(const struct old_code *code,
			 const struct manifest_function *function,
			 uint8_t *bytes, struct hf_diag *diag)
{
	hf_addr address = code->bias + function->vaddr;
	int r;

	r = process_read(code->survey.process, address, bytes, function->size);
	if (r)
		return hf_fail(diag, r, "cannot read %s in pid %d",
			       function->name, (int)code->survey.process->pid);
	patches_undo(&code->survey.controls, address, bytes, function->size);
	return 0;
}

static int digest_compare(const struct manifest_function *function,
			  const uint8_t *bytes, struct hf_diag *diag)
{
	uint8_t digest[SHA256_SIZE];

	sha256(bytes, function->size, digest);
	if (!memcmp(digest, function->sha256, SHA256_SIZE))
		return 0;
	return hf_refuse(diag, "function-changed",
			 "other bytes stand where %s should be: this is not "
			 "the code that the patch was made for",
			 function->name);
}

int old_code_read(const struct old_code *code,
		  const struct manifest_function *function,
		  uint8_t **ret_bytes, struct hf_diag *diag)
{
	owned(free_p) uint8_t *bytes = NULL;
	int r;

	if (!function->size || function->size > FUNCTION_SIZE_MAX)
		return hf_error(diag, -EBADMSG, "patch-malformed",
				"%s cannot have %llu bytes", function->name,
				(unsigned long long)function->size);
	bytes = malloc(function->size);
	if (!bytes)
		return hf_fail(diag, -ENOMEM, "cannot read %s", function->name);
	r = code->survey.process ? process_bytes(code, function, bytes, diag) :
				   file_bytes(code, function, bytes, diag);
	if (!r)
		r = digest_compare(function, bytes, diag);
	if (r)
		return r;
	*ret_bytes = take_ptr(bytes);
	return 0;
}

void old_code_close(struct old_code *code)
{
	survey_release(&code->survey);
	close_p(&code->fd);
	*code = (struct old_code){ .fd = -1 };
}
