/*
 * Which item of one object is which of another.
 */
#include "../tap.h"

#include "../../patcher/diff/correlate.h"
#include "sample_unit.h"

/* e8 [....] c3   call …; ret   and some that differ */
static const uint8_t code[] = { 0xe8, 0, 0, 0, 0, 0xc3 };
static const uint8_t code_a[] = { 0xe8, 0, 0, 0, 0, 0x90, 0xc3 };
static const uint8_t code_b[] = { 0xe8, 0, 0, 0, 0, 0x50, 0xc3 };
static const uint8_t code_c[] = { 0xe8, 0, 0, 0, 0, 0x51, 0xc3 };
static const uint8_t zeros[8], ones[8] = { 1, 1, 1, 1, 1, 1, 1, 1 };

static struct sample *o, *p;

static void begin(void)
{
	o = sample_new();
	p = sample_new();
}

static int correlate(void)
{
	return correlate_units(&o->unit, &p->unit, NULL);
}

static void end(void)
{
	sample_free(o);
	sample_free(p);
}

/* Also when a check fails: leaks do not matter then. */
#define CHECK_TWINS(a, b)                                                      \
	do {                                                                   \
		CHECK((a)->twin == (b));                                       \
		CHECK((b)->twin == (a));                                       \
	} while (0)

#define CHECK_ALONE(a) CHECK((a)->twin == NULL)

TEST(names)
{
	struct item *f, *g, *v, *x, *f2, *g2, *v2, *x2, *n2;

	begin();
	f = sample_function(o, "f", code, sizeof(code));
	g = sample_function(o, "g", code, sizeof(code));
	v = sample_variable(o, "v", true, zeros, 8);
	x = sample_external(o, "x");
	x2 = sample_external(p, "x");
	n2 = sample_function(p, "new", code, sizeof(code));
	g2 = sample_function(p, "g", code_a, sizeof(code_a));
	v2 = sample_variable(p, "v", true, ones, 8);
	f2 = sample_function(p, "f", code, sizeof(code));
	/* Binding may differ. */
	f2->binding = STB_LOCAL;
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(f, f2);
	CHECK_TWINS(g, g2);
	CHECK_TWINS(v, v2);
	CHECK_TWINS(x, x2);
	CHECK_ALONE(n2);
	end();
}

TEST(families)
{
	struct item *a, *b, *c, *d, *e, *a2, *b2, *c2, *d2, *e2;

	begin();
	a = sample_function(o, "a", code, sizeof(code));
	a2 = sample_variable(p, "a", true, zeros, 8);
	b = sample_variable(o, "b", true, zeros, 8);
	b2 = sample_variable(p, "b", true, zeros, 8);
	b2->thread_local = true;
	c = sample_variable(o, "c", false, zeros, 8);
	c2 = sample_variable(p, "c", true, zeros, 8);
	d = sample_function(o, "d", code, sizeof(code));
	d2 = sample_function(p, "d", code, sizeof(code));
	d2->type = STT_GNU_IFUNC;
	/* A function that another file defines now is another function. */
	e = sample_function(o, "e", code, sizeof(code));
	e2 = sample_external(p, "e");
	CHECK_EQ(correlate(), 0);
	CHECK_ALONE(a);
	CHECK_ALONE(a2);
	CHECK_ALONE(b);
	CHECK_ALONE(b2);
	CHECK_ALONE(c);
	CHECK_ALONE(c2);
	CHECK_ALONE(d);
	CHECK_ALONE(d2);
	CHECK_ALONE(e);
	CHECK_ALONE(e2);
	end();
}

/* What it holds stays the running one's, whichever object defines it. */
TEST(variable_moved_to_another_file)
{
	struct item *a, *b, *c, *a2, *b2, *c2;

	begin();
	a = sample_variable(o, "a", true, zeros, 8);
	a2 = sample_external(p, "a");
	b = sample_external(o, "b");
	b2 = sample_variable(p, "b", true, zeros, 8);
	/* Nobody else could have meant that one. */
	c = sample_variable(o, "c", true, zeros, 8);
	c->binding = STB_LOCAL;
	c2 = sample_external(p, "c");
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(a, a2);
	CHECK_TWINS(b, b2);
	CHECK_ALONE(c);
	CHECK_ALONE(c2);
	end();
}

TEST(clones_by_content)
{
	struct item *f0, *f1, *g0, *g1, *g2;

	begin();
	f0 = sample_clone(o, "f.constprop.0", code_a, sizeof(code_a));
	f1 = sample_clone(o, "f.constprop.1", code_b, sizeof(code_b));
	g0 = sample_clone(p, "f.constprop.0", code_c, sizeof(code_c));
	g1 = sample_clone(p, "f.constprop.1", code_a, sizeof(code_a));
	g2 = sample_clone(p, "f.constprop.2", code_b, sizeof(code_b));
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(f0, g1);
	CHECK_TWINS(f1, g2);
	CHECK_ALONE(g0);
	end();
}

static struct item *sample_static(struct sample *sample, const char *name,
				  const char *origin)
{
	struct item *item = sample_variable(sample, name, true, zeros, 8);

	item->binding = STB_LOCAL;
	item->origin = origin;
	return item;
}

/* Numbers of private names are dealt out anew: the source file decides. */
TEST(privates_by_origin)
{
	struct item *a, *b, *c, *g, *a2, *b2, *c2, *g2, *new;

	begin();
	o->unit.optimised = p->unit.optimised = true;
	a = sample_static(o, "count.lto_priv.0", "/a.c");
	b = sample_static(o, "count.lto_priv.1", "/b.c");
	c = sample_static(o, "level", "/c.c");
	g = sample_variable(o, "global", true, zeros, 8);
	g->origin = "/g.c";
	g->shared = true;
	new = sample_static(p, "count.lto_priv.0", "/new.c");
	a2 = sample_static(p, "count.lto_priv.1", "/a.c");
	/* Promoted: seen by another partition. */
	b2 = sample_static(p, "count.lto_priv.2", "/b.c");
	b2->binding = STB_GLOBAL;
	b2->visibility = STV_HIDDEN;
	c2 = sample_static(p, "level.lto_priv.0", "/c.c");
	g2 = sample_static(p, "global", "/moved.c");
	g2->shared = true;
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(a, a2);
	CHECK_TWINS(b, b2);
	CHECK_TWINS(c, c2);
	CHECK_TWINS(g, g2);
	CHECK_ALONE(new);
	end();
}

/* Of another file it is another variable, whatever it is called. */
TEST(privates_of_other_files)
{
	struct item *a, *b, *a2, *b2;

	begin();
	o->unit.optimised = p->unit.optimised = true;
	a = sample_static(o, "count", "/a.c");
	a2 = sample_static(p, "count", "/b.c");
	b = sample_static(o, "level.lto_priv.0", "/a.c");
	b2 = sample_static(p, "level.lto_priv.0", "/b.c");
	CHECK_EQ(correlate(), 0);
	CHECK_ALONE(a);
	CHECK_ALONE(a2);
	CHECK_ALONE(b);
	CHECK_ALONE(b2);
	end();
}

TEST(clones_by_callers)
{
	struct item *f0, *f1, *g0, *g1, *a, *b, *a2, *b2;

	begin();
	f0 = sample_clone(o, "f.isra.0", code_a, sizeof(code_a));
	f1 = sample_clone(o, "f.isra.1", code_a, sizeof(code_a));
	a = sample_function(o, "a", code, sizeof(code));
	b = sample_function(o, "b", code, sizeof(code));
	sample_call(a, 1, f0);
	sample_call(b, 1, f1);
	g0 = sample_clone(p, "f.isra.0", code_b, sizeof(code_b));
	g1 = sample_clone(p, "f.isra.1", code_c, sizeof(code_c));
	a2 = sample_function(p, "a", code, sizeof(code));
	b2 = sample_function(p, "b", code, sizeof(code));
	sample_call(a2, 1, g1);
	sample_call(b2, 1, g0);
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(a, a2);
	CHECK_TWINS(f0, g1);
	CHECK_TWINS(f1, g0);
	end();
}

/* The callers of the one are the other's clones: a round for each. */
TEST(clones_of_clones)
{
	struct item *f[2], *g[2], *h[2], *f2[2], *g2[2], *h2[2];

	begin();
	for (size_t i = 0; i < 2; i++) {
		f[i] = sample_clone(o, i ? "f.part.1" : "f.part.0", code_a,
				    sizeof(code_a));
		g[i] = sample_clone(o, i ? "g.part.1" : "g.part.0", code_a,
				    sizeof(code_a));
		h[i] = sample_function(o, i ? "h" : "i", code, sizeof(code));
		sample_call(h[i], 1, g[i]);
		sample_call(g[i], 1, f[i]);
	}
	/* Order and numbers are exchanged. */
	for (size_t i = 2; i-- > 0;) {
		f2[i] = sample_clone(p, i ? "f.part.0" : "f.part.1", code_a,
				     sizeof(code_a));
		g2[i] = sample_clone(p, i ? "g.part.0" : "g.part.1", code_b,
				     sizeof(code_b));
		h2[i] = sample_function(p, i ? "h" : "i", code, sizeof(code));
		sample_call(h2[i], 1, g2[i]);
		sample_call(g2[i], 1, f2[i]);
	}
	CHECK_EQ(correlate(), 0);
	for (size_t i = 0; i < 2; i++) {
		CHECK_TWINS(g[i], g2[i]);
		CHECK_TWINS(f[i], f2[i]);
	}
	end();
}

/* Addresses of nested functions may be stored: no guess. */
TEST(nested_functions)
{
	struct item *f0, *f1, *g0, *g1;

	begin();
	f0 = sample_clone(o, "inner.0", code_a, sizeof(code_a));
	f1 = sample_clone(o, "inner.1", code_b, sizeof(code_b));
	g0 = sample_clone(p, "inner.2", code_c, sizeof(code_c));
	g1 = sample_clone(p, "inner.3", code_b, sizeof(code_b));
	sample_clone(p, "inner.4", code, sizeof(code));
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(f1, g1);
	CHECK_ALONE(f0);
	CHECK_ALONE(g0);
	end();
}

static struct item *local(struct sample *sample, const char *name,
			  const char *scope, const uint8_t *bytes)
{
	struct item *item = sample_variable(sample, name, true, bytes, 8);

	item->scope = scope;
	return item;
}

TEST(static_locals_by_scope)
{
	struct item *f, *g, *f2, *g2, *h2;

	begin();
	f = local(o, "n.0", "f", zeros);
	g = local(o, "n.1", "g", zeros);
	h2 = local(p, "n.0", "h", zeros);
	g2 = local(p, "n.1", "g", ones);
	f2 = local(p, "n.2", "f", zeros);
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(f, f2);
	CHECK_TWINS(g, g2);
	CHECK_ALONE(h2);
	end();
}

/* One is gone, another one came: the value is not handed on. */
TEST(static_local_of_another_function)
{
	struct item *f, *g2;

	begin();
	f = local(o, "n.0", "f", zeros);
	g2 = local(p, "n.0", "g", zeros);
	CHECK_EQ(correlate(), 0);
	CHECK_ALONE(f);
	CHECK_ALONE(g2);
	end();
}

/* Two of one name in one function. */
TEST(static_locals_of_one_scope)
{
	struct item *a, *b, *a2, *b2, *c2;

	begin();
	a = local(o, "n.0", "f", zeros);
	b = local(o, "n.1", "f", zeros);
	a2 = local(p, "n.5", "f", zeros);
	b2 = local(p, "n.6", "f", zeros);
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(a, a2);
	CHECK_TWINS(b, b2);
	/* Now there are three, and which is new cannot be said. */
	c2 = local(p, "n.4", "f", zeros);
	CHECK_EQ(correlate(), 0);
	CHECK_ALONE(a);
	CHECK_ALONE(b);
	CHECK_ALONE(c2);
	end();
}

/* Without DWARF only the users tell. */
TEST(static_locals_by_users)
{
	struct item *a, *b, *a2, *b2, *f, *g, *f2, *g2;

	begin();
	f = sample_function(o, "f", code, sizeof(code));
	g = sample_function(o, "g", code, sizeof(code));
	a = local(o, "n.0", NULL, zeros);
	b = local(o, "n.1", NULL, zeros);
	sample_refer(f, 1, R_X86_64_PC32, a, 0);
	sample_refer(g, 1, R_X86_64_PC32, b, 0);
	f2 = sample_function(p, "f", code_a, sizeof(code_a));
	g2 = sample_function(p, "g", code_a, sizeof(code_a));
	b2 = local(p, "n.0", NULL, zeros);
	a2 = local(p, "n.1", NULL, zeros);
	sample_refer(f2, 1, R_X86_64_PC32, a2, 0);
	sample_refer(g2, 1, R_X86_64_PC32, b2, 0);
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(a, a2);
	CHECK_TWINS(b, b2);
	end();
}

TEST(static_local_of_strangers)
{
	struct item *a, *a2, *f, *g2;

	begin();
	f = sample_function(o, "f", code, sizeof(code));
	a = local(o, "n.0", NULL, zeros);
	sample_refer(f, 1, R_X86_64_PC32, a, 0);
	g2 = sample_function(p, "g", code, sizeof(code));
	a2 = local(p, "n.0", NULL, zeros);
	sample_refer(g2, 1, R_X86_64_PC32, a2, 0);
	CHECK_EQ(correlate(), 0);
	CHECK_ALONE(a);
	CHECK_ALONE(a2);
	end();
}

TEST(cold_parts)
{
	struct item *f, *g, *f2, *g2, *fc, *gc, *fc2, *gc2;

	begin();
	f = sample_clone(o, "f.part.0", code_a, sizeof(code_a));
	g = sample_clone(o, "f.part.1", code_b, sizeof(code_b));
	fc = sample_item(o, ITEM_COLD, "f.part.0.cold", code, sizeof(code));
	gc = sample_item(o, ITEM_COLD, "f.part.1.cold", code, sizeof(code));
	f2 = sample_clone(p, "f.part.1", code_a, sizeof(code_a));
	g2 = sample_clone(p, "f.part.0", code_b, sizeof(code_b));
	fc2 = sample_item(p, ITEM_COLD, "f.part.1.cold", code, sizeof(code));
	gc2 = sample_item(p, ITEM_COLD, "f.part.0.cold", code, sizeof(code));
	fc->parent = f;
	gc->parent = g;
	fc2->parent = f2;
	gc2->parent = g2;
	sample_call(f, 1, fc);
	sample_call(g, 1, gc);
	sample_call(f2, 1, fc2);
	sample_call(g2, 1, gc2);
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(f, f2);
	CHECK_TWINS(fc, fc2);
	CHECK_TWINS(gc, gc2);
	end();
}

TEST(contents)
{
	struct item *a, *b, *t, *a2, *b2, *n2, *t2, *f, *f2;

	begin();
	a = sample_string(o, "same");
	b = sample_string(o, "other");
	f = sample_function(o, "f", code, sizeof(code));
	t = sample_item(o, ITEM_TABLE, NULL, zeros, 8);
	t->parent = f;
	sample_refer(f, 1, R_X86_64_PC32, t, 0);
	n2 = sample_string(p, "new");
	b2 = sample_string(p, "other");
	a2 = sample_string(p, "same");
	f2 = sample_function(p, "f", code, sizeof(code));
	t2 = sample_item(p, ITEM_TABLE, NULL, ones, 8);
	t2->parent = f2;
	sample_refer(f2, 1, R_X86_64_PC32, t2, 0);
	CHECK_EQ(correlate(), 0);
	CHECK_TWINS(a, a2);
	CHECK_TWINS(b, b2);
	CHECK_ALONE(n2);
	/* Another content, but a table of the same function. */
	CHECK_TWINS(t, t2);
	end();
}

/* One to one, whatever the input is. */
TEST(one_to_one)
{
	begin();
	for (size_t i = 0; i < 5; i++)
		sample_clone(o, "f.constprop.0", code, sizeof(code));
	for (size_t i = 0; i < 7; i++)
		sample_clone(p, "f.constprop.0", code, sizeof(code));
	for (size_t i = 0; i < 4; i++) {
		sample_function(o, "g", code, sizeof(code));
		sample_function(p, "g", code, sizeof(code));
		sample_string(o, "s");
		sample_string(p, "s");
	}
	CHECK_EQ(correlate(), 0);
	for (size_t i = 0; i < o->unit.nr_items; i++)
		CHECK(!o->unit.items[i]->twin ||
		      o->unit.items[i]->twin->twin == o->unit.items[i]);
	for (size_t i = 0; i < p->unit.nr_items; i++)
		CHECK(!p->unit.items[i]->twin ||
		      p->unit.items[i]->twin->twin == p->unit.items[i]);
	end();
}

TEST(empty)
{
	begin();
	CHECK_EQ(correlate(), 0);
	sample_function(p, "f", code, sizeof(code));
	CHECK_EQ(correlate(), 0);
	CHECK_ALONE(p->unit.items[0]);
	end();
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
