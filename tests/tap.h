/*
 * TAP tests in C: one binary per module, each test runs alone by name.
 *
 *   TEST(jump_range) { CHECK_EQ(1 + 1, 2); }
 *   int main(int argc, char **argv) { return tap_main(argc, argv); }
 *
 * `program` runs all, `program jump_range` one. A failed CHECK ends its test
 * and says file, line and values; SKIP(reason) says why a test could not run,
 * and is printed as a TAP skip.
 */
#pragma once

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tap_test {
	const char *name;
	void (*run)(void);
	struct tap_test *next;
};

static struct tap_test *tap_first, **tap_last = &tap_first;
static bool tap_failed;
static const char *tap_skipped;

#define TEST(test_name)                                                        \
	static void test_##test_name(void);                                    \
	static struct tap_test tap_##test_name = { #test_name,                 \
						   test_##test_name, NULL };   \
	__attribute__((constructor)) static void tap_add_##test_name(void)     \
	{                                                                      \
		*tap_last = &tap_##test_name;                                  \
		tap_last = &tap_##test_name.next;                              \
	}                                                                      \
	static void test_##test_name(void)

#define TAP_FAIL(...)                                                          \
	do {                                                                   \
		tap_failed = true;                                             \
		printf("# %s:%d: ", __FILE__, __LINE__);                       \
		printf(__VA_ARGS__);                                           \
		putchar('\n');                                                 \
		return;                                                        \
	} while (0)

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			TAP_FAIL("not true: %s", #condition);                  \
	} while (0)

#define CHECK_EQ(got, want)                                                    \
	do {                                                                   \
		long long got_ = (long long)(got), want_ = (long long)(want);  \
		if (got_ != want_)                                             \
			TAP_FAIL("%s is %lld (0x%llx), not %lld (0x%llx)",     \
				 #got, got_, (unsigned long long)got_, want_,  \
				 (unsigned long long)want_);                   \
	} while (0)

#define CHECK_STR(got, want)                                                   \
	do {                                                                   \
		const char *got_ = (got), *want_ = (want);                     \
		if (!got_ || strcmp(got_, want_))                              \
			TAP_FAIL("%s is \"%s\", not \"%s\"", #got,             \
				 got_ ? got_ : "(null)", want_);               \
	} while (0)

#define CHECK_CONTAINS(got, want)                                              \
	do {                                                                   \
		const char *got_ = (got), *want_ = (want);                     \
		if (!got_ || !strstr(got_, want_))                             \
			TAP_FAIL("%s is \"%s\", without \"%s\"", #got,         \
				 got_ ? got_ : "(null)", want_);               \
	} while (0)

#define CHECK_BYTES(got, want, size)                                           \
	do {                                                                   \
		const uint8_t *got_ = (const void *)(got);                     \
		const uint8_t *want_ = (const void *)(want);                   \
		for (size_t i_ = 0; i_ < (size_t)(size); i_++)                 \
			if (got_[i_] != want_[i_])                             \
				TAP_FAIL("%s: byte %zu is %02x, not %02x",     \
					 #got, i_, got_[i_], want_[i_]);       \
	} while (0)

#define SKIP(reason)                                                           \
	do {                                                                   \
		tap_skipped = (reason);                                        \
		return;                                                        \
	} while (0)

/* A line of the table of `make check-hostile`; see live/lib.sh. */
static inline FILE *tap_tried_open(void)
{
	const char *path = getenv("HOTFIX_TRIED");

	return path ? fopen(path, "ae") : NULL;
}

static inline void tap_tried(const char *name, unsigned long nr_tries,
			     unsigned long nr_deaths, unsigned long nr_wrong,
			     unsigned long nr_left)
{
	FILE *file = tap_tried_open();

	if (!file)
		return;
	fprintf(file, "%s\t%lu\t%lu\t%lu\t%lu\n", name, nr_tries, nr_deaths,
		nr_wrong, nr_left);
	fclose(file);
}

static inline void tap_tried_failed(const char *program, const char *test)
{
	FILE *file = tap_tried_open();

	if (!file)
		return;
	fprintf(file, "%s %s\n", program, test);
	fclose(file);
}

/* Whether this is a full run, which tries much more often. */
static inline bool tap_is_full(void)
{
	return getenv("HOSTILE") != NULL;
}

static int tap_main(int argc, char **argv)
{
	unsigned int nr = 0, nr_failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (struct tap_test *test = tap_first; test; test = test->next) {
		if (argc > 1 && strcmp(argv[1], test->name))
			continue;
		tap_failed = false;
		tap_skipped = NULL;
		test->run();
		nr_failed += tap_failed;
		if (tap_failed)
			tap_tried_failed(argv[0], test->name);
		printf("%sok %u - %s", tap_failed ? "not " : "", ++nr,
		       test->name);
		if (!tap_failed && tap_skipped)
			printf(" # SKIP %s", tap_skipped);
		putchar('\n');
	}
	printf("1..%u\n", nr);
	if (argc > 1 && !nr) {
		printf("# no test is named %s\n", argv[1]);
		return 2;
	}
	return nr_failed ? 1 : 0;
}
