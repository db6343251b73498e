/*
 * A process that makes images of its own, as hotfix makes them but for one lie.
 *
 *   forge IMAGE SIZE LIE [STATE] [NR]   copies the image of a true patch to NR
 *                                       places within its reach
 *
 * Descriptor 9, when there is one, is a file that is mapped for it; else a memfd
 * is made.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "target.h"

#define PAGE 4096u

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

/* Has the place of value() in a library that a real patch has replaced. */
PATCHABLE int other(void)
{
	return value_base + 100;
}

/* A variable that a patch has no business with. */
static uint64_t treasure = 0x1122334455667788;

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

static void do_treasure(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%llx %d", (unsigned long long)treasure, other());
}

/*
 * Offsets in struct control_block and its first control_site, see
 * agent/control.h.
 */
enum {
	BLOCK_STATE = 12, BLOCK_BASE = 16, BLOCK_CONTROL_SIZE = 24,
	BLOCK_TOTAL_SIZE = 32, BLOCK_SEQUENCE = 40, BLOCK_BIAS = 72,
	BLOCK_NR_SITES = 92, BLOCK_NR_RANGES = 96, BLOCK_SITES = 104,
	BLOCK_HOOK = 128, BLOCK_ID_SIZE = 192, BLOCK_ID = 196,
	BLOCK_NAME = 260, SITE = 328, SITE_FUNCTION = SITE,
	SITE_REPLACEMENT = SITE + 16, SITE_WRITE = SITE + 40,
	SITE_OLD_BYTES = SITE_WRITE + 9, SITE_NEW_BYTES = SITE_WRITE + 24,
	STATE_SWITCHING = 2,
};

static uint64_t get(const uint8_t *from, size_t offset)
{
	uint64_t value;

	memcpy(&value, from + offset, 8);
	return value;
}

static void put(uint8_t *to, size_t offset, uint64_t value, size_t size)
{
	memcpy(to + offset, &value, size);
}

/* A store at @at of a jump that leads into the copy, as it would if it could. */
static void put_store(uint8_t *copy, uint64_t at)
{
	put(copy, SITE_FUNCTION, at, 8);
	put(copy, SITE_WRITE, at, 8);
	memcpy(copy + SITE_OLD_BYTES, "owned", 5);
	put(copy, SITE_NEW_BYTES, 0xe9, 1);
	put(copy, SITE_NEW_BYTES + 1, get(copy, SITE_REPLACEMENT) - (at + 5), 4);
}

/* The vdso is a module like others: it has a build-id and text. */
static void put_vdso(uint8_t *copy)
{
	const uint8_t *vdso = (const void *)getauxval(AT_SYSINFO_EHDR);

	for (size_t at = 0; vdso && at < 2 * PAGE; at += 4) {
		static const uint8_t head[] = { 4, 0, 0, 0, 20, 0, 0, 0,
						3, 0, 0, 0, 'G', 'N', 'U', 0 };

		if (memcmp(vdso + at, head, sizeof(head)))
			continue;
		put(copy, BLOCK_ID_SIZE, 20, 4);
		memcpy(copy + BLOCK_ID, vdso + at + 16, 20);
		break;
	}
	put(copy, BLOCK_BIAS, (uint64_t)vdso, 8);
	put_store(copy, (uint64_t)vdso + 0xc00);
}

static void lie(uint8_t *copy, const char *lie)
{
	uint64_t on_stack = 0;

	if (!strcmp(lie, "data"))
		put_store(copy, (uint64_t)&treasure);
	else if (!strcmp(lie, "stack"))
		put_store(copy, (uint64_t)&on_stack);
	else if (!strcmp(lie, "libc"))
		put_store(copy, (uint64_t)(void *)getppid);
	else if (!strcmp(lie, "vdso"))
		put_vdso(copy);
	else if (!strcmp(lie, "restore"))
		put_store(copy, (uint64_t)(void *)other);
	else if (!strcmp(lie, "undo"))
		memcpy(copy + SITE_OLD_BYTES, "owned", 5);
	else if (!strcmp(lie, "jump"))
		put(copy, SITE_NEW_BYTES + 1, 0, 4);
	else if (!strcmp(lie, "hook"))
		put(copy, BLOCK_HOOK, (uint64_t)(void *)value, 8);
	else if (!strcmp(lie, "counts"))
		put(copy, BLOCK_NR_SITES, UINT32_MAX, 4);
	else if (!strcmp(lie, "ranges"))
		put(copy, BLOCK_NR_RANGES, UINT32_MAX, 4);
	else if (!strcmp(lie, "offset"))
		put(copy, BLOCK_SITES, UINT64_MAX - 100, 8);
	else if (!strcmp(lie, "sequence"))
		put(copy, BLOCK_SEQUENCE, UINT64_MAX, 8);
	else if (!strcmp(lie, "base"))
		put(copy, BLOCK_BASE, (uint64_t)&treasure & -PAGE, 8);
	else if (!strcmp(lie, "size"))
		put(copy, BLOCK_TOTAL_SIZE, 1ull << 40, 8);
	else if (!strcmp(lie, "module"))
		put(copy, BLOCK_BIAS, 0x12345000, 8);
}

static uint8_t *map_near(uint8_t *from, size_t size, int fd, int flags)
{
	static size_t distance; /* no word of ours may point into a copy */
	void *copy = MAP_FAILED;

	while (copy == MAP_FAILED && distance < 1u << 30) {
		distance += (size + 0xffff) & -(size_t)0x10000;
		copy = mmap(from - distance, size,
			    PROT_READ | PROT_WRITE,
			    MAP_FIXED_NOREPLACE | flags, fd, 0);
	}
	return copy == MAP_FAILED ? NULL : copy;
}

static int image_file(const uint8_t *from, size_t size)
{
	int fd = dup(9);

	close(9);
	if (fd < 0)
		fd = memfd_create("hotfix:forged", 0);
	if (fd < 0 || ftruncate(fd, (off_t)size) ||
	    pwrite(fd, from, size, 0) != (ssize_t)size) {
		close(fd);
		return -1;
	}
	return fd;
}

static int forge(uint8_t *from, size_t size, const char *what, int state,
		 int nr)
{
	int shared = !strcmp(what, "shared");
	int fd = image_file(from, size);
	uint8_t *copy = map_near(from, size, fd,
				 shared ? MAP_SHARED : MAP_PRIVATE);

	if (!copy)
		return -1;
	put(copy, BLOCK_STATE, (uint64_t)state, 4);
	put(copy, BLOCK_BASE, (uint64_t)copy, 8);
	put(copy, BLOCK_SEQUENCE, 100 + (uint64_t)nr, 8);
	memset(copy + BLOCK_NAME, 0, 64);
	snprintf((char *)copy + BLOCK_NAME, 64, "forged%.0d", nr);
	put(copy, SITE_REPLACEMENT,
	    get(copy, SITE_REPLACEMENT) + (uint64_t)(copy - from), 8);
	put(copy, SITE_NEW_BYTES + 1,
	    get(copy, SITE_REPLACEMENT) - (get(copy, SITE_WRITE) + 5), 4);
	lie(copy, what);
	if (!strcmp(what, "truncated"))
		(void)!ftruncate(fd, 100);
	close(fd);
	if (strcmp(what, "writable"))
		mprotect(copy, PAGE, PROT_READ);
	mprotect(copy + PAGE, size - PAGE, PROT_READ | PROT_EXEC);
	return 0;
}

static void do_forge(int nr, char **args)
{
	uint8_t *from = (void *)strtoul(nr > 1 ? args[1] : "", NULL, 16);
	size_t size = strtoul(nr > 2 ? args[2] : "", NULL, 0);
	const char *what = nr > 3 ? args[3] : "";
	int state = nr > 4 ? number(nr, args, 4) : STATE_SWITCHING;
	int wanted = nr > 5 ? number(nr, args, 5) : 1;

	for (int i = 0; i < wanted; i++) {
		if (forge(from, size, what, state, i)) {
			answer("copy %d: %s", i, strerror(errno));
			return;
		}
	}
	answer("ok");
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ "treasure", do_treasure },
		{ "forge", do_forge },
		{ NULL, NULL },
	};

	return target_main(commands);
}
