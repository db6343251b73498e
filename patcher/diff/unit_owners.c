/*
 * Whom a part without a name of its own belongs to.
 *
 * A cold part is its function's by name, and by reference where the name does
 * not tell. A table, or a static local without DWARF, is of the only function
 * that refers to it. While users are counted, `parent` of any data item holds
 * what is known so far; `several` says that there was another one.
 */
#include "unit_read.h"

#include <string.h>

static bool is_owned_data(const struct item *item)
{
	return item->kind == ITEM_TABLE || item->kind == ITEM_VARIABLE;
}

static struct item *function_of(struct item *item)
{
	return item->kind == ITEM_COLD ? item->parent : item;
}

static const char *cold_suffix(const char *name)
{
	const char *suffix = strstr(name + 1, ".cold");

	return suffix ? suffix : name + strlen(name);
}

/* "f.part.0" of "f.part.0.cold" or "f.part.0.cold.7". */
static struct item *parent_by_name(const struct unit *unit,
				   const struct item *cold)
{
	size_t size = (size_t)(cold_suffix(cold->name) - cold->name);
	char *name = strndup(cold->name, size);
	struct item *parent = name ? unit_find(unit, name) : NULL;

	free(name);
	return parent && parent->kind == ITEM_FUNCTION ? parent : NULL;
}

static bool is_same_name(const struct item *function, const struct item *cold)
{
	size_t size = (size_t)(cold_suffix(cold->name) - cold->name);

	return function->name && strlen(function->name) == size &&
	       !strncmp(function->name, cold->name, size);
}

/* What jumps there: a better match is one that has the name as well. */
static void adopt_by_reference(struct item *function)
{
	for (size_t i = 0; i < function->nr_references; i++) {
		struct item *cold = function->references[i].to;

		if (cold->kind == ITEM_COLD &&
		    (!cold->parent || is_same_name(function, cold)))
			cold->parent = function;
	}
}

static void find_cold_parents(struct unit *unit)
{
	for (size_t i = 0; i < unit->nr_items; i++)
		if (unit->items[i]->kind == ITEM_COLD)
			unit->items[i]->parent =
				parent_by_name(unit, unit->items[i]);
	for (size_t i = 0; i < unit->nr_items; i++)
		if (unit->items[i]->kind == ITEM_FUNCTION)
			adopt_by_reference(unit->items[i]);
}

static void count_user(struct item *user, struct item *several)
{
	struct item *owner = item_is_code(user) ? function_of(user) : several;

	for (size_t i = 0; i < user->nr_references; i++) {
		struct item *to = user->references[i].to;

		if (!is_owned_data(to) || to == user)
			continue;
		if (to->parent && to->parent != owner)
			to->parent = several;
		else
			to->parent = owner ?: several;
	}
}

/* clang: "f.counter", "f.counter.7"; gcc has a number behind the name. */
static bool has_function_name(const struct item *item)
{
	static const char *const no_variables[] = { "lto_priv", "llvm" };
	const char *dot = strchr(item->name, '.');

	if (!dot || dot == item->name ||
	    !dot[1 + strspn(dot + 1, "0123456789.")])
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(no_variables); i++)
		if (!strncmp(dot + 1, no_variables[i],
			     strlen(no_variables[i])))
			return false;
	return true;
}

static int scope_by_name(struct unit *unit, struct item *item)
{
	int size = (int)strcspn(item->name, ".");
	int r = strings_addf(&unit->scopes, "%.*s", size, item->name);

	if (!r)
		item->scope = unit->scopes.items[unit->scopes.nr - 1];
	return r;
}

static bool may_be_static_local(const struct item *item)
{
	return item->binding == STB_LOCAL && item->name &&
	       strchr(item->name + 1, '.');
}

/* A variable has no parent; its only user was wanted for its scope. */
static int settle_variable(struct unit *unit, struct item *item)
{
	struct item *user = item->parent;

	item->parent = NULL;
	if (item->scope || !may_be_static_local(item))
		return 0;
	if (has_function_name(item))
		return scope_by_name(unit, item);
	if (user)
		item->scope = user->name;
	return 0;
}

int unit_find_owners(struct unit *unit, struct hf_diag *diag)
{
	struct item several = { 0 };
	int r = 0;

	find_cold_parents(unit);
	for (size_t i = 0; i < unit->nr_items; i++)
		count_user(unit->items[i], &several);
	for (size_t i = 0; i < unit->nr_items && !r; i++) {
		struct item *item = unit->items[i];

		if (item->parent == &several)
			item->parent = NULL;
		if (item->kind == ITEM_VARIABLE)
			r = settle_variable(unit, item);
	}
	return r ? hf_fail(diag, r, "cannot read %s", unit->path) : 0;
}
