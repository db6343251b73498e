/*
 * Whole reads and writes: short counts and EINTR are dealt with here and
 * nowhere else.
 */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "cleanup.h"

void buffer_release(struct buffer *buffer)
{
	free(buffer->data);
	buffer->data = NULL;
	buffer->size = 0;
}

/* Reads to the end or to @capacity, whatever comes first. */
static int read_until(int fd, uint8_t *data, size_t capacity, size_t *used)
{
	while (*used < capacity) {
		ssize_t n = read(fd, data + *used, capacity - *used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		*used += (size_t)n;
	}
	return 0;
}

/*
 * One byte more than the size it claims, so that the end is seen without
 * growing. Files of /proc claim 0.
 */
static size_t first_capacity(int fd, size_t limit)
{
	struct stat status;

	if (fstat(fd, &status) < 0 || status.st_size <= 0)
		return limit < 4096 ? limit + 1 : 4096;
	if ((uint64_t)status.st_size > limit)
		return limit + 1;
	return (size_t)status.st_size + 1;
}

static int read_to_end(int fd, size_t limit, struct buffer *ret_buffer)
{
	owned(free_p) uint8_t *data = NULL;
	size_t used = 0, capacity = first_capacity(fd, limit);

	for (;;) {
		/* One byte more for the NUL. */
		uint8_t *grown = realloc(data, capacity + 1);
		int r;

		if (!grown)
			return -ENOMEM;
		data = grown;
		r = read_until(fd, data, capacity, &used);
		if (r < 0)
			return r;
		if (used > limit)
			return -EFBIG;
		if (used < capacity)
			break;
		capacity = capacity <= limit / 2 ? capacity * 2 : limit + 1;
	}
	data[used] = '\0';
	ret_buffer->data = take_ptr(data);
	ret_buffer->size = used;
	return 0;
}

int file_read_open(int fd, const char *path, size_t limit,
		   struct buffer *ret_buffer, struct hf_diag *diag)
{
	int r = read_to_end(fd, limit, ret_buffer);

	if (r == -EFBIG)
		return hf_error(diag, r, "file-too-big",
				"cannot read %s: more than %zu bytes", path,
				limit);
	if (r < 0)
		return hf_fail(diag, r, "cannot read %s", path);
	return 0;
}

int file_read(int dirfd, const char *path, size_t limit,
	      struct buffer *ret_buffer, struct hf_diag *diag)
{
	owned(close_p) int fd = -1;

	/* O_NONBLOCK: a FIFO given by mistake must not hang us. */
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return hf_fail(diag, -errno, "cannot open %s", path);
	return file_read_open(fd, path, limit, ret_buffer, diag);
}

/* What one read or write came to. Return: whether to go on; else in @ret. */
static bool goes_on(ssize_t n, size_t *done, int *ret)
{
	if (n < 0 && errno == EINTR)
		return true;
	if (n > 0)
		*done += (size_t)n;
	else
		*ret = n < 0 ? -errno : -EIO;
	return n > 0;
}

int read_full(int fd, void *data, size_t size)
{
	size_t done = 0;
	int r = 0;

	while (done < size &&
	       goes_on(read(fd, (uint8_t *)data + done, size - done), &done, &r))
		;
	return r;
}

int write_full(int fd, const void *data, size_t size)
{
	size_t done = 0;
	int r = 0;

	while (done < size &&
	       goes_on(write(fd, (const uint8_t *)data + done, size - done),
		       &done, &r))
		;
	return r;
}

int read_full_at(int fd, void *data, size_t size, off_t offset)
{
	size_t done = 0;
	int r = 0;

	while (done < size &&
	       goes_on(pread(fd, (uint8_t *)data + done, size - done,
			     offset + (off_t)done),
		       &done, &r))
		;
	return r;
}

int write_full_at(int fd, const void *data, size_t size, off_t offset)
{
	size_t done = 0;
	int r = 0;

	while (done < size &&
	       goes_on(pwrite(fd, (const uint8_t *)data + done, size - done,
			      offset + (off_t)done),
		       &done, &r))
		;
	return r;
}
