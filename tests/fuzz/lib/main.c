/*
 * The loop. The reader runs in a child; what it is reading stands in memory
 * shared with the parent, who outlives it and can tell.
 *
 * Leaks are looked for once a batch, which costs little; when there is one, the
 * batch is read again by a new child that looks after each input.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "mutate.h"
#include "seeds.h"

#define BATCH 2048
#define EXIT_LEAK 77
#define RUNS_DEFAULT 200000

struct shared {
	uint64_t index; /* of the input */
	uint64_t batch; /* first index of its batch */
	uint64_t nr_accepted;
	size_t size;
	uint8_t bytes[FUZZ_INPUT_MAX];
};

static struct shared *shared;
static const char *name;
static uint64_t seed, nr_runs, nr_seconds, hang_seconds;
static time_t started;

/* Of the sanitizers, when there are any. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
const char *__asan_default_options(void);

/* Parsers must get along without memory, and never ask for all of it. */
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:hard_rss_limit_mb=2048";
}

static bool leaked(void)
{
	return __lsan_do_recoverable_leak_check &&
	       __lsan_do_recoverable_leak_check();
}

static uint64_t setting(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

/* --- the child ------------------------------------------------------------- */

static bool is_over(uint64_t index)
{
	if (nr_runs && index >= nr_runs + fuzz_seeds.nr)
		return true;
	return nr_seconds && time(NULL) - started >= (time_t)nr_seconds;
}

/* The seeds as they are come first. */
static void input_make(uint64_t index)
{
	const struct buffer *from = &fuzz_seeds.entries[index % fuzz_seeds.nr];
	struct buffer input = { shared->bytes, from->size };

	shared->index = index;
	memcpy(input.data, from->data, from->size);
	fuzz_random_start(seed, index);
	if (index >= fuzz_seeds.nr)
		fuzz_damage(&input);
	shared->size = input.size;
}

/* In memory just as long, so that reads beyond are seen. */
static bool input_read(void)
{
	uint8_t *bytes = malloc(shared->size ? shared->size : 1);
	bool accepted;

	memcpy(bytes, shared->bytes, shared->size);
	alarm((unsigned int)hang_seconds);
	accepted = fuzz_target.read(bytes, shared->size);
	alarm(0);
	free(bytes);
	return accepted;
}

static void batch_run(uint64_t index, size_t size)
{
	shared->batch = index;
	for (size_t i = 0; i < size && !is_over(index + i); i++) {
		bool accepted;

		input_make(index + i);
		accepted = input_read();
		if (!accepted && index + i < fuzz_seeds.nr_valid)
			fprintf(stderr, "%s: seed %lu is not valid\n", name,
				index + i);
		shared->nr_accepted += accepted;
	}
	if (leaked())
		_exit(EXIT_LEAK);
}

static void child_run(uint64_t index, size_t batch)
{
	for (; !is_over(index); index += batch)
		batch_run(index, batch);
	_exit(0);
}

static int child_wait(uint64_t index, size_t batch)
{
	pid_t pid;
	int status = 0;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		child_run(index, batch);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 ? status : -1;
}

/* --- what went wrong ------------------------------------------------------- */

static void input_save(char *path, size_t size)
{
	const char *top = getenv("HOTFIX_O") ?: "build";
	owned(fclose_p) FILE *file = NULL;

	snprintf(path, size, "%s/fuzz", top);
	mkdir(path, 0777);
	snprintf(path, size, "%s/fuzz/%s-%lu", top, name, shared->index);
	file = fopen(path, "we");
	if (!file || fwrite(shared->bytes, 1, shared->size, file) !=
			     shared->size)
		perror(path);
}

static bool is_leak(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LEAK;
}

static const char *what_happened(int status)
{
	if (is_leak(status))
		return "leaks memory";
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return "hangs";
	return "dies";
}

static int failure_report(int status)
{
	char path[4096];

	input_save(path, sizeof(path));
	printf("%s: %s of input %lu, left in %s\n", name,
	       what_happened(status), shared->index, path);
	return 1;
}

/* Which input of the batch it was; the last one, if it does so no more. */
static void leak_find(void)
{
	nr_seconds = 0;
	nr_runs = shared->index + 1;
	child_wait(shared->batch, 1);
}

static int fuzz(void)
{
	int status = child_wait(0, BATCH);

	if (is_leak(status))
		leak_find();
	if (status)
		return failure_report(status);
	printf("%s: %lu runs, %lu of them accepted\n", name, shared->index + 1,
	       shared->nr_accepted);
	return 0;
}

int main(int argc, char **argv)
{
	name = program_invocation_short_name;
	seed = setting("FUZZ_SEED", 1);
	nr_seconds = setting("FUZZ_SECONDS", 0);
	hang_seconds = setting("FUZZ_HANG_SECONDS", 60);
	nr_runs = setting("FUZZ_RUNS", nr_seconds ? 0 : RUNS_DEFAULT);
	started = time(NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror(name);
		return 1;
	}
	for (int i = 1; i < argc; i++)
		if (fuzz_seed_file(argv[i]) < 0)
			return 1;
	if (argc == 1)
		fuzz_seeds_gather(name);
	return fuzz();
}
