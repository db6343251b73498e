#include "line_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"

#define MAP_HEAD "hotfix-line-map 1"
#define MAP_SIZE_MAX (64u << 20)

static void write_file(FILE *out, const struct source_change *file)
{
	fprintf(out, "file %s\n", file->path);
	for (size_t i = 0; i < file->nr_lines; i++)
		fprintf(out, "lines %u %u %u %u\n", file->lines[i].old,
			file->lines[i].nr_old, file->lines[i].new,
			file->lines[i].nr_new);
}

int line_map_write(const char *path, const char *tree,
		   const struct source_change *const *files,
		   struct hf_diag *diag)
{
	owned(fclose_p) FILE *out = NULL;
	struct stat root;

	if (stat(tree, &root) < 0)
		return hf_fail(diag, -errno, "cannot look at %s", tree);
	out = fopen(path, "we");
	if (!out)
		return hf_fail(diag, -errno, "cannot create %s", path);
	fprintf(out, MAP_HEAD "\ntree %ju %ju\n", (uintmax_t)root.st_dev,
		(uintmax_t)root.st_ino);
	for (; *files; files++)
		write_file(out, *files);
	if (ferror(out) || fflush(out))
		return hf_fail(diag, errno ? -errno : -EIO, "cannot write %s",
			       path);
	return 0;
}

static int read_lines(const char *line, struct line_map *map)
{
	struct source_change *file;
	struct line_change *change;
	unsigned int old, nr_old, new, nr_new;
	int end = 0;

	if (!map->files.nr ||
	    sscanf(line, "lines %u %u %u %u%n", &old, &nr_old, &new, &nr_new,
		   &end) != 4 ||
	    line[end] || !old || !new)
		return -EBADMSG;
	file = &map->files.items[map->files.nr - 1];
	change = array_append(file->lines, file->nr_lines);
	if (!change)
		return -ENOMEM;
	*change = (struct line_change){ old, nr_old, new, nr_new };
	return 0;
}

static int read_line(const char *line, struct line_map *map)
{
	struct source_change *file;
	uintmax_t device, inode;

	if (!strncmp(line, "lines ", 6))
		return read_lines(line, map);
	if (!strncmp(line, "file ", 5)) {
		file = array_append(map->files.items, map->files.nr);
		if (file)
			file->path = strdup(line + 5);
		return file && file->path ? 0 : -ENOMEM;
	}
	if (sscanf(line, "tree %ju %ju", &device, &inode) != 2)
		return -EBADMSG;
	map->device = (dev_t)device;
	map->inode = (ino_t)inode;
	return 0;
}

static int read_text(char *text, struct line_map *map)
{
	char *rest = text, *line = strsep(&rest, "\n");
	int r = strcmp(line, MAP_HEAD) ? -EBADMSG : 0;

	while (!r && (line = strsep(&rest, "\n")) && rest)
		r = read_line(line, map);
	return r;
}

int line_map_read(const char *path, struct line_map *ret_map,
		  struct hf_diag *diag)
{
	struct line_map map = { 0 };
	struct buffer text = { 0 };
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return hf_fail(diag, -errno, "cannot look at %s", path);
	map.written = st.st_mtim;
	r = file_read(AT_FDCWD, path, MAP_SIZE_MAX, &text, diag);
	if (r)
		return r;
	r = read_text((char *)text.data, &map);
	buffer_release(&text);
	if (r) {
		line_map_release(&map);
		return hf_fail(diag, r, "cannot read %s", path);
	}
	*ret_map = map;
	return 0;
}

void line_map_release(struct line_map *map)
{
	source_changes_release(&map->files);
}

/* The last change that begins at or before a line, NULL: none. */
static const struct line_change *change_at(const struct source_change *file,
					   unsigned int new)
{
	const struct line_change *found = NULL;

	for (size_t i = 0; i < file->nr_lines && file->lines[i].new <= new; i++)
		found = &file->lines[i];
	return found;
}

bool line_map_is_new(const struct source_change *file, unsigned int new)
{
	const struct line_change *change = change_at(file, new);

	return change && new - change->new < change->nr_new;
}

/* Lines of a change count on from its first, as those of a C source do. */
unsigned int line_map_old(const struct source_change *file, unsigned int new)
{
	const struct line_change *change = change_at(file, new);

	if (!change)
		return new;
	if (new - change->new < change->nr_new)
		return new - change->new + change->old;
	return new - change->new - change->nr_new + change->old +
	       change->nr_old;
}
