#include "copy_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../array.h"
#include "../command.h"
#include "tree_walk.h"

/* st_blocks counts in these, whatever the file system's are. */
#define BLOCK_SIZE_OF_STAT 512u
#define PIECE_SIZE (1u << 20)

/* The first name of a file that has several. */
struct linked {
	dev_t device;
	ino_t inode;
	char *path;
};

struct copy {
	const char *from, *to;
	int root; /* of the copy */
	struct linked *linked;
	size_t nr_linked;
};

static int measure(const struct walk_entry *entry, void *context,
		   struct hf_diag *diag)
{
	uint64_t *size = context;

	(void)diag;
	if (entry->step != WALK_LEAVE)
		*size += (uint64_t)entry->st->st_blocks * BLOCK_SIZE_OF_STAT;
	return 0;
}

static int no_room(const char *to, struct hf_diag *diag)
{
	hf_hint(diag, "choose another place with TMPDIR= or --cache, or make "
		      "room in %s", to);
	return -ENOSPC;
}

static int check_room(const char *from, const char *to, struct hf_diag *diag)
{
	struct statvfs room;
	uint64_t size = 0, free;
	int r = tree_walk(from, measure, &size, diag);

	if (r)
		return r;
	if (statvfs(to, &room) < 0)
		return hf_fail(diag, -errno, "cannot look at %s", to);
	free = (uint64_t)room.f_bavail * room.f_frsize;
	if (free >= size)
		return 0;
	hf_fail(diag, -ENOSPC,
		"cannot copy %s to %s: it needs %ju MB, %ju MB are free", from,
		to, (uintmax_t)(size >> 20) + 1, (uintmax_t)(free >> 20));
	return no_room(to, diag);
}

static int cannot_copy(const struct copy *copy, const struct walk_entry *entry,
		       int error, struct hf_diag *diag)
{
	hf_fail(diag, error, "cannot copy %s/%s", copy->from, entry->path);
	if (error == -EACCES)
		hf_hint(diag, "run this as the owner of the source, or make "
			      "the file readable");
	if (error == -ENOSPC || error == -EDQUOT)
		no_room(copy->to, diag);
	return error;
}

/* Times last: everything else changes them. */
static int keep_times(const struct copy *copy, const struct walk_entry *entry)
{
	const struct timespec times[] = { entry->st->st_atim,
					  entry->st->st_mtim };
	const char *path = *entry->path ? entry->path : ".";

	return utimensat(copy->root, path, times, AT_SYMLINK_NOFOLLOW) < 0 ?
		       -errno :
		       0;
}

/* Only root can, and only root needs it: git and others look at owners. */
static void keep_owner(const struct copy *copy, const struct walk_entry *entry)
{
	const char *path = *entry->path ? entry->path : ".";

	if (!geteuid() && fchownat(copy->root, path, entry->st->st_uid,
				   entry->st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return;
}

static int copy_piecewise(int from, int to)
{
	owned(free_p) char *piece = malloc(PIECE_SIZE);
	ssize_t nr;

	if (!piece)
		return -ENOMEM;
	while ((nr = read(from, piece, PIECE_SIZE)) > 0) {
		int r = write_full(to, piece, (size_t)nr);

		if (r < 0)
			return r;
	}
	return nr < 0 ? -errno : 0;
}

static int copy_bytes(int from, int to)
{
	ssize_t nr;

	if (!ioctl(to, FICLONE, from))
		return 0;
	do
		nr = copy_file_range(from, NULL, to, NULL, PIECE_SIZE, 0);
	while (nr > 0);
	if (!nr)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
		return -errno;
	/* Not between these file systems, or an old kernel; what was copied
	   has moved both offsets. */
	return copy_piecewise(from, to);
}

static int copy_regular(const struct copy *copy, const struct walk_entry *entry)
{
	owned(close_p) int from = openat(entry->directory, entry->name,
					 O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	owned(close_p) int to = -1;
	int r;

	if (from < 0)
		return -errno;
	to = openat(copy->root, entry->path,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = copy_bytes(from, to);
	if (r)
		return r;
	keep_owner(copy, entry);
	return fchmod(to, entry->st->st_mode & 07777) < 0 ? -errno : 0;
}

static int copy_symlink(const struct copy *copy, const struct walk_entry *entry)
{
	char target[4096];
	ssize_t size = readlinkat(entry->directory, entry->name, target,
				  sizeof(target));

	if (size < 0)
		return -errno;
	if ((size_t)size == sizeof(target))
		return -ENAMETOOLONG;
	target[size] = '\0';
	if (symlinkat(target, copy->root, entry->path) < 0)
		return -errno;
	keep_owner(copy, entry);
	return 0;
}

static const struct linked *find_linked(const struct copy *copy,
					const struct stat *st)
{
	for (size_t i = 0; i < copy->nr_linked; i++)
		if (copy->linked[i].inode == st->st_ino &&
		    copy->linked[i].device == st->st_dev)
			return &copy->linked[i];
	return NULL;
}

/* Return: 1: the file is there, as another name of one that was copied; 0: it
   has to be copied; -errno. */
static int copy_link(struct copy *copy, const struct walk_entry *entry)
{
	const struct linked *first = find_linked(copy, entry->st);
	struct linked *linked;

	if (first)
		return linkat(copy->root, first->path, copy->root, entry->path,
			      0) < 0 ?
			       -errno :
			       1;
	linked = array_append(copy->linked, copy->nr_linked);
	if (!linked)
		return -ENOMEM;
	linked->device = entry->st->st_dev;
	linked->inode = entry->st->st_ino;
	linked->path = strdup(entry->path);
	return linked->path ? 0 : -ENOMEM;
}

static int copy_entry(struct copy *copy, const struct walk_entry *entry)
{
	int r = 0;

	if (!S_ISREG(entry->st->st_mode) && !S_ISLNK(entry->st->st_mode))
		return 0;
	if (entry->st->st_nlink > 1)
		r = copy_link(copy, entry);
	if (r)
		return r < 0 ? r : 0;
	r = S_ISLNK(entry->st->st_mode) ? copy_symlink(copy, entry) :
					  copy_regular(copy, entry);
	return r ? r : keep_times(copy, entry);
}

static int enter_directory(const struct copy *copy,
			   const struct walk_entry *entry)
{
	if (*entry->path && mkdirat(copy->root, entry->path, 0700) < 0)
		return -errno;
	return 0;
}

static int leave_directory(const struct copy *copy,
			   const struct walk_entry *entry)
{
	const char *path = *entry->path ? entry->path : ".";

	keep_owner(copy, entry);
	if (fchmodat(copy->root, path, entry->st->st_mode & 07777, 0) < 0)
		return -errno;
	return keep_times(copy, entry);
}

static int copy_visit(const struct walk_entry *entry, void *context,
		      struct hf_diag *diag)
{
	struct copy *copy = context;
	int r = command_stopped(diag);

	if (r)
		return r;
	if (entry->step == WALK_ENTER)
		r = enter_directory(copy, entry);
	else if (entry->step == WALK_ENTRY)
		r = copy_entry(copy, entry);
	else
		r = leave_directory(copy, entry);
	return r ? cannot_copy(copy, entry, r, diag) : 0;
}

static void copy_release(struct copy *copy)
{
	for (size_t i = 0; i < copy->nr_linked; i++)
		free(copy->linked[i].path);
	free(copy->linked);
	if (copy->root >= 0)
		close(copy->root);
}

int tree_copy(const char *from, const char *to, struct hf_diag *diag)
{
	struct copy copy = { .from = from, .to = to, .root = -1 };
	int r;

	if (mkdir(to, 0700) < 0)
		return hf_fail(diag, -errno, "cannot create %s", to);
	r = check_room(from, to, diag);
	if (r)
		return r;
	copy.root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy.root < 0)
		return hf_fail(diag, -errno, "cannot open %s", to);
	r = tree_walk(from, copy_visit, &copy, diag);
	copy_release(&copy);
	return r;
}

static int remove_visit(const struct walk_entry *entry, void *context,
			struct hf_diag *diag)
{
	const char *root = context;

	if (entry->step == WALK_ENTER) {
		/* What is in it could not be removed otherwise. */
		if ((entry->st->st_mode & 0700) != 0700 &&
		    fchmodat(entry->directory, entry->name, 0700, 0) < 0)
			return hf_fail(diag, -errno, "cannot remove %s/%s",
				       root, entry->path);
		return 0;
	}
	if (unlinkat(entry->directory, entry->name,
		     entry->step == WALK_LEAVE ? AT_REMOVEDIR : 0) < 0 &&
	    errno != ENOENT)
		return hf_fail(diag, -errno, "cannot remove %s/%s", root,
			       entry->path);
	return 0;
}

int tree_remove(const char *path, struct hf_diag *diag)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 :
					 hf_fail(diag, -errno,
						 "cannot look at %s", path);
	return tree_walk(path, remove_visit, (void *)(uintptr_t)path, diag);
}
