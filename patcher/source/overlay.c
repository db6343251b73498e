#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../array.h"
#include "diff_name.h"

#define FILE_SIZE_MAX (1u << 30)
#define MODE_NEW 0644

int overlay_open(const char *tree, struct overlay *ret_overlay,
		 struct hf_diag *diag)
{
	struct overlay overlay = { .root = realpath(tree, NULL) };

	if (!overlay.root)
		return hf_fail(diag, -errno, "cannot find %s", tree);
	*ret_overlay = overlay;
	return 0;
}

static void file_free(struct overlay_file *file)
{
	if (file->temporary)
		unlink(file->temporary);
	free(file->temporary);
	buffer_release(&file->old);
	buffer_release(&file->now);
	free(file->path);
	free(file);
}
DEFINE_CLEANUP(struct overlay_file, file_free)

void overlay_release(struct overlay *overlay)
{
	for (size_t i = 0; i < overlay->nr; i++)
		file_free(overlay->files[i]);
	free(overlay->files);
	free(overlay->root);
	*overlay = (struct overlay){ 0 };
}

static int outside(const char *path, struct hf_diag *diag)
{
	hf_refuse(diag, "diff-outside",
		  "the diff names %s, which leads out of the source directory",
		  path);
	hf_hint(diag, "a diff of a source tree has no such names: look where "
		      "it comes from; nothing was changed");
	return -ECANCELED;
}

/*
 * Where the directory of a file really is: the longest part of it that is
 * there, with symbolic links resolved, must be the tree or below it.
 */
static int check_directory(const struct overlay *overlay, const char *path,
			   struct hf_diag *diag)
{
	owned(free_p) char *whole = text_format("%s/%s", overlay->root, path);
	size_t root = strlen(overlay->root);
	char *slash, *real = NULL;
	bool is_inside;

	if (!whole)
		return hf_fail(diag, -ENOMEM, "cannot look at %s", path);
	while (!real && (slash = strrchr(whole, '/')) && slash != whole) {
		*slash = '\0';
		real = realpath(whole, NULL);
		if (!real && errno != ENOENT)
			return hf_fail(diag, -errno, "cannot look at %s",
				       path);
	}
	is_inside = real && !strncmp(real, overlay->root, root) &&
		    (!real[root] || real[root] == '/' || root == 1);
	free(real);
	return is_inside ? 0 : outside(path, diag);
}

static int load(const struct overlay *overlay, struct overlay_file *file,
		struct hf_diag *diag)
{
	owned(free_p) char *path =
		text_format("%s/%s", overlay->root, file->path);
	struct stat st;

	if (!path)
		return hf_fail(diag, -ENOMEM, "cannot read %s", file->path);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 :
					 hf_fail(diag, -errno,
						 "cannot look at %s", path);
	if (!S_ISREG(st.st_mode)) {
		hf_refuse(diag, "diff-outside",
			  "the diff changes %s, which is a %s", file->path,
			  S_ISLNK(st.st_mode) ? "symbolic link" :
			  S_ISDIR(st.st_mode) ? "directory" :
						"special file");
		hf_hint(diag, "let the diff name the file itself");
		return -ECANCELED;
	}
	file->existed = file->exists = true;
	file->old_mode = file->mode = st.st_mode & 07777;
	return file_read(AT_FDCWD, path, FILE_SIZE_MAX, &file->old, diag);
}

/* "src//./a.c" is "src/a.c": one file has one name here. */
static char *normalise(const char *path)
{
	char *result = calloc(1, strlen(path) + 1), *end = result;

	while (result && *path) {
		size_t size = strcspn(path, "/");

		if (size && (size > 1 || *path != '.')) {
			if (end != result)
				*end++ = '/';
			end = mempcpy(end, path, size);
		}
		path += size;
		path += strspn(path, "/");
	}
	return result;
}

static struct overlay_file *find(const struct overlay *overlay,
				 const char *path)
{
	for (size_t i = 0; i < overlay->nr; i++)
		if (!strcmp(overlay->files[i]->path, path))
			return overlay->files[i];
	return NULL;
}

int overlay_file(struct overlay *overlay, const char *path,
		 struct overlay_file **ret_file, struct hf_diag *diag)
{
	owned(free_p) char *name = normalise(path);
	owned(file_free_p) struct overlay_file *file = NULL;
	struct overlay_file **slot;
	int r;

	if (!name)
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	*ret_file = find(overlay, name);
	if (*ret_file)
		return 0;
	if (!diff_name_is_inside(path) || !*name)
		return outside(path, diag);
	r = check_directory(overlay, name, diag);
	if (r)
		return r;
	file = calloc(1, sizeof(*file));
	if (!file)
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	file->path = take_ptr(name);
	r = load(overlay, file, diag);
	if (r)
		return r;
	slot = array_append(overlay->files, overlay->nr);
	if (!slot)
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	*ret_file = *slot = take_ptr(file);
	return 0;
}

const struct buffer *overlay_content(const struct overlay_file *file)
{
	return file->touched ? &file->now : &file->old;
}

void overlay_put(struct overlay_file *file, struct buffer *content)
{
	buffer_release(&file->now);
	file->now = *content;
	*content = (struct buffer){ 0 };
	file->touched = true;
	if (!file->exists)
		file->mode = MODE_NEW;
	file->exists = true;
}

void overlay_remove(struct overlay_file *file)
{
	buffer_release(&file->now);
	file->touched = true;
	file->exists = false;
}

bool overlay_is_changed(const struct overlay_file *file)
{
	const struct buffer *now = overlay_content(file);

	if (file->existed != file->exists)
		return true;
	return file->exists &&
	       (file->mode != file->old_mode || now->size != file->old.size ||
		(now->size && memcmp(now->data, file->old.data, now->size)));
}

static int make_directories(const char *path, struct hf_diag *diag)
{
	owned(free_p) char *name = strdup(path);

	for (char *slash = name; slash && (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		if (mkdir(name, 0755) < 0 && errno != EEXIST)
			return hf_fail(diag, -errno, "cannot create %s", name);
		*slash = '/';
	}
	return name ? 0 : hf_fail(diag, -ENOMEM, "cannot create %s", path);
}

/* Beside its place, so that rename(2) can bring it there. */
static int write_temporary(const char *path, struct overlay_file *file,
			   struct hf_diag *diag)
{
	const struct buffer *now = overlay_content(file);
	owned(close_p) int fd = -1;
	owned(free_p) char *name = text_format("%s.hotfix-XXXXXX", path);
	int r = name ? make_directories(path, diag) : -ENOMEM;

	if (r)
		return r;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return hf_fail(diag, -errno, "cannot create %s", name);
	file->temporary = take_ptr(name);
	r = write_full_at(fd, now->data, now->size, 0);
	if (!r && fchmod(fd, file->mode) < 0)
		r = -errno;
	return r ? hf_fail(diag, r, "cannot write %s", path) : 0;
}

static int put_in_place(const char *path, struct overlay_file *file,
			struct hf_diag *diag)
{
	if (!file->exists)
		return unlink(path) < 0 && errno != ENOENT ?
			       hf_fail(diag, -errno, "cannot remove %s", path) :
			       0;
	if (rename(file->temporary, path) < 0)
		return hf_fail(diag, -errno, "cannot write %s", path);
	free(take_ptr(file->temporary));
	return 0;
}

static int for_changed(struct overlay *overlay, bool only_existing,
		       int (*do_it)(const char *, struct overlay_file *,
				    struct hf_diag *),
		       struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < overlay->nr && !r; i++) {
		struct overlay_file *file = overlay->files[i];
		owned(free_p) char *path =
			text_format("%s/%s", overlay->root, file->path);

		if (!path)
			return hf_fail(diag, -ENOMEM, "cannot write");
		if (overlay_is_changed(file) &&
		    (file->exists || !only_existing))
			r = do_it(path, file, diag);
	}
	return r;
}

int overlay_write(struct overlay *overlay, struct hf_diag *diag)
{
	int r = for_changed(overlay, true, write_temporary, diag);

	return r ? r : for_changed(overlay, false, put_in_place, diag);
}
