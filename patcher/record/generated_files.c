#include "generated_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../command.h"
#include "../source/numbering.h"
#include "tree_walk.h"

#define FILE_SIZE_MAX ((size_t)1 << 30)

struct keep {
	int source, to; /* directories */
};

/* Who writes a file gives it another time. */
static bool is_of_source(const struct keep *keep,
			 const struct walk_entry *entry)
{
	struct stat st;

	return !fstatat(keep->source, entry->path, &st, AT_SYMLINK_NOFOLLOW) &&
	       st.st_size == entry->st->st_size &&
	       st.st_mtim.tv_sec == entry->st->st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == entry->st->st_mtim.tv_nsec;
}

static bool is_generated(const struct keep *keep,
			 const struct walk_entry *entry)
{
	const struct buffer unknown = { 0 };

	return S_ISREG(entry->st->st_mode) &&
	       (size_t)entry->st->st_size < FILE_SIZE_MAX &&
	       numbering_fits(entry->path, &unknown) &&
	       !is_of_source(keep, entry);
}

static int make_directories(int root, const char *path)
{
	owned(free_p) char *name = strdup(path);

	for (char *slash = name; slash && (slash = strchr(slash, '/'));
	     slash++) {
		*slash = '\0';
		if (mkdirat(root, name, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return name ? 0 : -ENOMEM;
}

static int write_file(int root, const char *path, const struct buffer *text)
{
	owned(close_p) int fd =
		openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		       0600);

	return fd < 0 ? -errno :
			write_full_at(fd, text->data, text->size, 0);
}

static int copy_file(const struct keep *keep, const struct walk_entry *entry,
		     struct hf_diag *diag)
{
	struct buffer text;
	int r = file_read(entry->directory, entry->name, FILE_SIZE_MAX, &text,
			  diag);

	if (r)
		return r;
	r = make_directories(keep->to, entry->path);
	if (!r)
		r = write_file(keep->to, entry->path, &text);
	buffer_release(&text);
	return r ? hf_fail(diag, r, "cannot keep a copy of %s", entry->path) :
		   0;
}

static int visit(const struct walk_entry *entry, void *context,
		 struct hf_diag *diag)
{
	const struct keep *keep = context;
	int r = command_stopped(diag);

	if (r || entry->step != WALK_ENTRY || !is_generated(keep, entry))
		return r;
	return copy_file(keep, entry, diag);
}

static int open_directory(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int generated_files_keep(const char *tree, const char *source, const char *to,
			 struct hf_diag *diag)
{
	owned(close_p) int source_fd = open_directory(source);
	owned(close_p) int to_fd = -1;
	struct keep keep;

	if (source_fd < 0)
		return hf_fail(diag, -errno, "cannot open %s", source);
	if (mkdir(to, 0700) < 0)
		return hf_fail(diag, -errno, "cannot create %s", to);
	to_fd = open_directory(to);
	if (to_fd < 0)
		return hf_fail(diag, -errno, "cannot open %s", to);
	keep = (struct keep){ source_fd, to_fd };
	return tree_walk(tree, visit, &keep, diag);
}
