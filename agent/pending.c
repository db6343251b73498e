#include "pending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "process.h"
#include "state_dir.h"
#include "state_files.h"

#define DIRECTORY "pending"
#define FILE_NAME_SIZE (MANIFEST_NAME_MAX + 64)

static const char *const state_names[] = {
	[PENDING_WAITING] = "waiting",
	[PENDING_REVERTING] = "reverting",
	[PENDING_FAILED] = "failed",
};

const char *pending_state_name(enum pending_state state)
{
	return state_names[state];
}

void pending_release(struct pending *pending)
{
	pids_release(&pending->pids);
}

bool pending_is_guarded(const struct pending *pending)
{
	struct process_stat stat;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pending->guard);
	return !process_stat_read(AT_FDCWD, path, &stat) &&
	       stat.start_time == pending->guard_start && stat.state != 'Z';
}

static void file_name(const struct pending *pending, enum pending_state state,
		      char ret_name[FILE_NAME_SIZE])
{
	snprintf(ret_name, FILE_NAME_SIZE, "%s@%d.%s", pending->name,
		 (int)pending->guard, state_names[state]);
}

static int pending_path(const struct pending *pending, enum pending_state state,
			char ret_path[PATH_MAX], struct hf_diag *diag)
{
	char path[sizeof(DIRECTORY) + FILE_NAME_SIZE], name[FILE_NAME_SIZE];

	file_name(pending, state, name);
	snprintf(path, sizeof(path), DIRECTORY "/%s", name);
	return state_path(path, ret_path, diag);
}

/* --- as text ---------------------------------------------------------------- */

static json_t *pending_json(const struct pending *pending)
{
	json_t *root = json_object(), *pids = json_array();

	for (size_t i = 0; i < pending->pids.nr; i++)
		json_add(pids, json_integer(pending->pids.entries[i]));
	json_put(root, "patch", json_text(pending->name));
	json_put(root, "digest", json_text(pending->digest));
	json_put(root, "guard", json_integer(pending->guard));
	json_put(root, "guard_start",
		 json_integer((json_int_t)pending->guard_start));
	json_put(root, "deadline_ns", json_integer(pending->deadline_ns));
	json_put(root, "pids", pids);
	return root;
}

static int pids_read(const json_t *list, struct pids *pids)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry) {
		json_int_t pid = json_integer_value(entry);

		if (pid <= 0 || pid > INT_MAX)
			return -EBADMSG;
		if (pids_add(pids, (pid_t)pid, NULL))
			return -ENOMEM;
	}
	return 0;
}

/* @ret_pending is to be released in every case. */
static int pending_parse(const json_t *root, struct pending *ret_pending)
{
	const char *name = NULL, *digest = NULL;
	json_int_t guard, guard_start, deadline_ns;
	json_t *pids = NULL;

	/* It only reads through the pointer. */
	if (json_unpack((json_t *)(uintptr_t)root, "{s:s, s:s, s:I, s:I, s:I, s:o}", "patch", &name,
			 "digest", &digest, "guard", &guard, "guard_start",
			 &guard_start, "deadline_ns", &deadline_ns, "pids",
			&pids) ||
	    !manifest_name_valid(name) || guard <= 0 || guard > INT_MAX)
		return -EBADMSG;
	snprintf(ret_pending->name, sizeof(ret_pending->name), "%s", name);
	snprintf(ret_pending->digest, sizeof(ret_pending->digest), "%s",
		 digest);
	ret_pending->guard = (pid_t)guard;
	ret_pending->guard_start = (uint64_t)guard_start;
	ret_pending->deadline_ns = deadline_ns;
	return pids_read(pids, &ret_pending->pids);
}

/* --- files ------------------------------------------------------------------ */

int pending_write(const struct pending *pending, struct hf_diag *diag)
{
	json_t *root = pending_json(pending);
	char name[FILE_NAME_SIZE];
	int r;

	file_name(pending, PENDING_WAITING, name);
	r = state_file_write(DIRECTORY, name, root, diag);
	json_decref(root);
	return r;
}

bool pending_is_there(const struct pending *pending)
{
	char path[PATH_MAX];

	return pending_path(pending, pending->state, path, NULL) ||
	       !access(path, F_OK) || errno != ENOENT;
}

int pending_change(struct pending *pending, enum pending_state state)
{
	char before[PATH_MAX], after[PATH_MAX];
	int r = pending_path(pending, pending->state, before, NULL);

	if (r == 0)
		r = pending_path(pending, state, after, NULL);
	if (r == 0 && rename(before, after))
		r = -errno;
	if (r == 0)
		pending->state = state;
	return r;
}

int pending_remove(const struct pending *pending)
{
	char path[PATH_MAX];
	int r = pending_path(pending, pending->state, path, NULL);

	return r || !unlink(path) ? r : -errno;
}

/* "fix@4711.waiting" */
static bool state_of_file(const char *file, enum pending_state *ret_state)
{
	const char *point = strrchr(file, '.');

	for (size_t i = 0; point && i < ARRAY_SIZE(state_names); i++) {
		if (strcmp(point + 1, state_names[i]))
			continue;
		*ret_state = (enum pending_state)i;
		return true;
	}
	return false;
}

struct walk {
	pending_visit_fn *visit;
	void *context;
};

static int file_visit(void *context, const char *file, const json_t *root)
{
	const struct walk *walk = context;
	struct pending pending = { 0 };
	int r = 0;

	if (!state_of_file(file, &pending.state))
		return 0;
	if (!pending_parse(root, &pending))
		r = walk->visit(walk->context, &pending);
	pending_release(&pending);
	return r;
}

int pending_each(pending_visit_fn *visit, void *context, struct hf_diag *diag)
{
	struct walk walk = { visit, context };

	return state_files_each(DIRECTORY, file_visit, &walk, diag);
}
