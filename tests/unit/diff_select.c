/*
 * What a patch brings, from what has changed.
 */
#include "../tap.h"

#include "../../patcher/diff/compare.h"
#include "../../patcher/diff/correlate.h"
#include "../../patcher/diff/select.h"
#include "sample_unit.h"

static const uint8_t code[] = { 0xe8, 0, 0, 0, 0, 0xc3 };
static const uint8_t code_2[] = { 0xe8, 0, 0, 0, 0, 0x90, 0xc3 };
static const uint8_t long_code[32], zeros[32],
	ones[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };

#define PAIRS 3

static struct sample *o[PAIRS], *p[PAIRS];
static struct unit_pair pairs[PAIRS];
static struct change_set set;

static void begin(void)
{
	static const char *const names[] = { "a.o", "b.o", "c.o" };

	set = (struct change_set){ .pairs = pairs };
	for (size_t i = 0; i < PAIRS; i++) {
		o[i] = sample_new();
		p[i] = sample_new();
		pairs[i] = (struct unit_pair){ .name = names[i],
					       .original = &o[i]->unit,
					       .patched = &p[i]->unit };
	}
}

/* With the first @nr pairs. */
static int run(size_t nr)
{
	int r = 0;

	set.nr_pairs = nr;
	for (size_t i = 0; i < nr && !r; i++)
		if (pairs[i].original && pairs[i].patched)
			r = correlate_units(pairs[i].original,
					    pairs[i].patched, NULL) ?:
				    compare_units(pairs[i].original,
						  pairs[i].patched, NULL);
	return r ?: select_changes(&set, NULL);
}

static void end(void)
{
	free(set.changes);
	free(set.additions);
	strings_release(&set.left_out);
	for (size_t i = 0; i < PAIRS; i++) {
		sample_free(o[i]);
		sample_free(p[i]);
	}
}

/* f() of another code in the second version; refers to what it is told. */
static struct item *changed(size_t pair, const char *name)
{
	sample_function(o[pair], name, code, sizeof(code));
	return sample_function(p[pair], name, long_code, sizeof(long_code));
}

static struct item *in_both(size_t pair, const char *name, bool writable)
{
	sample_variable(o[pair], name, writable, zeros, 8);
	return sample_variable(p[pair], name, writable, zeros, 8);
}

TEST(nothing)
{
	begin();
	sample_function(o[0], "f", code, sizeof(code));
	sample_function(p[0], "f", code, sizeof(code));
	CHECK_EQ(run(1), 0);
	CHECK_EQ(set.nr_changes, 0);
	CHECK_EQ(set.nr_additions, 0);
	end();
}

TEST(what_a_change_refers_to)
{
	struct item *f, *g, *same, *constant, *changed_constant, *state;
	struct item *changed_state, *string, *table, *added, *added_data;

	begin();
	f = changed(0, "f");
	g = changed(0, "g");
	same = sample_function(p[0], "same", code, sizeof(code));
	sample_function(o[0], "same", code, sizeof(code));
	constant = in_both(0, "constant", false);
	changed_constant = in_both(0, "changed_constant", false);
	changed_constant->bytes = ones;
	state = in_both(0, "state", true);
	changed_state = in_both(0, "changed_state", true);
	changed_state->bytes = ones;
	sample_string(o[0], "abc");
	string = sample_string(p[0], "abc");
	table = sample_item(p[0], ITEM_TABLE, NULL, ones, 8);
	added = sample_function(p[0], "added", code, sizeof(code));
	added_data = sample_variable(p[0], "added_data", true, zeros, 8);
	sample_variable(p[0], "unused", true, zeros, 8);
	sample_call(f, 0, g);
	sample_call(f, 1, same);
	sample_call(f, 2, constant);
	sample_call(f, 3, changed_constant);
	sample_call(f, 4, state);
	sample_call(f, 5, changed_state);
	sample_call(f, 6, string);
	sample_call(f, 7, table);
	sample_call(f, 8, added);
	sample_call(added, 1, added_data);
	CHECK_EQ(run(1), 0);
	CHECK_EQ(set.nr_changes, 2);
	CHECK(change_of(&set, f) && change_of(&set, f)->patched == f);
	CHECK(change_of(&set, f->twin) == change_of(&set, f));
	CHECK(change_of(&set, f)->original == f->twin);
	CHECK(change_of(&set, f)->pair == &pairs[0]);
	CHECK(change_of(&set, g));
	CHECK(!change_of(&set, same));
	CHECK(!is_addition(&set, f));
	CHECK(!is_addition(&set, g));
	CHECK(!is_addition(&set, same));
	CHECK(!is_addition(&set, constant));
	CHECK(is_addition(&set, changed_constant));
	CHECK(!is_addition(&set, state));
	CHECK(!is_addition(&set, changed_state));
	CHECK(is_addition(&set, string));
	CHECK(is_addition(&set, table));
	CHECK(is_addition(&set, added));
	CHECK(is_addition(&set, added_data));
	CHECK_EQ(set.nr_additions, 5);
	CHECK_EQ(set.left_out.nr, 1);
	CHECK_STR(set.left_out.items[0],
		  "variable unused (a.o) is new: nothing that changed uses it");
	end();
}

/* What the string of a table of a new function's constant is. */
TEST(followed_to_the_end)
{
	struct item *f, *added, *table, *string, *unused;

	begin();
	f = changed(0, "f");
	string = sample_string(p[0], "abc");
	table = sample_item(p[0], ITEM_TABLE, NULL, ones, 8);
	added = sample_function(p[0], "added", code, sizeof(code));
	unused = sample_string(p[0], "unused");
	sample_call(f, 1, added);
	sample_call(added, 1, table);
	sample_point(table, 0, string, 0);
	/* Circles end. */
	sample_call(string, 0, added);
	CHECK_EQ(run(1), 0);
	CHECK(is_addition(&set, string));
	CHECK(!is_addition(&set, unused));
	CHECK_EQ(set.nr_additions, 3);
	end();
}

TEST(cold_parts_travel)
{
	struct item *f, *cold, *string;

	begin();
	f = changed(0, "f");
	cold = sample_item(p[0], ITEM_COLD, "f.cold", code, sizeof(code));
	cold->parent = f;
	string = sample_string(p[0], "abc");
	sample_call(f, 1, cold);
	sample_call(cold, 1, string);
	CHECK_EQ(run(1), 0);
	CHECK_EQ(set.nr_changes, 1);
	CHECK(!change_of(&set, cold));
	CHECK(is_addition(&set, cold));
	CHECK(is_addition(&set, string));
	end();
}

TEST(new_in_another_object)
{
	struct item *f, *g, *h, *v;

	begin();
	f = changed(0, "f");
	sample_call(f, 1, sample_external(p[0], "g"));
	sample_call(f, 6, sample_external(p[0], "h"));
	sample_call(f, 9, sample_external(p[0], "elsewhere"));
	g = sample_function(p[1], "g", code, sizeof(code));
	v = sample_variable(p[1], "v", true, zeros, 8);
	sample_call(g, 1, v);
	/* A static one of that name is nobody else's. */
	h = sample_clone(p[1], "h", code, sizeof(code));
	CHECK_EQ(run(2), 0);
	CHECK(is_addition(&set, g));
	CHECK(is_addition(&set, v));
	CHECK(!is_addition(&set, h));
	CHECK(set.additions[0].pair == &pairs[1]);
	end();
}

TEST(new_object)
{
	struct item *f, *g, *unused;

	begin();
	f = changed(0, "f");
	sample_call(f, 1, sample_external(p[0], "g"));
	pairs[1].original = NULL;
	g = sample_function(p[1], "g", code, sizeof(code));
	unused = sample_variable(p[1], "unused", true, zeros, 8);
	/* The judge tells of functions. */
	sample_function(p[1], "uncalled", code, sizeof(code));
	CHECK_EQ(run(2), 0);
	CHECK_EQ(g->verdict, VERDICT_ADDED);
	CHECK(is_addition(&set, g));
	CHECK(!is_addition(&set, unused));
	CHECK_EQ(set.left_out.nr, 1);
	CHECK_CONTAINS(set.left_out.items[0], "unused (b.o) is new");
	end();
}

TEST(object_gone)
{
	begin();
	changed(0, "f");
	pairs[1].patched = NULL;
	sample_function(o[1], "g", code, sizeof(code));
	CHECK_EQ(run(2), 0);
	CHECK_EQ(o[1]->unit.items[0]->verdict, VERDICT_REMOVED);
	CHECK_EQ(set.nr_changes, 1);
	CHECK_CONTAINS(set.left_out.items[0], "g() (b.o) is gone");
	end();
}

/* A constant of one file, read by code of a second, which a third points at. */
TEST(constants_of_other_objects)
{
	struct item *table, *reader, *wrapper, *third, *external;

	begin();
	table = in_both(0, "table", false);
	table->bytes = ones;
	for (size_t i = 0; i < 2; i++) {
		struct sample **side = i ? p : o;

		external = sample_external(side[1], "table");
		reader = sample_function(side[1], "reader", code,
					 sizeof(code));
		sample_call(reader, 1, external);
		wrapper = sample_variable(side[1], "wrapper", false, zeros, 8);
		sample_point(wrapper, 0, external, 0);
		third = sample_function(side[2], "third", code, sizeof(code));
		sample_call(third, 1, sample_external(side[2], "wrapper"));
	}
	CHECK_EQ(run(3), 0);
	CHECK_EQ(reader->verdict, VERDICT_CHANGED);
	CHECK_EQ(reader->why, WHY_CONSTANT);
	CHECK_EQ(wrapper->verdict, VERDICT_CHANGED);
	CHECK_EQ(third->verdict, VERDICT_CHANGED);
	CHECK_EQ(set.nr_changes, 2);
	CHECK(is_addition(&set, table));
	CHECK(is_addition(&set, wrapper));
	CHECK_EQ(set.nr_additions, 2);
	end();
}

/* The linker keeps one of them. */
TEST(function_in_several_objects)
{
	struct item *f, *g;

	begin();
	f = changed(0, "inline_of_a_header");
	g = changed(1, "inline_of_a_header");
	f->binding = g->binding = STB_WEAK;
	CHECK_EQ(run(2), 0);
	CHECK_EQ(set.nr_changes, 1);
	CHECK(change_of(&set, f) == set.changes);
	CHECK(change_of(&set, g) == set.changes);
	end();
	begin();
	f = changed(0, "static_of_a_header");
	g = changed(1, "static_of_a_header");
	f->binding = g->binding = STB_LOCAL;
	CHECK_EQ(run(2), 0);
	CHECK_EQ(set.nr_changes, 2);
	CHECK(change_of(&set, f)->patched == f);
	CHECK(change_of(&set, g)->patched == g);
	end();
}

TEST(order)
{
	struct item *f[4];

	begin();
	f[3] = changed(1, "d");
	f[0] = changed(0, "z");
	f[1] = changed(0, "y");
	f[2] = changed(1, "c");
	f[2]->section = 1;
	f[3]->section = 2;
	/* The later ones are reached first. */
	sample_call(f[0], 1, sample_string(p[0], "1"));
	sample_call(f[0], 6, sample_string(p[0], "2"));
	p[0]->unit.items[2]->section = 9;
	p[0]->unit.items[3]->section = 8;
	CHECK_EQ(run(2), 0);
	CHECK_EQ(set.nr_changes, 4);
	for (size_t i = 0; i < 4; i++)
		CHECK(set.changes[i].patched == f[i]);
	CHECK_EQ(set.nr_additions, 2);
	CHECK_EQ(set.additions[0].patched->section, 8);
	CHECK_EQ(set.additions[1].patched->section, 9);
	end();
}

TEST(change_of_a_function_made_static)
{
	struct item *f;

	begin();
	sample_function(o[0], "f", code, sizeof(code));
	f = sample_function(p[0], "f", code_2, sizeof(code_2));
	f->binding = STB_LOCAL;
	CHECK_EQ(run(1), 0);
	CHECK(set.nr_changes == 1 && set.changes[0].patched == f);
	end();
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
