/*
 * Standing fixes: which patches each new process of their build is to run, kept over
 * restarts. A file each, STATE/standing/NAME; the patch itself is in patch_store.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../lib/manifest.h"

enum standing_state {
	STANDING_ACTIVE,
	STANDING_LOCKED, /* not applied any more: processes died of it */
};

struct standing {
	char name[MANIFEST_NAME_MAX + 1];
	uint8_t digest[SHA256_SIZE]; /* of the patch file */
	int64_t kept_at_ns; /* CLOCK_REALTIME */
	enum standing_state state;
	char because[512]; /* why it is locked, or "" */
};

/* "active", "locked" */
const char *standing_state_name(enum standing_state state);

/* In the place of what had that name. Return: 0; -errno, with the path. */
int standing_write(const struct standing *standing, struct hf_diag *diag);

/* Return: 0; -ENOENT there is none of that name; -errno. */
int standing_find(const char *name, struct standing *ret_standing,
		  struct hf_diag *diag);
int standing_remove(const char *name, struct hf_diag *diag);

/* Return: anything but 0 ends the walk. */
typedef int standing_visit_fn(void *context, const struct standing *standing);
int standing_each(standing_visit_fn *visit, void *context, struct hf_diag *diag);

/* Changes when any of them does; 0: there are none. */
uint64_t standing_version(void);
