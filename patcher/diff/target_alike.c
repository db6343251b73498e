#include "target_alike.h"

#include <errno.h>
#include <string.h>

#include "../debug_places.h"

struct target_alike {
	/* By base name, then in the table's order. */
	struct based *based;
	const struct symbol **symbols; /* of `based` */
	size_t nr;
	struct debug_place *places; /* by address */
	size_t nr_places;
};

struct based {
	char *base;
	const struct symbol *symbol;
};

void target_alike_free(struct target_alike *alike)
{
	if (!alike)
		return;
	for (size_t i = 0; i < alike->nr; i++)
		free(alike->based[i].base);
	free(alike->based);
	free(alike->symbols);
	free(alike->places);
	free(alike);
}

/* ---- names -------------------------------------------------------------- */

static int by_base(const void *a, const void *b)
{
	const struct based *left = a, *right = b;
	int order = strcmp(left->base, right->base);

	/* All of them are elements of one array. */
	return order ?: left->symbol < right->symbol ? -1 :
			left->symbol > right->symbol;
}

static int add_names(struct target_alike *alike, const struct symbols *symbols)
{
	alike->based = calloc(symbols->nr + 1, sizeof(*alike->based));
	alike->symbols = calloc(symbols->nr + 1, sizeof(*alike->symbols));
	if (!alike->based || !alike->symbols)
		return -ENOMEM;
	for (; alike->nr < symbols->nr; alike->nr++) {
		struct based *based = &alike->based[alike->nr];

		based->symbol = &symbols->entries[alike->nr];
		based->base = item_base_name(based->symbol->name);
		if (!based->base)
			return -ENOMEM;
	}
	if (alike->nr)
		qsort(alike->based, alike->nr, sizeof(*alike->based), by_base);
	for (size_t i = 0; i < alike->nr; i++)
		alike->symbols[i] = alike->based[i].symbol;
	return 0;
}

/* ---- places ------------------------------------------------------------- */

static int by_vaddr(const void *a, const void *b)
{
	const struct debug_place *left = a, *right = b;

	if (left->vaddr != right->vaddr)
		return left->vaddr < right->vaddr ? -1 : 1;
	/* Of several descriptions the best known one. */
	if (!left->scope != !right->scope)
		return left->scope ? -1 : 1;
	return !left->source - !right->source;
}

static int add_place(void *context, const struct debug_place *place)
{
	struct target_alike *alike = context;
	struct debug_place *entry =
		array_append(alike->places, alike->nr_places);

	if (!entry)
		return -ENOMEM;
	*entry = *place;
	return 0;
}

static int add_places(struct target_alike *alike,
		      const struct debuginfo *debuginfo)
{
	int r = debug_places_each(debuginfo, add_place, alike);

	if (!r && alike->nr_places)
		qsort(alike->places, alike->nr_places, sizeof(*alike->places),
		      by_vaddr);
	return r;
}

/* NULL: nothing is known of it. */
static const struct debug_place *place_of(const struct target_alike *alike,
					  const struct symbol *symbol)
{
	size_t low = 0, high = alike->nr_places;

	if (symbol->type == STT_TLS)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (alike->places[middle].vaddr < symbol->vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low < alike->nr_places &&
			       alike->places[low].vaddr == symbol->vaddr ?
		       &alike->places[low] :
		       NULL;
}

/* ---- the index ---------------------------------------------------------- */

/* Return: 0; -ENOMEM. */
static int alike_of(const struct build *build, struct target_alike **ret_alike)
{
	struct target_alike **alike = target_index_alike(build);
	int r;

	if (!*alike) {
		*alike = calloc(1, sizeof(**alike));
		r = *alike ? add_names(*alike, &build->symbols) : -ENOMEM;
		if (!r)
			r = add_places(*alike, build->debuginfo);
		if (r) {
			target_alike_free(*alike);
			*alike = NULL;
			return r;
		}
	}
	*ret_alike = *alike;
	return 0;
}

/* The first entry that is not below @base. */
static size_t first_based(const struct target_alike *alike, const char *base)
{
	size_t low = 0, high = alike->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(alike->based[middle].base, base) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int target_find_alike(const struct build *build, const char *name,
		      struct named *ret_named)
{
	owned(free_p) char *base = item_base_name(name);
	struct target_alike *alike = NULL;
	int r = base ? alike_of(build, &alike) : -ENOMEM;
	size_t first, end;

	if (r)
		return r;
	first = end = first_based(alike, base);
	while (end < alike->nr && !strcmp(alike->based[end].base, base))
		end++;
	*ret_named = (struct named){ alike->symbols + first, end - first };
	return 0;
}

bool target_is_alike(const struct build *build, const char *name,
		     uint64_t vaddr)
{
	struct named named;

	return !target_find_alike(build, name, &named) &&
	       named_has(&named, vaddr);
}

/* ---- where from --------------------------------------------------------- */

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

static bool origins_fit(const struct item *item,
			const struct debug_place *place)
{
	const char *ours = item_place(item);
	const char *theirs = place->external ? "" : place->source;

	return !ours || !theirs || !strcmp(base_of(ours), base_of(theirs));
}

bool target_origin_fits(const struct build *build, const struct item *item,
			const struct symbol *symbol)
{
	const struct debug_place *place;
	struct target_alike *alike;

	if (alike_of(build, &alike))
		return false;
	place = place_of(alike, symbol);
	return !place || (origins_fit(item, place) &&
			  !differ(item->scope, place->scope));
}

long path_common_end(const char *a, const char *b)
{
	size_t left = strlen(a), right = strlen(b);
	long same = 0;

	while (left && right && a[left - 1] == b[right - 1]) {
		left--;
		right--;
		same += a[left] == '/';
	}
	/* "pay.c" and "src/pay.c": the whole of one is a component, too. */
	if ((!left || a[left - 1] == '/') && (!right || b[right - 1] == '/'))
		same++;
	return same;
}

long target_origin_score(const struct build *build, const struct item *item,
			 const struct symbol *symbol)
{
	const char *ours = item_place(item);
	const struct debug_place *place;
	struct target_alike *alike;

	if (!ours || alike_of(build, &alike))
		return 0;
	place = place_of(alike, symbol);
	return place && place->source && !place->external ?
		       1 + path_common_end(ours, place->source) :
		       0;
}
