/*
 * Transitions between sets of active patches, on control blocks made by hand:
 * which stores, in which order, and which code must be off the stacks.
 */
#include <errno.h>

#include "../../agent/transition.h"
#include "../tap.h"

#define F 0x401000u /* a replaced function, 64 bytes */
#define G 0x402000u

/* A block with one site at @function, led to @replacement. */
static struct control make_control(uint64_t sequence, enum control_state state,
				   struct control_site *site, hf_addr function,
				   hf_addr replacement)
{
	struct control control = { 0 };

	memset(site, 0, sizeof(*site));
	site->function = function;
	site->function_size = 64;
	site->replacement = replacement;
	site->replacement_size = 32;
	site->nr_writes = 1;
	site->writes[0].address = function;
	site->writes[0].size = 5;
	memset(site->writes[0].old_bytes, 0x90, 5);
	memset(site->writes[0].new_bytes, (int)sequence, 5);
	snprintf(site->name, sizeof(site->name), "f%u", (unsigned int)function);
	control.block.state = state;
	control.block.sequence = sequence;
	control.block.nr_sites = 1;
	control.sites = site;
	return control;
}

static enum control_state state_of(char letter)
{
	switch (letter) {
	case 'a':
		return CONTROL_ACTIVE;
	case 's':
		return CONTROL_STAGED;
	case 'w':
		return CONTROL_SWITCHING;
	case 'v':
		return CONTROL_REVERTING;
	default:
		return CONTROL_RETIRED;
	}
}

/* Blocks A, B, C on F; their jumps are 5 bytes of 1, 2, 3. */
struct world {
	struct control_site sites[3];
	struct control entries[3];
	struct controls controls;
};

static void world_make(struct world *world, const char *states)
{
	size_t nr = strlen(states);

	for (size_t i = 0; i < nr; i++)
		world->entries[i] = make_control(i + 1, state_of(states[i]),
						 &world->sites[i], F,
						 0x500000 + i * 0x1000);
	world->controls = (struct controls){ world->entries, nr };
}

static bool ranges_have(const struct transition *transition, hf_addr start)
{
	for (size_t i = 0; i < transition->nr_ranges; i++)
		if (transition->ranges[i].range.start == start)
			return true;
	return false;
}

/* a active, s staged, w switching, v reverting, r retired; after: 1 active. */
TEST(stores_follow_from_the_sets)
{
	static const struct {
		const char *states, *after;
		int store; /* first byte written at F, -1: none */
	} cases[] = {
		{ "s", "1", 1 },     /* {} -> {A} */
		{ "a", "0", 0x90 },  /* {A} -> {} */
		{ "as", "11", 2 },   /* {A} -> {A,B} */
		{ "aa", "10", 1 },   /* B goes, A leads again */
		{ "aa", "01", -1 },  /* A goes, B leads on */
		{ "aaa", "101", -1 },
		{ "aaa", "110", 2 },
		{ "aa", "00", 0x90 },
		{ "as", "01", 2 },   /* exchange */
		{ "w", "0", 0x90 },  /* undo a half-done apply */
		{ "aw", "10", 1 },
		{ "w", "1", -1 },    /* finish: the stores were made */
		{ "v", "0", 0x90 },  /* finish a half-done revert */
		{ "v", "1", 1 },     /* undo it: the jump may be gone */
		{ "av", "11", 2 },
		{ "va", "11", -1 },  /* B led all the time */
		{ "vw", "10", 1 },   /* undo a half-done exchange */
		{ "ra", "00", 0x90 },
		{ "r", "0", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world world;
		struct transition transition;
		bool after[3] = { false };

		world_make(&world, cases[i].states);
		for (size_t k = 0; k < world.controls.nr; k++)
			after[k] = cases[i].after[k] == '1';
		CHECK_EQ(transition_plan(&world.controls, after,
					 SWITCH_QUIESCENT, &transition, NULL),
			 0);
		printf("# %s -> %s\n", cases[i].states, cases[i].after);
		CHECK_EQ(transition.nr_stores, cases[i].store >= 0);
		if (cases[i].store >= 0)
			CHECK_EQ(transition.stores[0].after[0], cases[i].store);
		CHECK_EQ(transition.nr_ranges > 0, cases[i].store >= 0);
		transition_release(&transition);
	}
}

/* Every version but the coming one must be off the stacks. */
TEST(quiescent_ranges)
{
	struct world world;
	struct transition transition;
	bool both[] = { true, true }, first[] = { true, false },
	     none[2] = { false };

	world_make(&world, "as");
	CHECK_EQ(transition_plan(&world.controls, both, SWITCH_QUIESCENT,
				 &transition, NULL),
		 0);
	CHECK(ranges_have(&transition, F));
	CHECK(ranges_have(&transition, 0x500000));  /* A's */
	CHECK(!ranges_have(&transition, 0x501000)); /* B's is to come */
	transition_release(&transition);

	world_make(&world, "aa");
	CHECK_EQ(transition_plan(&world.controls, first, SWITCH_QUIESCENT,
				 &transition, NULL),
		 0);
	CHECK(ranges_have(&transition, F));
	CHECK(!ranges_have(&transition, 0x500000));
	CHECK(ranges_have(&transition, 0x501000));
	transition_release(&transition);

	/* Back to the function's own code: that may be running already. */
	CHECK_EQ(transition_plan(&world.controls, none, SWITCH_QUIESCENT,
				 &transition, NULL),
		 0);
	CHECK(!ranges_have(&transition, F));
	CHECK(ranges_have(&transition, 0x500000));
	CHECK(ranges_have(&transition, 0x501000));
	transition_release(&transition);
}

/* A thread may stand at the first overwritten byte, not behind it. */
TEST(entry_ranges)
{
	struct world world;
	struct transition transition;
	bool after[] = { true };

	world_make(&world, "s");
	CHECK_EQ(transition_plan(&world.controls, after, SWITCH_ENTRY,
				 &transition, NULL),
		 0);
	CHECK_EQ(transition.nr_ranges, 1);
	CHECK_EQ(transition.ranges[0].range.start, F + 1);
	CHECK_EQ(transition.ranges[0].range.end, F + 5);
	transition_release(&transition);
}

TEST(detached_parts_count_as_the_function)
{
	struct world world;
	struct transition transition;
	struct control_range part = { 0x409000, 0x409040, 0, 0 };
	bool after[] = { true };

	world_make(&world, "s");
	world.entries[0].old_ranges = &part;
	world.entries[0].block.nr_old_ranges = 1;
	CHECK_EQ(transition_plan(&world.controls, after, SWITCH_QUIESCENT,
				 &transition, NULL),
		 0);
	CHECK(ranges_have(&transition, 0x409000));
	transition_release(&transition);
}

/* The relay first when the jump comes, last when it goes. */
TEST(relay_is_never_missing)
{
	struct world world;
	struct transition transition;
	bool on[] = { true }, off[] = { false };

	for (int apply = 0; apply < 2; apply++) {
		world_make(&world, apply ? "s" : "a");
		world.sites[0].nr_writes = 2;
		world.sites[0].writes[1] = world.sites[0].writes[0];
		world.sites[0].writes[0].address = F - 5;
		CHECK_EQ(transition_plan(&world.controls, apply ? on : off,
					 SWITCH_QUIESCENT, &transition, NULL),
			 0);
		CHECK_EQ(transition.nr_stores, 2);
		CHECK_EQ(transition.stores[apply ? 0 : 1].address, F - 5);
		CHECK_EQ(transition.stores[apply ? 1 : 0].address, F);
		transition_release(&transition);
	}
}

TEST(blocks_that_disagree_are_refused)
{
	struct world world;
	struct transition transition;
	struct hf_diag diag = { 0 };
	bool after[] = { true, true };

	world_make(&world, "as");
	world.sites[1].writes[0].old_bytes[2] = 0xcc;
	CHECK_EQ(transition_plan(&world.controls, after, SWITCH_QUIESCENT,
				 &transition, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "site-overlap");
}

TEST(known_bytes)
{
	static const uint8_t own[5] = { 0x90, 0x90, 0x90, 0x90, 0x90 };
	static const uint8_t a[5] = { 1, 1, 1, 1, 1 }, b[5] = { 2, 2, 2, 2, 2 };
	static const uint8_t trap[5] = { 0xcc, 0x90, 0x90, 0x90, 0x90 };
	struct world world;
	struct transition transition;
	bool after[] = { true, true };

	world_make(&world, "as");
	CHECK_EQ(transition_plan(&world.controls, after, SWITCH_QUIESCENT,
				 &transition, NULL),
		 0);
	CHECK(transition_store_known(&world.controls, transition.stores, own));
	CHECK(transition_store_known(&world.controls, transition.stores, a));
	/* B is only staged: it cannot have written. */
	CHECK(!transition_store_known(&world.controls, transition.stores, b));
	CHECK(!transition_store_known(&world.controls, transition.stores,
				      trap));
	transition_release(&transition);
}

TEST(functions_are_independent)
{
	struct control_site sites[2];
	struct control entries[2];
	struct controls controls = { entries, 2 };
	struct transition transition;
	bool after[] = { true, true };

	entries[0] = make_control(1, CONTROL_ACTIVE, &sites[0], F, 0x500000);
	entries[1] = make_control(2, CONTROL_STAGED, &sites[1], G, 0x501000);
	CHECK_EQ(transition_plan(&controls, after, SWITCH_QUIESCENT,
				 &transition, NULL),
		 0);
	CHECK_EQ(transition.nr_stores, 1);
	CHECK_EQ(transition.stores[0].address, G);
	CHECK(!ranges_have(&transition, F));
	transition_release(&transition);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
