#include "transition.h"

#include <errno.h>
#include <string.h>

#include "sites.h"

/* The functions that a transition touches, each once. */
struct functions {
	const struct control_site **sites; /* one site that names each */
	size_t nr;
};

static bool functions_contain(const struct functions *functions,
			      hf_addr function)
{
	for (size_t i = 0; i < functions->nr; i++)
		if (functions->sites[i]->function == function)
			return true;
	return false;
}

static int functions_collect(const struct controls *controls,
			     struct functions *ret_functions)
{
	struct functions functions = { 0 };
	size_t nr_sites = 0;

	for (size_t i = 0; i < controls->nr; i++)
		nr_sites += controls->entries[i].block.nr_sites;
	functions.sites = calloc(nr_sites + 1, sizeof(*functions.sites));
	if (!functions.sites)
		return -ENOMEM;
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		for (size_t s = 0; s < control->block.nr_sites; s++)
			if (!functions_contain(&functions,
					       control->sites[s].function))
				functions.sites[functions.nr++] =
					&control->sites[s];
	}
	*ret_functions = functions;
	return 0;
}

/* The site of the leader of @function among the blocks of @set, or NULL. */
static const struct control_site *leader(const struct controls *controls,
					 const bool *set, hf_addr function)
{
	const struct control_site *found = NULL;

	/* Ascending by sequence: the last one found leads. */
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control_site *site;

		if (!set[i])
			continue;
		site = control_site_find(&controls->entries[i], function);
		if (site)
			found = site;
	}
	return found;
}

static bool may_have_written(const struct control *control)
{
	return !control->damaged && control->block.state != CONTROL_STAGED &&
	       control->block.state != CONTROL_RETIRED;
}

static bool same_own_bytes(const struct control_site *a,
			   const struct control_site *b)
{
	if (a->nr_writes != b->nr_writes)
		return false;
	for (size_t i = 0; i < a->nr_writes; i++) {
		const struct control_write *x = &a->writes[i];
		const struct control_write *y = &b->writes[i];

		if (x->address != y->address || x->size != y->size ||
		    memcmp(x->old_bytes, y->old_bytes, x->size))
			return false;
	}
	return true;
}

/* Fills one store: write @index of the sites of @function. */
static int store_plan(const struct controls *controls,
		      const struct control_site *any,
		      const struct control_site *to, size_t index,
		      struct transition_store *store, struct hf_diag *diag)
{
	const struct control_write *write = &any->writes[index];

	store->address = write->address;
	store->size = write->size;
	store->site = any->function;
	store->function = any->name;
	memcpy(store->after, to ? to->writes[index].new_bytes : write->old_bytes,
	       write->size);
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];
		const struct control_site *site =
			control_site_find(control, any->function);

		if (!site || control->damaged)
			continue;
		if (!same_own_bytes(site, any))
			return hf_refuse(diag, "site-overlap",
					 "patches disagree about the own bytes "
					 "of %s() at 0x%llx",
					 any->name,
					 (unsigned long long)any->function);
	}
	return 0;
}

static void range_add(struct transition *transition, hf_addr start, hf_addr end,
		      const char *function)
{
	if (start >= end)
		return;
	transition->ranges[transition->nr_ranges++] = (struct transition_range){
		.range = { start, end },
		.function = function,
	};
}

/* The function's own code, its detached parts included. */
static void ranges_add_own(struct transition *transition,
			   const struct control *control,
			   const struct control_site *site)
{
	range_add(transition, site->function,
		  site->function + site->function_size, site->name);
	for (size_t i = 0; i < control->block.nr_old_ranges; i++) {
		const struct control_range *part = &control->old_ranges[i];

		if (&control->sites[part->site] == site)
			range_add(transition, part->start, part->end,
				  site->name);
	}
}

/* Every version of a function but the coming one. */
static void ranges_plan_quiescent(struct transition *transition,
				  const struct controls *controls,
				  const struct control_site *any,
				  const struct control_site *to)
{
	bool own = !to;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];
		const struct control_site *site =
			control_site_find(control, any->function);

		if (!site || control->damaged)
			continue;
		if (!own)
			ranges_add_own(transition, control, site);
		own = true;
		if (site != to && may_have_written(control))
			range_add(transition, site->replacement,
				  site->replacement + site->replacement_size,
				  site->name);
	}
}

/* Inside the bytes to be overwritten; their first one may be run up to. */
static void ranges_plan_entry(struct transition *transition,
			      const struct control_site *any)
{
	for (size_t i = 0; i < any->nr_writes; i++)
		range_add(transition, any->writes[i].address + 1,
			  any->writes[i].address + any->writes[i].size,
			  any->name);
}

/*
 * A relay is written before the jump that leads to it, and taken away after
 * it: in between, each store leaves a function that works.
 */
static int stores_plan(struct transition *transition,
		       const struct controls *controls,
		       const struct control_site *any,
		       const struct control_site *to, struct hf_diag *diag)
{
	size_t nr = any->nr_writes;

	for (size_t i = 0; i < nr; i++) {
		struct transition_store *store =
			&transition->stores[transition->nr_stores];
		int r = store_plan(controls, any, to, to ? i : nr - 1 - i,
				   store, diag);

		if (r < 0)
			return r;
		transition->nr_stores++;
	}
	return 0;
}

static int transition_alloc(struct transition *transition,
			    const struct controls *controls, size_t nr_functions)
{
	size_t nr_ranges = nr_functions * SITE_WRITES_MAX;

	for (size_t i = 0; i < controls->nr; i++)
		nr_ranges += 2u * controls->entries[i].block.nr_sites +
			     controls->entries[i].block.nr_old_ranges;
	transition->stores = calloc(nr_functions * SITE_WRITES_MAX + 1,
				    sizeof(*transition->stores));
	transition->ranges = calloc(nr_ranges + 1, sizeof(*transition->ranges));
	return transition->stores && transition->ranges ? 0 : -ENOMEM;
}

/* An interrupted revert: whether its jump still stands there is unknown. */
static bool is_reverting(const struct controls *controls,
			 const struct control_site *site)
{
	for (size_t i = 0; site && i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (control->block.state == CONTROL_REVERTING &&
		    control_site_find(control, site->function) == site)
			return true;
	}
	return false;
}

static int function_plan(struct transition *transition,
			 const struct controls *controls, const bool *before,
			 const bool *after, const struct control_site *any,
			 enum switch_mode mode, struct hf_diag *diag)
{
	const struct control_site *from = leader(controls, before, any->function);
	const struct control_site *to = leader(controls, after, any->function);

	if (from == to && !is_reverting(controls, to))
		return 0;
	if (mode == SWITCH_ENTRY)
		ranges_plan_entry(transition, any);
	else
		ranges_plan_quiescent(transition, controls, any, to);
	return stores_plan(transition, controls, any, to, diag);
}

int transition_plan(const struct controls *controls, const bool *after,
		    enum switch_mode mode, struct transition *ret_transition,
		    struct hf_diag *diag)
{
	struct transition transition = { 0 };
	struct functions functions = { 0 };
	owned(free_p) bool *before = calloc(controls->nr + 1, sizeof(*before));
	int r = before ? functions_collect(controls, &functions) : -ENOMEM;

	if (r == 0)
		r = transition_alloc(&transition, controls, functions.nr);
	if (r < 0)
		hf_fail(diag, r, "cannot plan the switch");
	for (size_t i = 0; r == 0 && i < controls->nr; i++)
		before[i] = may_have_written(&controls->entries[i]);
	for (size_t i = 0; r == 0 && i < functions.nr; i++)
		r = function_plan(&transition, controls, before, after,
				  functions.sites[i], mode, diag);
	free(functions.sites);
	if (r < 0) {
		transition_release(&transition);
		return r;
	}
	*ret_transition = transition;
	return 0;
}

static bool site_explains(const struct control *control,
			  const struct control_site *site,
			  const struct transition_store *store,
			  const uint8_t *bytes)
{
	for (size_t i = 0; i < site->nr_writes; i++) {
		const struct control_write *write = &site->writes[i];

		if (write->address != store->address)
			continue;
		return !memcmp(bytes, write->old_bytes, store->size) ||
		       (may_have_written(control) &&
			!memcmp(bytes, write->new_bytes, store->size));
	}
	return false;
}

bool transition_store_known(const struct controls *controls,
			    const struct transition_store *store,
			    const uint8_t *bytes)
{
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];
		const struct control_site *site =
			control_site_find(control, store->site);

		if (site && !control->damaged &&
		    site_explains(control, site, store, bytes))
			return true;
	}
	return false;
}

void transition_release(struct transition *transition)
{
	free(transition->stores);
	free(transition->ranges);
	memset(transition, 0, sizeof(*transition));
}
