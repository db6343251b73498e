/*
 * The stage for tests that disturb the agent at work, and the judge afterwards.
 *
 *   stage_open()     two patches that overlap, and others:
 *                      a: first(), second() answer 2      values "2 2 1 20"
 *                      b: second(), third() answer 3      values "1 3 3 20"
 *                      h: as a, with hooks that take a while
 *                      both: first() answers 4, and right_value() of the
 *                         library 24: of several parts    values "4 1 1 24"
 *   stage_start()    the target, and what it has of its own
 *   agent_run()      hotfix, to its end
 *   judge_values()   after an end of its own: is all as it says
 *   judge()          after a death: is the target unharmed, does status answer,
 *                    does recover bring it to one of two whole states
 *   stage_reset()    everything reverted: nothing of ours is left
 *   tally_add()      what came of it, for the table
 *
 * Those that judge return an empty string or what is wrong.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../tap.h"
#include "../live/spawn.h"

/* Longer is a hang. */
#define AGENT_PATIENCE_MS 30000
#define OLD "1 1 1 20"

struct stage {
	struct child target;
	char pid[16];
	char directory[64];
	char fix_a[96], fix_b[96], fix_h[96], fix_both[96], fix_crowd[96];
	const char *argument; /* the target's */
	char *snapshot;
	void (*in_agent)(void); /* called in each that is started */
	char wrong[1024];
	bool is_left;	    /* what is wrong is that something stayed behind */
	unsigned long nr_epoll; /* EINTR from epoll_wait that was noticed */
	unsigned int nr_interrupted, nr_recovered, nr_kept;
};

/* What the values may be once all is settled: before the operation or after. */
struct operation {
	const char *name;
	const char *before[4]; /* commands that make the state to start from */
	/* Words; A, B, H, BOTH, CROWD: patch files, P: the process. */
	const char *command;
	const char *values_before, *values_after;
};

static const struct operation operations[] = {
	{ "apply", { NULL }, "apply A -p P", OLD, "2 2 1 20" },
	{ "revert", { "apply A -p P" }, "revert a -p P", "2 2 1 20", OLD },
	{ "replace", { "apply A -p P" }, "apply B --replace-active -p P",
	  "2 2 1 20", "1 3 3 20" },
	{ "stack", { "apply A -p P" }, "apply B -p P", "2 2 1 20", "2 3 3 20" },
	{ "hooks", { NULL }, "apply H -p P", OLD, "2 2 1 20" },
	{ "parts", { NULL }, "apply BOTH -p P", OLD, "4 1 1 24" },
	{ "revert of parts", { "apply BOTH -p P" }, "revert both -p P",
	  "4 1 1 24", OLD },
	{ "crowd", { NULL }, "apply CROWD -p P", OLD, "5 1 1 20" },
	{ "revert of crowd", { "apply CROWD -p P" }, "revert crowd -p P",
	  "5 1 1 20", OLD },
	{ "everything", { "apply A -p P", "apply B -p P" },
	  "revert --everything -p P", "2 3 3 20", OLD },
};

#define NR_OPERATIONS (sizeof(operations) / sizeof(*operations))

static inline const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; i < NR_OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	abort();
}

static const char *wrong(struct stage *stage, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static const char *wrong(struct stage *stage, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(stage->wrong, sizeof(stage->wrong), format, args);
	va_end(args);
	return stage->wrong;
}

/* The same of something that should not be there any more. */
static const char *left_over(struct stage *stage, const char *what)
{
	stage->is_left = true;
	return wrong(stage, "%s", what);
}

/* --- counting ----------------------------------------------------------------- */

struct tally {
	unsigned long nr_tries, nr_deaths, nr_wrong, nr_left;
};

/* Also when nobody has waited for it yet. */
static bool target_died(const struct stage *stage)
{
	siginfo_t info = { 0 };

	return stage->target.pid <= 0 ||
	       waitid(P_PID, (id_t)stage->target.pid, &info,
		      WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

/* One try, and what was wrong with it; "": nothing. */
static inline void tally_add(struct tally *tally, struct stage *stage,
			     const char *what)
{
	tally->nr_tries++;
	if (*what) {
		if (target_died(stage))
			tally->nr_deaths++;
		else if (stage->is_left)
			tally->nr_left++;
		else
			tally->nr_wrong++;
		tap_failed = true;
	}
	stage->is_left = false;
}

static inline void tally_tell(const struct tally *tally, const char *name)
{
	tap_tried(name, tally->nr_tries, tally->nr_deaths, tally->nr_wrong,
		  tally->nr_left);
}

static inline const char *build_path(const char *name)
{
	static char path[512];
	const char *build = getenv("HOTFIX_O");

	snprintf(path, sizeof(path), "%s/%s", build ? build : "build", name);
	return path;
}

/* --- running the agent ------------------------------------------------------ */

static const char *word_expand(const struct stage *stage, const char *word)
{
	if (!strcmp(word, "A"))
		return stage->fix_a;
	if (!strcmp(word, "B"))
		return stage->fix_b;
	if (!strcmp(word, "H"))
		return stage->fix_h;
	if (!strcmp(word, "BOTH"))
		return stage->fix_both;
	if (!strcmp(word, "CROWD"))
		return stage->fix_crowd;
	return strcmp(word, "P") ? word : stage->pid;
}

/* In a child: becomes the agent. Its output goes to a file of the stage. */
static void agent_exec(const struct stage *stage, const char *command)
{
	char words[256], path[128], *argv[16] = { NULL }, *rest = NULL;
	int nr = 1, fd;

	snprintf(words, sizeof(words), "%s", command);
	argv[0] = strdup(build_path("hotfix"));
	for (char *word = strtok_r(words, " ", &rest); word && nr < 15;
	     word = strtok_r(NULL, " ", &rest))
		argv[nr++] = strdup(word_expand(stage, word));
	snprintf(path, sizeof(path), "%s/output", stage->directory);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (stage->in_agent)
		stage->in_agent();
	/* The leak checker cannot work in a process that is traced. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 0);
	execv(argv[0], argv);
	_exit(127);
}

static pid_t agent_start(const struct stage *stage, const char *command)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		agent_exec(stage, command);
	}
	return pid;
}

static const char *agent_output(const struct stage *stage)
{
	static char text[768];
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/output", stage->directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = '|';
	return text;
}

/* Return: exit status, or -1: it did not end by itself, or in time. */
static int agent_wait(pid_t pid)
{
	struct pollfd end = { .events = POLLIN };
	int status;

	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (poll(&end, 1, AGENT_PATIENCE_MS) != 1)
		kill(pid, SIGKILL);
	close(end.fd);
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int agent_run(const struct stage *stage, const char *command)
{
	return agent_wait(agent_start(stage, command));
}

/* --- what the target has ---------------------------------------------------- */

static void append(char **text, size_t *size, const char *more)
{
	size_t length = strlen(more);

	*text = realloc(*text, *size + length + 1);
	memcpy(*text + *size, more, length + 1);
	*size += length;
}

/* All bytes of the code of one of the two modules, as one number. */
static void append_code(const char *line, int memory, char **text, size_t *size)
{
	unsigned long start, end, hash = 14695981039346656037ul;
	unsigned char page[4096];
	char number[32];

	if ((!strstr(line, "killed_target") && !strstr(line, "libright")) ||
	    !strstr(line, "r-xp") ||
	    sscanf(line, "%lx-%lx", &start, &end) != 2)
		return;
	for (; start < end; start += sizeof(page)) {
		if (pread(memory, page, sizeof(page), (off_t)start) !=
		    (ssize_t)sizeof(page))
			hash = 0;
		for (size_t i = 0; i < sizeof(page); i++)
			hash = (hash ^ page[i]) * 1099511628211ul;
	}
	snprintf(number, sizeof(number), "code %lx\n", hash);
	append(text, size, number);
}

/*
 * A file of a thread that lives: the main thread may have ended, and of one that
 * ends nothing can be read any more, while it is still listed. The first of the
 * others never ends: they are listed as they began.
 */
static void proc_path(pid_t pid, const char *file, char *ret_path, size_t size)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(ret_path, size, "/proc/%d/%s", (int)pid, file);
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || atoi(entry->d_name) == pid)
			continue;
		snprintf(ret_path, size, "/proc/%d/task/%.16s/%s", (int)pid,
			 entry->d_name, file);
		break;
	}
	if (dir)
		closedir(dir);
}

static void append_maps(pid_t pid, char **text, size_t *size)
{
	char path[96], line[512];
	FILE *file;
	int memory;

	proc_path(pid, "mem", path, sizeof(path));
	memory = open(path, O_RDONLY | O_CLOEXEC);
	proc_path(pid, "maps", path, sizeof(path));
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		/* These grow by themselves. */
		if (strstr(line, "[stack]") || strstr(line, "[heap]"))
			continue;
		append(text, size, line);
		append_code(line, memory, text, size);
	}
	if (file)
		fclose(file);
	close(memory);
}

static void append_descriptors(pid_t pid, char **text, size_t *size)
{
	char path[96], name[16], target[256], line[400];

	for (int fd = 0; fd < 64; fd++) {
		ssize_t n;

		snprintf(name, sizeof(name), "fd/%d", fd);
		proc_path(pid, name, path, sizeof(path));
		n = readlink(path, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		snprintf(line, sizeof(line), "fd %d %s\n", fd, target);
		append(text, size, line);
	}
}

/* Mappings, code, descriptors; to be freed. */
static char *snapshot_take(pid_t pid)
{
	char *text = NULL;
	size_t size = 0;

	append_maps(pid, &text, &size);
	append_descriptors(pid, &text, &size);
	return text;
}

/* The first line of @now that @before does not have, and the reverse. */
static const char *snapshot_difference(struct stage *stage, const char *now)
{
	const char *texts[2] = { now, stage->snapshot };

	for (int i = 0; i < 2; i++) {
		char *copy = strdup(texts[i]), *rest = NULL;

		for (char *line = strtok_r(copy, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest))
			if (!strstr(texts[!i], line)) {
				wrong(stage, "%s: %s; the last hotfix said: %s",
				      i ? "lost" : "left over", line,
				      agent_output(stage));
				stage->is_left = true;
				free(copy);
				return stage->wrong;
			}
		free(copy);
	}
	return "";
}

static bool snapshot_is_same(struct stage *stage)
{
	char *now = snapshot_take(stage->target.pid);
	bool same = !*snapshot_difference(stage, now);

	stage->is_left = false;
	free(now);
	return same;
}

/* --- is it unharmed? ---------------------------------------------------------- */

/* State letter and tracer of a thread. Return: false when it has gone. */
static bool thread_look(const struct stage *stage, const char *tid, char *state,
			int *tracer)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/task/%.16s/status", stage->pid,
		 tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "State: %c", state);
		sscanf(line, "TracerPid: %d", tracer);
	}
	fclose(file);
	return true;
}

static bool threads_are_free(const struct stage *stage)
{
	char path[64];
	struct dirent *entry;
	bool is_free = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", stage->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char state = '?';
		int tracer = -1;

		if (entry->d_name[0] == '.' ||
		    !thread_look(stage, entry->d_name, &state, &tracer))
			continue;
		/* A main thread that has ended stays, as a zombie. */
		if (state == 'Z' && !tracer &&
		    !strcmp(entry->d_name, stage->pid))
			continue;
		if (tracer || strchr("tTZX?", state))
			is_free = false;
	}
	if (dir)
		closedir(dir);
	return dir && is_free;
}

/* What it answers; a target that hangs or dies does not end the test. */
static const char *ask(struct stage *stage, const char *question)
{
	static char line[256];
	struct pollfd fd = { .fd = stage->target.out, .events = POLLIN };
	char text[64];
	int size = snprintf(text, sizeof(text), "%s\n", question);

	if (write(stage->target.in, text, (size_t)size) != size)
		snprintf(line, sizeof(line), "(it does not listen)");
	else if (poll(&fd, 1, CHILD_PATIENCE_MS) != 1)
		snprintf(line, sizeof(line), "(it says nothing)");
	else if (!child_line(&stage->target, line, sizeof(line)))
		snprintf(line, sizeof(line), "(it has died)");
	return line;
}

static const char *unharmed(struct stage *stage)
{
	const struct timespec nap = { .tv_nsec = 1000000 };
	unsigned long nr_bad, nr_eintr, nr_epoll;
	const char *report;

	/* The kernel wakes what the agent held; that takes its moment. */
	for (int i = 0; !threads_are_free(stage); i++) {
		if (i == 2000)
			return left_over(stage, "a thread is stopped or traced");
		nanosleep(&nap, NULL);
	}
	report = ask(stage, "report");
	if (sscanf(report, "bad %lu eintr %lu epoll %lu", &nr_bad, &nr_eintr,
		   &nr_epoll) != 3 || nr_bad || nr_eintr)
		return wrong(stage, "the target says: %s", report);
	stage->nr_epoll = nr_epoll;
	return "";
}

/* --- the judge ---------------------------------------------------------------- */

/* After a death at work. */
static inline const char *judge(struct stage *stage,
				const struct operation *operation)
{
	const char *values, *what = unharmed(stage);
	int status;

	if (*what)
		return what;
	status = agent_run(stage, "status -p P");
	if (status && status != 6)
		return wrong(stage, "status exits %d: %s", status,
			     agent_output(stage));
	if (status == 6) {
		stage->nr_interrupted++;
		status = agent_run(stage, "recover -p P");
		if (status)
			return wrong(stage, "recover exits %d: %s", status,
				     agent_output(stage));
		stage->nr_recovered++;
		status = agent_run(stage, "status -p P");
		if (status)
			return wrong(stage, "status after recover exits %d: %s",
				     status, agent_output(stage));
	}
	values = ask(stage, "values");
	if (strcmp(values, operation->values_before) &&
	    strcmp(values, operation->values_after))
		return wrong(stage, "values are %s", values);
	return "";
}

/* After an agent that ended by itself. As the exit status says: all, or nothing. */
static inline const char *judge_values(struct stage *stage,
				       const struct operation *operation,
				       int status)
{
	const char *values = ask(stage, "values");
	int found = agent_run(stage, "status -p P");

	if (found != (status == 6 ? 6 : 0))
		return wrong(stage, "after exit %d, status exits %d: %s",
			     status, found, agent_output(stage));
	if (strcmp(values, status ? operation->values_before :
				    operation->values_after))
		return wrong(stage, "after exit %d, values are %s", status,
			     values);
	return "";
}

/* Nothing of ours is left after this. */
static const char *stage_reset(struct stage *stage)
{
	const char *what;
	char *now;
	int status;

	if (strcmp(ask(stage, "values"), OLD)) {
		status = agent_run(stage, "revert --everything -p P");
		if (status)
			return wrong(stage, "revert exits %d: %s", status,
				     agent_output(stage));
	}
	/* An image that was retired, when its agent died. */
	if (!snapshot_is_same(stage)) {
		stage->nr_kept++;
		status = agent_run(stage, "recover -p P");
		if (status)
			return wrong(stage, "last recover exits %d: %s", status,
				     agent_output(stage));
	}
	if (strcmp(ask(stage, "values"), OLD))
		return wrong(stage, "values are not the old ones");
	now = snapshot_take(stage->target.pid);
	what = snapshot_difference(stage, now);
	free(now);
	return what;
}

static inline const char *operation_prepare(struct stage *stage,
				     const struct operation *operation)
{
	for (size_t i = 0; operation->before[i]; i++) {
		int status = agent_run(stage, operation->before[i]);

		if (status)
			return wrong(stage, "%s exits %d: %s",
				     operation->before[i], status,
				     agent_output(stage));
	}
	return "";
}

/* --- opening and closing ------------------------------------------------------ */

static const char source_a[] =
	"#include <hotfix/hotfix.h>\n"
	"int first(int x) { return x + 2; }\n"
	"int second(int x) { return 2 * x + 2; }\n"
	"HOTFIX_REPLACE(first);\n"
	"HOTFIX_REPLACE(second);\n";
static const char source_b[] =
	"#include <hotfix/hotfix.h>\n"
	"int second(int x) { return 2 * x + 3; }\n"
	"int third(int x) { return 3 * x + 3; }\n"
	"HOTFIX_REPLACE(second);\n"
	"HOTFIX_REPLACE(third);\n";
static const char source_program[] =
	"#include <hotfix/hotfix.h>\n"
	"int first(int x) { return x + 4; }\n"
	"HOTFIX_REPLACE(first);\n";
static const char source_library[] =
	"#include <hotfix/hotfix.h>\n"
	"int right_value(void) { return 24; }\n"
	"HOTFIX_REPLACE(right_value);\n";
/* Somebody is inside at any moment: those who leave have to be kept. */
static const char source_crowd[] =
	"#include <time.h>\n"
	"#include <hotfix/hotfix.h>\n"
	"int first(int x) { return x + 5; }\n"
	"int crowded(int x)\n"
	"{\n"
	"	struct timespec nap = { 0, 300000 };\n"
	"	nanosleep(&nap, 0);\n"
	"	return x + 5;\n"
	"}\n"
	"HOTFIX_REPLACE(first);\n"
	"HOTFIX_REPLACE(crowded);\n";
static const char source_hooks[] =
	"static int work(void)\n"
	"{\n"
	"	volatile double sum = 0;\n"
	"	for (int i = 0; i < 1000000; i++)\n"
	"		sum += i;\n"
	"	return 0;\n"
	"}\n"
	"HOTFIX_PRE_APPLY(work);\n"
	"HOTFIX_POST_APPLY(work);\n";

struct fix {
	const char *target, *name, *file, *source, *more;
};

static bool fix_build(const struct stage *stage, const struct fix *fix,
		      char path[96])
{
	char source[128], command[8192];
	FILE *file;

	snprintf(source, sizeof(source), "%s/%s.c", stage->directory, fix->file);
	file = fopen(source, "we");
	if (!file)
		return false;
	fprintf(file, "%s%s", fix->source, fix->more ? fix->more : "");
	fclose(file);
	snprintf(path, 96, "%s/%s.hotfix.so", stage->directory, fix->file);
	snprintf(command, sizeof(command), "%s --target ",
		 build_path("hotfix-build"));
	snprintf(command + strlen(command), sizeof(command) - strlen(command),
		 "%s --name %s -o %s %s >/dev/null",
		 child_target_path(fix->target), fix->name, path, source);
	return system(command) == 0;
}

/* One patch for the program and its library. */
static bool fix_join(const struct stage *stage, char path[96])
{
	static const struct fix parts[] = {
		{ "killed_target", "both", "program", source_program, NULL },
		{ "libright.so", "both", "library", source_library, NULL },
	};
	char command[1024], files[2][96];

	if (!fix_build(stage, &parts[0], files[0]) ||
	    !fix_build(stage, &parts[1], files[1]))
		return false;
	snprintf(path, 96, "%s/both.hotfix.so", stage->directory);
	snprintf(command, sizeof(command), "%s --join -o %s %s %s >/dev/null",
		 build_path("hotfix-build"), path, files[0], files[1]);
	return system(command) == 0;
}

static bool fixes_build(struct stage *stage)
{
	static const struct fix a = { "killed_target", "a", "a", source_a, NULL },
		b = { "killed_target", "b", "b", source_b, NULL },
		h = { "killed_target", "h", "h", source_a, source_hooks },
		crowd = { "killed_target", "crowd", "crowd", source_crowd,
			  NULL };

	return fix_build(stage, &a, stage->fix_a) &&
	       fix_build(stage, &b, stage->fix_b) &&
	       fix_build(stage, &h, stage->fix_h) &&
	       fix_build(stage, &crowd, stage->fix_crowd) &&
	       fix_join(stage, stage->fix_both);
}

/* The patches. Those who write to a target that has died are told by errno. */
static inline bool stage_open(struct stage *stage)
{
	*stage = (struct stage){ .directory = "/tmp/hotfix-fault-XXXXXX" };
	signal(SIGPIPE, SIG_IGN);
	return mkdtemp(stage->directory) && fixes_build(stage);
}

/* What the target has now is its own. */
static inline void stage_look(struct stage *stage)
{
	free(stage->snapshot);
	stage->snapshot = snapshot_take(stage->target.pid);
}

static inline void stage_start_as(struct stage *stage, const char *argument)
{
	stage->argument = argument;
	child_start(&stage->target, "killed_target", argument);
	snprintf(stage->pid, sizeof(stage->pid), "%d", (int)stage->target.pid);
	/* Whatever the first use of anything maps is there now. */
	ask(stage, "report");
	ask(stage, "values");
	stage_look(stage);
}

static inline void stage_start(struct stage *stage)
{
	stage_start_as(stage, NULL);
}

static inline void stage_stop(struct stage *stage)
{
	if (stage->target.in)
		child_end(&stage->target);
	stage->target = (struct child){ 0 };
	free(stage->snapshot);
	stage->snapshot = NULL;
}

/* After something went wrong: what comes next is judged by itself. */
static inline void stage_renew(struct stage *stage)
{
	stage_stop(stage);
	stage_start_as(stage, stage->argument);
}

static inline void stage_close(struct stage *stage)
{
	char command[128];

	stage_stop(stage);
	snprintf(command, sizeof(command), "rm -r %s", stage->directory);
	if (system(command))
		printf("# %s is left\n", stage->directory);
}

/* A number from the environment. */
static inline unsigned int setting(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned int)strtoul(text, NULL, 10) : otherwise;
}
