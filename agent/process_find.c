/*
 * Every process that maps a given build: /proc is walked once, and each process
 * is asked by its memory. Nothing is remembered from one process to the next by
 * device and inode: on btrfs and overlayfs different files can share them, and
 * a process that is wrongly passed over keeps its bug.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

struct pid_list {
	pid_t *pids;
	size_t nr, capacity;
};

static int pid_list_add(struct pid_list *list, pid_t pid)
{
	if (list->nr == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 64;
		pid_t *pids = reallocarray(list->pids, capacity, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		list->pids = pids;
		list->capacity = capacity;
	}
	list->pids[list->nr++] = pid;
	return 0;
}

static int pid_compare(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

static int pid_parse(const char *name, pid_t *ret_pid)
{
	char *end;
	long value;

	if (!isdigit((unsigned char)name[0]))
		return -EINVAL;
	errno = 0;
	value = strtol(name, &end, 10);
	if (errno || *end || value <= 0 || value > INT32_MAX)
		return -EINVAL;
	*ret_pid = (pid_t)value;
	return 0;
}

static int pids_read(struct pid_list *list)
{
	owned(closedir_p) DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t pid;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!pid_parse(entry->d_name, &pid) &&
		    pid_list_add(list, pid))
			return -ENOMEM;
	if (list->nr)
		qsort(list->pids, list->nr, sizeof(pid_t), pid_compare);
	return 0;
}

/* Cheap: what most processes are passed over by. */
static bool maps_build(const struct process *process,
		       const struct mappings *mappings,
		       const struct build_id *id)
{
	for (size_t i = 0; i < mappings->nr; i++) {
		struct build_id found = { 0 };

		if (!module_build_id_at(process, &mappings->entries[i],
					&found) &&
		    build_id_equal(&found, id))
			return true;
	}
	return false;
}

/* Exact: a file that is mapped to be read and not to be run does not count. */
static bool runs_build(const struct process *process,
		       const struct mappings *mappings,
		       const struct build_id *id)
{
	struct modules modules;
	bool found = false;

	if (modules_read(process, mappings, &modules, NULL))
		return false;
	for (size_t i = 0; i < modules.nr && !found; i++)
		found = build_id_equal(&modules.entries[i].build_id, id);
	modules_release(&modules);
	return found;
}

static bool is_unreadable(int error)
{
	return error == -EPERM || error == -EACCES;
}

/* Return: 1 it runs the build; 0 it does not, or is gone; -errno unreadable. */
static int process_has_build(pid_t pid, const struct build_id *id)
{
	owned(process_free_p) struct process *process = NULL;
	struct mappings mappings;
	int r;

	r = process_open(pid, &process, NULL);
	if (!r)
		r = mappings_read(process, &mappings, NULL);
	if (r)
		return is_unreadable(r) ? r : 0;
	r = maps_build(process, &mappings, id) &&
	    runs_build(process, &mappings, id);
	mappings_release(&mappings);
	return r;
}

int process_find_all(const struct build_id *id, pid_t **ret_pids,
		     size_t *ret_nr, size_t *ret_nr_unreadable,
		     struct hf_diag *diag)
{
	struct pid_list list = { 0 };
	size_t nr_unreadable = 0, nr = 0;
	int r;

	r = pids_read(&list);
	if (r) {
		free(list.pids);
		return hf_fail(diag, r, "cannot list the processes in /proc");
	}
	for (size_t i = 0; i < list.nr; i++) {
		if (list.pids[i] == getpid())
			continue;
		r = process_has_build(list.pids[i], id);
		if (r < 0)
			nr_unreadable++;
		else if (r)
			list.pids[nr++] = list.pids[i];
	}

	*ret_pids = list.pids;
	*ret_nr = nr;
	*ret_nr_unreadable = nr_unreadable;
	return 0;
}
