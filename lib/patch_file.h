/*
 * NAME.hotfix.so: an ordinary ELF shared object with two additions,
 *
 *   .note.hotfix   SHT_NOTE, owner "hotfix", type 1: the manifest (JSON)
 *   .rela.hotfix   SHT_RELA, sh_link .dynsym: relocations against imports
 *
 * both outside the loaded segments. A patch for several modules has a third,
 *
 *   .note.hotfix.parts   SHT_NOTE, type 2: for each further module a whole patch
 *                        file, of the same name, to be switched together
 *
 * and what it was written as may stand in .note.hotfix.source (patch_text.h).
 *
 * What the loader of the patch (the agent)
 * needs is parsed here into plain arrays; after a successful open every offset
 * and size in them has been checked against the file, so that the agent can
 * index without fear. See hotfix-patch(5).
 */
#pragma once

#include "io.h"
#include "manifest.h"
#include "patch_text.h"

#define PATCH_NOTE_OWNER "hotfix"
#define PATCH_NOTE_TYPE 1
#define PATCH_NOTE_TYPE_PART 2
#define PATCH_PARTS_MAX 16 /* the first one too */
#define PATCH_FILE_SIZE_MAX (256u << 20)
/* Room in memory that a patch may take. */
#define PATCH_IMAGE_SIZE_MAX (64u << 20)

/* A PT_LOAD segment. vaddr counts from the start of the patch, page 0. */
struct patch_segment {
	uint64_t vaddr;
	uint64_t file_offset;
	uint64_t file_size;
	uint64_t memory_size;
	int protection; /* PROT_*; never both PROT_WRITE and PROT_EXEC */
};

struct patch_reloc {
	uint64_t vaddr; /* the place, in the patch */
	uint32_t type;
	int32_t import; /* index into manifest->imports, -1: none (RELATIVE) */
	int64_t addend; /* for a local symbol its vaddr is added already, and
			   the class is RELOC_RELATIVE in effect: import -1 */
};

struct patch_file {
	char *path;
	struct buffer bytes;
	uint8_t digest[SHA256_SIZE]; /* of the whole file */
	const struct arch *arch;
	struct manifest *manifest;
	const char *manifest_json; /* into bytes, not terminated */
	size_t manifest_json_size;
	struct patch_segment *segments; /* ascending, not overlapping */
	size_t nr_segments;
	/* PT_GNU_RELRO: read-only once relocated; start == end: none. */
	uint64_t relro_start, relro_end;
	uint64_t image_size; /* page-aligned end of the last segment */
	/* Of .rela.dyn, .rela.plt and .rela.hotfix, in this order. */
	struct patch_reloc *relocs;
	size_t nr_relocs;
	/*
	 * Part 0 is the file itself, the others are for other modules. Each has
	 * a digest and bytes of its own, and no further parts.
	 */
	struct patch_file **others;
	size_t nr_others;
	/* The diffs or sources that it was made from; they point into bytes. */
	struct patch_text *texts;
	size_t nr_texts;
};

static inline size_t patch_nr_parts(const struct patch_file *patch)
{
	return 1 + patch->nr_others;
}

static inline const struct patch_file *
patch_part(const struct patch_file *patch, size_t index)
{
	return index ? patch->others[index - 1] : patch;
}

/* The part for a module; NULL: there is none. */
const struct patch_file *patch_part_for(const struct patch_file *patch,
					const struct build_id *build_id);

/**
 * patch_file_open() - read and check a patch file
 * @ret_patch: owned by the caller; release with patch_file_free()
 *
 * Return: 0; -EBADMSG (code "patch-malformed") when it is no patch or not a
 * whole one; -ECANCELED when it needs what cannot be given (PT_TLS, DT_NEEDED,
 * constructors, DT_TEXTREL, a machine or schema we do not know); -errno of I/O.
 */
int patch_file_open(const char *path, struct patch_file **ret_patch,
		    struct hf_diag *diag);

/* The same from memory; takes @bytes over on success only. */
int patch_file_parse(struct buffer *bytes, const char *path,
		     struct patch_file **ret_patch, struct hf_diag *diag);

void patch_file_free(struct patch_file *patch);
