/*
 * What differs between two objects, and what follows from it.
 */
#include "../tap.h"

#include "../../patcher/diff/compare.h"
#include "../../patcher/diff/correlate.h"
#include "sample_unit.h"

static const uint8_t code[] = { 0xe8, 0, 0, 0, 0, 0xc3 };
static const uint8_t code_2[] = { 0xe8, 0, 0, 0, 0, 0x90, 0xc3 };
static const uint8_t long_code[] = { 0xe8, 0, 0, 0, 0, 0xe8,
				     0,	   0, 0, 0, 0xc3 };
static const uint8_t zeros[32], ones[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };

static struct sample *o, *p;

static void begin(void)
{
	o = sample_new();
	p = sample_new();
}

static int compare(void)
{
	return correlate_units(&o->unit, &p->unit, NULL) ?:
		       compare_units(&o->unit, &p->unit, NULL);
}

static void end(void)
{
	sample_free(o);
	sample_free(p);
}

#define CHECK_CHANGED(item, reason)                                            \
	do {                                                                   \
		CHECK_EQ((item)->verdict, VERDICT_CHANGED);                    \
		CHECK_EQ((item)->twin->verdict, VERDICT_CHANGED);              \
		CHECK_EQ((item)->why, reason);                                 \
		CHECK_EQ((item)->twin->why, reason);                           \
	} while (0)

#define CHECK_SAME(item)                                                       \
	do {                                                                   \
		CHECK_EQ((item)->verdict, VERDICT_SAME);                       \
		CHECK_EQ((item)->why, WHY_NOT);                                \
	} while (0)

/* f() that refers to @to, in both. */
static struct item *user_of(struct sample *sample, const char *name,
			    struct item *to, int64_t to_offset)
{
	struct item *f = sample_function(sample, name, code, sizeof(code));

	sample_refer(f, 1, R_X86_64_PC32, to, to_offset);
	return f;
}

TEST(code_and_callers)
{
	struct item *f, *g, *h;

	begin();
	f = sample_function(o, "f", code, sizeof(code));
	g = user_of(o, "g", f, 0);
	h = user_of(o, "h", g, 0);
	f = sample_function(p, "f", code_2, sizeof(code_2));
	g = user_of(p, "g", f, 0);
	h = user_of(p, "h", g, 0);
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_CODE);
	/* They call f's entry, which leads to the new one. */
	CHECK_SAME(g);
	CHECK_SAME(h);
	end();
}

TEST(added_and_removed)
{
	struct item *f, *a, *b;

	begin();
	a = sample_function(o, "a", code, sizeof(code));
	user_of(o, "f", a, 0);
	b = sample_function(p, "b", code, sizeof(code));
	f = user_of(p, "f", b, 0);
	CHECK_EQ(compare(), 0);
	CHECK_EQ(a->verdict, VERDICT_REMOVED);
	CHECK_EQ(b->verdict, VERDICT_ADDED);
	CHECK_CHANGED(f, WHY_REFERENCE);
	CHECK_STR(f->detail, "b() in place of a()");
	CHECK_STR(f->twin->detail, "b() in place of a()");
	end();
}

/* Each property of a reference counts. */
TEST(references)
{
	static const struct {
		uint64_t offset;
		uint32_t type;
		int64_t to_offset, bias;
		bool same;
	} cases[] = {
		{ 1, R_X86_64_PC32, 0, -4, true },
		/* a call of a global function, and of a local one */
		{ 1, R_X86_64_PLT32, 0, -4, true },
		{ 2, R_X86_64_PC32, 0, -4, false },
		{ 1, R_X86_64_32S, 0, -4, false },
		{ 1, R_X86_64_GOTPCREL, 0, -4, false },
		{ 1, R_X86_64_PC32, 4, -4, false },
		{ 1, R_X86_64_PC32, -1, -4, false },
		{ 1, R_X86_64_PC32, 0, -5, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct item *f;

		printf("# case %zu\n", i);
		begin();
		user_of(o, "f", sample_external(o, "x"), 0);
		f = user_of(p, "f", sample_external(p, "x"), 0);
		f->references[0].offset = cases[i].offset;
		f->references[0].type = cases[i].type;
		f->references[0].to_offset = cases[i].to_offset;
		f->references[0].bias = cases[i].bias;
		CHECK_EQ(compare(), 0);
		CHECK_EQ(f->verdict,
			 cases[i].same ? VERDICT_SAME : VERDICT_CHANGED);
		end();
	}
}

TEST(one_more_reference)
{
	struct item *f, *x;

	begin();
	x = sample_external(o, "x");
	f = sample_function(o, "f", long_code, sizeof(long_code));
	sample_call(f, 1, x);
	x = sample_external(p, "x");
	f = sample_function(p, "f", long_code, sizeof(long_code));
	sample_call(f, 1, x);
	sample_call(f, 6, x);
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_REFERENCE);
	end();
}

/* References that lead nowhere known. */
TEST(reference_without_end)
{
	struct item *f, *g;

	begin();
	user_of(o, "f", NULL, 0);
	user_of(o, "g", NULL, 0);
	f = user_of(p, "f", NULL, 0);
	g = user_of(p, "g", sample_external(p, "x"), 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_CHANGED(g, WHY_REFERENCE);
	end();
}

TEST(strings)
{
	struct item *same, *head, *tail, *changed;

	begin();
	user_of(o, "same", sample_string(o, "abc"), 1);
	user_of(o, "head", sample_string(o, "xdef"), 1);
	user_of(o, "tail", sample_string(o, "ghi"), 1);
	user_of(o, "changed", sample_string(o, "old"), 0);
	changed = user_of(p, "changed", sample_string(p, "new"), 0);
	/* Code could look at what stands before. */
	head = user_of(p, "head", sample_string(p, "ydef"), 1);
	same = user_of(p, "same", sample_string(p, "abc"), 1);
	tail = user_of(p, "tail", sample_string(p, "ghi"), 2);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(same);
	CHECK_CHANGED(head, WHY_CONSTANT);
	CHECK_CHANGED(tail, WHY_CONSTANT);
	CHECK_CHANGED(changed, WHY_CONSTANT);
	CHECK_STR(changed->detail, "the literal \"new\"");
	end();
}

/* One object has a literal twice, the other once. */
TEST(equal_strings)
{
	struct item *f, *g, *s;

	begin();
	user_of(o, "f", sample_string(o, "abc"), 0);
	user_of(o, "g", sample_string(o, "abc"), 0);
	s = sample_string(p, "abc");
	f = user_of(p, "f", s, 0);
	g = user_of(p, "g", s, 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_SAME(g);
	end();
}

/* Variables are never exchanged, whatever they hold. */
TEST(variables_have_identity)
{
	struct item *a, *b, *f, *g;

	begin();
	a = sample_variable(o, "a", false, zeros, 8);
	b = sample_variable(o, "b", false, zeros, 8);
	user_of(o, "f", a, 0);
	user_of(o, "g", a, 0);
	a = sample_variable(p, "a", false, zeros, 8);
	b = sample_variable(p, "b", false, zeros, 8);
	f = user_of(p, "f", a, 0);
	g = user_of(p, "g", b, 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_SAME(a);
	CHECK_EQ(g->verdict, VERDICT_CHANGED);
	end();
}

/* The compiler's own tables are, under whatever number. */
TEST(tables_of_the_compiler)
{
	struct item *f, *g, *s;

	begin();
	s = sample_variable(o, "CSWTCH.5", false, zeros, 8);
	user_of(o, "f", s, 0);
	s = sample_variable(o, "CSWTCH.6", false, ones, 8);
	user_of(o, "g", s, 0);
	s = sample_variable(p, "CSWTCH.6", false, zeros, 8);
	f = user_of(p, "f", s, 0);
	s = sample_variable(p, "CSWTCH.7", false, zeros, 8);
	g = user_of(p, "g", s, 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_CHANGED(g, WHY_CONSTANT);
	end();
}

/* Two of them before, one now: nobody can tell. */
TEST(equal_tables_of_the_compiler)
{
	struct item *f, *g, *s;

	begin();
	user_of(o, "f", sample_variable(o, "CSWTCH.5", false, ones, 8), 0);
	user_of(o, "g", sample_variable(o, "CSWTCH.6", false, ones, 8), 0);
	s = sample_variable(p, "CSWTCH.5", false, ones, 8);
	f = user_of(p, "f", s, 0);
	g = user_of(p, "g", s, 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_SAME(g);
	end();
}

struct chain {
	struct item *string, *words, *lists, *reader, *live, *other;
};

/* reader() ──► lists ──► words ──► "…" ;  live ──► lists */
static struct chain make_chain(struct sample *sample, const char *text)
{
	struct chain chain;

	chain.string = sample_string(sample, text);
	chain.words = sample_variable(sample, "words", false, zeros, 8);
	sample_point(chain.words, 0, chain.string, 0);
	chain.lists = sample_variable(sample, "lists", false, zeros, 8);
	sample_point(chain.lists, 0, chain.words, 0);
	chain.live = sample_variable(sample, "live", true, zeros, 8);
	sample_point(chain.live, 0, chain.lists, 0);
	chain.reader = user_of(sample, "reader", chain.lists, 0);
	chain.other = user_of(sample, "other", chain.live, 0);
	return chain;
}

TEST(constants_take_their_readers_along)
{
	struct chain chain;

	begin();
	make_chain(o, "old");
	chain = make_chain(p, "new");
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(chain.words, WHY_CONSTANT);
	CHECK_CHANGED(chain.lists, WHY_REFERENCE);
	CHECK_STR(chain.lists->detail, "variable words");
	CHECK_CHANGED(chain.reader, WHY_CONSTANT);
	/* There is only one instance, the running one. */
	CHECK_CHANGED(chain.live, WHY_REFERENCE);
	CHECK_SAME(chain.other);
	end();
}

/* A table without identity on the way, with a double of it. */
TEST(constants_behind_tables)
{
	struct item *v, *t, *u, *f, *g;

	begin();
	v = sample_variable(o, "v", false, zeros, 8);
	t = sample_item(o, ITEM_TABLE, NULL, zeros, 8);
	sample_point(t, 0, v, 0);
	user_of(o, "f", t, 0);
	user_of(o, "g", t, 0);
	v = sample_variable(p, "v", false, ones, 8);
	t = sample_item(p, ITEM_TABLE, NULL, zeros, 8);
	sample_point(t, 0, v, 0);
	u = sample_item(p, ITEM_TABLE, NULL, zeros, 8);
	sample_point(u, 0, v, 0);
	f = user_of(p, "f", t, 0);
	g = user_of(p, "g", u, 0);
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(v, WHY_CODE);
	CHECK_CHANGED(f, WHY_CONSTANT);
	CHECK_CHANGED(g, WHY_CONSTANT);
	end();
}

/* Tables that lead to one another in a circle. */
static struct item *make_circle(struct sample *sample, const uint8_t *bytes)
{
	struct item *a = sample_item(sample, ITEM_TABLE, NULL, zeros, 16);
	struct item *b = sample_item(sample, ITEM_TABLE, NULL, zeros, 16);
	struct item *c = sample_item(sample, ITEM_TABLE, NULL, bytes, 8);

	sample_point(a, 0, b, 0);
	sample_point(b, 0, a, 0);
	sample_point(b, 8, c, 0);
	return a;
}

TEST(circles)
{
	struct item *f;

	begin();
	user_of(o, "f", make_circle(o, ones), 0);
	f = user_of(p, "f", make_circle(p, ones), 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	end();
	begin();
	user_of(o, "f", make_circle(o, ones), 0);
	f = user_of(p, "f", make_circle(p, zeros), 0);
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_CONSTANT);
	end();
}

/* A chain longer than any stack is deep. */
static struct item *make_long_chain(struct sample *sample, const char *text)
{
	struct item *to = sample_string(sample, text);

	for (size_t i = 0; i < 300; i++) {
		struct item *table =
			sample_item(sample, ITEM_TABLE, NULL, zeros, 8);

		sample_point(table, 0, to, 0);
		to = table;
	}
	return to;
}

TEST(depth)
{
	struct item *f, *g;

	begin();
	user_of(o, "f", make_long_chain(o, "a"), 0);
	user_of(o, "g", make_long_chain(o, "b"), 0);
	f = user_of(p, "f", make_long_chain(p, "a"), 0);
	g = user_of(p, "g", make_long_chain(p, "c"), 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_CHANGED(g, WHY_CONSTANT);
	end();
}

static struct item *switch_table(struct sample *sample, struct item *function,
				 int64_t second)
{
	struct item *table = sample_item(sample, ITEM_TABLE, NULL, zeros, 8);

	table->parent = function;
	sample_refer(table, 0, R_X86_64_PC32, function, 3);
	sample_refer(table, 4, R_X86_64_PC32, function, second);
	sample_refer(function, 1, R_X86_64_PC32, table, 0);
	return table;
}

TEST(switch_tables)
{
	struct item *f, *g, *h, *t;

	begin();
	switch_table(o, sample_function(o, "f", code, sizeof(code)), 9);
	switch_table(o, sample_function(o, "g", code, sizeof(code)), 9);
	switch_table(o, sample_function(o, "h", code, sizeof(code)), 9);
	f = sample_function(p, "f", code, sizeof(code));
	t = switch_table(p, f, 9);
	g = sample_function(p, "g", code, sizeof(code));
	switch_table(p, g, 10);
	h = sample_function(p, "h", code_2, sizeof(code_2));
	switch_table(p, h, 9);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_SAME(t);
	CHECK_CHANGED(g, WHY_CONSTANT);
	CHECK_CHANGED(h, WHY_CODE);
	end();
}

/*
 * Labels inside of a function that changed: the old table leads into the old
 * code, where the new must never end up.
 */
TEST(labels_of_changed_functions)
{
	struct item *f, *labels, *entry, *live;
	struct sample *sample[2];

	begin();
	sample[0] = o;
	sample[1] = p;
	for (size_t i = 0; i < 2; i++) {
		f = sample_function(sample[i], "f", i ? code : code_2, 6);
		labels = sample_variable(sample[i], "labels.0", false, zeros,
					 16);
		sample_point(labels, 0, f, 3);
		sample_point(labels, 8, f, 5);
		live = sample_variable(sample[i], "live.0", true, zeros, 8);
		sample_point(live, 0, f, 3);
		entry = sample_variable(sample[i], "entry", false, zeros, 8);
		sample_point(entry, 0, f, 0);
	}
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_CODE);
	CHECK_CHANGED(labels, WHY_REFERENCE);
	CHECK_CHANGED(live, WHY_REFERENCE);
	/* The entry leads on. */
	CHECK_SAME(entry);
	end();
}

static struct item *with_cold(struct sample *sample, const char *name,
			      const char *cold_name, const uint8_t *bytes,
			      struct item **ret_cold)
{
	struct item *f = sample_function(sample, name, code, sizeof(code));

	*ret_cold = sample_item(sample, ITEM_COLD, cold_name, bytes,
				sizeof(code));
	(*ret_cold)->executable = true;
	(*ret_cold)->parent = f;
	sample_call(f, 1, *ret_cold);
	sample_refer(*ret_cold, 1, R_X86_64_PC32, f, 5);
	return f;
}

TEST(cold_parts)
{
	struct item *f, *g, *h, *fc, *gc, *hc;

	begin();
	with_cold(o, "f", "f.cold", code, &fc);
	with_cold(o, "g", "g.cold", code, &gc);
	h = with_cold(o, "h", "h.cold", code, &hc);
	h->bytes = code_2;
	f = with_cold(p, "f", "f.cold", code_2, &fc);
	g = with_cold(p, "g", "g.cold", code, &gc);
	h = with_cold(p, "h", "h.cold", code, &hc);
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_COLD);
	CHECK_CHANGED(fc, WHY_CODE);
	CHECK_SAME(g);
	CHECK_SAME(gc);
	CHECK_CHANGED(h, WHY_CODE);
	CHECK_EQ(hc->verdict, VERDICT_CHANGED);
	end();
}

/* The entry is all that leads on; a cold part has none. */
TEST(labels_of_changed_cold_parts)
{
	struct item *labels, *reader, *cold;

	begin();
	for (size_t i = 0; i < 2; i++) {
		struct sample *sample = i ? p : o;

		with_cold(sample, "f", "f.cold", i ? code_2 : code, &cold);
		labels = sample_variable(sample, "labels", true, zeros, 8);
		sample_point(labels, 0, cold, 0);
		reader = user_of(sample, "reader", cold, 2);
	}
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(cold, WHY_CODE);
	CHECK_CHANGED(labels, WHY_REFERENCE);
	CHECK_CHANGED(reader, WHY_REFERENCE);
	end();
}

TEST(cold_part_comes_and_goes)
{
	struct item *f, *g, *fc, *gc;

	begin();
	sample_call(sample_function(o, "f", code, sizeof(code)), 1,
		    sample_external(o, "x"));
	with_cold(o, "g", "g.cold", code, &gc);
	f = with_cold(p, "f", "f.cold", code, &fc);
	g = sample_function(p, "g", code, sizeof(code));
	sample_call(g, 1, sample_external(p, "x"));
	CHECK_EQ(compare(), 0);
	CHECK_EQ(f->verdict, VERDICT_CHANGED);
	CHECK_EQ(fc->verdict, VERDICT_ADDED);
	CHECK_EQ(g->verdict, VERDICT_CHANGED);
	CHECK_EQ(gc->verdict, VERDICT_REMOVED);
	end();
}

TEST(another_clone)
{
	struct item *f, *a, *b;

	begin();
	a = sample_clone(o, "g.constprop.0", code, sizeof(code));
	b = sample_clone(o, "g.constprop.1", code_2, sizeof(code_2));
	user_of(o, "f", a, 0);
	a = sample_clone(p, "g.constprop.0", code, sizeof(code));
	b = sample_clone(p, "g.constprop.1", code_2, sizeof(code_2));
	f = user_of(p, "f", b, 0);
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_CALLEE);
	CHECK_STR(f->detail, "g.constprop.1()");
	end();
}

TEST(data)
{
	struct item *same, *bytes, *size, *aligned, *bss, *pointer;

	begin();
	sample_variable(o, "same", true, ones, 8);
	sample_variable(o, "bytes", true, ones, 8);
	sample_variable(o, "size", true, ones, 4);
	sample_variable(o, "aligned", true, ones, 8)->alignment = 16;
	sample_variable(o, "bss", true, NULL, 8);
	sample_point(sample_variable(o, "pointer", true, zeros, 8), 0,
		     sample_external(o, "x"), 0);
	same = sample_variable(p, "same", true, ones, 8);
	bytes = sample_variable(p, "bytes", true, zeros, 8);
	size = sample_variable(p, "size", true, ones, 8);
	aligned = sample_variable(p, "aligned", true, ones, 8);
	aligned->alignment = 32;
	bss = sample_variable(p, "bss", true, zeros, 8);
	pointer = sample_variable(p, "pointer", true, zeros, 8);
	sample_point(pointer, 0, sample_external(p, "y"), 0);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(same);
	CHECK_CHANGED(bytes, WHY_CODE);
	CHECK_CHANGED(size, WHY_SIZE);
	CHECK_STR(size->detail, "8 bytes, 4 before");
	CHECK_CHANGED(aligned, WHY_BINDING);
	CHECK_SAME(bss);
	CHECK_CHANGED(pointer, WHY_REFERENCE);
	end();
}

/* Functions that call each other: all or none. */
TEST(recursion)
{
	struct item *f, *g;

	begin();
	for (size_t i = 0; i < 2; i++) {
		struct sample *sample = i ? p : o;

		f = sample_function(sample, "f", code, sizeof(code));
		g = user_of(sample, "g", f, 0);
		sample_call(f, 1, g);
	}
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	CHECK_SAME(g);
	end();
}

/* A second comparison does not remember the first. */
TEST(again)
{
	struct item *f;

	begin();
	sample_function(o, "f", code, sizeof(code));
	f = sample_function(p, "f", code_2, sizeof(code_2));
	CHECK_EQ(compare(), 0);
	CHECK_CHANGED(f, WHY_CODE);
	f->bytes = code;
	f->size = sizeof(code);
	CHECK_EQ(compare(), 0);
	CHECK_SAME(f);
	end();
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
