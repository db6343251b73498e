/*
 * Opening processes of every kind, and the reasons when that is refused.
 */
#include "../../agent/process.h"

#include <elf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../../agent/procfs.h"
#include "../../lib/io.h"
#include "../tap.h"
#include "spawn.h"

static struct hf_diag diag;

static void wait_for_ever(void *argument)
{
	(void)argument;
	puts("ready");
	for (;;)
		pause();
}

TEST(opens)
{
	struct process *process;
	struct child child;
	char self[4096] = "";

	child_fork(&child, wait_for_ever, NULL);
	CHECK_EQ(process_open(child.pid, &process, &diag), 0);
	CHECK_EQ(process->pid, child.pid);
	CHECK_STR(process->command, "process");
	CHECK_EQ(process->machine, EM_X86_64);
	CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	CHECK_STR(process->executable, self);
	CHECK_EQ(process->executable_deleted, false);
	CHECK(process->start_time > 0);
	CHECK(process_alive(process));
	child_end(&child);
	CHECK(!process_alive(process));
	process_free(process);
}

/* Without descriptors nothing can be read: that is not the process's end. */
TEST(not_known_is_not_dead)
{
	struct rlimit before, none;
	struct process *process;
	struct child child;
	bool alive;
	char state;

	child_fork(&child, wait_for_ever, NULL);
	CHECK_EQ(process_open(child.pid, &process, &diag), 0);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	alive = process_alive(process);
	state = thread_state_char(process, child.pid);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
	CHECK(alive);
	CHECK_EQ(state, '?');
	child_end(&child);
	CHECK_EQ(thread_state_char(process, child.pid), 'X');
	process_free(process);
}

/* Memory is whole or an error, and a dead process's is gone. */
TEST(memory)
{
	static const char text[] = "some text";
	static const char secret[] = "read-only, yet writable for us";
	struct process *process;
	struct child child;
	char got[64], *edge;
	struct mappings mappings;

	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(edge + 4096, 4096);
	memcpy(edge + 4096 - 4, "abc", 4);
	child_fork(&child, wait_for_ever, NULL);
	CHECK_EQ(process_open(child.pid, &process, &diag), 0);
	CHECK_EQ(process_read(process, (hf_addr)text, got, sizeof(text)), 0);
	CHECK_STR(got, text);
	CHECK_EQ(process_read(process, (hf_addr)edge + 4092, got, 4), 0);
	CHECK_EQ(process_read(process, (hf_addr)edge + 4092, got, 5), -EFAULT);
	CHECK_EQ(process_read(process, 0, got, 1), -EFAULT);
	CHECK_EQ(process_read(process, ~0ull - 8, got, 4), -EFAULT);
	CHECK_EQ(process_write(process, (hf_addr)edge + 4092, "xyz", 4), 0);
	CHECK_EQ(process_write(process, (hf_addr)edge + 4092, "12345", 5),
		 -EFAULT);
	CHECK_EQ(process_write(process, (hf_addr)secret, "R", 1), 0);
	CHECK_EQ(process_read(process, (hf_addr)secret, got, 4), 0);
	CHECK_BYTES(got, "Read", 4);
	CHECK_EQ(secret[0], 'r');

	CHECK_EQ(process_read_string(process, (hf_addr)text, got, 10), 0);
	CHECK_STR(got, text);
	CHECK_EQ(process_read_string(process, (hf_addr)text, got, 9),
		 -ENAMETOOLONG);
	/* Ends at the last byte before nothing. */
	CHECK_EQ(process_write(process, (hf_addr)edge + 4092, "abc", 4), 0);
	CHECK_EQ(process_read_string(process, (hf_addr)edge + 4092, got, 64),
		 0);
	CHECK_STR(got, "abc");
	CHECK_EQ(process_write(process, (hf_addr)edge + 4092, "abcd", 4), 0);
	CHECK_EQ(process_read_string(process, (hf_addr)edge + 4092, got, 64),
		 -EFAULT);

	child_end(&child);
	CHECK_EQ(process_read(process, (hf_addr)text, got, 1), -ESRCH);
	CHECK_EQ(process_write(process, (hf_addr)edge, "x", 1), -ESRCH);
	CHECK_EQ(mappings_read(process, &mappings, &diag), -ESRCH);
	process_free(process);
	munmap(edge, 4096);
}

TEST(no_process)
{
	struct process *process = NULL;
	struct child child;
	pid_t pid;

	child_fork(&child, wait_for_ever, NULL);
	pid = child.pid;
	child_end(&child);
	CHECK_EQ(process_open(pid, &process, &diag), -ESRCH);
	CHECK_STR(diag.code, "no-such-process");
	CHECK_EQ(process_open(0, &process, &diag), -EINVAL);
	CHECK_EQ(process_open(-1, &process, &diag), -EINVAL);
	CHECK_STR(diag.code, "bad-pid");
	CHECK_EQ(process_open(getpid(), &process, &diag), -ECANCELED);
	CHECK_STR(diag.code, "self");
	CHECK(!process);
}

TEST(zombie)
{
	struct process *process;
	struct child child;
	siginfo_t info;

	child_fork(&child, wait_for_ever, NULL);
	kill(child.pid, SIGKILL);
	waitid(P_PID, (id_t)child.pid, &info, WEXITED | WNOWAIT);
	CHECK_EQ(process_open(child.pid, &process, &diag), -ESRCH);
	CHECK_STR(diag.code, "zombie");
	CHECK_CONTAINS(diag.message, "zombie");
	child_end(&child);
}

TEST(kernel_thread)
{
	struct process *process;
	struct process_stat stat;

	if (process_stat_read(AT_FDCWD, "/proc/2/stat", &stat) ||
	    strcmp(stat.command, "kthreadd"))
		SKIP("no kernel threads in this PID namespace");
	CHECK_EQ(process_open(2, &process, &diag), -ECANCELED);
	CHECK_STR(diag.code, "kernel-thread");
}

/* A whole 32-bit program: "mov $29,%eax; int $0x80; jmp" - pause for ever. */
static const unsigned char program_32[] = {
	0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 0x04, 0x08, 52, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 40, 0, 0, 0, 0, 0,
	1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x04, 0x08, 0, 0x80, 0x04, 0x08,
	0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0,
	0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7, 0x90, 0x90, 0x90,
};

static bool executes(const char *path, struct child *child)
{
	char *argv[] = { (char *)(uintptr_t)path, NULL };
	char link[64], target[256];

	child_exec(child, argv);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)child->pid);
	for (int i = 0; i < 5000; i++) {
		ssize_t n = readlink(link, target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			if (!strcmp(target, path))
				return true;
		}
		if (child_state(child->pid) == 'Z')
			return false;
		usleep(1000);
	}
	return false;
}

TEST(wrong_class)
{
	char path[] = "/tmp/hotfix-32-XXXXXX";
	int fd = mkstemp(path);
	struct process *process;
	struct child child;
	bool started;
	int r = 0;

	CHECK(fd >= 0);
	CHECK_EQ(write_full_at(fd, program_32, sizeof(program_32), 0), 0);
	fchmod(fd, 0700);
	close(fd);
	started = executes(path, &child);
	if (started)
		r = process_open(child.pid, &process, &diag);
	child_end(&child);
	unlink(path);
	if (!started)
		SKIP("this kernel runs no 32-bit programs");
	CHECK_EQ(r, -ECANCELED);
	CHECK_STR(diag.code, "wrong-class");
	CHECK_CONTAINS(diag.message, "32-bit");
}

/* Prints "ready" from a second thread, whose id it tells before. */
__attribute__((noreturn)) static void *second(void *leave)
{
	if (leave)
		child_wait_state(getpid(), "Z");
	printf("%d\n", (int)syscall(SYS_gettid));
	puts("ready");
	for (;;)
		pause();
}

static void two_threads(void *leader_leaves)
{
	pthread_t thread;

	pthread_create(&thread, NULL, second, leader_leaves);
	if (leader_leaves)
		syscall(SYS_exit, 0);
	for (;;)
		pause();
}

/* The main thread has ended, the process lives. */
TEST(main_thread_exited)
{
	static int yes;
	struct process *process;
	struct mappings mappings;
	struct child child;
	uint64_t entry;
	char got;

	child_fork(&child, two_threads, &yes);
	CHECK_EQ(child_state(child.pid), 'Z');
	CHECK_EQ(process_open(child.pid, &process, &diag), 0);
	CHECK(process_alive(process));
	CHECK_EQ(process_read(process, (hf_addr)&yes, &got, 1), 0);
	CHECK_EQ(mappings_read(process, &mappings, &diag), 0);
	mappings_release(&mappings);
	CHECK_EQ(auxv_read(process, 9 /* AT_ENTRY */, &entry), 0);
	CHECK_STR(process->command, "process");
	kill(child.pid, SIGKILL);
	for (int i = 0; i < 5000 && process_alive(process); i++)
		usleep(1000);
	CHECK(!process_alive(process));
	process_free(process);
	child_end(&child);
}

TEST(thread_id)
{
	struct process *process;
	pid_t *tids;
	struct child child;
	size_t nr;

	child_fork(&child, two_threads, NULL);
	CHECK_EQ(process_open(child.pid, &process, &diag), 0);
	CHECK_EQ(threads_read(process, &tids, &nr, &diag), 0);
	CHECK_EQ(nr, 2);
	process_free(process);
	CHECK_EQ(process_open(tids[1], &process, &diag), -ECANCELED);
	CHECK_STR(diag.code, "not-a-process");
	free(tids);
	child_end(&child);
}

TEST(executable_deleted)
{
	char copy[] = "/tmp/hotfix-copy-XXXXXX", line[32];
	char *argv[] = { copy, (char *)(uintptr_t) "wait", NULL };
	struct process *process;
	struct buffer program;
	struct child child;
	int fd = mkstemp(copy);

	CHECK_EQ(file_read(AT_FDCWD, "/proc/self/exe", 1u << 30, &program,
			   &diag), 0);
	CHECK_EQ(write_full_at(fd, program.data, program.size, 0), 0);
	buffer_release(&program);
	fchmod(fd, 0700);
	close(fd);
	child_exec(&child, argv);
	CHECK(child_line(&child, line, sizeof(line)));
	unlink(copy);
	CHECK_EQ(process_open(child.pid, &process, &diag), 0);
	CHECK_EQ(process->executable_deleted, true);
	CHECK_STR(process->executable, copy);
	process_free(process);
	child_end(&child);
}

struct attempt {
	pid_t pid;
	uid_t uid;
};

/* As another user, in a process of its own: reports through its output. */
static void open_as_user(void *argument)
{
	const struct attempt *attempt = argument;
	struct process *process;
	int r;

	if (setresgid(attempt->uid, attempt->uid, attempt->uid) ||
	    setresuid(attempt->uid, attempt->uid, attempt->uid))
		_exit(1);
	r = process_open(attempt->pid, &process, &diag);
	for (char *c = diag.message; *c; c++)
		if (*c == '\n')
			*c = ' ';
	printf("ready\n%d %s: %s\n", r, diag.code, diag.message);
}

static void wait_undumpable(void *argument)
{
	const struct attempt *attempt = argument;

	if (setresgid(attempt->uid, attempt->uid, attempt->uid) ||
	    setresuid(attempt->uid, attempt->uid, attempt->uid))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	wait_for_ever(NULL);
}

TEST(not_permitted)
{
	struct attempt attempt = { .uid = 12345 };
	struct child child, other;
	char line[4096];

	if (geteuid())
		SKIP("needs root, to become somebody else");
	child_fork(&child, wait_for_ever, NULL);
	attempt.pid = child.pid;
	child_fork(&other, open_as_user, &attempt);
	CHECK(child_line(&other, line, sizeof(line)));
	CHECK_CONTAINS(line, "-1 not-permitted: ");
	CHECK_CONTAINS(line, "we are user 12345 without CAP_SYS_PTRACE");
	child_end(&other);
	child_end(&child);

	child_fork(&child, wait_undumpable, &attempt);
	attempt.pid = child.pid;
	child_fork(&other, open_as_user, &attempt);
	CHECK(child_line(&other, line, sizeof(line)));
	CHECK_CONTAINS(line, "-1 not-permitted: ");
	CHECK_CONTAINS(line, "PR_SET_DUMPABLE");
	child_end(&other);
	child_end(&child);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		setvbuf(stdout, NULL, _IOLBF, 0);
		wait_for_ever(NULL);
	}
	return tap_main(argc, argv);
}
