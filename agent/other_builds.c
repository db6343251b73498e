/*
 * Only words for a message: whatever cannot be read is passed over.
 */
#include "other_builds.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/io.h"
#include "module.h"

#define DESCRIBED_MAX 3
#define MAPS_SIZE_MAX (256u << 20)

static bool name_matches(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	size_t size = strlen(name);

	if (!slash || strncmp(slash + 1, name, size))
		return false;
	return !slash[1 + size] || !strcmp(slash + 1 + size, " (deleted)");
}

/* Cheap: most processes have no such file at all. */
static bool maps_mention(pid_t pid, const char *name)
{
	struct buffer maps = { 0 };
	char path[40], needle[300];
	bool found;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	if (file_read(AT_FDCWD, path, MAPS_SIZE_MAX, &maps, NULL))
		return false;
	snprintf(needle, sizeof(needle), "/%s", name);
	found = maps.size &&
		memmem(maps.data, maps.size, needle, strlen(needle));
	buffer_release(&maps);
	return found;
}

static bool modules_describe(const struct process *process,
			     const struct modules *modules, const char *name,
			     struct hf_diag *diag)
{
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	for (size_t i = 0; i < modules->nr; i++) {
		const struct module *module = &modules->entries[i];

		if (!name_matches(module->path, name))
			continue;
		hf_detail(diag, "pid %d (%s) runs another build of it: %s",
			  (int)process->pid, process->command,
			  module->build_id.size
				  ? build_id_format(&module->build_id, id)
				  : "one without a build-id");
		return true;
	}
	return false;
}

static bool process_describe(pid_t pid, const char *name, struct hf_diag *diag)
{
	owned(process_free_p) struct process *process = NULL;
	struct mappings mappings = { 0 };
	struct modules modules = { 0 };
	bool described = false;

	if (process_open(pid, &process, NULL))
		return false;
	if (!mappings_read(process, &mappings, NULL) &&
	    !modules_read(process, &mappings, &modules, NULL))
		described = modules_describe(process, &modules, name, diag);
	modules_release(&modules);
	mappings_release(&mappings);
	return described;
}

void other_builds_describe(const char *name, struct hf_diag *diag)
{
	owned(closedir_p) DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t nr = 0;

	while (proc && nr < DESCRIBED_MAX && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (isdigit((unsigned char)entry->d_name[0]) &&
		    pid != getpid() && maps_mention(pid, name))
			nr += process_describe(pid, name, diag);
	}
}
