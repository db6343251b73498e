#include "tree_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../array.h"

/* Each level holds a descriptor: well below the usual limit of 1024. */
#define DEPTH_MAX 400

struct walk {
	const char *root;
	walk_visit *visit;
	void *context;
	struct hf_diag *diag;
	unsigned int depth;
};

static int walk_entry(struct walk *walk, int directory, const char *name,
		      const char *path);

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int fd, struct strings *names)
{
	owned(closedir_p) DIR *dir = NULL;
	const struct dirent *entry;
	int copy = dup(fd), r = 0;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		r = -errno;
		if (copy >= 0)
			close(copy);
		return r;
	}
	while (!r && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			r = strings_add(names, entry->d_name);
	if (!r && errno)
		r = -errno;
	if (names->nr)
		qsort(names->items, names->nr, sizeof(*names->items),
		      compare_names);
	return r;
}

static int walk_names(struct walk *walk, int fd, const struct strings *names,
		      const char *path)
{
	int r = 0;

	for (size_t i = 0; i < names->nr && !r; i++) {
		owned(free_p) char *below =
			text_format("%s%s%s", path, *path ? "/" : "",
				    names->items[i]);

		r = below ? walk_entry(walk, fd, names->items[i], below) :
			    hf_fail(walk->diag, -ENOMEM, "cannot read %s",
				    walk->root);
	}
	return r;
}

static int walk_directory(struct walk *walk, int directory, const char *name,
			  const char *path)
{
	owned(close_p) int fd = openat(directory, name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					       O_CLOEXEC);
	struct strings names = { 0 };
	int r = fd < 0 ? -errno : read_names(fd, &names);

	if (!r && walk->depth == DEPTH_MAX)
		r = -ELOOP;
	if (r) {
		strings_release(&names);
		return hf_fail(walk->diag, r, "cannot read %s/%s", walk->root,
			       path);
	}
	walk->depth++;
	r = walk_names(walk, fd, &names, path);
	walk->depth--;
	strings_release(&names);
	return r;
}

static int walk_entry(struct walk *walk, int directory, const char *name,
		      const char *path)
{
	struct stat st;
	struct walk_entry entry = { WALK_ENTRY, directory, name, path, &st };
	int r;

	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return hf_fail(walk->diag, -errno, "cannot look at %s/%s",
			       walk->root, path);
	if (!S_ISDIR(st.st_mode))
		return walk->visit(&entry, walk->context, walk->diag);
	entry.step = WALK_ENTER;
	r = walk->visit(&entry, walk->context, walk->diag);
	if (!r)
		r = walk_directory(walk, directory, name, path);
	if (r)
		return r;
	entry.step = WALK_LEAVE;
	return walk->visit(&entry, walk->context, walk->diag);
}

int tree_walk(const char *root, walk_visit *visit, void *context,
	      struct hf_diag *diag)
{
	struct walk walk = { root, visit, context, diag, 0 };

	return walk_entry(&walk, AT_FDCWD, root, "");
}
