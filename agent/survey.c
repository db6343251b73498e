/*
 * Kernel threads have no memory and are told apart by their flags in
 * /proc/PID/stat, so that an ordinary user is not told that he "may not read"
 * hundreds of them.
 */
#include "survey.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/io.h"
#include "lock.h"
#include "remote.h"

#define MAPS_SIZE_MAX (256u << 20)
#define STAT_SIZE_MAX 4096
#define PF_KTHREAD 0x00200000ul

static const char *const mapping_names[] = { "/memfd:hotfix:",
					     "[anon:hotfix:" };

bool control_is_transient(const struct control *control)
{
	if (control->damaged)
		return false;
	return control->block.state == CONTROL_STAGED ||
	       control->block.state == CONTROL_SWITCHING ||
	       control->block.state == CONTROL_REVERTING;
}

bool survey_is_interrupted(const struct survey *survey)
{
	return !survey->busy &&
	       (survey->stub || target_interrupted(&survey->target));
}

/*
 * The lock is looked at before the traces of work are and again afterwards:
 * work that ends in between must not look like a dead agent's.
 */
static int survey_look(struct survey *survey, struct hf_diag *diag)
{
	const struct process *process = survey->target.process;
	int r;

	survey->busy = process_locked(process);
	r = target_refresh(&survey->target, diag);
	if (!r)
		r = remote_stub_present(process, &survey->stub, diag);
	survey->busy |= process_locked(process);
	return r;
}

int survey_read(pid_t pid, struct survey *ret_survey, struct hf_diag *diag)
{
	struct survey survey = { 0 };
	int r;

	r = target_open(pid, false, &survey.target, diag);
	if (r)
		return r;
	r = survey_look(&survey, diag);
	if (r) {
		survey_release(&survey);
		return r;
	}
	*ret_survey = survey;
	return 0;
}

void survey_release(struct survey *survey)
{
	if (survey->target.process)
		target_close(&survey->target);
	*survey = (struct survey){ 0 };
}

/* The ninth field; the second, the name, may hold anything but its end. */
static bool is_kernel_thread(const char *directory)
{
	struct buffer stat = { 0 };
	const char *rest;
	unsigned long flags = 0;
	char path[64];

	snprintf(path, sizeof(path), "%s/stat", directory);
	if (file_read(AT_FDCWD, path, STAT_SIZE_MAX, &stat, NULL))
		return false;
	rest = strrchr((const char *)stat.data, ')');
	if (rest)
		sscanf(rest, ") %*c %*d %*d %*d %*d %*d %lu", &flags);
	buffer_release(&stat);
	return flags & PF_KTHREAD;
}

static bool maps_name_ours(const struct buffer *maps)
{
	for (size_t i = 0; i < ARRAY_SIZE(mapping_names); i++)
		if (memmem(maps->data, maps->size, mapping_names[i],
			   strlen(mapping_names[i])))
			return true;
	return false;
}

static bool process_has_stub(pid_t pid)
{
	owned(process_free_p) struct process *process = NULL;
	bool present = false;

	if (process_open(pid, &process, NULL))
		return false;
	return !remote_stub_present(process, &present, NULL) && present;
}

/* Adds @pid to @host if it carries something, or counts it as unreadable. */
static int host_look(struct host *host, pid_t pid, struct hf_diag *diag)
{
	char directory[32], path[40];
	struct buffer maps = { 0 };
	bool carries;
	int r;

	snprintf(directory, sizeof(directory), "/proc/%d", (int)pid);
	if (is_kernel_thread(directory))
		return 0;
	snprintf(path, sizeof(path), "%s/maps", directory);
	r = file_read(AT_FDCWD, path, MAPS_SIZE_MAX, &maps, NULL);
	if (r == -EACCES || r == -EPERM)
		host->nr_unreadable++;
	if (r)
		return r == -ENOMEM ? hf_fail(diag, r, "cannot read %s", path)
				    : 0;
	carries = maps.size && (maps_name_ours(&maps) || process_has_stub(pid));
	buffer_release(&maps);
	return carries ? pids_add(&host->carriers, pid, diag) : 0;
}

static int host_walk(struct host *host, DIR *proc, struct hf_diag *diag)
{
	struct dirent *entry;
	pid_t pid;
	int r;

	for (;;) {
		errno = 0;
		entry = readdir(proc);
		if (!entry)
			return errno ? hf_fail(diag, -errno,
					       "cannot list the processes")
				     : 0;
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = atoi(entry->d_name);
		r = pid == getpid() ? 0 : host_look(host, pid, diag);
		if (r)
			return r;
	}
}

int host_scan(struct host *ret_host, struct hf_diag *diag)
{
	owned(closedir_p) DIR *proc = opendir("/proc");
	struct host host = { 0 };
	int r;

	if (!proc)
		return hf_fail(diag, -errno, "cannot list the processes");
	r = host_walk(&host, proc, diag);
	if (r) {
		host_release(&host);
		return r;
	}
	*ret_host = host;
	return 0;
}

void host_release(struct host *host)
{
	pids_release(&host->carriers);
}
