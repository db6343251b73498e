/*
 * The control block: written, read back, and not believed when it lies. The
 * sites that it describes, compared with what stands there.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "../../agent/control.h"
#include "../../agent/sites.h"
#include "../tap.h"
#include "fake_memory.h"

#define BASE 0x7f0000000000ull
#define FUNCTION 0x555555555000ull
#define STR(text) ((char *)(uintptr_t)(text))
#define MEMFD(name) STR("/memfd:hotfix:" name " (deleted)")

static struct manifest_part part;
static struct manifest_function functions[2] = {
	{ .parts = &part, .nr_parts = 1 },
};
static struct manifest manifest = {
	.name = STR("fix"), .functions = functions, .nr_functions = 2,
	.target.build_id = { .size = 3, .bytes = { 1, 2, 3 } },
	.hooks = { [HOOK_POST_APPLY] = { STR("hook"), 0x40 },
		   [HOOK_PRE_REVERT] = { STR("far"), 0x2800 } },
};
static const struct patch_file patch = {
	.manifest = &manifest, .manifest_json = "not json",
	.manifest_json_size = 8, .image_size = 0x1800, .digest = { 9, 8, 7 },
};

static struct control_site site_make(hf_addr function, uint8_t new_byte)
{
	return (struct control_site){
		.function = function, .function_size = 64,
		.replacement = BASE + 0x1000, .replacement_size = 32,
		.strategy = SITE_JUMP, .nr_writes = 1,
		.writes[0] = { .address = function, .size = 5,
			       .old_bytes = { 0x55, 0x48, 0x89, 0xe5, 0x53 },
			       .new_bytes = { 0xe9, new_byte, 2, 3, 4 } },
		.name = "f",
	};
}

/* Control page, r--, r-x and rw- pages, as an image stands in memory. */
static struct mapping image_maps[] = {
	{ .range = { BASE, BASE + 0x2000 }, .protection = PROT_READ,
	  .inode = 7, .path = MEMFD("fix") },
	{ .range = { BASE + 0x2000, BASE + 0x3000 },
	  .protection = PROT_READ | PROT_EXEC, .inode = 7, .offset = 0x2000,
	  .path = MEMFD("fix") },
	{ .range = { BASE + 0x3000, BASE + 0x4000 },
	  .protection = PROT_READ | PROT_WRITE, .inode = 7, .offset = 0x3000,
	  .path = MEMFD("fix") },
};
static const struct mappings image_mappings = { image_maps, 3 };

static void encode(hf_addr base, uint64_t sequence, uint8_t *pages)
{
	struct control_block block = { .sequence = sequence, .mode = 1,
				       .agent_uid = 1000, .agent_pid = 77,
				       .module_bias = 0x555555554000 };
	struct control_site sites[2] = { site_make(FUNCTION, 1),
					 site_make(FUNCTION + 64, 1) };
	struct control_range range = { .start = 0x10, .end = 0x20, .site = 1 };

	control_encode(&patch, base, &block, sites, 2, &range, 1, pages, NULL);
}

/* An image of `fix` in otherwise empty memory. */
static struct process image_in_memory(void)
{
	struct process process = fake_memory();
	uint8_t pages[4096];

	encode(BASE, 5, pages);
	fake_write(&process, BASE, pages, sizeof(pages));
	return process;
}

TEST(size)
{
	/* 328 + 2 * 248 + 24 + 8 */
	CHECK_EQ(control_size(&patch), 4096);
}

TEST(too_many_sites)
{
	struct control_site sites[3] = { 0 };
	struct control_range ranges[2] = { 0 };
	struct control_block block = { 0 };
	uint8_t pages[4096];

	CHECK_EQ(control_encode(&patch, BASE, &block, sites, 3, ranges, 0,
				pages, NULL), -EINVAL);
	CHECK_EQ(control_encode(&patch, BASE, &block, sites, 2, ranges, 2,
				pages, NULL), -EINVAL);
}

TEST(round_trip)
{
	struct process process = image_in_memory();
	struct controls controls;
	struct control *control;

	CHECK_EQ(controls_read(&process, &image_mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 1);
	control = &controls.entries[0];
	CHECK(!control->damaged);
	CHECK_EQ(control->block.state, CONTROL_STAGED);
	CHECK_EQ(control->block.base, BASE);
	CHECK_EQ(control->block.control_size, 0x1000);
	CHECK_EQ(control->block.total_size, 0x4000);
	CHECK_EQ(control->block.sequence, 5);
	CHECK_EQ(control->block.agent_uid, 1000);
	CHECK_EQ(control->block.build_id_size, 3);
	CHECK_BYTES(control->block.build_id, "\1\2\3", 3);
	CHECK_BYTES(control->block.digest, "\11\10\7", 3);
	CHECK_STR(control->block.name, "fix");
	CHECK_EQ(control->block.hooks[HOOK_PRE_APPLY], 0);
	CHECK_EQ(control->block.hooks[HOOK_POST_APPLY], BASE + 0x1040);
	CHECK_EQ(control->block.hooks[HOOK_PRE_REVERT], 0);
	CHECK_EQ(control->block.nr_sites, 2);
	CHECK_EQ(control->sites[1].function, FUNCTION + 64);
	CHECK_BYTES(control->sites[0].writes[0].new_bytes, "\xe9\1\2\3\4", 5);
	CHECK_EQ(control->old_ranges[0].end, 0x20);
	CHECK(!control->manifest);
	CHECK_EQ(control->mapped.start, BASE);
	CHECK_EQ(control->mapped.end, BASE + 0x4000);
	CHECK_EQ(controls_last_sequence(&controls), 5);
	CHECK(controls_find(&controls, "fix") == control);
	CHECK(!controls_find(&controls, "other"));
	controls_release(&controls);
	fake_memory_close(&process);
}

TEST(set_state)
{
	struct process process = image_in_memory();
	struct controls controls;

	CHECK_EQ(controls_read(&process, &image_mappings, &controls, NULL), 0);
	CHECK_EQ(control_set_state(&process, controls.entries, CONTROL_ACTIVE,
				   NULL), 0);
	CHECK_EQ(controls.entries[0].block.state, CONTROL_ACTIVE);
	controls_release(&controls);
	CHECK_EQ(controls_read(&process, &image_mappings, &controls, NULL), 0);
	CHECK_EQ(controls.entries[0].block.state, CONTROL_ACTIVE);
	CHECK_STR(control_state_name(CONTROL_ACTIVE), "active");
	controls_release(&controls);
	fake_memory_close(&process);
}

#define FIELD(member) offsetof(struct control_block, member)
#define SITE(member) (sizeof(struct control_block) +                           \
		      offsetof(struct control_site, member))
#define RANGE(member) (sizeof(struct control_block) +                          \
		       2 * sizeof(struct control_site) +                       \
		       offsetof(struct control_range, member))

/* Each of these lies, and nothing but the extent is believed then. */
TEST(lies)
{
	static const struct { size_t offset, size; uint64_t value; } lies[] = {
		{ FIELD(magic), 1, 'h' },
		{ FIELD(version), 4, 2 },
		{ FIELD(state), 4, 0 },
		{ FIELD(state), 4, 6 },
		{ FIELD(base), 8, BASE + 0x1000 },
		{ FIELD(control_size), 8, 0 },
		{ FIELD(control_size), 8, 0x5000 },
		{ FIELD(control_size), 8, 0x1001 },
		{ FIELD(control_size), 8, 1ull << 40 },
		{ FIELD(total_size), 8, 0x3000 },
		{ FIELD(total_size), 8, 0x5000 },
		{ FIELD(total_size), 8, UINT64_MAX & ~0xfffull },
		{ FIELD(nr_sites), 4, 1000 },
		{ FIELD(nr_sites), 4, UINT32_MAX },
		{ FIELD(nr_old_ranges), 4, UINT32_MAX },
		{ FIELD(manifest_size), 4, UINT32_MAX },
		{ FIELD(sites_offset), 8, 0 },
		{ FIELD(sites_offset), 8, 0x1008 },
		{ FIELD(sites_offset), 8, UINT64_MAX - 8 },
		{ FIELD(old_ranges_offset), 8, 0xff0 },
		{ FIELD(manifest_offset), 8, 0xffb },
		{ FIELD(build_id_size), 4, 65 },
		{ FIELD(name), 1, '/' },
		{ FIELD(name), 1, 0 },
		{ FIELD(gates_size), 4, 1 },
		{ FIELD(gates_size), 4, 0x4000 },
		{ SITE(strategy), 4, 3 },
		{ SITE(nr_writes), 4, 0 },
		{ SITE(nr_writes), 4, 3 },
		{ SITE(function), 8, FUNCTION + 0x10000 },
		{ SITE(function_size), 8, UINT64_MAX },
		{ SITE(writes[0].size), 1, 0 },
		{ SITE(writes[0].size), 1, 16 },
		{ SITE(writes[0].address), 8, FUNCTION + 0x2000 },
		{ RANGE(start), 8, 0x21 },
		{ RANGE(site), 4, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct process process = image_in_memory();
		struct controls controls;

		fake_write(&process, BASE + lies[i].offset, &lies[i].value,
			   lies[i].size);
		CHECK_EQ(controls_read(&process, &image_mappings, &controls,
				       NULL), 0);
		CHECK_EQ(controls.nr, 1);
		if (!controls.entries[0].damaged)
			TAP_FAIL("lie %zu is believed", i);
		CHECK(!controls.entries[0].sites);
		CHECK_EQ(controls.entries[0].block.nr_sites, 0);
		CHECK_EQ(controls.entries[0].block.base, BASE);
		CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x4000);
		CHECK_STR(controls.entries[0].block.name, "fix");
		controls_release(&controls);
		fake_memory_close(&process);
	}
}

/* The name of a function that does not end. */
TEST(endless_name)
{
	struct process process = image_in_memory();
	struct controls controls;
	char name[128];

	memset(name, 'x', sizeof(name));
	fake_write(&process, BASE + SITE(name), name, sizeof(name));
	CHECK_EQ(controls_read(&process, &image_mappings, &controls, NULL), 0);
	CHECK(controls.entries[0].damaged);
	controls_release(&controls);
	fake_memory_close(&process);
}

/* Whatever the bytes are: no crash (run with sanitizers), no wrong extent. */
TEST(random_damage)
{
	struct process process = fake_memory();
	uint8_t pages[4096];

	srand(1);
	for (int n = 0; n < 20000; n++) {
		struct controls controls;

		encode(BASE, 5, pages);
		for (int i = rand() % 8; i >= 0; i--)
			pages[rand() % 900] = (uint8_t)rand();
		fake_write(&process, BASE, pages, sizeof(pages));
		CHECK_EQ(controls_read(&process, &image_mappings, &controls,
				       NULL), 0);
		CHECK_EQ(controls.nr, 1);
		CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x4000);
		controls_release(&controls);
	}
	fake_memory_close(&process);
}

/* Somebody has unmapped some of it. */
TEST(parts)
{
	static const struct { size_t first, nr; hf_addr start, end; } cases[] = {
		{ 0, 1, BASE, BASE + 0x2000 },
		{ 0, 2, BASE, BASE + 0x3000 },
		{ 1, 2, BASE + 0x2000, BASE + 0x4000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct process process = image_in_memory();
		struct mappings mappings = { image_maps + cases[i].first,
					     cases[i].nr };
		struct controls controls;

		CHECK_EQ(controls_read(&process, &mappings, &controls, NULL),
			 0);
		CHECK_EQ(controls.nr, 1);
		CHECK(controls.entries[0].damaged);
		CHECK_EQ(controls.entries[0].mapped.start, cases[i].start);
		CHECK_EQ(controls.entries[0].mapped.end, cases[i].end);
		CHECK_STR(controls.entries[0].block.name, "fix");
		controls_release(&controls);
		fake_memory_close(&process);
	}
}

/* Anonymous memory that was named and not yet filled. */
TEST(never_filled)
{
	struct process process = fake_memory();
	struct mapping map = { .range = { BASE, BASE + 0x2000 },
			       .protection = PROT_READ,
			       .path = STR("[anon:hotfix:fix]") };
	struct mappings mappings = { &map, 1 };
	struct controls controls;

	fake_write(&process, BASE + 0x2000, "", 1);
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 1);
	CHECK(!controls.entries[0].damaged);
	CHECK_EQ(controls.entries[0].block.state, CONTROL_STAGED);
	CHECK_EQ(controls.entries[0].block.nr_sites, 0);
	CHECK_STR(controls.entries[0].block.name, "fix");
	CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x2000);
	controls_release(&controls);

	/* One byte of it, and it has to be a whole block. */
	fake_write(&process, BASE + 300, "x", 1);
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK(controls.entries[0].damaged);
	controls_release(&controls);

	/* A memfd is filled before it is mapped. */
	fake_write(&process, BASE + 300, "", 1);
	map.inode = 7;
	map.path = MEMFD("fix");
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK(controls.entries[0].damaged);
	controls_release(&controls);
	fake_memory_close(&process);
}

/* Two images of one name side by side (a retired one and its successor), and
 * mappings of others that only look alike. */
TEST(neighbours)
{
	struct process process = image_in_memory();
	struct controls controls;
	uint8_t pages[4096];
	struct mapping maps[] = {
		{ .range = { BASE - 0x2000, BASE - 0x1000 }, .inode = 3,
		  .protection = PROT_READ, .path = STR("/memfd:hotfix (deleted)") },
		{ .range = { BASE - 0x1000, BASE }, .inode = 4,
		  .protection = PROT_READ, .path = STR("/tmp/memfd:hotfix:fix") },
		image_maps[0], image_maps[1], image_maps[2],
		{ .range = { BASE + 0x4000, BASE + 0x8000 }, .inode = 8,
		  .protection = PROT_READ, .path = MEMFD("fix") },
		{ .range = { BASE + 0x9000, BASE + 0xa000 }, .inode = 9,
		  .protection = PROT_READ, .path = MEMFD("a b/c") },
	};
	struct mappings mappings = { maps, ARRAY_SIZE(maps) };
	uint32_t state = CONTROL_RETIRED;

	encode(BASE + 0x4000, 2, pages);
	memcpy(pages + CONTROL_STATE_OFFSET, &state, sizeof(state));
	fake_write(&process, BASE + 0x4000, pages, sizeof(pages));
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 3);
	CHECK(controls.entries[0].damaged);
	CHECK_STR(controls.entries[0].block.name, "");
	CHECK_EQ(controls.entries[1].block.sequence, 2);
	CHECK_EQ(controls.entries[2].block.sequence, 5);
	CHECK(controls_find(&controls, "fix") == &controls.entries[2]);
	controls_release(&controls);
	fake_memory_close(&process);
}

/* Without a name only the block tells, and only what it covers is ours. */
TEST(anonymous)
{
	struct process process = image_in_memory();
	uint8_t whole[4096];
	struct controls controls;
	uint64_t lie = 0x6000;
	struct mapping maps[] = {
		{ .range = { BASE, BASE + 0x2000 }, .protection = PROT_READ,
		  .path = STR("") },
		{ .range = { BASE + 0x2000, BASE + 0x4000 },
		  .protection = PROT_READ | PROT_EXEC, .path = STR("") },
		/* the target's own */
		{ .range = { BASE + 0x4000, BASE + 0x5000 },
		  .protection = PROT_READ | PROT_WRITE, .path = STR("") },
	};
	struct mappings mappings = { maps, ARRAY_SIZE(maps) };

	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 1);
	CHECK(!controls.entries[0].damaged);
	CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x4000);
	controls_release(&controls);

	fake_write(&process, BASE + FIELD(total_size), &lie, sizeof(lie));
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 1);
	CHECK(controls.entries[0].damaged);
	CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x2000);
	controls_release(&controls);

	/* Named, it is known with or without its block. */
	for (size_t i = 0; i < 2; i++)
		maps[i].path = STR("[anon:hotfix:fix]");
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 1);
	CHECK(controls.entries[0].damaged);
	CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x4000);
	controls_release(&controls);

	/* Its agent died before it had named the second part. */
	encode(BASE, 5, whole);
	fake_write(&process, BASE, whole, sizeof(whole));
	maps[1].path = STR("");
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 1);
	CHECK(!controls.entries[0].damaged);
	CHECK_EQ(controls.entries[0].mapped.end, BASE + 0x4000);
	controls_release(&controls);

	/* A writable page with the magic is somebody's data. */
	maps[0].path = maps[1].path = STR("");
	maps[0].protection = PROT_READ | PROT_WRITE;
	CHECK_EQ(controls_read(&process, &mappings, &controls, NULL), 0);
	CHECK_EQ(controls.nr, 0);
	controls_release(&controls);
	fake_memory_close(&process);
}

/* --- sites --------------------------------------------------------------- */

/* Three patches of one function; the second was reverted. */
static struct control_site stack_sites[3];
static struct control stacked[3];
static const struct controls stack = { stacked, 3 };

static void stack_make(void)
{
	static const enum control_state states[3] = {
		CONTROL_ACTIVE, CONTROL_RETIRED, CONTROL_ACTIVE
	};

	for (uint8_t i = 0; i < 3; i++) {
		stack_sites[i] = site_make(FUNCTION, (uint8_t)(0x10 + i));
		stacked[i] = (struct control){
			.block = { .state = states[i], .sequence = i + 1u,
				   .nr_sites = 1 },
			.sites = &stack_sites[i],
		};
	}
}

TEST(owner)
{
	stack_make();
	CHECK(sites_owner(&stack, FUNCTION) == &stacked[2]);
	stacked[2].block.state = CONTROL_REVERTING;
	CHECK(sites_owner(&stack, FUNCTION) == &stacked[0]);
	stacked[0].block.state = CONTROL_SWITCHING;
	CHECK(!sites_owner(&stack, FUNCTION));
	stacked[0].block.state = CONTROL_ACTIVE;
	CHECK(!sites_owner(&stack, FUNCTION + 1));
	CHECK(control_site_find(&stacked[0], FUNCTION) == &stack_sites[0]);
	CHECK(!control_site_find(&stacked[0], FUNCTION + 1));
}

TEST(inspect)
{
	struct process process = fake_memory();

	stack_make();
	CHECK_EQ(site_inspect(&process, &stack, &stacked[0], &stack_sites[0]),
		 SITE_UNREADABLE);
	fake_write(&process, FUNCTION, stack_sites[0].writes[0].old_bytes, 5);
	CHECK_EQ(site_inspect(&process, &stack, &stacked[0], &stack_sites[0]),
		 SITE_PRISTINE);
	fake_write(&process, FUNCTION, stack_sites[2].writes[0].new_bytes, 5);
	CHECK_EQ(site_inspect(&process, &stack, &stacked[0], &stack_sites[0]),
		 SITE_LEADS_TO_OTHER_PATCH);
	CHECK_EQ(site_inspect(&process, &stack, &stacked[2], &stack_sites[2]),
		 SITE_LEADS_HERE);
	fake_write(&process, FUNCTION, "\xcc", 1);
	CHECK_EQ(site_inspect(&process, &stack, &stacked[2], &stack_sites[2]),
		 SITE_CHANGED);
	fake_memory_close(&process);
}

/* A short jump is the same for every patch: its relay tells them apart. */
TEST(inspect_relay)
{
	struct process process = fake_memory();
	static const uint8_t entry[] = { 0xeb, 0xf9 };

	stack_make();
	for (size_t i = 0; i < 3; i++) {
		struct control_site *site = &stack_sites[i];

		site->nr_writes = 2;
		site->writes[1] = (struct control_write){
			.address = FUNCTION, .size = 2,
			.old_bytes = { 0x31, 0xc0 }, .new_bytes = { 0xeb, 0xf9 },
		};
		site->writes[0].address = FUNCTION - 5;
	}
	fake_write(&process, FUNCTION, entry, 2);
	fake_write(&process, FUNCTION - 5, stack_sites[2].writes[0].new_bytes,
		   5);
	CHECK_EQ(site_inspect(&process, &stack, &stacked[0], &stack_sites[0]),
		 SITE_LEADS_TO_OTHER_PATCH);
	CHECK_EQ(site_inspect(&process, &stack, &stacked[2], &stack_sites[2]),
		 SITE_LEADS_HERE);
	fake_memory_close(&process);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
