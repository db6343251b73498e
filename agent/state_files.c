#include "state_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "state_dir.h"

#define FILE_SIZE_MAX (1u << 20)

static int directory_make(const char *directory, char ret_path[PATH_MAX],
			  struct hf_diag *diag)
{
	int r = state_directory_make(diag);

	if (r == 0)
		r = state_path(directory, ret_path, diag);
	if (r == 0 && mkdir(ret_path, 0700) && errno != EEXIST)
		r = hf_fail(diag, -errno, "cannot make %s", ret_path);
	return r;
}

/* Under another name until it is whole: of us alone. */
static int text_write(const char *path, const char *text)
{
	char made[PATH_MAX];
	owned(close_p) int fd = -1;
	int r = snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());

	if (r < 0 || (size_t)r >= sizeof(made))
		return -ENAMETOOLONG;
	fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_full(fd, text, strlen(text));
	if (r == 0 && (fsync(fd) || rename(made, path)))
		r = -errno;
	if (r)
		unlink(made);
	return r;
}

int state_file_write(const char *directory, const char *name, const json_t *root,
		     struct hf_diag *diag)
{
	owned(free_p) char *text = json_dumps(root, JSON_INDENT(2));
	char place[PATH_MAX], path[PATH_MAX];
	int r = directory_make(directory, place, diag);

	if (r)
		return r;
	r = snprintf(path, sizeof(path), "%s/%s", place, name);
	r = r < 0 || (size_t)r >= sizeof(path) ? -ENAMETOOLONG :
	    text ? text_write(path, text) : -ENOMEM;
	return r ? hf_fail(diag, r, "cannot write %s", path) : 0;
}

static int file_visit(int directory, const char *name,
		      state_file_visit_fn *visit, void *context)
{
	struct buffer text = { 0 };
	json_t *root = NULL;
	int r = 0;

	if (!file_read(directory, name, FILE_SIZE_MAX, &text, NULL))
		root = json_loadb((const char *)text.data, text.size, 0, NULL);
	if (root)
		r = visit(context, name, root);
	json_decref(root);
	buffer_release(&text);
	return r;
}

int state_files_each(const char *directory, state_file_visit_fn *visit,
		     void *context, struct hf_diag *diag)
{
	owned(closedir_p) DIR *entries = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	int r = state_path(directory, path, diag);

	if (r)
		return r;
	entries = opendir(path);
	if (!entries && errno == ENOENT)
		return 0;
	if (!entries)
		return hf_fail(diag, -errno, "cannot read %s", path);
	while (r == 0 && (entry = readdir(entries)))
		if (entry->d_type != DT_DIR)
			r = file_visit(dirfd(entries), entry->d_name, visit,
				       context);
	return r;
}
