#include "stores.h"

#include <errno.h>
#include <string.h>

#include "foreign_bytes.h"

static int site_changed(const struct stores *stores,
			const struct transition_store *store,
			const uint8_t *expected, const uint8_t *found,
			struct hf_diag *diag)
{
	char what[256];

	foreign_bytes_describe(&stores->target->mappings, store->address,
			       expected, found, store->size, what,
			       sizeof(what));
	hf_refuse(diag, "site-changed",
		  "the entry of %s() was changed by somebody else: %s",
		  store->function, what);
	hf_hint(diag, "remove the debugger, probe or hook that put it there, "
		      "then try again");
	return -ECANCELED;
}

/* process_read(), or process_peek() where the page is the process's own. */
typedef int (*memory_read)(const struct process *process, hf_addr address,
			   void *data, size_t size);

static int store_read(const struct stores *stores,
		      const struct transition_store *store, memory_read read,
		      uint8_t *ret_bytes, struct hf_diag *diag)
{
	int r = read(stores->target->process, store->address, ret_bytes,
		     store->size);

	return r < 0 ? hf_fail(diag, r, "cannot read the entry of %s()",
			       store->function) :
		       0;
}

int stores_observe(struct stores *ret_stores, const struct target *target,
		   const struct transition *transition, struct hf_diag *diag)
{
	*ret_stores = (struct stores){ .target = target,
				       .transition = transition };
	ret_stores->before =
		calloc(transition->nr_stores + 1, sizeof(*ret_stores->before));
	if (!ret_stores->before)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < transition->nr_stores; i++) {
		const struct transition_store *store = &transition->stores[i];
		uint8_t *before = ret_stores->before[i];
		int r = store_read(ret_stores, store, process_read, before,
				   diag);

		if (r < 0)
			return r;
		if (!transition_store_known(&target->controls, store, before))
			return site_changed(ret_stores, store, store->after,
					    before, diag);
	}
	return 0;
}

void stores_release(struct stores *stores)
{
	free(stores->before);
	stores->before = NULL;
}

static int still_same(const struct stores *stores, memory_read read,
		      struct hf_diag *diag)
{
	const struct transition *transition = stores->transition;
	uint8_t now[15];

	for (size_t i = 0; i < transition->nr_stores; i++) {
		const struct transition_store *store = &transition->stores[i];
		int r = store_read(stores, store, read, now, diag);

		if (r < 0)
			return r;
		if (memcmp(now, stores->before[i], store->size))
			return site_changed(stores, store, stores->before[i],
					    now, diag);
	}
	return 0;
}

int stores_still_same(const struct stores *stores, struct hf_diag *diag)
{
	return still_same(stores, process_peek, diag);
}

static int store_put(const struct stores *stores, size_t i,
		     const uint8_t *bytes)
{
	const struct transition_store *store = &stores->transition->stores[i];

	return process_write(stores->target->process, store->address, bytes,
			     store->size);
}

void stores_prepare(const struct stores *stores)
{
	if (still_same(stores, process_read, NULL))
		return;
	for (size_t i = 0; i < stores->transition->nr_stores; i++)
		store_put(stores, i, stores->before[i]);
}

/* Puts back the first @nr, the last one first. */
static void stores_restore(const struct stores *stores, size_t nr)
{
	while (nr--)
		store_put(stores, nr, stores->before[nr]);
}

int stores_write(const struct stores *stores, struct hf_diag *diag)
{
	const struct transition *transition = stores->transition;

	for (size_t i = 0; i < transition->nr_stores; i++) {
		const struct transition_store *store = &transition->stores[i];
		int r = store_put(stores, i, store->after);

		if (r < 0) {
			stores_restore(stores, i);
			return hf_fail(diag, r, "cannot write the entry of %s()",
				       store->function);
		}
	}
	return 0;
}

void stores_undo(const struct stores *stores)
{
	stores_restore(stores, stores->transition->nr_stores);
}
