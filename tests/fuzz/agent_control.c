/*
 * A control block as the target shows it: in a memfd, in anonymous memory with
 * our name, and without. What is believed of it fits what is mapped.
 */
#include "../../agent/control.h"
#include "../../agent/gate.h"
#include "../sample_manifest.h"
#include "../unit/fake_memory.h"
#include "fuzz.h"

#define BASE 0x7f0000000000ull
#define CONTROL 0x2000
#define MAPPED 0x4000

static struct process process;

static void site_check(const struct control_site *site)
{
	PROMISE(site->nr_writes >= 1 && site->nr_writes <= SITE_WRITES_MAX);
	PROMISE(memchr(site->name, '\0', sizeof(site->name)));
	for (size_t i = 0; i < site->nr_writes; i++)
		PROMISE(site->writes[i].size &&
			site->writes[i].size <=
				sizeof(site->writes[i].old_bytes));
}

static void control_check(const struct control *control)
{
	const struct control_block *block = &control->block;

	PROMISE(control->mapped.start >= BASE);
	PROMISE(control->mapped.end <= BASE + MAPPED);
	PROMISE(memchr(block->name, '\0', sizeof(block->name)));
	if (control->damaged)
		return;
	/* Its second mapping may be one of its own that is still empty. */
	PROMISE(block->base == control->mapped.start);
	PROMISE(block->control_size <= block->total_size);
	PROMISE(block->build_id_size <= BUILD_ID_SIZE_MAX);
	for (size_t i = 0; i < block->nr_sites; i++)
		site_check(&control->sites[i]);
	for (size_t i = 0; i < block->nr_old_ranges; i++)
		PROMISE(control->old_ranges[i].site < block->nr_sites);
}

/* Return: whether there was one that can be believed. */
static bool read_as(uint64_t inode, const char *path)
{
	char name[64];
	struct mapping maps[] = {
		{ .range = { BASE, BASE + CONTROL }, .protection = PROT_READ,
		  .inode = inode, .path = name },
		{ .range = { BASE + CONTROL, BASE + MAPPED }, .inode = inode,
		  .protection = PROT_READ | PROT_EXEC, .path = name },
	};
	struct controls controls = { 0 };
	bool believed = false;

	snprintf(name, sizeof(name), "%s", path);
	if (controls_read(&process, &(struct mappings){ maps, 2 }, &controls,
			  NULL))
		return false;
	for (size_t i = 0; i < controls.nr; i++) {
		control_check(&controls.entries[i]);
		believed |= !controls.entries[i].damaged;
	}
	controls_release(&controls);
	return believed;
}

static bool read_control(const uint8_t *bytes, size_t size)
{
	bool believed;

	if (!process.mem)
		process = fake_memory();
	PROMISE(ftruncate(process.mem, 0) == 0);
	PROMISE(ftruncate(process.mem, BASE + MAPPED) == 0);
	fake_write(&process, BASE, bytes, size < MAPPED ? size : MAPPED);
	believed = read_as(7, "/memfd:hotfix:fix (deleted)");
	believed |= read_as(0, "[anon:hotfix:fix]");
	believed |= read_as(0, "");
	return believed;
}

static const struct control_site site = {
	.function = 0x555555555000, .function_size = 64,
	.replacement = BASE + CONTROL, .replacement_size = 32,
	.strategy = SITE_JUMP, .nr_writes = 1,
	.writes[0] = { .address = 0x555555555000, .size = 5,
		       .old_bytes = { 0x55, 0x48, 0x89, 0xe5, 0x53 },
		       .new_bytes = { 0xe9, 1, 2, 3, 4 } },
	.name = "charge",
};

static void seeds(void)
{
	static uint8_t pages[CONTROL];
	owned(free_p) char *json = NULL;
	struct patch_file patch = { .manifest = &sample_manifest,
				    .image_size =
					    MAPPED - CONTROL - GATES_SIZE };
	struct control_site sites[2] = { site, site };
	struct control_range range = { .start = 16, .end = 32, .site = 1 };

	PROMISE(manifest_format(&sample_manifest, &json, NULL) == 0);
	patch.manifest_json = json;
	patch.manifest_json_size = strlen(json);
	PROMISE(control_size(&patch) == sizeof(pages));
	PROMISE(control_encode(&patch, BASE, &(struct control_block){ 0 },
			       sites, 2, &range, 1, pages, NULL) == 0);
	fuzz_seed(pages, sizeof(pages));
}

static size_t place(const struct buffer *input)
{
	(void)input;
	return fuzz_random_below(sizeof(struct control_block) +
				 2 * sizeof(struct control_site) +
				 sizeof(struct control_range));
}

const struct fuzz_target fuzz_target = {
	.read = read_control, .seeds = seeds, .place = place,
};
