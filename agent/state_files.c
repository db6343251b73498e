#include "state_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "publish_file.h"
#include "state_dir.h"

#define FILE_SIZE_MAX (1u << 20)

int state_file_write(const char *directory, const char *name, const json_t *root,
		     struct hf_diag *diag)
{
	owned(free_p) char *text = json_dumps(root, JSON_INDENT(2));
	char place[PATH_MAX], path[PATH_MAX];
	int r = state_directory_in(directory, place, diag);

	if (r)
		return r;
	r = snprintf(path, sizeof(path), "%s/%s", place, name);
	if (r < 0 || (size_t)r >= sizeof(path))
		return hf_fail(diag, -ENAMETOOLONG, "cannot write %s", path);
	if (!text)
		return hf_fail(diag, -ENOMEM, "cannot write %s", path);
	return publish_file(path, text, strlen(text), 0600, diag);
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
