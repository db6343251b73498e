/*
 * JSON is UTF-8, file names are bytes: text that is no valid UTF-8 is written
 * as an array of its bytes.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"

int journal_create(const char *directory, struct hf_diag *diag)
{
	static const char *const below[] = { "",	"/compiles", "/links",
					     "/drivers", "/optimisers",
					     "/objects", "/failures",
					     "/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		owned(free_p) char *path =
			text_format("%s%s", directory, below[i]);

		if (!path)
			return hf_fail(diag, -ENOMEM, "cannot record");
		if (mkdir(path, 0777) < 0 && errno != EEXIST)
			return hf_fail(diag, -errno, "cannot make %s", path);
	}
	return 0;
}

void journal_stamp(char ret_stamp[STAMP_SIZE])
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(ret_stamp, STAMP_SIZE, "%012lld.%09ld-%d",
		 (long long)now.tv_sec, now.tv_nsec, (int)getpid());
}

static int write_new(const char *path, const void *data, size_t size,
		     struct hf_diag *diag)
{
	owned(close_p) int fd = open(
		path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int r = fd < 0 ? -errno : write_full_at(fd, data, size, 0);

	if (!r && close(take_fd(&fd)) < 0)
		r = -errno;
	return r < 0 ? hf_fail(diag, r, "cannot write %s", path) : 0;
}

static int write_whole(const char *directory, const char *path,
		       const void *data, size_t size, struct hf_diag *diag)
{
	owned(free_p) char *unfinished = NULL;
	char stamp[STAMP_SIZE];
	int r;

	journal_stamp(stamp);
	unfinished = text_format("%s/tmp/%s", directory, stamp);
	if (!unfinished)
		return hf_fail(diag, -ENOMEM, "cannot write %s", path);
	r = write_new(unfinished, data, size, diag);
	if (!r && rename(unfinished, path) < 0)
		r = hf_fail(diag, -errno, "cannot write %s", path);
	if (r < 0)
		unlink(unfinished);
	return r;
}

int journal_write(const char *directory, const char *kind, const char *stamp,
		  json_t *record, struct hf_diag *diag)
{
	owned(free_p) char *text = NULL;
	owned(free_p) char *path =
		text_format("%s/%s/%s.json", directory, kind, stamp);

	if (record)
		text = json_dumps(record, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(record);
	if (!path || !text)
		return hf_fail(diag, -ENOMEM, "cannot record in %s", directory);
	return write_whole(directory, path, text, strlen(text), diag);
}

int journal_note(const char *directory, const char *name, const char *text,
		 struct hf_diag *diag)
{
	owned(free_p) char *path = text_format("%s/%s", directory, name);

	if (!path)
		return hf_fail(diag, -ENOMEM, "cannot record in %s", directory);
	return write_whole(directory, path, text, strlen(text), diag);
}

void journal_failure(const char *directory, const char *format, ...)
{
	owned(free_p) char *text = NULL;
	owned(free_p) char *path = NULL;
	char stamp[STAMP_SIZE];
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	journal_stamp(stamp);
	path = text_format("%s/failures/%s.txt", directory, stamp);
	if (path && text)
		write_whole(directory, path, text, strlen(text), NULL);
}

char *journal_object_path(const char *directory, const char *digest)
{
	return text_format("%s/objects/%s.o", directory, digest);
}

int journal_object(const char *directory, const void *data, size_t size,
		   char ret_digest[DIGEST_TEXT_SIZE], struct hf_diag *diag)
{
	uint8_t digest[SHA256_SIZE];
	owned(free_p) char *path = NULL;

	sha256(data, size, digest);
	hex_encode(digest, SHA256_SIZE, ret_digest);
	path = journal_object_path(directory, ret_digest);
	if (!path)
		return hf_fail(diag, -ENOMEM, "cannot keep an object");
	return access(path, F_OK) ?
		       write_whole(directory, path, data, size, diag) :
		       0;
}

static json_t *bytes_of(const char *text)
{
	json_t *list = json_array();

	for (; list && *text; text++)
		json_array_append_new(list, json_integer((uint8_t)*text));
	return list;
}

json_t *journal_text(const char *text)
{
	return json_string(text) ?: bytes_of(text);
}

json_t *journal_list(const struct strings *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->nr; i++)
		if (json_array_append_new(array,
					  journal_text(list->items[i]))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

char *journal_text_of(const json_t *value)
{
	size_t size = json_array_size(value);
	char *text;

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (!json_is_array(value))
		return NULL;
	text = calloc(1, size + 1);
	for (size_t i = 0; text && i < size; i++)
		text[i] = (char)json_integer_value(json_array_get(value, i));
	return text;
}

/* Joins a relative path to the working directory. */
static char *absolute(const char *path)
{
	owned(free_p) char *directory = NULL;

	if (*path == '/')
		return strdup(path);
	directory = getcwd(NULL, 0);
	return text_format("%s/%s", directory ?: "", path);
}

/* Takes "//", "." and ".." out of an absolute path, in place. */
static void fold_dots(char *path)
{
	char *out = path;
	const char *at = path;

	while (*at) {
		size_t size;

		at += strspn(at, "/");
		size = strcspn(at, "/");
		if (size == 2 && !strncmp(at, "..", 2)) {
			while (out > path && *--out != '/')
				;
		} else if (size && !(size == 1 && *at == '.')) {
			*out++ = '/';
			memmove(out, at, size);
			out += size;
		}
		at += size;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

char *journal_path(const char *path)
{
	char *name = realpath(path, NULL);

	if (name)
		return name;
	name = absolute(path);
	if (name)
		fold_dots(name);
	return name;
}
