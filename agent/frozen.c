/*
 * /proc/PID/cgroup has a line for each hierarchy, "NUMBER:CONTROLLERS:PATH", and
 * where that is mounted, as "/sys/fs/cgroup", /proc/self/mountinfo says:
 *
 *   25 20 0:23 ROOT MOUNT OPTIONS ... - cgroup2 NAME OPTIONS
 *
 * In the second version of cgroups the process shares one path for everything,
 * in the first the freezer is a controller of its own.
 */
#include "frozen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "../lib/io.h"

#define CGROUP_SIZE_MAX 65536
#define MOUNTS_SIZE_MAX (4u << 20)

struct freezer {
	const char *type;	/* of its filesystem */
	const char *controller; /* "": the line without any */
	const char *state;	/* file that says so */
	const char *frozen;	/* a line of that */
	const char *thaw;	/* what to write, and to which file */
	const char *switch_file;
};

static const struct freezer freezers[] = {
	{ "cgroup2", "", "cgroup.events", "frozen 1", "0", "cgroup.freeze" },
	{ "cgroup", "freezer", "freezer.state", "FROZEN", "THAWED",
	  "freezer.state" },
	{ "cgroup", "freezer", "freezer.state", "FREEZING", "THAWED",
	  "freezer.state" },
};

static bool has_word(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (;;) {
		size_t length = strcspn(list, ",");

		if (length == size && !strncmp(list, word, size))
			return true;
		if (!list[length])
			return false;
		list += length + 1;
	}
}

/* The process's path in the freezer's hierarchy; it changes @text. */
static const char *path_in_hierarchy(const struct freezer *freezer, char *text)
{
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		if (has_word(controllers + 1, freezer->controller))
			return path;
	}
	return NULL;
}

/* The directory of @path below one mount. Return: whether it is below it. */
static bool mount_directory(const struct freezer *freezer, const char *line,
			    const char *path, char ret_directory[PATH_MAX])
{
	char root[PATH_MAX], mount[PATH_MAX], type[32], options[256] = "";
	const char *tail = strstr(line, " - ");
	size_t skip;

	if (!tail ||
	    sscanf(line, "%*d %*d %*s %4095s %4095s", root, mount) != 2 ||
	    sscanf(tail, " - %31s %*s %255s", type, options) < 1 ||
	    strcmp(type, freezer->type) ||
	    (*freezer->controller && !has_word(options, freezer->controller)))
		return false;
	skip = strcmp(root, "/") ? strlen(root) : 0;
	if (strncmp(path, root, skip) || !strchr("/", path[skip]))
		return false;
	return snprintf(ret_directory, PATH_MAX, "%s%s", mount, path + skip) <
	       PATH_MAX;
}

static bool directory_find(const struct freezer *freezer, const char *path,
			   char ret_directory[PATH_MAX])
{
	struct buffer mounts;
	char *rest = NULL;
	bool found = false;

	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_SIZE_MAX, &mounts,
		      NULL))
		return false;
	for (char *line = strtok_r((char *)mounts.data, "\n", &rest);
	     line && !found; line = strtok_r(NULL, "\n", &rest))
		found = mount_directory(freezer, line, path, ret_directory);
	buffer_release(&mounts);
	return found;
}

static bool directory_frozen(const struct freezer *freezer,
			     const char *directory)
{
	char path[PATH_MAX];
	struct buffer text;
	bool frozen;

	if (snprintf(path, sizeof(path), "%s/%s", directory, freezer->state) >=
		    PATH_MAX ||
	    file_read(AT_FDCWD, path, CGROUP_SIZE_MAX, &text, NULL))
		return false;
	frozen = strstr((char *)text.data, freezer->frozen);
	buffer_release(&text);
	return frozen;
}

/* The freezer that stops the process, and its directory; NULL: none. */
static const struct freezer *freezer_find(const struct process *process,
					  char ret_directory[PATH_MAX])
{
	for (size_t i = 0; i < ARRAY_SIZE(freezers); i++) {
		struct buffer text;
		const char *path;
		bool frozen;

		if (file_read(process->dir, "cgroup", CGROUP_SIZE_MAX, &text,
			      NULL))
			return NULL;
		path = path_in_hierarchy(&freezers[i], (char *)text.data);
		frozen = path &&
			 directory_find(&freezers[i], path, ret_directory) &&
			 directory_frozen(&freezers[i], ret_directory);
		buffer_release(&text);
		if (frozen)
			return &freezers[i];
	}
	return NULL;
}

static void thaw_hint(const struct freezer *freezer, const char *directory,
		      struct hf_diag *diag)
{
	hf_hint(diag, "let it run: docker unpause, systemctl thaw, or "
		      "echo %s > %s/%s",
		freezer->thaw, directory, freezer->switch_file);
}

int process_require_thawed(const struct process *process, struct hf_diag *diag)
{
	char directory[PATH_MAX];
	const struct freezer *freezer = freezer_find(process, directory);

	if (!freezer)
		return 0;
	hf_refuse(diag, "frozen",
		  "process %d (%s) is frozen by its cgroup: no thread of it "
		  "can run",
		  (int)process->pid, process->command);
	thaw_hint(freezer, directory, diag);
	return -ECANCELED;
}

void frozen_explain(const struct process *process, struct hf_diag *diag)
{
	char directory[PATH_MAX];
	const struct freezer *freezer = freezer_find(process, directory);

	if (!freezer)
		return;
	hf_detail(diag, "the process is frozen by its cgroup");
	thaw_hint(freezer, directory, diag);
}
