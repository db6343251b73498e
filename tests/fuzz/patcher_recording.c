/*
 * What a recorded build has left: one file a kind of record, each after a line
 * "= KIND". Every input of a link has a name and a digest.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../patcher/record/recording.h"
#include "fuzz.h"

static char directory[] = "/tmp/hotfix-fuzz-XXXXXX";
static int at = -1;
static struct {
	const char *kind, *file;
	int fd; /* of its content: to make files takes longer than to read them */
} kinds[] = {
	{ "compiles", "compiles/1.json", -1 },
	{ "drivers", "drivers/1.json", -1 },
	{ "optimisers", "optimisers/1.json", -1 },
	{ "links", "links/1.json", -1 },
	{ "failures", "failures/1.txt", -1 },
};

static void directory_remove(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		unlinkat(at, kinds[i].file, 0);
		unlinkat(at, kinds[i].kind, AT_REMOVEDIR);
	}
	rmdir(directory);
}

static void record_make(size_t kind)
{
	char path[32];

	kinds[kind].fd = memfd_create(kinds[kind].kind, MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", kinds[kind].fd);
	PROMISE(!mkdirat(at, kinds[kind].kind, 0700));
	PROMISE(!symlinkat(path, at, kinds[kind].file));
}

static void directory_make(void)
{
	PROMISE(mkdtemp(directory));
	at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	PROMISE(at >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		record_make(i);
	atexit(directory_remove);
}

/* What stands between the line "= KIND" and the next that begins with "=". */
static struct buffer part_of(const char *text, const char *kind)
{
	char line[32];
	char *start, *end;

	snprintf(line, sizeof(line), "= %s\n", kind);
	start = strstr(text, line);
	if (!start)
		return (struct buffer){ 0 };
	start += strlen(line);
	end = strstr(start, "\n=");
	return (struct buffer){ (uint8_t *)start,
				end ? (size_t)(end - start) : strlen(start) };
}

static bool record_write(const char *text, size_t kind)
{
	struct buffer part = part_of(text, kinds[kind].kind);

	PROMISE(!ftruncate(kinds[kind].fd, 0));
	if (part.size)
		PROMISE(!write_full_at(kinds[kind].fd, part.data, part.size, 0));
	return part.data;
}

static void step_check(const struct link_step *step)
{
	PROMISE(step->directory && step->output);
	for (size_t i = 0; i < step->nr_inputs; i++)
		PROMISE(step->inputs[i].name && step->inputs[i].object &&
			step->inputs[i].digest);
}

static bool read_recording(const uint8_t *bytes, size_t size)
{
	owned(free_p) char *text = strndup((const char *)bytes, size);
	struct recording recording = { 0 };
	struct hf_diag diag = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!record_write(text, i))
			return false;
	if (recording_read(directory, &recording, &diag)) {
		PROMISE(diag.message[0]);
		return false;
	}
	for (size_t i = 0; i < recording.nr_links; i++)
		step_check(&recording.links[i]);
	recording_release(&recording);
	return true;
}

#define DIGEST(c) c c c c c c c c c c c c c c c c
#define DIGEST_A DIGEST("a0a0")
#define DIGEST_B DIGEST("b1b1")

static const char record[] =
	"= compiles\n{\"directory\": \"/src\", \"compiler\": \"/usr/bin/gcc\", "
	"\"arguments\": [\"-O2\", \"-c\", \"a.c\", [97, 255]], "
	"\"source\": \"/src/a.c\", \"output\": \"/src/a.o\", \"digest\": \""
	DIGEST_A "\", \"lto\": false, \"assembler\": false}\n"
	"= drivers\n{\"directory\": \"/src\", \"compiler\": \"gcc\", "
	"\"arguments\": [\"b.c\", \"a.o\"], \"sources\": [\"/src/b.c\"], "
	"\"files\": [\"/src/a.o\"]}\n"
	"= optimisers\n{\"directory\": \"/src\", \"compiler\": \"gcc\", "
	"\"arguments\": [\"-flto\"], \"objects\": [\"" DIGEST_B "\"]}\n"
	"= links\n{\"directory\": \"/src\", \"output\": \"/src/shop\", "
	"\"arguments\": [\"-o\", \"shop\"], \"relocatable\": false, "
	"\"digest\": \"\", \"driver\": \"1\", \"optimiser\": \"1\", "
	"\"inputs\": [{\"name\": \"/src/a.o\", \"digest\": \"" DIGEST_A
	"\", \"lto\": true, \"intermediate\": false}, "
	"{\"name\": \"/tmp/ccXYZ.o\", \"digest\": \"" DIGEST_B
	"\", \"lto\": false, \"intermediate\": false}]}\n"
	"= failures\nno memory\n";

static void seeds(void)
{
	directory_make();
	fuzz_seed(record, sizeof(record) - 1);
}

const struct fuzz_target fuzz_target = {
	.read = read_recording, .seeds = seeds, .text = true,
};
