#include "../../lib/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../tap.h"

/* A file in memory with @size bytes, and its path under /proc. */
static int file_make(size_t size, char path[64])
{
	int fd = memfd_create("io", MFD_CLOEXEC);

	for (size_t i = 0; i < size; i++)
		if (write_full_at(fd, &(uint8_t){ (uint8_t)(i * 7) }, 1,
				  (off_t)i) < 0)
			return -1;
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

TEST(read_whole_file)
{
	static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 9000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		owned(buffer_release) struct buffer buffer = { 0 };
		char path[64];
		owned(close_p) int fd = file_make(sizes[i], path);

		CHECK_EQ(file_read(AT_FDCWD, path, 9000, &buffer, NULL), 0);
		CHECK_EQ(buffer.size, sizes[i]);
		CHECK_EQ(buffer.data[buffer.size], 0);
		for (size_t j = 0; j < buffer.size; j++)
			CHECK_EQ(buffer.data[j], (uint8_t)(j * 7));
	}
}

TEST(limit_is_exact)
{
	owned(buffer_release) struct buffer buffer = { 0 };
	struct hf_diag diag;
	char path[64];
	owned(close_p) int fd = file_make(100, path);

	CHECK_EQ(file_read(AT_FDCWD, path, 99, &buffer, &diag), -EFBIG);
	CHECK_CONTAINS(diag.message, "more than 99 bytes");
	CHECK(!buffer.data);
	CHECK_EQ(file_read(AT_FDCWD, path, 100, &buffer, &diag), 0);
}

/* Their size is 0 to fstat(), and they may be longer than one read. */
TEST(read_proc_file)
{
	owned(buffer_release) struct buffer buffer = { 0 };
	owned(close_p) int dirfd = open("/proc/self", O_PATH | O_CLOEXEC);
	struct hf_diag diag;

	CHECK_EQ(file_read(dirfd, "maps", 1 << 20, &buffer, &diag), 0);
	CHECK(buffer.size > 200);
	CHECK_EQ(strlen((char *)buffer.data), buffer.size);
	CHECK_EQ(file_read(dirfd, "maps", 10, &buffer, &diag), -EFBIG);
}

TEST(failures_are_named)
{
	owned(buffer_release) struct buffer buffer = { 0 };
	struct hf_diag diag;

	CHECK_EQ(file_read(AT_FDCWD, "/nonexistent", 10, &buffer, &diag),
		 -ENOENT);
	CHECK_CONTAINS(diag.message, "cannot open /nonexistent: No such file");
	CHECK_EQ(file_read(AT_FDCWD, "/", 10, &buffer, &diag), -EISDIR);
	CHECK_CONTAINS(diag.message, "cannot read /: Is a directory");
}

/* Nobody writes to it: an open that waits would hang here. */
TEST(fifo_does_not_hang)
{
	owned(buffer_release) struct buffer buffer = { 0 };
	char path[] = "/tmp/hotfix-io.XXXXXX", fifo[64];
	int r;

	CHECK(mkdtemp(path));
	snprintf(fifo, sizeof(fifo), "%s/fifo", path);
	CHECK_EQ(mkfifo(fifo, 0600), 0);
	r = file_read(AT_FDCWD, fifo, 10, &buffer, NULL);
	unlink(fifo);
	rmdir(path);
	CHECK_EQ(r, 0);
	CHECK_EQ(buffer.size, 0);
}

TEST(full_reads_and_writes)
{
	uint8_t bytes[8];
	char path[64];
	owned(close_p) int fd = file_make(10, path);

	CHECK_EQ(read_full_at(fd, bytes, 8, 2), 0);
	CHECK_EQ(bytes[0], 14);
	CHECK_EQ(read_full_at(fd, bytes, 8, 3), -EIO);
	CHECK_EQ(read_full_at(-1, bytes, 8, 3), -EBADF);
	CHECK_EQ(write_full_at(fd, bytes, 8, 100), 0);
	CHECK_EQ(read_full_at(fd, bytes, 8, 100), 0);
	CHECK_EQ(write_full_at(-1, bytes, 8, 3), -EBADF);
}

/* More than a pipe holds: neither end is done at one go. */
TEST(full_through_a_pipe)
{
	static uint8_t sent[300000], received[300000];
	int ends[2], status;
	pid_t writer;

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 7 / 5);
	CHECK_EQ(pipe(ends), 0);
	writer = fork();
	if (!writer) {
		close(ends[0]);
		_exit(write_full(ends[1], sent, sizeof(sent)) ? 1 : 0);
	}
	close(ends[1]);
	CHECK_EQ(read_full(ends[0], received, sizeof(received)), 0);
	CHECK(!memcmp(received, sent, sizeof(sent)));
	CHECK_EQ(read_full(ends[0], received, 1), -EIO);
	close(ends[0]);
	CHECK_EQ(waitpid(writer, &status, 0), writer);
	CHECK_EQ(status, 0);
	CHECK_EQ(read_full(-1, received, 1), -EBADF);
	CHECK_EQ(write_full(-1, sent, 1), -EBADF);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
