/*
 * What of the diff is not in the patch, and when nothing is.
 *
 * A file of the diff is found again by the ends of paths: the build may see the
 * source elsewhere.
 */
#include <errno.h>
#include <string.h>

#include "judge_parts.h"

enum place {
	PLACE_TOUCHED, /* something of it changes */
	PLACE_SAME,    /* of the target, and its code is what it was */
	PLACE_OTHER,   /* of another program of this build */
	PLACE_UNUSED,  /* source code that this build does not compile */
	PLACE_INDIRECT,/* headers, grammars: seen only through others */
	PLACE_PAPER,   /* documentation, tests' data, ... */
	NR_PLACES,
};

/* ---- which file is what ------------------------------------------------- */

static bool has_ending(const char *path, const char *const *endings, size_t nr)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	if (!dot || (slash && dot < slash))
		return false;
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(dot + 1, endings[i]))
			return true;
	return false;
}

static bool is_source(const char *path)
{
	static const char *const endings[] = { "c",   "cc", "cpp", "cxx", "C",
					       "c++", "s",  "S",   "sx",  "m" };

	return has_ending(path, endings, sizeof(endings) / sizeof(*endings));
}

static bool is_indirect(const char *path)
{
	static const char *const endings[] = {
		"h",   "hh", "hpp", "hxx", "H",	    "inc", "inl",
		"def", "y",  "l",   "yy",  "ll",    "ypp", "tbl",
		"in",  "re", "rl",  "tcc", "gperf",
	};

	return has_ending(path, endings, sizeof(endings) / sizeof(*endings));
}

static bool is_compiled_by(const struct recording *recording, const char *path)
{
	for (size_t i = 0; i < recording->nr_compiles; i++)
		if (recording->compiles[i].source &&
		    path_ends_with(recording->compiles[i].source, path))
			return true;
	return false;
}

static bool is_linked(const struct link_step *link, const char *path)
{
	for (size_t i = 0; link && i < link->nr_inputs; i++)
		if (link->inputs[i].compile &&
		    link->inputs[i].compile->source &&
		    path_ends_with(link->inputs[i].compile->source, path))
			return true;
	return false;
}

static bool is_compiled_as(const struct compile *compile, const char *path)
{
	return compile && compile->source &&
	       path_ends_with(compile->source, path);
}

/* A source of what was optimised at link time. */
static bool is_optimised(const struct link_step *link, const char *path)
{
	for (size_t i = 0; i < link->nr_inputs; i++)
		if (link->inputs[i].optimised &&
		    is_compiled_as(link->inputs[i].compile, path))
			return true;
	return false;
}

static bool is_of_pair(const struct change_set *set,
		       const struct unit_pair *pair, const char *path)
{
	if (set->link && pair->original_compile == set->link->optimiser &&
	    pair->original_compile)
		return is_optimised(set->link, path);
	return is_compiled_as(pair->original_compile, path) ||
	       is_compiled_as(pair->patched_compile, path);
}

static enum place place_of(const struct change_set *set, const char *path)
{
	bool is_known = false;

	for (size_t i = 0; i < set->nr_pairs; i++) {
		if (!is_of_pair(set, &set->pairs[i], path))
			continue;
		if (pair_is_touched(set, &set->pairs[i]) ||
		    pair_differs(&set->pairs[i]))
			return PLACE_TOUCHED;
		is_known = true;
	}
	if (is_known || is_linked(set->link, path))
		return PLACE_SAME;
	if (is_compiled_by(&set->original_build, path) ||
	    is_compiled_by(&set->patched_build, path))
		return PLACE_OTHER;
	if (is_source(path))
		return PLACE_UNUSED;
	return is_indirect(path) ? PLACE_INDIRECT : PLACE_PAPER;
}

/* ---- what was left out -------------------------------------------------- */

static const char *target_name(const struct judge *judge)
{
	return judge->build->target ? judge->build->target->name : "the target";
}

static int leave_out(struct judge *judge, const char *path, enum place place)
{
	struct strings *lines = &judge->set->left_out;

	switch (place) {
	case PLACE_SAME:
		return strings_addf(lines, "%s: changes no code or data of %s",
				    path, target_name(judge));
	case PLACE_OTHER:
		return strings_addf(lines, "%s: not part of %s", path,
				    target_name(judge));
	case PLACE_UNUSED:
		return strings_addf(lines, "%s: not compiled by this build",
				    path);
	default:
		return 0;
	}
}

static int leave_out_papers(struct judge *judge, size_t nr, const char *path)
{
	struct strings *lines = &judge->set->left_out;

	if (!nr)
		return 0;
	if (nr == 1)
		return strings_addf(lines, "%s: is not compiled", path);
	return strings_addf(lines,
			    "%zu files that are not compiled (documentation, "
			    "tests): %s, ...",
			    nr, path);
}

/* New code that nothing in the patch refers to. */
static int leave_out_items(struct judge *judge, const struct unit_pair *pair)
{
	const struct unit *unit = pair->patched;
	int r = 0;

	for (size_t i = 0; i < unit->nr_items && !r; i++) {
		const struct item *item = unit->items[i];

		if (item->kind != ITEM_FUNCTION || !item->name ||
		    (pair->original && item->verdict != VERDICT_ADDED) ||
		    is_addition(judge->set, item))
			continue;
		r = strings_addf(&judge->set->left_out,
				 "%s() of %s: new, and used by nothing that "
				 "changes",
				 item->name,
				 judge_item_source(judge, pair, item));
	}
	return r;
}

static int leave_out_files(struct judge *judge)
{
	const struct source_changes *sources = &judge->set->sources;
	const char *paper = NULL;
	size_t nr_papers = 0;
	int r = 0;

	for (size_t i = 0; i < sources->nr && !r; i++) {
		const char *path = sources->items[i].path;
		enum place place = place_of(judge->set, path);

		if (place == PLACE_PAPER) {
			nr_papers++;
			paper = paper ?: path;
		}
		r = leave_out(judge, path, place);
	}
	return r ?: leave_out_papers(judge, nr_papers, paper);
}

int judge_sources(struct judge *judge, struct hf_diag *diag)
{
	int r = leave_out_files(judge);

	for (size_t i = 0; i < judge->set->nr_pairs && !r; i++)
		if (judge->set->pairs[i].patched)
			r = leave_out_items(judge, &judge->set->pairs[i]);
	return r ? hf_fail(diag, r, "cannot note what is left out") : 0;
}

/* ---- nothing to do ------------------------------------------------------ */

static void count_places(const struct judge *judge, size_t counts[NR_PLACES])
{
	const struct source_changes *sources = &judge->set->sources;

	for (size_t i = 0; i < sources->nr; i++)
		counts[place_of(judge->set, sources->items[i].path)]++;
}

static bool has_verdict(const struct change_set *set, enum verdict verdict)
{
	for (size_t i = 0; i < set->nr_pairs; i++) {
		const struct unit *unit = verdict == VERDICT_ADDED ?
						  set->pairs[i].patched :
						  set->pairs[i].original;

		for (size_t k = 0; unit && k < unit->nr_items; k++)
			if (item_is_code(unit->items[k]) &&
			    unit->items[k]->verdict == verdict)
				return true;
	}
	return false;
}

static int refuse_elsewhere(const struct judge *judge, const size_t *counts,
			    struct hf_diag *diag)
{
	hf_refuse(diag, "no-functional-change",
		  "the diff changes nothing that %s is made of",
		  target_name(judge));
	judge_list(&judge->set->left_out, diag);
	if (counts[PLACE_OTHER])
		hf_hint(diag, "it changes other programs or libraries of this "
			      "build: give the one that runs with --target");
	else
		hf_hint(diag, "is it the right diff for this source, and does "
			      "the build command build %s?",
			target_name(judge));
	return -ECANCELED;
}

static int refuse_same(const struct judge *judge, struct hf_diag *diag)
{
	if (judge->build->manifest && judge->build->manifest->nr_overrides) {
		hf_refuse(diag, "no-functional-change",
			  "besides what --force-data overrules, the diff "
			  "changes nothing of %s",
			  target_name(judge));
		hf_hint(diag, "new initial values reach a process only by a "
			      "restart, or by a hook of a replacement source "
			      "that writes them");
		return -ECANCELED;
	}
	if (has_verdict(judge->set, VERDICT_ADDED))
		hf_refuse(diag, "no-functional-change",
			  "the diff only adds functions that nothing in %s "
			  "calls",
			  target_name(judge));
	else if (has_verdict(judge->set, VERDICT_REMOVED))
		hf_refuse(diag, "no-functional-change",
			  "the diff only removes functions that nothing in %s "
			  "calls",
			  target_name(judge));
	else
		hf_refuse(diag, "no-functional-change",
			  "the diff changes comments, names or lines, but no "
			  "code or data of %s",
			  target_name(judge));
	judge_list(&judge->set->left_out, diag);
	hf_hint(diag, "there is nothing to patch: what runs would do nothing "
		      "else if it were compiled anew");
	return -ECANCELED;
}

int judge_nothing(struct judge *judge, struct hf_diag *diag)
{
	size_t counts[NR_PLACES] = { 0 };

	if (judge->set->nr_changes)
		return 0;
	count_places(judge, counts);
	if (judge->set->sources.nr && !counts[PLACE_TOUCHED] &&
	    !counts[PLACE_SAME] && !counts[PLACE_INDIRECT])
		return refuse_elsewhere(judge, counts, diag);
	return refuse_same(judge, diag);
}
