/*
 * The control block is written by us and lies in pages that the target cannot
 * write, but it is read back from a process that may be broken or hostile. So
 * nothing of it counts before all of it has been checked against the mapping
 * that it stands in; a block that fails is only an extent to be taken away.
 */
#include "control.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../lib/text.h"
#include "gate.h"

/* The layout is a format: a newer agent meets blocks of an older one. */
static_assert(sizeof(struct control_write) == 40);
static_assert(sizeof(struct control_site) == 248);
static_assert(sizeof(struct control_range) == 24);
static_assert(sizeof(struct control_block) == 328);
static_assert(offsetof(struct control_block, state) == CONTROL_STATE_OFFSET);
static_assert(offsetof(struct control_block, base) == 16);
static_assert(offsetof(struct control_block, mode) == 80);
static_assert(offsetof(struct control_block, sites_offset) == 104);
static_assert(offsetof(struct control_block, hooks) == 128);
static_assert(offsetof(struct control_block, digest) == 160);
static_assert(offsetof(struct control_block, build_id_size) == 192);
static_assert(offsetof(struct control_block, name) == 260);
static_assert(NR_HOOKS == 4);

#define CONTROL_SIZE_MAX (16u << 20)
/* Of all blocks together: a target may have any number of them. */
#define NR_BELIEVED_MAX 1024
#define NR_SITES_MAX 16384
#define BYTES_MAX (64u << 20)
/* A relay jump stands within a short jump's reach of its function. */
#define WRITE_DISTANCE_MAX 4096

const char *control_state_name(enum control_state state)
{
	switch (state) {
	case CONTROL_STAGED:
		return "staged";
	case CONTROL_SWITCHING:
		return "switching";
	case CONTROL_ACTIVE:
		return "active";
	case CONTROL_REVERTING:
		return "reverting";
	case CONTROL_RETIRED:
		return "retired";
	}
	return "unknown";
}

static size_t patch_nr_ranges(const struct patch_file *patch)
{
	size_t nr = 0;

	for (size_t i = 0; i < patch->manifest->nr_functions; i++)
		nr += patch->manifest->functions[i].nr_parts;
	return nr;
}

/* Where the tables of @patch begin in its control pages. */
static void control_layout(const struct patch_file *patch,
			   struct control_block *block)
{
	block->sites_offset = sizeof(*block);
	block->old_ranges_offset =
		block->sites_offset +
		patch->manifest->nr_functions * sizeof(struct control_site);
	block->manifest_offset =
		block->old_ranges_offset +
		patch_nr_ranges(patch) * sizeof(struct control_range);
	block->manifest_size = (uint32_t)patch->manifest_json_size;
	block->control_size =
		align_up(block->manifest_offset + block->manifest_size,
			 HF_PAGE_SIZE);
	block->gates_size = GATES_SIZE;
	block->total_size = block->control_size +
			    align_up(patch->image_size, HF_PAGE_SIZE) +
			    block->gates_size;
}

uint64_t control_size(const struct patch_file *patch)
{
	struct control_block block;

	control_layout(patch, &block);
	return block.control_size;
}

uint64_t control_total_size(const struct patch_file *patch)
{
	struct control_block block;

	control_layout(patch, &block);
	return block.total_size;
}

hf_addr control_gates(const struct control *control)
{
	const struct control_block *block = &control->block;

	return control->damaged || !block->gates_size ?
		       0 :
		       block->base + block->total_size - block->gates_size;
}

/* Where the hooks will stand; one that is outside of the patch is none. */
static void control_hooks(const struct patch_file *patch, hf_addr base,
			  struct control_block *block)
{
	for (size_t i = 0; i < NR_HOOKS; i++) {
		const struct manifest_hook *hook = &patch->manifest->hooks[i];

		block->hooks[i] = 0;
		if (hook->symbol && hook->vaddr < patch->image_size)
			block->hooks[i] =
				base + block->control_size + hook->vaddr;
	}
}

static void control_identify(const struct patch_file *patch,
			     struct control_block *block)
{
	const struct build_id *id = &patch->manifest->target.build_id;

	memcpy(block->magic, CONTROL_MAGIC, sizeof(block->magic));
	block->version = CONTROL_VERSION;
	block->state = CONTROL_STAGED;
	memcpy(block->digest, patch->digest, sizeof(block->digest));
	memset(block->build_id, 0, sizeof(block->build_id));
	block->build_id_size = (uint32_t)id->size;
	memcpy(block->build_id, id->bytes, id->size);
	memset(block->name, 0, sizeof(block->name));
	memcpy(block->name, patch->manifest->name,
	       strnlen(patch->manifest->name, sizeof(block->name) - 1));
}

int control_encode(const struct patch_file *patch, hf_addr base,
		   const struct control_block *block,
		   const struct control_site *sites, size_t nr_sites,
		   const struct control_range *ranges, size_t nr_ranges,
		   uint8_t *ret_pages, struct hf_diag *diag)
{
	struct control_block out = *block;

	if (nr_sites > patch->manifest->nr_functions ||
	    nr_ranges > patch_nr_ranges(patch) ||
	    patch->manifest_json_size > PATCH_FILE_SIZE_MAX)
		return hf_fail(diag, -EINVAL,
			       "the record of patch %s does not fit its pages",
			       patch->manifest->name);
	control_identify(patch, &out);
	control_layout(patch, &out);
	control_hooks(patch, base, &out);
	out.base = base;
	out.nr_sites = (uint32_t)nr_sites;
	out.nr_old_ranges = (uint32_t)nr_ranges;

	memset(ret_pages, 0, out.control_size);
	memcpy(ret_pages, &out, sizeof(out));
	if (nr_sites)
		memcpy(ret_pages + out.sites_offset, sites,
		       nr_sites * sizeof(*sites));
	if (nr_ranges)
		memcpy(ret_pages + out.old_ranges_offset, ranges,
		       nr_ranges * sizeof(*ranges));
	if (out.manifest_size)
		memcpy(ret_pages + out.manifest_offset, patch->manifest_json,
		       out.manifest_size);
	return 0;
}

/* --- reading back ----------------------------------------------------------- */

/* Mappings that belong together: one image, or what is left of one. */
struct extent {
	struct range range; /* surely its own */
	hf_addr limit;	    /* its block may say that it reaches this far */
	char name[64]; /* of the patch, from the mapping's name; "" unknown */
	bool anonymous;
};

/* "hotfix:NAME" out of a mapping's path; NULL: it is none of ours. */
static const char *mapping_patch_name(const struct mapping *mapping,
				      size_t *ret_length)
{
	static const struct { const char *before, *behind; } forms[] = {
		{ "/memfd:" CONTROL_MAPPING_PREFIX, " (deleted)" },
		{ "[anon:" CONTROL_MAPPING_PREFIX, "]" },
	};
	size_t length = strlen(mapping->path);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t before = strlen(forms[i].before);
		size_t behind = strlen(forms[i].behind);

		if (length <= before + behind ||
		    strncmp(mapping->path, forms[i].before, before) ||
		    strcmp(mapping->path + length - behind, forms[i].behind))
			continue;
		*ret_length = length - before - behind;
		return mapping->path + before;
	}
	return NULL;
}

static bool mapping_is_anonymous(const struct mapping *mapping)
{
	return !mapping->inode && !mapping->path[0] && !mapping->shared;
}

static bool begins_with_magic(const struct process *process, hf_addr address)
{
	char magic[sizeof(((struct control_block *)0)->magic)];

	return !process_read(process, address, magic, sizeof(magic)) &&
	       !memcmp(magic, CONTROL_MAGIC, sizeof(magic));
}

static void extent_set_name(struct extent *extent, const char *name,
			    size_t length)
{
	if (length >= sizeof(extent->name))
		return;
	memcpy(extent->name, name, length);
	extent->name[length] = '\0';
	if (!manifest_name_valid(extent->name))
		extent->name[0] = '\0';
}

/* Whether the mapping after @mapping continues the same image. */
static bool mapping_continues(const struct mapping *mapping,
			      const struct mapping *next)
{
	/* The next image has a memfd of its own, whatever its name. */
	return next->range.start == mapping->range.end &&
	       next->inode == mapping->inode &&
	       next->device == mapping->device &&
	       !strcmp(next->path, mapping->path);
}

/*
 * Whether it may be, if the block says so. Anonymous memory without a name is
 * anybody's, or a part of the image that is about to get its name.
 */
static bool mapping_may_continue(const struct mapping *first,
				 const struct mapping *mapping,
				 const struct mapping *next)
{
	return next->range.start == mapping->range.end && !next->inode &&
	       !next->shared &&
	       (!next->path[0] || !strcmp(next->path, first->path));
}

/**
 * extent_at() - the image that begins with mapping @begin
 *
 * Return: whether one begins there.
 */
static bool extent_at(const struct process *process,
		      const struct mappings *mappings,
		      const struct mapping *begin, struct extent *extent)
{
	const struct mapping *end = mappings->entries + mappings->nr;
	const struct mapping *last = begin;
	size_t length = 0;
	const char *name = mapping_patch_name(begin, &length);

	*extent = (struct extent){ .anonymous = !begin->inode };
	if (name)
		extent_set_name(extent, name, length);
	else if (!mapping_is_anonymous(begin) ||
		 begin->protection != PROT_READ ||
		 !begins_with_magic(process, begin->range.start))
		return false;
	while (name && last + 1 < end && mapping_continues(last, last + 1))
		last++;
	extent->range = (struct range){ begin->range.start, last->range.end };
	while (extent->anonymous && last + 1 < end &&
	       mapping_may_continue(begin, last, last + 1))
		last++;
	extent->limit = last->range.end;
	return true;
}

static bool table_fits(const struct control_block *block, uint64_t offset,
		       uint64_t nr, uint64_t size)
{
	return offset >= sizeof(*block) && offset <= block->control_size &&
	       nr <= (block->control_size - offset) / size;
}

static bool size_is_sane(const struct control_block *block,
			 const struct extent *extent)
{
	uint64_t mapped = extent->limit - extent->range.start;

	if (block->control_size % HF_PAGE_SIZE ||
	    block->total_size % HF_PAGE_SIZE ||
	    block->control_size < sizeof(*block) ||
	    block->control_size > CONTROL_SIZE_MAX ||
	    block->control_size > block->total_size ||
	    (block->gates_size && block->gates_size != GATES_SIZE) ||
	    block->gates_size > block->total_size - block->control_size)
		return false;
	/* Behind it may be other anonymous memory. */
	return extent->anonymous ? block->total_size <= mapped :
				   block->total_size == mapped;
}

static bool block_is_sane(const struct control_block *block,
			  const struct extent *extent)
{
	if (memcmp(block->magic, CONTROL_MAGIC, sizeof(block->magic)) ||
	    block->version != CONTROL_VERSION ||
	    block->state < CONTROL_STAGED || block->state > CONTROL_RETIRED ||
	    block->sequence == UINT64_MAX || block->base != extent->range.start || !size_is_sane(block, extent))
		return false;
	if (!table_fits(block, block->sites_offset, block->nr_sites,
			sizeof(struct control_site)) ||
	    !table_fits(block, block->old_ranges_offset, block->nr_old_ranges,
			sizeof(struct control_range)) ||
	    !table_fits(block, block->manifest_offset, block->manifest_size, 1))
		return false;
	return block->build_id_size <= BUILD_ID_SIZE_MAX &&
	       memchr(block->name, '\0', sizeof(block->name)) &&
	       manifest_name_valid(block->name);
}

static bool write_is_sane(const struct control_site *site,
			  const struct control_write *write)
{
	uint64_t distance = write->address > site->function ?
				    write->address - site->function :
				    site->function - write->address;

	return write->size && write->size <= sizeof(write->old_bytes) &&
	       distance <= WRITE_DISTANCE_MAX;
}

static bool site_is_sane(const struct control_site *site)
{
	if (site->nr_writes < 1 || site->nr_writes > SITE_WRITES_MAX ||
	    site->strategy > SITE_SHORT_JUMP ||
	    site->function_size > UINT64_MAX - site->function ||
	    !memchr(site->name, '\0', sizeof(site->name)))
		return false;
	for (size_t i = 0; i < site->nr_writes; i++)
		if (!write_is_sane(site, &site->writes[i]))
			return false;
	return true;
}

static bool tables_are_sane(const struct control *control)
{
	for (size_t i = 0; i < control->block.nr_sites; i++)
		if (!site_is_sane(&control->sites[i]))
			return false;
	for (size_t i = 0; i < control->block.nr_old_ranges; i++)
		if (control->old_ranges[i].start > control->old_ranges[i].end ||
		    control->old_ranges[i].site >= control->block.nr_sites)
			return false;
	return true;
}

static int table_read(const struct process *process, hf_addr address,
		      size_t nr, size_t size, void *ret_table)
{
	owned(free_p) void *table = calloc(nr + 1, size);

	if (!table)
		return -ENOMEM;
	if (nr && process_read(process, address, table, nr * size))
		return -EBADMSG;
	*(void **)ret_table = take_ptr(table);
	return 0;
}

/* For people only: whatever is wrong with it, the patch can be reverted. */
static void manifest_read(const struct process *process,
			  struct control *control)
{
	owned(free_p) char *json = NULL;
	size_t size = control->block.manifest_size;

	if (table_read(process,
		       control->block.base + control->block.manifest_offset,
		       size, 1, &json))
		return;
	if (manifest_parse(json, size, &control->manifest, NULL))
		control->manifest = NULL;
}

static void control_release(struct control *control)
{
	free(control->sites);
	free(control->old_ranges);
	if (control->manifest)
		manifest_free(control->manifest);
	*control = (struct control){ 0 };
}

/*
 * Anonymous memory that has our name and not one byte of a block: whoever mapped
 * it has died before it was written, and nothing can lead there.
 */
static bool block_was_never_written(const struct extent *extent,
				    const struct control_block *block)
{
	static const struct control_block zeros;

	return extent->anonymous && !memcmp(block, &zeros, sizeof(zeros));
}

static void control_set_empty(const struct extent *extent,
			      struct control *control)
{
	control->block.state = CONTROL_STAGED;
	control->block.base = extent->range.start;
	control->block.total_size = extent->range.end - extent->range.start;
	memcpy(control->block.name, extent->name, sizeof(extent->name));
	control->mapped = extent->range;
}

/* What the blocks may still have, see NR_BELIEVED_MAX. */
struct budget {
	size_t nr_blocks, nr_sites, nr_bytes;
};

static bool budget_take(struct budget *budget, const struct control_block *block)
{
	if (budget->nr_bytes < block->control_size)
		return false;
	budget->nr_bytes -= block->control_size;
	if (block->state == CONTROL_RETIRED)
		return true;
	if (!budget->nr_blocks || budget->nr_sites < block->nr_sites)
		return false;
	budget->nr_blocks--;
	budget->nr_sites -= block->nr_sites;
	return true;
}

/* Return: 0; -EBADMSG: not a block that can be believed; -ENOMEM. */
static int block_read(const struct process *process,
		      const struct extent *extent, struct budget *budget,
		      struct control *control)
{
	struct control_block *block = &control->block;
	hf_addr base = extent->range.start;
	int r;

	if (process_read(process, base, block, sizeof(*block)))
		return -EBADMSG;
	if (block_was_never_written(extent, block)) {
		control_set_empty(extent, control);
		return 0;
	}
	if (!block_is_sane(block, extent) || !budget_take(budget, block))
		return -EBADMSG;
	r = table_read(process, base + block->sites_offset, block->nr_sites,
		       sizeof(struct control_site), &control->sites);
	if (!r)
		r = table_read(process, base + block->old_ranges_offset,
			       block->nr_old_ranges,
			       sizeof(struct control_range),
			       &control->old_ranges);
	if (r)
		return r;
	if (!tables_are_sane(control))
		return -EBADMSG;
	for (size_t i = 0; i < block->nr_sites; i++)
		text_one_line(control->sites[i].name);
	control->mapped = (struct range){ base, base + block->total_size };
	manifest_read(process, control);
	return 0;
}

static void control_set_damaged(const struct extent *extent,
				struct control *control)
{
	control_release(control);
	control->damaged = true;
	/* Unnamed neighbours of a block that lies are not ours to take. */
	control->mapped = extent->range;
	control->block.base = control->mapped.start;
	control->block.total_size = control->mapped.end - control->mapped.start;
	memcpy(control->block.name, extent->name, sizeof(extent->name));
}

void control_disbelieve(struct control *control, const char *why)
{
	struct extent extent = { .range = control->mapped };

	memcpy(extent.name, control->block.name, sizeof(extent.name));
	control_set_damaged(&extent, control);
	control->damage = why;
}

const char *control_damage(const struct control *control)
{
	return control->damage ? control->damage :
				 "its control block does not fit its mapping";
}

int control_explain_damage(const struct control *control, struct hf_diag *diag)
{
	hf_error(diag, -EUCLEAN, "damaged",
		 "the image at 0x%" PRIx64 " cannot be believed: %s. Which "
		 "functions lead to it is unknown, so it is left alone, and "
		 "nothing can be patched or reverted beside it",
		 control->mapped.start, control_damage(control));
	hf_hint(diag, "restart the process when you can");
	return -EUCLEAN;
}

void control_forget_functions(struct control *control)
{
	memset(control->block.hooks, 0, sizeof(control->block.hooks));
	control->block.nr_sites = 0;
	control->block.nr_old_ranges = 0;
}

static int controls_append(struct controls *controls,
			   const struct control *control)
{
	struct control *entries =
		reallocarray(controls->entries, controls->nr + 1,
			     sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	controls->entries = entries;
	entries[controls->nr++] = *control;
	return 0;
}

static int control_compare(const void *a, const void *b)
{
	const struct control *left = a, *right = b;

	if (left->block.sequence != right->block.sequence)
		return left->block.sequence < right->block.sequence ? -1 : 1;
	return (left->block.base > right->block.base) -
	       (left->block.base < right->block.base);
}

static int controls_scan(const struct process *process,
			 const struct mappings *mappings,
			 struct controls *controls)
{
	struct budget budget = { NR_BELIEVED_MAX, NR_SITES_MAX, BYTES_MAX };
	size_t i = 0;

	while (i < mappings->nr) {
		struct control control = { 0 };
		struct extent extent;
		int r;

		if (!extent_at(process, mappings, &mappings->entries[i],
			       &extent)) {
			i++;
			continue;
		}
		r = block_read(process, &extent, &budget, &control);
		if (r == -EBADMSG)
			control_set_damaged(&extent, &control);
		if (r != -ENOMEM)
			r = controls_append(controls, &control);
		if (r) {
			control_release(&control);
			return r;
		}
		/* What follows an anonymous image is looked at by itself. */
		while (i < mappings->nr && mappings->entries[i].range.start <
						   control.mapped.end)
			i++;
	}
	return 0;
}

int controls_read(const struct process *process,
		  const struct mappings *mappings, struct controls *ret_controls,
		  struct hf_diag *diag)
{
	struct controls controls = { 0 };
	int r;

	r = controls_scan(process, mappings, &controls);
	if (!r && controls.nr && !process_alive(process))
		r = -ESRCH;
	if (r) {
		controls_release(&controls);
		return hf_fail(diag, r, "cannot read the patches of process %d",
			       process->pid);
	}
	if (controls.nr)
		qsort(controls.entries, controls.nr, sizeof(*controls.entries),
		      control_compare);
	*ret_controls = controls;
	return 0;
}

void controls_release(struct controls *controls)
{
	for (size_t i = 0; i < controls->nr; i++)
		control_release(&controls->entries[i]);
	free(controls->entries);
	*controls = (struct controls){ 0 };
}

struct control *controls_find(const struct controls *controls, const char *name)
{
	struct control *found = NULL;

	/* A retired image may share its name with the patch applied again:
	 * the later one is meant. */
	for (size_t i = 0; i < controls->nr; i++) {
		struct control *control = &controls->entries[i];

		if (strcmp(control->block.name, name))
			continue;
		if (!found || found->damaged ||
		    found->block.state == CONTROL_RETIRED ||
		    (!control->damaged &&
		     control->block.state != CONTROL_RETIRED))
			found = control;
	}
	return found;
}

int control_set_state(const struct process *process, struct control *control,
		      enum control_state state, struct hf_diag *diag)
{
	uint32_t value = state;
	int r;

	r = process_write(process, control->block.base + CONTROL_STATE_OFFSET,
			  &value, sizeof(value));
	if (r)
		return hf_fail(diag, r,
			       "cannot set the state of patch %s to \"%s\"",
			       control->block.name, control_state_name(state));
	control->block.state = value;
	return 0;
}

uint64_t controls_last_sequence(const struct controls *controls)
{
	uint64_t last = 0;

	for (size_t i = 0; i < controls->nr; i++)
		if (controls->entries[i].block.sequence > last)
			last = controls->entries[i].block.sequence;
	return last;
}
