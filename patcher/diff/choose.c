#include "choose.h"

#include <errno.h>
#include <string.h>

#include "choose_code.h"

/* Of a link's functions, so many percent must be in the target. */
#define SHARE_MIN 50

struct names {
	const char **items; /* sorted, each once */
	size_t nr;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_sort(struct names *names)
{
	size_t kept = 0;

	if (!names->nr)
		return;
	qsort(names->items, names->nr, sizeof(*names->items), by_text);
	for (size_t i = 1; i < names->nr; i++)
		if (strcmp(names->items[kept], names->items[i]))
			names->items[++kept] = names->items[i];
	names->nr = kept + 1;
}

static bool names_has(const struct names *names, const char *name)
{
	return names->nr && bsearch(&name, names->items, names->nr,
				    sizeof(*names->items), by_text);
}

static int names_add(struct names *names, const char *name)
{
	const char **entry = array_append(names->items, names->nr);

	if (!entry)
		return -ENOMEM;
	*entry = name;
	return 0;
}

/* ---- likeness ----------------------------------------------------------- */

struct likeness {
	const struct names *target;
	size_t nr_common, nr_others;
};

static void count_object(const struct elf_file *file, struct likeness *likeness)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	for (size_t i = 1; i < symbols.nr; i++) {
		const Elf64_Sym *symbol = &symbols.entries[i];

		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC ||
		    symbol->st_shndx == SHN_UNDEF)
			continue;
		if (names_has(likeness->target,
			      elf_symbol_name(file, &symbols, i)))
			likeness->nr_common++;
		else
			likeness->nr_others++;
	}
}

/*
 * Which link is the best: that with the most in common of all functions that
 * either has, in millionths, since a static program has all of its libraries'.
 * Whether the best is any good: by how many of its own the target has.
 */
struct score {
	unsigned int likeness; /* in millionths */
	unsigned int share;    /* in percent */
};

static void count_path(const char *path, struct likeness *likeness)
{
	owned(elf_close_p) struct elf_file *file = NULL;

	/* What cannot be read has nothing in common. */
	if (!elf_open(path, &file, NULL))
		count_object(file, likeness);
}

static struct score score_of(const struct link_step *link,
			     const struct names *target)
{
	struct likeness likeness = { .target = target };
	size_t common;

	for (size_t i = 0; i < link->nr_inputs; i++)
		if (!link->inputs[i].optimised)
			count_path(link->inputs[i].object, &likeness);
	for (size_t i = 0; i < link->optimised.nr; i++)
		count_path(link->optimised.items[i], &likeness);
	common = likeness.nr_common < target->nr ? likeness.nr_common :
						   target->nr;
	if (!common)
		return (struct score){ 0 };
	return (struct score){
		(unsigned int)(1000000 * common /
			       (target->nr + likeness.nr_others)),
		(unsigned int)(100 * common / (common + likeness.nr_others)),
	};
}

static int target_names(const struct build *build, struct names *names)
{
	for (size_t i = 0; i < build->symbols.nr; i++) {
		const struct symbol *symbol = &build->symbols.entries[i];

		if (symbol_class(symbol) == SYMBOL_FUNCTION &&
		    names_add(names, symbol->name))
			return -ENOMEM;
	}
	names_sort(names);
	return 0;
}

/* ---- choosing ----------------------------------------------------------- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_called(const struct link_step *link, const char *name)
{
	return !strcmp(base_of(link->output), name);
}

/*
 * gcc's optimiser is seen at work, see record/wrapper_optimise.c; that of clang
 * is a part of its linker.
 */
static int refuse_lto(const struct build *build, const struct link_step *link,
		      struct hf_diag *diag)
{
	hf_refuse(diag, "object-lto",
		  "%s is linked with link-time optimisation (-flto) by a "
		  "compiler or linker that keeps to itself what it makes of "
		  "the objects: they hold no machine code that could be "
		  "compared",
		  link->output);
	hf_hint(diag, "gcc's -flto is understood where its linker plugin "
		      "does it, as by default; clang's is not");
	hf_hint(diag, "write the fix as a replacement source: hotfix-build "
		      "--target %s -o OUT.hotfix.so fix.c",
		build->options->target);
	return -ECANCELED;
}

static bool is_lto(const struct link_step *link)
{
	for (size_t i = 0; i < link->nr_inputs; i++)
		if (!link->inputs[i].optimised && link->inputs[i].compile &&
		    link->inputs[i].compile->lto)
			return true;
	return false;
}

static int refuse_not_built(const struct build *build,
			    const struct recording *recording,
			    const struct link_step *best, unsigned int share,
			    struct hf_diag *diag)
{
	hf_refuse(diag, "target-not-built",
		  "none of the %zu programs and libraries that the build "
		  "command linked is %s",
		  recording->nr_links, build->options->target);
	if (best)
		hf_detail(diag,
			  "(of the functions of the nearest, %s, it has %u %%)",
			  best->output, share);
	hf_hint(diag, "give the command that builds %s, and the source of the "
		      "very release that runs",
		base_of(build->options->target));
	if (!build->symbols.complete)
		hf_hint(diag, "%s is stripped: give its debug file with "
			      "--debuginfo",
			build->target->name);
	return -ECANCELED;
}

/*
 * Of two links with the same functions, the one whose code the target has. Where
 * that is the same, too: the last one counts, of those called alike before others.
 */
static int is_nearer(const struct build *build, const struct link_step *link,
		     const struct link_step *best, const char *name,
		     bool *ret_is_nearer)
{
	size_t nr_here = 0, nr_best = 0;
	int r = choose_code(build, link, &nr_here);

	if (!r)
		r = choose_code(build, best, &nr_best);
	if (!r)
		*ret_is_nearer = nr_here != nr_best ?
					 nr_here > nr_best :
					 is_called(link, name) ||
						 !is_called(best, name);
	return r;
}

int choose_link(const struct build *build, const struct recording *recording,
		const struct link_step **ret_link, struct hf_diag *diag)
{
	const char *name = base_of(build->options->target);
	const struct link_step *best = NULL, *lto = NULL;
	struct names names = { 0 };
	struct score most = { 0 };
	int r = target_names(build, &names);

	for (size_t i = 0; i < recording->nr_links && !r; i++) {
		const struct link_step *link = &recording->links[i];
		struct score score = score_of(link, &names);
		bool is_better = score.likeness > most.likeness;

		if (is_lto(link) && is_called(link, name))
			lto = link;
		if (best && score.likeness && score.likeness == most.likeness)
			r = is_nearer(build, link, best, name, &is_better);
		if (r || !is_better)
			continue;
		most = score;
		best = link;
	}
	free(names.items);
	if (r)
		return hf_fail(diag, r, "cannot look for the target's link");
	if (most.share >= SHARE_MIN) {
		*ret_link = best;
		return is_lto(best) ? refuse_lto(build, best, diag) : 0;
	}
	return lto ? refuse_lto(build, lto, diag) :
		     refuse_not_built(build, recording, best, most.share, diag);
}

const struct link_step *choose_same(const struct recording *recording,
				    const struct link_step *link)
{
	for (size_t i = recording->nr_links; i--;)
		if (!strcmp(recording->links[i].output, link->output))
			return &recording->links[i];
	return NULL;
}
