/*
 * Loaded into the agent before the C library: takes away what it needs, once it
 * has been loaded and before it begins.
 *
 *   SCARCE_ALLOCATION=N   the Nth allocation of memory fails
 *   SCARCE_FOR_GOOD=1     and all later ones
 *   SCARCE_MARK=FILE      is made when one has failed
 *   SCARCE_LIMIT=R VALUE  a resource limit; of RLIMIT_AS, what is left to take
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t nr, size_t size);
void *__libc_realloc(void *old, size_t size);

static unsigned long fails_at, nr_allocations;
static bool for_good;
static const char *mark;

static unsigned long number_of(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

static unsigned long pages_in_use(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		abort();
	close(fd);
	return strtoul(text, NULL, 10);
}

static void limit_set(void)
{
	const char *text = getenv("SCARCE_LIMIT");
	unsigned long value;
	int resource;

	if (!text || sscanf(text, "%d %lu", &resource, &value) != 2)
		return;
	if (resource == RLIMIT_AS)
		value += pages_in_use() * 4096;
	if (setrlimit((__rlimit_resource_t)resource,
		      &(struct rlimit){ value, value }))
		abort();
}

__attribute__((constructor)) static void scarce_begin(void)
{
	mark = getenv("SCARCE_MARK");
	for_good = getenv("SCARCE_FOR_GOOD");
	limit_set();
	nr_allocations = 0;
	fails_at = number_of("SCARCE_ALLOCATION");
}

static bool fails(void)
{
	unsigned long nr = __atomic_add_fetch(&nr_allocations, 1,
					      __ATOMIC_RELAXED);

	if (!fails_at || nr < fails_at || (nr > fails_at && !for_good))
		return false;
	if (nr == fails_at && mark)
		close(open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t nr, size_t size)
{
	return fails() ? NULL : __libc_calloc(nr, size);
}

void *realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

void *reallocarray(void *old, size_t nr, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(nr, size, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(old, total);
}
