#include "patch_listing.h"

#include <errno.h>

#include "../lib/cleanup.h"

/* Where the bytes of @vaddr stand in the patch file, or NULL. */
static const uint8_t *patch_code(const struct patch_file *patch, uint64_t vaddr,
				 uint64_t size)
{
	for (size_t i = 0; i < patch->nr_segments; i++) {
		const struct patch_segment *segment = &patch->segments[i];
		uint64_t at = vaddr - segment->vaddr;

		if (vaddr < segment->vaddr || at > segment->file_size ||
		    size > segment->file_size - at)
			continue;
		return patch->bytes.data + segment->file_offset + at;
	}
	return NULL;
}

/*
 * What the running program fills in is empty in the file: say what goes there,
 * in the instruction itself or in the slot that it reads.
 */
static void imports_comment(const struct patch_file *patch,
			    struct listing *listing)
{
	for (size_t i = 0; i < patch->nr_relocs; i++) {
		const struct patch_reloc *reloc = &patch->relocs[i];
		const char *name;

		if (reloc->import < 0)
			continue;
		name = patch->manifest->imports[reloc->import].name;
		for (size_t j = 0; j < listing->nr; j++) {
			struct listing_line *line = &listing->lines[j];

			if (line->refers_to == reloc->vaddr ||
			    reloc->vaddr - line->address < line->size)
				listing_comment(line, name);
		}
	}
}

int patch_listing_make(const struct patch_file *patch,
		       const struct manifest_function *function,
		       struct listing *ret_listing, struct hf_diag *diag)
{
	const uint8_t *code;
	int r;

	code = patch_code(patch, function->replacement_vaddr,
			  function->replacement_size);
	if (!code)
		return hf_error(diag, -EBADMSG, "patch-malformed",
				"the code of %s is not in the patch file",
				function->replacement);
	r = listing_make(patch->arch, code, function->replacement_size,
			 function->replacement_vaddr, ret_listing, diag);
	if (!r)
		imports_comment(patch, ret_listing);
	return r;
}

int old_listing_make(const struct old_code *old, const struct patch_file *patch,
		     const struct manifest_function *function,
		     struct listing *ret_listing, struct hf_diag *diag)
{
	owned(free_p) uint8_t *bytes = NULL;
	int r;

	r = old_code_read(old, function, &bytes, diag);
	if (r)
		return r;
	return listing_make(patch->arch, bytes, function->size, function->vaddr,
			    ret_listing, diag);
}
