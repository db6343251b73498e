/*
 * The texts of /proc. The first line says which: maps, stat, status, syscall or
 * auxv; a thread can name itself anything.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../../agent/procfs.h"
#include "fuzz.h"

#define PID 77

static struct process process;

static char directory[] = "/tmp/hotfix-fuzz-XXXXXX";

static const char *const names[] = { "maps", "auxv", "77/stat", "77/status",
				     "77/syscall" };

static void process_remove(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(process.dir, names[i], 0);
	unlinkat(process.dir, "77", AT_REMOVEDIR);
	rmdir(directory);
}

/* Stands for /proc/PID and for its task/; its files are all the input. */
static void process_make(void)
{
	PROMISE(mkdtemp(directory));
	process.pid = PID;
	process.dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	process.task = process.dir;
	process.mem = -1;
	PROMISE(process.dir >= 0);
	PROMISE(!mkdirat(process.dir, "77", 0700));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		PROMISE(!symlinkat(fuzz_file((const uint8_t *)"", 0),
				   process.dir, names[i]));
	atexit(process_remove);
}

static bool read_maps(void)
{
	struct mappings mappings = { 0 };
	hf_addr end = 0;

	if (mappings_read(&process, &mappings, NULL))
		return false;
	for (size_t i = 0; i < mappings.nr; i++) {
		const struct mapping *mapping = &mappings.entries[i];

		PROMISE(mapping->range.start >= end);
		PROMISE(mapping->range.end > mapping->range.start);
		PROMISE(mappings_find(&mappings, mapping->range.start) ==
			mapping);
		end = mapping->range.end;
	}
	mappings_release(&mappings);
	return true;
}

static bool read_stat(void)
{
	struct process_stat stat;

	if (process_stat_read(process.dir, "77/stat", &stat))
		return false;
	PROMISE(memchr(stat.command, '\0', sizeof(stat.command)));
	return true;
}

static bool read_status(void)
{
	struct thread_status status;

	return !thread_status_read(&process, PID, &status, NULL);
}

static bool read_syscall(void)
{
	(void)syscall_name(thread_syscall(&process, PID));
	return true;
}

static bool read_auxv(void)
{
	uint64_t value;

	return !auxv_read(&process, 6, &value);
}

static const struct {
	const char *first_line;
	bool (*read)(void);
} texts[] = {
	{ "maps\n", read_maps },
	{ "stat\n", read_stat },
	{ "status\n", read_status },
	{ "syscall\n", read_syscall },
	{ "auxv\n", read_auxv },
};

static bool read_text(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t before = strlen(texts[i].first_line);

		if (size < before || memcmp(bytes, texts[i].first_line, before))
			continue;
		(void)fuzz_file(bytes + before, size - before);
		return texts[i].read();
	}
	return false;
}

static void seed_proc(const char *first_line, const char *from)
{
	struct buffer text = { 0 };
	owned(free_p) uint8_t *seed = NULL;
	size_t before = strlen(first_line);

	PROMISE(!file_read(AT_FDCWD, from, FUZZ_INPUT_MAX / 2, &text, NULL));
	seed = malloc(before + text.size);
	memcpy(seed, first_line, before);
	memcpy(seed + before, text.data, text.size);
	fuzz_seed(seed, before + text.size);
	buffer_release(&text);
}

static void seeds(void)
{
	process_make();
	seed_proc("maps\n", "/proc/self/maps");
	seed_proc("stat\n", "/proc/self/stat");
	seed_proc("status\n", "/proc/self/status");
	seed_proc("syscall\n", "/proc/self/syscall");
	seed_proc("auxv\n", "/proc/self/auxv");
}

const struct fuzz_target fuzz_target = {
	.read = read_text, .seeds = seeds, .text = true,
};
