#include "source_patch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "diff_apply.h"
#include "line_map.h"
#include "numbering.h"

/* Looked at this often while waiting for the clock of the file system. */
#define TICK_NS 2000000
#define FILE_SIZE_MAX ((size_t)1 << 30)

static void change_release(struct source_change *change)
{
	free(change->path);
	free(change->lines);
}

void source_changes_release(struct source_changes *changes)
{
	for (size_t i = 0; i < changes->nr; i++)
		change_release(&changes->items[i]);
	free(changes->items);
	*changes = (struct source_changes){ 0 };
}

static int apply_one(struct overlay *overlay, const struct scratch *scratch,
		     const char *path, struct strings *warnings,
		     struct hf_diag *diag)
{
	struct diff_file file;
	int r = diff_file_read(path, &file, diag);

	if (r)
		return r;
	r = diff_apply(overlay, scratch, &file, warnings, diag);
	diff_file_release(&file);
	return r;
}

static int apply_all(struct overlay *overlay, const struct scratch *scratch,
		     const struct strings *diffs, struct strings *warnings,
		     struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < diffs->nr && !r; i++) {
		r = apply_one(overlay, scratch, diffs->items[i], warnings,
			      diag);
		if (r == -ECANCELED && i)
			hf_detail(diag, "it is number %zu of the diffs: those "
					"before it are applied first", i + 1);
	}
	return r;
}

static int record(struct overlay *overlay, const struct scratch *scratch,
		  struct overlay_file *file, struct source_changes *changes,
		  struct hf_diag *diag)
{
	struct source_change *change =
		array_append(changes->items, changes->nr);

	if (change)
		change->path = strdup(file->path);
	if (!change || !change->path)
		return hf_fail(diag, -ENOMEM, "cannot patch %s",
			       overlay->root);
	change->kind = !file->existed ? SOURCE_ADDED :
		       !file->exists  ? SOURCE_REMOVED :
					SOURCE_MODIFIED;
	if (change->kind != SOURCE_MODIFIED)
		return 0;
	return scratch_line_changes(scratch, &file->old, overlay_content(file),
				    &change->lines, &change->nr_lines, diag);
}

static int record_all(struct overlay *overlay, const struct scratch *scratch,
		      struct source_changes *changes, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < overlay->nr && !r; i++)
		if (overlay_is_changed(overlay->files[i]))
			r = record(overlay, scratch, overlay->files[i], changes,
				   diag);
	if (r || changes->nr)
		return r;
	hf_refuse(diag, "diff-empty",
		  "the diffs together change nothing in the source");
	hf_hint(diag, "does one of them take back what another does?");
	return -ECANCELED;
}

/* The file of a change that keeps its numbers by a map; else NULL. */
static bool is_mapped(const struct source_change *change,
		      const struct overlay_file *file)
{
	return change->kind == SOURCE_MODIFIED && change->nr_lines &&
	       !numbering_fits(file->path, overlay_content(file));
}

static int number_one(struct overlay_file *file,
		      const struct source_change *change, struct hf_diag *diag)
{
	struct buffer text;
	int r;

	if (change->kind != SOURCE_MODIFIED ||
	    !numbering_fits(file->path, overlay_content(file)))
		return 0;
	r = numbering_keep(&file->old, overlay_content(file), change->lines,
			   change->nr_lines, &text);
	if (r)
		return hf_fail(diag, r, "cannot keep the line numbers of %s",
			       file->path);
	overlay_put(file, &text);
	buffer_release(&text);
	return 0;
}

static int find_file(struct overlay *overlay,
		     const struct source_change *change,
		     struct overlay_file **ret_file, struct hf_diag *diag)
{
	return overlay_file(overlay, change->path, ret_file, diag);
}

static int number_all(struct overlay *overlay,
		      const struct source_changes *changes,
		      struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < changes->nr && !r; i++) {
		struct overlay_file *file;

		r = find_file(overlay, &changes->items[i], &file, diag);
		if (!r)
			r = number_one(file, &changes->items[i], diag);
	}
	return r;
}

static int write_map(struct overlay *overlay,
		     const struct source_changes *changes, const char *line_map,
		     struct hf_diag *diag)
{
	owned(free_p) const struct source_change **mapped =
		calloc(changes->nr + 1, sizeof(*mapped));
	size_t nr = 0;
	int r = mapped ? 0 : hf_fail(diag, -ENOMEM, "cannot map the lines");

	for (size_t i = 0; i < changes->nr && !r; i++) {
		struct overlay_file *file;

		r = find_file(overlay, &changes->items[i], &file, diag);
		if (!r && is_mapped(&changes->items[i], file))
			mapped[nr++] = &changes->items[i];
	}
	return r ? r : line_map_write(line_map, overlay->root, mapped, diag);
}

static int touch(const char *path, const struct timespec *now,
		 struct hf_diag *diag)
{
	const struct timespec times[] = { *now, *now };

	if (utimensat(AT_FDCWD, path, times, 0) < 0)
		return hf_fail(diag, -errno, "cannot touch %s", path);
	return 0;
}

/*
 * A time that is after everything which was made before: the clock that stamps
 * files ticks every few milliseconds, and some file systems keep only seconds
 * (or two), which the stamp of @path shows.
 */
static int next_stamp(const char *path, struct timespec *ret_now,
		      struct hf_diag *diag)
{
	struct timespec start, now, tick = { .tv_nsec = TICK_NS };
	bool only_seconds;
	struct stat st;

	clock_gettime(CLOCK_REALTIME_COARSE, &start);
	start.tv_nsec |= 1;
	if (touch(path, &start, diag) || stat(path, &st) < 0)
		return hf_fail(diag, -errno, "cannot touch %s", path);
	only_seconds = !st.st_mtim.tv_nsec;
	do {
		nanosleep(&tick, NULL);
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
	} while (only_seconds ? now.tv_sec < start.tv_sec + 2 :
				now.tv_sec == start.tv_sec &&
					now.tv_nsec <= start.tv_nsec);
	*ret_now = now;
	return 0;
}

/* make must see what the diff has changed, and nothing else. */
static int touch_all(struct overlay *overlay, const char *line_map,
		     struct hf_diag *diag)
{
	struct timespec now;
	int r = next_stamp(line_map, &now, diag);

	for (size_t i = 0; i < overlay->nr && !r; i++) {
		struct overlay_file *file = overlay->files[i];
		owned(free_p) char *path =
			text_format("%s/%s", overlay->root, file->path);

		if (!path)
			return hf_fail(diag, -ENOMEM, "cannot touch");
		if (file->exists && overlay_is_changed(file))
			r = touch(path, &now, diag);
	}
	return r ? r : touch(line_map, &now, diag);
}

static int apply_in_overlay(struct overlay *overlay,
			    const struct strings *diffs,
			    struct source_changes *changes,
			    struct strings *warnings, struct hf_diag *diag)
{
	struct scratch scratch;
	int r = scratch_open(&scratch, diag);

	if (r)
		return r;
	r = apply_all(overlay, &scratch, diffs, warnings, diag);
	if (!r)
		r = record_all(overlay, &scratch, changes, diag);
	scratch_close(&scratch);
	return r;
}

int source_patch_apply(const char *tree, const struct strings *diffs,
		       const char *line_map, struct source_changes *ret_changes,
		       struct strings *warnings, struct hf_diag *diag)
{
	struct source_changes changes = { 0 };
	struct overlay overlay;
	int r = overlay_open(tree, &overlay, diag);

	if (r)
		return r;
	r = apply_in_overlay(&overlay, diffs, &changes, warnings, diag);
	if (!r)
		r = number_all(&overlay, &changes, diag);
	if (!r)
		r = write_map(&overlay, &changes, line_map, diag);
	if (!r)
		r = overlay_write(&overlay, diag);
	if (!r)
		r = touch_all(&overlay, line_map, diag);
	overlay_release(&overlay);
	if (r) {
		source_changes_release(&changes);
		return r;
	}
	*ret_changes = changes;
	return 0;
}

/* ---- the way back -------------------------------------------------------- */

static int take_back_one(struct overlay *overlay, const char *source,
			 const struct source_change *change,
			 struct hf_diag *diag)
{
	owned(free_p) char *path = text_format("%s/%s", source, change->path);
	struct overlay_file *file;
	struct buffer text;
	int r = path ? find_file(overlay, change, &file, diag) :
		       hf_fail(diag, -ENOMEM, "cannot take the diff back");

	if (r)
		return r;
	if (change->kind == SOURCE_ADDED) {
		overlay_remove(file);
		return 0;
	}
	r = file_read(AT_FDCWD, path, FILE_SIZE_MAX, &text, diag);
	if (r)
		return r;
	overlay_put(file, &text);
	return 0;
}

int source_patch_take_back(const char *tree, const char *source,
			   const struct source_changes *changes,
			   struct hf_diag *diag)
{
	struct overlay overlay;
	int r = overlay_open(tree, &overlay, diag);

	if (r)
		return r;
	for (size_t i = 0; i < changes->nr && !r; i++)
		r = take_back_one(&overlay, source, &changes->items[i], diag);
	if (!r)
		r = overlay_write(&overlay, diag);
	overlay_release(&overlay);
	return r;
}
