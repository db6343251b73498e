#include "state_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOTS_DIRECTORY "/var/lib/hotfix"

static int directory_find(char ret_path[PATH_MAX], struct hf_diag *diag)
{
	const char *state = getenv("HOTFIX_STATE_DIR");
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int size;

	if (state && *state)
		size = snprintf(ret_path, PATH_MAX, "%s", state);
	else if (geteuid() == 0)
		size = snprintf(ret_path, PATH_MAX, ROOTS_DIRECTORY);
	else if (xdg && *xdg == '/')
		size = snprintf(ret_path, PATH_MAX, "%s/hotfix", xdg);
	else if (home && *home == '/')
		size = snprintf(ret_path, PATH_MAX, "%s/.local/state/hotfix",
				home);
	else
		return hf_error(diag, -ENOENT, "no-state-directory",
				"no place for the ledger: HOME is not set");
	return size < 0 || size >= PATH_MAX ?
		       hf_fail(diag, -ENAMETOOLONG, "the ledger") : 0;
}

int state_path(const char *name, char ret_path[PATH_MAX], struct hf_diag *diag)
{
	char directory[PATH_MAX];
	int size, r = directory_find(directory, diag);

	if (r)
		return r;
	size = snprintf(ret_path, PATH_MAX, "%s/%s", directory, name);
	return size < 0 || size >= PATH_MAX ?
		       hf_fail(diag, -ENAMETOOLONG, "%s", name) : 0;
}

int state_directory_make(struct hf_diag *diag)
{
	char path[PATH_MAX];
	int r = directory_find(path, diag);

	if (r)
		return r;
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ?
		       hf_fail(diag, -errno, "cannot make %s", path) : 0;
}

int state_directory_in(const char *name, char ret_path[PATH_MAX],
		       struct hf_diag *diag)
{
	int r = state_directory_make(diag);

	if (r == 0)
		r = state_path(name, ret_path, diag);
	if (r == 0 && mkdir(ret_path, 0700) && errno != EEXIST)
		r = hf_fail(diag, -errno, "cannot make %s", ret_path);
	return r;
}
