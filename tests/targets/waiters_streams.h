/*
 * Calls that move much data and wait in between. One that is stopped half-way
 * returns what it has moved by then, as after any signal: that is counted, and
 * whether every byte arrives once and in order.
 */
#pragma once

#include "waiters_files.h"

#define STREAM_BLOCK (1 << 20)

static int stream[2];
static atomic_ulong nr_blocks, nr_short, nr_bytes, nr_bad;

static void *stream_write(void *unused)
{
	uint32_t *block = malloc(STREAM_BLOCK), next = 0;

	for (;;) {
		size_t done = 0;

		for (size_t i = 0; i < STREAM_BLOCK / sizeof(*block); i++)
			block[i] = next++;
		while (done < STREAM_BLOCK) {
			ssize_t n = write(stream[1], (char *)block + done,
					  STREAM_BLOCK - done);

			must(n > 0, "stream");
			atomic_fetch_add(&nr_short,
					 (size_t)n < STREAM_BLOCK - done);
			done += (size_t)n;
		}
		atomic_fetch_add(&nr_blocks, 1);
	}
	return unused;
}

static void *stream_read(void *unused)
{
	static char bytes[4096];
	uint64_t at = 0;

	for (;;) {
		ssize_t n = read(stream[0], bytes, sizeof(bytes));

		must(n > 0, "stream");
		for (ssize_t i = 0; i < n; i++, at++)
			if (bytes[i] != (char)((at / 4) >> (at % 4 * 8)))
				atomic_fetch_add(&nr_bad, 1);
		atomic_store(&nr_bytes, at);
		if (at / 65536 != (at - (uint64_t)n) / 65536)
			usleep(100);
	}
	return unused;
}

static void do_stream(int nr, char **args)
{
	pthread_t thread;

	(void)nr, (void)args;
	must(!pipe2(stream, O_CLOEXEC), "pipe");
	must(!pthread_create(&thread, NULL, stream_write, NULL) &&
		     !pthread_create(&thread, NULL, stream_read, NULL),
	     "pthread_create");
	answer("ok");
}

/* streamed: "bad N short N", after one more block. */
static void do_streamed(int nr, char **args)
{
	unsigned long blocks = atomic_load(&nr_blocks);

	(void)nr, (void)args;
	while (atomic_load(&nr_blocks) < blocks + 2)
		usleep(1000);
	answer("bad %lu short %lu of %lu", atomic_load(&nr_bad),
	       atomic_load(&nr_short), atomic_load(&nr_blocks));
}
