/*
 * Partners among items whose names differ only in the compiler's numbers.
 *
 *	original   f.constprop.0   f.constprop.1
 *	patched    f.constprop.0   f.constprop.1   f.constprop.2
 *
 * A run is what is still free of one family, base name and, first, scope. In
 * each round those of equal content become partners where only one on each side
 * has it, then those that have most users in common. What is left goes by
 * order.
 *
 * A wrong partner is harmless for clones and constants: what refers to them is
 * replaced as well. Not so for variables, whose value would become that of
 * another one, nor for nested functions, whose addresses may be stored. They
 * need evidence: an equal scope, or common users. Without, the old one is gone
 * and the new one is new, which judge.h refuses.
 */
#include <errno.h>
#include <string.h>

#include "correlate_parts.h"

#define ROUNDS 4

struct run {
	size_t *original, nr_original;
	size_t *patched, nr_patched;
};

struct groups {
	struct graph *graph;
	bool scoped; /* members of a run have one scope */
	size_t *members;
	size_t nr;
	bool progress;
};

typedef void run_fn(struct groups *groups, struct run *run);

static struct node *node_at(const struct groups *groups, size_t index)
{
	return &groups->graph->nodes[index];
}

static void join(struct groups *groups, size_t original, size_t patched)
{
	make_partners(node_at(groups, original), node_at(groups, patched));
	groups->progress = true;
}

/* ---- what an item may be paired for ------------------------------------- */

static bool is_state(const struct node *node)
{
	return node->family == FAMILY_STATE || node->family == FAMILY_THREAD;
}

/* Clones are only ever called, by those who know them. */
static bool is_clone(const struct node *node)
{
	static const char *const marks[] = { ".constprop", ".isra", ".part",
					     ".specialized", ".llvm" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(node->base, marks[i]))
			return true;
	return false;
}

/* "counter.lto_priv.0": static in some file, not in a function. */
static bool is_of_file(const struct node *node)
{
	static const char mark[] = ".lto_priv.";
	size_t size = strlen(node->base);

	return !strncmp(node->item->name, node->base, size) &&
	       !strncmp(node->item->name + size, mark, sizeof(mark) - 1);
}

/*
 * Its place in the source is known, not just its name: for what several files
 * may have, which of them as well.
 */
static bool has_place(const struct groups *groups, const struct node *node)
{
	bool optimised = node->patched ? groups->graph->patched->optimised :
					 groups->graph->original->optimised;

	if (optimised && !(groups->scoped && item_place(node->item)))
		return false;
	return !node_is_numbered(node) ||
	       (groups->scoped && (node->item->scope || is_of_file(node)));
}

static bool content_suffices(const struct groups *groups,
			     const struct node *node)
{
	return !is_state(node) || has_place(groups, node);
}

static bool order_suffices(const struct groups *groups, const struct run *run)
{
	const struct node *node = node_at(groups, run->original[0]);

	if (is_state(node))
		return has_place(groups, node) &&
		       run->nr_original == run->nr_patched;
	return node->family == FAMILY_CONST || is_clone(node);
}

/* ---- users ---------------------------------------------------------------- */

/* How many users of @a are partners of users of @b. */
static size_t common_users(const struct groups *groups, const struct node *a,
			   const struct node *b)
{
	size_t nr = 0;

	for (size_t i = 0; i < a->nr_users; i++) {
		const struct item *twin =
			node_at(groups, a->users[i])->item->twin;

		for (size_t k = 0; twin && k < b->nr_users; k++)
			if (node_at(groups, b->users[k])->item == twin) {
				nr++;
				break;
			}
	}
	return nr;
}

/*
 * Static locals of different functions are different variables. Without DWARF
 * the scope is only the user's name, a clone's perhaps: then users decide.
 */
static bool is_elsewhere(const struct groups *groups, const struct node *a,
			 const struct node *b)
{
	if (is_state(a) && node_other_origin(a, b))
		return true;
	if (!is_state(a) || !a->item->scope || !b->item->scope ||
	    node_same_scope(a, b))
		return false;
	return (groups->graph->original->debuginfo &&
		groups->graph->patched->debuginfo) ||
	       !common_users(groups, a, b);
}

static size_t evidence(const struct groups *groups, const struct node *original,
		       const struct node *patched)
{
	return is_elsewhere(groups, original, patched) ?
		       0 :
		       common_users(groups, original, patched);
}

/*
 * The free one of @others with most in common; a draw is none. @ret_nr: how
 * much.
 */
static size_t best_for(const struct groups *groups, size_t index,
		       const size_t *others, size_t nr, size_t *ret_nr)
{
	const struct node *node = node_at(groups, index);
	size_t best = NO_NODE, most = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct node *other = node_at(groups, others[i]);
		size_t common;

		if (!node_is_free(other))
			continue;
		common = node->patched ? evidence(groups, other, node) :
					 evidence(groups, node, other);
		if (common && common == most)
			best = NO_NODE;
		if (common > most) {
			most = common;
			best = others[i];
		}
	}
	*ret_nr = most;
	return best;
}

static void join_by_users(struct groups *groups, struct run *run)
{
	for (size_t i = 0; i < run->nr_original; i++) {
		size_t original = run->original[i], patched, common;

		if (!node_is_free(node_at(groups, original)))
			continue;
		patched = best_for(groups, original, run->patched,
				   run->nr_patched, &common);
		if (patched != NO_NODE &&
		    best_for(groups, patched, run->original, run->nr_original,
			     &common) == original)
			join(groups, original, patched);
	}
}

/* ---- content -------------------------------------------------------------- */

/* The only free one of @others with that content. */
static size_t only_equal(const struct groups *groups, size_t index,
			 const size_t *others, size_t nr)
{
	const struct node *node = node_at(groups, index);
	size_t found = NO_NODE;

	for (size_t i = 0; i < nr; i++) {
		const struct node *other = node_at(groups, others[i]);

		if (!node_is_free(other) ||
		    !graph_same_content(groups->graph, node, other))
			continue;
		if (found != NO_NODE)
			return NO_NODE;
		found = others[i];
	}
	return found;
}

static void join_by_content(struct groups *groups, struct run *run)
{
	for (size_t i = 0; i < run->nr_original; i++) {
		size_t original = run->original[i], patched;

		if (!node_is_free(node_at(groups, original)) ||
		    !content_suffices(groups, node_at(groups, original)))
			continue;
		patched = only_equal(groups, original, run->patched,
				     run->nr_patched);
		if (patched != NO_NODE &&
		    only_equal(groups, patched, run->original,
			       run->nr_original) == original)
			join(groups, original, patched);
	}
}

/* ---- names ---------------------------------------------------------------- */

/*
 * With DWARF, state with a number and without scope is no static local: clang
 * has divided a structure into its members, and numbered those.
 */
static bool number_is_meant(const struct groups *groups, const struct node *node)
{
	return is_state(node) && !node->item->scope && node_is_numbered(node) &&
	       groups->graph->original->debuginfo &&
	       groups->graph->patched->debuginfo;
}

static void join_by_number(struct groups *groups, struct run *run)
{
	for (size_t i = 0; i < run->nr_original; i++)
		for (size_t k = 0; k < run->nr_patched; k++) {
			const struct node *a =
				node_at(groups, run->original[i]);
			const struct node *b = node_at(groups, run->patched[k]);

			if (node_is_free(a) && node_is_free(b) &&
			    number_is_meant(groups, a) &&
			    number_is_meant(groups, b) &&
			    !strcmp(a->item->name, b->item->name) &&
			    common_users(groups, a, b))
				join(groups, run->original[i], run->patched[k]);
		}
}

/* ---- the only ones, and the rest ------------------------------------------ */

/* They are used, and by none in common. */
static bool are_strangers(const struct groups *groups, const struct node *a,
			  const struct node *b)
{
	return a->nr_users && b->nr_users && !common_users(groups, a, b);
}

static void join_single(struct groups *groups, struct run *run)
{
	const struct node *original, *patched;

	if (run->nr_original != 1 || run->nr_patched != 1)
		return;
	original = node_at(groups, run->original[0]);
	patched = node_at(groups, run->patched[0]);
	if (!node_is_free(original) || !node_is_free(patched))
		return;
	if (is_state(original) && !has_place(groups, original) &&
	    (is_elsewhere(groups, original, patched) ||
	     are_strangers(groups, original, patched)))
		return;
	join(groups, run->original[0], run->patched[0]);
}

static size_t next_free(const struct groups *groups, const size_t *members,
			size_t nr, size_t from)
{
	while (from < nr && !node_is_free(node_at(groups, members[from])))
		from++;
	return from;
}

/* Those of equal content, one after the other. */
static void join_equal_in_order(struct groups *groups, struct run *run)
{
	for (size_t i = 0; i < run->nr_original; i++)
		for (size_t k = 0; k < run->nr_patched; k++) {
			const struct node *a =
				node_at(groups, run->original[i]);
			const struct node *b = node_at(groups, run->patched[k]);

			if (node_is_free(a) && node_is_free(b) &&
			    graph_same_content(groups->graph, a, b))
				join(groups, run->original[i], run->patched[k]);
		}
}

static void join_in_order(struct groups *groups, struct run *run)
{
	size_t i = 0, k = 0;

	if (!order_suffices(groups, run))
		return;
	join_equal_in_order(groups, run);
	for (;;) {
		i = next_free(groups, run->original, run->nr_original, i);
		k = next_free(groups, run->patched, run->nr_patched, k);
		if (i == run->nr_original || k == run->nr_patched)
			break;
		join(groups, run->original[i], run->patched[k]);
	}
}

/* ---- runs ----------------------------------------------------------------- */

static int order_groups(const struct groups *groups, const struct node *a,
			const struct node *b)
{
	int r;

	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	r = strcmp(a->base, b->base);
	if (!r && groups->scoped)
		r = strcmp(a->item->scope ?: "", b->item->scope ?: "");
	if (!r && groups->scoped)
		r = strcmp(item_place(a->item) ?: "",
			   item_place(b->item) ?: "");
	return r;
}

/* Nodes of the original have the lower indexes. */
static int by_group(const void *a, const void *b, void *context)
{
	const struct groups *groups = context;
	size_t left = *(const size_t *)a, right = *(const size_t *)b;
	int r = order_groups(groups, node_at(groups, left),
			     node_at(groups, right));

	return r ? r : left == right ? 0 : left < right ? -1 : 1;
}

static void collect(struct groups *groups)
{
	groups->nr = 0;
	for (size_t i = 0; i < groups->graph->nr; i++) {
		const struct node *node = &groups->graph->nodes[i];

		if (node_is_free(node) && node->family != FAMILY_CONTENT &&
		    node->family != FAMILY_COLD &&
		    node->family != FAMILY_EXTERNAL)
			groups->members[groups->nr++] = i;
	}
	qsort_r(groups->members, groups->nr, sizeof(*groups->members),
		by_group, groups);
}

static size_t run_end(const struct groups *groups, size_t first)
{
	size_t end = first + 1;

	while (end < groups->nr &&
	       !order_groups(groups, node_at(groups, groups->members[first]),
			     node_at(groups, groups->members[end])))
		end++;
	return end;
}

static void each_run(struct groups *groups, run_fn *function)
{
	size_t end;

	for (size_t first = 0; first < groups->nr; first = end) {
		struct run run = { .original = groups->members + first };

		end = run_end(groups, first);
		run.patched = run.original;
		while (run.patched < groups->members + end &&
		       !node_at(groups, *run.patched)->patched)
			run.patched++;
		run.nr_original = (size_t)(run.patched - run.original);
		run.nr_patched = end - first - run.nr_original;
		if (run.nr_original && run.nr_patched)
			function(groups, &run);
	}
}

static int play_round(struct groups *groups)
{
	int r = graph_label(groups->graph, true);

	if (r)
		return r;
	groups->progress = false;
	each_run(groups, join_by_content);
	each_run(groups, join_by_users);
	each_run(groups, join_single);
	correlate_colds(groups->graph);
	return 0;
}

static int resolve(struct groups *groups)
{
	int r = 0;

	collect(groups);
	groups->progress = true;
	for (size_t i = 0; i < ROUNDS && groups->progress && !r; i++)
		r = play_round(groups);
	if (r)
		return r;
	each_run(groups, join_by_number);
	each_run(groups, join_in_order);
	correlate_colds(groups->graph);
	return 0;
}

int correlate_groups(struct graph *graph)
{
	struct groups groups = { .graph = graph, .scoped = true };
	int r;

	groups.members = calloc(graph->nr + 1, sizeof(*groups.members));
	if (!groups.members)
		return -ENOMEM;
	r = resolve(&groups);
	groups.scoped = false;
	if (!r)
		r = resolve(&groups);
	free(groups.members);
	return r;
}
