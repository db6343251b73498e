/*
 * Something is scarce, in the agent or in the target: memory, address space,
 * descriptors, room in files, an output. Each operation ends done, refused or
 * failed, with words, and what it says is so; nothing is left half done.
 *
 *   SCARCE_STRIDE=1   every step, as in a full run; otherwise some, others each
 *                     run
 *
 * What the agent lacks, lib/scarce.c takes away: once it has been loaded, for
 * whether a program can be loaded at all is not its business.
 */
#include <sys/resource.h>

#include "victim.h"

static struct stage stage;

/* --- the agent, with less ----------------------------------------------------- */

static void settings_clear(void)
{
	static const char *const names[] = {
		"LD_PRELOAD",  "SCARCE_ALLOCATION", "SCARCE_FOR_GOOD",
		"SCARCE_MARK", "SCARCE_LIMIT",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
}

static const char *mark_path(void)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/mark", stage.directory);
	return path;
}

static void number_set(const char *name, unsigned long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", number);
	setenv(name, text, 1);
}

static void limit_set(int resource, unsigned long value)
{
	char text[64];

	snprintf(text, sizeof(text), "%d %lu", resource, value);
	setenv("SCARCE_LIMIT", text, 1);
}

static int agent_run_scarce(const char *command)
{
	int status;

	setenv("LD_PRELOAD", build_path("tests/fault/lib/scarce.so"), 1);
	status = agent_run(&stage, command);
	settings_clear();
	return status;
}

struct shortage {
	const char *name;
	void (*set)(unsigned long step); /* for the agent or the target */
	void (*unset)(void);		 /* of the target */
	bool (*is_over)(int status);	 /* what comes has enough */
	unsigned long nr_steps;
	unsigned long stride;		 /* unless it is a full run */
	bool for_agent;
	bool for_good; /* nothing can be taken back */
};

/* --- the judge ---------------------------------------------------------------- */

/* When nothing was changed, nothing is there that was not before. */
static const char *judge_untouched(char *before)
{
	char *own = stage.snapshot, *now = snapshot_take(stage.target.pid);
	const char *what;

	stage.snapshot = before;
	what = snapshot_difference(&stage, now);
	stage.snapshot = own;
	free(now);
	return what;
}

/*
 * Without memory nothing can be taken back either: what is left is as after a
 * death, and the same is done about it.
 */
static const char *judge_helpless(const struct operation *operation)
{
	const char *what = judge(&stage, operation);

	return *what ? what : stage_reset(&stage);
}

static const char *judge_scarce(const struct shortage *shortage,
				const struct operation *operation, int status,
				char *before)
{
	const char *what;

	if (status && status != 1 && status != 3 && status != 4)
		return wrong(&stage, "the agent exits %d: %s", status,
			     agent_output(&stage));
	if (status && !strstr(agent_output(&stage), "hotfix: error: "))
		return wrong(&stage, "exit %d without words: %s", status,
			     agent_output(&stage));
	if (shortage->for_good)
		return judge_helpless(operation);
	what = status ? judge_untouched(before) : "";
	if (!*what)
		what = unharmed(&stage);
	if (!*what)
		what = judge_values(&stage, operation, status);
	return *what ? what : stage_reset(&stage);
}

/* --- steps -------------------------------------------------------------------- */

static const char *step_play(const struct shortage *shortage,
			     const struct operation *operation,
			     unsigned long step, bool *ret_over)
{
	const char *what = operation_prepare(&stage, operation);
	char *before = snapshot_take(stage.target.pid);
	int status;

	if (*what)
		return what;
	unlink(mark_path());
	shortage->set(step);
	status = shortage->for_agent ? agent_run_scarce(operation->command) :
				       agent_run(&stage, operation->command);
	if (getenv("SCARCE_TELL"))
		printf("# %s %lu: exit %d: %s\n", shortage->name, step, status,
		       agent_output(&stage));
	*ret_over = shortage->is_over && shortage->is_over(status);
	if (shortage->unset)
		shortage->unset();
	what = judge_scarce(shortage, operation, status, before);
	free(before);
	return what;
}

static unsigned long steps_play(const struct shortage *shortage,
				const struct operation *operation,
				struct tally *tally)
{
	unsigned long stride = setting("SCARCE_STRIDE",
				       tap_is_full() ?
					       1 :
					       (unsigned int)shortage->stride);
	unsigned long step = setting("SCARCE_FROM",
				     (unsigned int)rand() %
					     (unsigned int)stride);
	bool over = false;

	for (; !over && step < shortage->nr_steps; step += stride) {
		const char *what = step_play(shortage, operation, step, &over);

		tally_add(tally, &stage, what);
		if (!*what)
			continue;
		printf("# %s, %s, step %lu: %s\n", shortage->name,
		       operation->name, step, what);
		stage_renew(&stage);
	}
	return step;
}

static void shortage_play(const struct shortage *shortage)
{
	static const char *const names[] = { "apply", "revert", "replace" };
	struct tally tally = { 0 };
	char row[96];

	stage_start(&stage);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		printf("# %s: up to step %lu\n", names[i],
		       steps_play(shortage, operation_find(names[i]), &tally));
	snprintf(row, sizeof(row), "scarce: %s", shortage->name);
	tally_tell(&tally, row);
	stage_stop(&stage);
}

/* --- in the agent ------------------------------------------------------------- */

static void allocation_fails(unsigned long step)
{
	number_set("SCARCE_ALLOCATION", step + 1);
	setenv("SCARCE_MARK", mark_path(), 1);
}

static void allocations_fail(unsigned long step)
{
	allocation_fails(step);
	setenv("SCARCE_FOR_GOOD", "1", 1);
}

static bool none_failed(int status)
{
	(void)status;
	return access(mark_path(), F_OK) != 0;
}

static bool is_done(int status)
{
	return !status;
}

TEST(one_allocation)
{
	shortage_play(&(struct shortage){ "an allocation of the agent",
					  allocation_fails, NULL, none_failed,
					  100000, 211, true, false });
}

TEST(all_allocations)
{
	shortage_play(&(struct shortage){ "all allocations of the agent from one on",
					  allocations_fail, NULL, none_failed,
					  100000, 211, true, true });
}

static void address_space_set(unsigned long step)
{
	limit_set(RLIMIT_AS, step * 16384);
}

TEST(address_space)
{
	shortage_play(&(struct shortage){ "address space of the agent",
					  address_space_set, NULL, is_done, 4000,
					  17, true, false });
}

static void descriptors_set(unsigned long step)
{
	limit_set(RLIMIT_NOFILE, step + 3);
}

TEST(descriptors)
{
	shortage_play(&(struct shortage){ "descriptors of the agent",
					  descriptors_set, NULL, is_done, 100, 1,
					  true, false });
}

/* Its report goes to a file, too; there is room for that. */
static void file_size_set(unsigned long step)
{
	limit_set(RLIMIT_FSIZE, (step + 4) * 256);
}

TEST(file_size)
{
	shortage_play(&(struct shortage){ "size of files that the agent writes",
					  file_size_set, NULL, is_done, 200, 7,
					  true, false });
}

static void processes_set(unsigned long step)
{
	limit_set(step ? RLIMIT_SIGPENDING : RLIMIT_NPROC, 0);
}

TEST(processes)
{
	shortage_play(&(struct shortage){ "processes and signals of the agent",
					  processes_set, NULL, NULL, 2, 1,
					  true, false });
}

/* --- its outputs ---------------------------------------------------------------- */

static void no_output(void)
{
	close(STDOUT_FILENO);
}

static void no_error_output(void)
{
	close(STDERR_FILENO);
}

static void nothing_open(void)
{
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
}

static void full_output(void)
{
	dup2(open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
}

static void broken_output(void)
{
	int ends[2];

	if (!pipe(ends))
		dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
}

/* The work is done all the same; what could not be told is. */
static const char *output_play(const struct operation *operation,
			       void (*prepare)(void))
{
	const char *what = operation_prepare(&stage, operation);
	int status;

	if (*what)
		return what;
	stage.in_agent = prepare;
	status = agent_run(&stage, operation->command);
	stage.in_agent = NULL;
	if (status && (status != 1 ||
		       (prepare != nothing_open &&
			!strstr(agent_output(&stage), "cannot write"))))
		return wrong(&stage, "the agent exits %d: %s", status,
			     agent_output(&stage));
	what = unharmed(&stage);
	if (!*what)
		what = judge_values(&stage, operation, 0);
	return *what ? what : stage_reset(&stage);
}

TEST(outputs)
{
	static void (*const prepares[])(void) = {
		no_output, no_error_output, nothing_open, full_output,
		broken_output,
	};
	struct tally tally = { 0 };

	stage_start(&stage);
	for (size_t i = 0; i < NR_OPERATIONS; i++) {
		for (size_t k = 0; k < sizeof(prepares) / sizeof(*prepares);
		     k++) {
			const char *what =
				output_play(&operations[i], prepares[k]);

			tally_add(&tally, &stage, what);
			if (!*what)
				continue;
			printf("# %s, output %zu: %s\n", operations[i].name, k,
			       what);
			stage_renew(&stage);
		}
	}
	tally_tell(&tally, "scarce: outputs of the agent");
	stage_stop(&stage);
}

static bool output_is_empty(pid_t pid, int fd)
{
	char path[64], found[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	if (readlink(path, found, sizeof(found) - 1) < 0)
		return false;
	if (strcmp(found, "/"))
		printf("# descriptor %d is %s\n", fd, found);
	return !strcmp(found, "/");
}

/* Whatever it opens for its work, nothing that is printed goes there. */
TEST(outputs_are_nothing_else)
{
	const struct moment moment = { 40, BEFORE, false };
	struct victim victim;
	int nr_empty = 0;

	stage_start(&stage);
	stage.in_agent = nothing_open;
	if (victim_start(&victim, &stage, "apply A -p P") &&
	    victim_run(&victim, &moment) == VICTIM_HELD)
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			nr_empty += output_is_empty(victim.pid, fd);
	stage.in_agent = NULL;
	victim_kill(&victim);
	stage_stop(&stage);
	CHECK_EQ(nr_empty, 3);
}

/* --- in the target ------------------------------------------------------------ */

static struct rlimit limit_before;
static int limited;

static void target_limit(int resource, unsigned long value)
{
	struct rlimit limit;

	limited = resource;
	prlimit(stage.target.pid, (__rlimit_resource_t)resource, NULL,
		&limit_before);
	limit = limit_before;
	limit.rlim_cur = value;
	prlimit(stage.target.pid, (__rlimit_resource_t)resource, &limit, NULL);
}

static void target_unlimit(void)
{
	prlimit(stage.target.pid, (__rlimit_resource_t)limited, &limit_before,
		NULL);
}

static unsigned long target_pages(void)
{
	char path[64];
	unsigned long nr = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/statm", stage.pid);
	file = fopen(path, "re");
	if (!file || fscanf(file, "%lu", &nr) != 1)
		printf("# %s cannot be read\n", path);
	if (file)
		fclose(file);
	return nr;
}

static void target_address_space(unsigned long step)
{
	target_limit(RLIMIT_AS, (target_pages() + step) * 4096);
}

TEST(target_address_space)
{
	shortage_play(&(struct shortage){ "address space of the target",
					  target_address_space, target_unlimit,
					  is_done, 100, 1, false, false });
}

static void target_data(unsigned long step)
{
	target_limit(RLIMIT_DATA, step * 4096);
}

TEST(target_data)
{
	shortage_play(&(struct shortage){ "data of the target", target_data,
					  target_unlimit, is_done, 3, 1,
					  false, false });
}

/* With none at all its own poll(2) of one descriptor would fail. */
static void target_descriptors(unsigned long step)
{
	target_limit(RLIMIT_NOFILE, step + 1);
}

TEST(target_descriptors)
{
	shortage_play(&(struct shortage){ "descriptors of the target",
					  target_descriptors, target_unlimit,
					  NULL, 40, 5, false, false });
}

static void target_file_size(unsigned long step)
{
	target_limit(RLIMIT_FSIZE, step * 4096);
}

TEST(target_file_size)
{
	shortage_play(&(struct shortage){ "size of files that the target writes",
					  target_file_size, target_unlimit,
					  NULL, 5, 1, false, false });
}

static void stage_leave(void)
{
	stage_close(&stage);
}

int main(int argc, char **argv)
{
	srand((unsigned int)getpid());
	if (getenv("HOTFIX_SAN") && *getenv("HOTFIX_SAN")) {
		printf("1..0 # SKIP sanitizers have an allocator of their own\n");
		return 0;
	}
	if (!stage_open(&stage))
		return 1;
	atexit(stage_leave);
	return tap_main(argc, argv);
}
