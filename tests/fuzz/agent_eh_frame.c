/*
 * The file that a static program runs, for its .eh_frame: what is found lies in
 * the module.
 */
#include <fcntl.h>

#include "../../agent/module.h"
#include "fuzz.h"

#define BIAS 0x400000

static char directory[] = "/tmp/hotfix-fuzz-XXXXXX";
static struct process process = { .task = -1, .mem = -1 };

static void process_remove(void)
{
	unlinkat(process.dir, "exe", 0);
	rmdir(directory);
}

static void process_make(void)
{
	PROMISE(mkdtemp(directory));
	process.dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	PROMISE(process.dir >= 0);
	PROMISE(!symlinkat(fuzz_file((const uint8_t *)"", 0), process.dir,
			   "exe"));
	atexit(process_remove);
}

static bool read_sections(const uint8_t *bytes, size_t size)
{
	struct module module = { .bias = BIAS,
				 .range = { BIAS, BIAS + 0x5000 } };

	(void)fuzz_file(bytes, size);
	module_find_eh_frame(&process, &module);
	if (!module.eh_frame.end)
		return false;
	PROMISE(module.eh_frame.start >= module.range.start);
	PROMISE(module.eh_frame.end >= module.eh_frame.start);
	PROMISE(module.eh_frame.end <= module.range.end);
	return true;
}

static void seeds(void)
{
	process_make();
	fuzz_seed_built("tiny.so");
}

const struct fuzz_target fuzz_target = {
	.read = read_sections, .seeds = seeds, .place = fuzz_place_elf,
};
