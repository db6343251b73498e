/*
 * System calls and function calls in living processes, and what is left of
 * them: nothing, also when the agent dies in the middle.
 */
#include "../../agent/remote.h"

#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "../../lib/io.h"
#include "../tap.h"
#include "spawn.h"

#define TIMEOUT_MS 10000

static struct hf_diag diag;
static const uint64_t no_arguments[6];

struct session {
	struct child child;
	struct process *process;
	struct tracee *tracee;
	struct remote *remote;
};

#define CHECK_DONE(call)                                                       \
	do {                                                                   \
		int done_ = (call);                                            \
		if (done_)                                                     \
			TAP_FAIL("%s: %d: %s", #call, done_, diag.message);    \
	} while (0)

static int session_open(struct session *s)
{
	s->process = NULL;
	s->tracee = NULL;
	s->remote = NULL;
	return process_open(s->child.pid, &s->process, &diag);
}

static int session_seize(struct session *s)
{
	return tracee_seize(s->process, TIMEOUT_MS, &s->tracee, &diag);
}

static int session_begin(struct session *s)
{
	int r = session_seize(s);

	return r ? r : remote_begin(s->tracee, &s->remote, &diag);
}

static int session_finish(struct session *s)
{
	int r = s->remote ? remote_end(s->remote, &diag) : 0;

	s->remote = NULL;
	if (s->tracee)
		tracee_free(s->tracee);
	s->tracee = NULL;
	return r;
}

static void session_end(struct session *s)
{
	(void)session_finish(s);
	if (s->process)
		process_free(s->process);
	child_end(&s->child);
}

static int64_t call0(struct session *s, long number)
{
	int64_t value;

	if (remote_syscall(s->remote, number, no_arguments, &value, &diag))
		return INT64_MIN;
	return value;
}

/* --- snapshots ----------------------------------------------------------- */

/* What must be the same before and after: maps and names of descriptors. */
struct snapshot {
	struct buffer maps;
	char fds[8192];
	uint8_t entry[64];
};

static void snapshot_fds(const struct process *process, char *text, size_t size)
{
	int fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY);
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	size_t used = 0;

	while (dir && (entry = readdir(dir))) {
		char link[512];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, link,
				       sizeof(link) - 1);

		link[n < 0 ? 0 : n] = '\0';
		used += (size_t)snprintf(text + used, size - used, "%s %s\n",
					 entry->d_name, link);
		if (used >= size)
			abort();
	}
	closedir(dir);
}

static int snapshot_take(const struct process *process, struct snapshot *shot)
{
	uint64_t entry;
	int r = auxv_read(process, 9 /* AT_ENTRY */, &entry);

	memset(shot->fds, 0, sizeof(shot->fds));
	snapshot_fds(process, shot->fds, sizeof(shot->fds));
	if (!r)
		r = process_read(process, entry, shot->entry,
				 sizeof(shot->entry));
	return r ? r :
		   file_read(process->dir, "maps", 1u << 24, &shot->maps,
			     &diag);
}

#define CHECK_UNCHANGED(process, before)                                       \
	do {                                                                   \
		struct snapshot after_;                                        \
		CHECK_EQ(snapshot_take(process, &after_), 0);                  \
		CHECK_STR((char *)after_.maps.data,                            \
			  (char *)(before)->maps.data);                        \
		CHECK_STR(after_.fds, (before)->fds);                          \
		CHECK_BYTES(after_.entry, (before)->entry,                     \
			    sizeof(after_.entry));                             \
		buffer_release(&after_.maps);                                  \
	} while (0)

/* --- targets ------------------------------------------------------------- */

static int nr_complaints(struct child *child)
{
	char line[256];
	int nr = 0;

	child_say(child, "report\n");
	while (child_line(child, line, sizeof(line)) && strncmp(line, "end", 3)) {
		printf("# %s\n", line);
		nr++;
	}
	return nr;
}

struct registers_report {
	unsigned long rounds[2], damaged[2];
	hf_addr clobber;
};

static bool registers_ask(struct child *child, struct registers_report *report)
{
	char line[3][128];

	child_say(child, "report\n");
	for (int i = 0; i < 3; i++)
		if (!child_line(child, line[i], sizeof(line[i])))
			return false;
	return sscanf(line[0], "rounds %lu %lu", &report->rounds[0],
		      &report->rounds[1]) == 2 &&
	       sscanf(line[1], "damaged %lu %lu", &report->damaged[0],
		      &report->damaged[1]) == 2 &&
	       sscanf(line[2], "clobber %lx", &report->clobber) == 1;
}

#define CHECK_REGISTERS(child)                                                 \
	do {                                                                   \
		struct registers_report before_, after_;                       \
		CHECK(registers_ask(child, &before_));                         \
		for (int i_ = 0; i_ < 5000; i_++) {                            \
			usleep(1000);                                          \
			CHECK(registers_ask(child, &after_));                  \
			if (after_.rounds[0] > before_.rounds[0] + 1 &&        \
			    after_.rounds[1] > before_.rounds[1] + 1)          \
				break;                                         \
		}                                                              \
		CHECK(after_.rounds[0] > before_.rounds[0] + 1);               \
		CHECK(after_.rounds[1] > before_.rounds[1] + 1);               \
		CHECK_EQ(after_.damaged[0], 0);                                \
		CHECK_EQ(after_.damaged[1], 0);                                \
	} while (0)

/* Borrows one certain thread of a held process: the others look gone. */
static int begin_on(struct session *s, size_t index)
{
	enum thread_state states[512];
	struct tracee *tracee = s->tracee;
	int r;

	for (size_t i = 0; i < tracee->nr_threads; i++) {
		states[i] = tracee->threads[i].state;
		if (i != index)
			tracee->threads[i].state = THREAD_GONE;
	}
	r = remote_begin(tracee, &s->remote, &diag);
	for (size_t i = 0; i < tracee->nr_threads; i++)
		tracee->threads[i].state = states[i];
	return r;
}

static void wait_for_ever(void *argument)
{
	(void)argument;
	puts("ready");
	for (;;)
		pause();
}

/* --- system calls -------------------------------------------------------- */

TEST(system_calls)
{
	uint64_t memfd[6] = { 0 }, bad[6] = { (uint64_t)-1 };
	char path[64], link[64] = "";
	struct snapshot before;
	struct session s;
	int64_t fd;

	child_fork(&s.child, wait_for_ever, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	CHECK_DONE(session_begin(&s));
	CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
	CHECK_EQ(call0(&s, SYS_getppid), getpid());
	CHECK_DONE(remote_syscall(s.remote, SYS_close, bad, &fd, &diag));
	CHECK_EQ(fd, -EBADF);

	memfd[0] = remote_scratch(s.remote);
	CHECK_DONE(process_write(s.process, memfd[0], "scratch", 8));
	CHECK_DONE(remote_syscall(s.remote, SYS_memfd_create, memfd, &fd,
				  &diag));
	CHECK(fd > 2);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)s.child.pid,
		 (int)fd);
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	CHECK_STR(link, "/memfd:scratch (deleted)");
	memfd[0] = (uint64_t)fd;
	CHECK_DONE(remote_syscall(s.remote, SYS_close, memfd, &fd, &diag));
	CHECK_EQ(fd, 0);
	CHECK_DONE(session_finish(&s));
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	session_end(&s);
}

/* All six arguments arrive, as in mmap. */
TEST(six_arguments)
{
	const uint64_t address = 0x10000000;
	uint64_t map[6] = { address, 8192, PROT_READ,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			    (uint64_t)-1, 0 };
	uint64_t unmap[6] = { address, 8192 };
	struct mappings mappings;
	struct snapshot before;
	struct session s;
	int64_t value;

	child_fork(&s.child, wait_for_ever, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	CHECK_DONE(session_begin(&s));
	CHECK_DONE(remote_syscall(s.remote, SYS_mmap, map, &value, &diag));
	CHECK_EQ(value, address);
	CHECK_DONE(mappings_read(s.process, &mappings, &diag));
	CHECK(mappings_find(&mappings, address + 8191));
	mappings_release(&mappings);
	CHECK_DONE(remote_syscall(s.remote, SYS_munmap, unmap, &value, &diag));
	CHECK_EQ(value, 0);
	CHECK_DONE(session_finish(&s));
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	session_end(&s);
}

/* Every thread is borrowed in turn, out of every blocking call. */
TEST(borrowed_calls_undisturbed)
{
	struct snapshot before;
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 5; i++) {
		for (size_t t = 0; t < s.tracee->nr_threads; t++) {
			CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS,
						   &diag));
			CHECK_DONE(begin_on(&s, t));
			CHECK_EQ(call0(&s, SYS_gettid),
				 s.tracee->threads[t].tid);
			CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
			CHECK_DONE(remote_end(take_ptr(s.remote), &diag));
			CHECK_EQ(s.tracee->threads[t].state, THREAD_HELD);
			tracee_release_all(s.tracee);
			tracee_serve(s.tracee, 3000);
		}
	}
	CHECK_DONE(session_finish(&s));
	CHECK_EQ(nr_complaints(&s.child), 0);
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	child_say(&s.child, "quit\n");
	CHECK_EQ(child_reap(&s.child), 0);
	session_end(&s);
}

/* --- restartable sequences ------------------------------------------------ */

struct sequences {
	unsigned long begun, aborted, forgotten;
};

/*
 * Sequences of some milliseconds, rseq(2). The kernel forgets a sequence only
 * when it sends the thread to the handler: one that is still inside and reads 0
 * has been interrupted and goes on all the same.
 */
static void sequences_run(void *argument)
{
	struct sequences *sequences = argument;
	struct rseq *rseq = (void *)((char *)__builtin_thread_pointer() +
				     __rseq_offset);

	puts("ready");
	for (;;) {
		unsigned long rounds = 10000000, result = 0;

		sequences->begun++;
		__asm__ volatile(
			".pushsection __rseq_cs, \"aw\"\n\t"
			".balign 32\n"
			"3: .long 0, 0\n\t"
			".quad 1f, 2f - 1f, 4f\n\t"
			".popsection\n\t"
			"lea 3b(%%rip), %%rax\n\t"
			"mov %%rax, %c[cs](%[rseq])\n\t"
			"1: cmpq $0, %c[cs](%[rseq])\n\t"
			"je 5f\n\t"
			"dec %[rounds]\n\t"
			"jnz 1b\n\t"
			"2: jmp 6f\n\t"
			".long 0x53053053\n"
			"4: mov $1, %[result]\n\t"
			"jmp 6f\n"
			"5: mov $2, %[result]\n"
			"6: movq $0, %c[cs](%[rseq])\n\t"
			: [rounds] "+r"(rounds), [result] "+r"(result)
			: [rseq] "r"(rseq),
			  [cs] "i"(offsetof(struct rseq, rseq_cs))
			: "rax", "memory", "cc");
		sequences->aborted += result == 1;
		sequences->forgotten += result == 2;
	}
}

TEST(restartable_sequences_abort)
{
	struct sequences *sequences =
		mmap(NULL, sizeof(*sequences), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct session s;

	if (!__rseq_size)
		SKIP("no rseq here");
	CHECK(sequences != MAP_FAILED);
	child_fork(&s.child, sequences_run, sequences);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 50; i++) {
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		CHECK_DONE(begin_on(&s, 0));
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		CHECK_DONE(remote_end(take_ptr(s.remote), &diag));
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 2000);
	}
	CHECK_DONE(session_finish(&s));
	CHECK_EQ(sequences->forgotten, 0);
	CHECK(sequences->aborted >= 20);
	session_end(&s);
	munmap(sequences, sizeof(*sequences));
}

/* The usual way: one thread is stopped, the others run. */
TEST(begin_and_end_often)
{
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	for (int i = 0; i < 200; i++) {
		CHECK_DONE(session_begin(&s));
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		CHECK_DONE(session_finish(&s));
	}
	CHECK_EQ(nr_complaints(&s.child), 0);
	session_end(&s);
}

static int start_registers(struct session *s)
{
	child_start(&s->child, "remote_registers");
	return session_open(s);
}

TEST(registers_survive)
{
	struct registers_report report;
	struct session s;

	CHECK_DONE(start_registers(&s));
	CHECK(registers_ask(&s.child, &report));
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 150; i++) {
		uint64_t arguments[6] = { 1, 2, 3, 4, 5, 6 }, sum = 0;

		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		CHECK_DONE(begin_on(&s, (size_t)i % 3));
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		if (i % 2) {
			CHECK_DONE(remote_call(s.remote, report.clobber,
					       arguments, 1000, &sum, &diag));
			CHECK_EQ(sum, 654321);
		}
		CHECK_DONE(remote_end(take_ptr(s.remote), &diag));
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 1000);
	}
	CHECK_DONE(session_finish(&s));
	CHECK_REGISTERS(&s.child);
	session_end(&s);
}

/* --- functions ----------------------------------------------------------- */

static volatile uint64_t hook_saw;

static uint64_t hook_float(uint64_t a)
{
	uint16_t control;
	uint32_t mxcsr;
	long double x = (long double)a;

	__asm__("fnstcw %0" : "=m"(control));
	__asm__("stmxcsr %0" : "=m"(mxcsr));
	for (int i = 0; i < 7; i++)
		x = x * 2 + 1;
	hook_saw = (uint64_t)x;
	return ((uint64_t)control << 32) | mxcsr;
}

static uint64_t hook_aligned(void)
{
	/* The compiler relies on the ABI's alignment for this. */
	_Alignas(16) volatile char place[16];

	return (uint64_t)(uintptr_t)place % 16;
}

static uint64_t hook_crash(void)
{
	__asm__ volatile("movb $1, 8");
	return 0;
}

__attribute__((noreturn)) static uint64_t hook_trap(void)
{
	__builtin_trap();
}

__attribute__((noreturn)) static uint64_t hook_loop(void)
{
	for (;;)
		hook_saw = hook_saw + 1;
}

__attribute__((noreturn)) static uint64_t hook_sleep(void)
{
	for (;;)
		pause();
}

static uint64_t hook_system_calls(void)
{
	return (uint64_t)syscall(SYS_getpid) + (uint64_t)syscall(SYS_getppid);
}

static void handle_quietly(int number)
{
	(void)number;
}

/* Says on request whether anything of its signal state has changed. */
static void watch_itself(void *argument)
{
	static char alternate[65536];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
	struct sigaction action = { .sa_handler = handle_quietly };
	sigset_t set, now;
	char c;

	(void)argument;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaltstack(&stack, NULL);
	puts("ready");
	while (read(STDIN_FILENO, &c, 1) == 1) {
		sigprocmask(SIG_SETMASK, NULL, &now);
		if (memcmp(&now, &set, 8))
			puts("mask changed");
		sigaction(SIGSEGV, NULL, &action);
		if (action.sa_handler != handle_quietly)
			puts("handler of SIGSEGV changed");
		sigaction(SIGILL, NULL, &action);
		if (action.sa_handler != handle_quietly)
			puts("handler of SIGILL changed");
		sigaltstack(NULL, &stack);
		if (stack.ss_sp != alternate || stack.ss_flags)
			puts("alternate stack changed");
		puts("end");
	}
}

static int nr_changes(struct child *child)
{
	char line[64];
	int nr = 0;

	child_say(child, "?");
	while (child_line(child, line, sizeof(line)) && strcmp(line, "end")) {
		printf("# %s\n", line);
		nr++;
	}
	return nr;
}

#define FUNCTION(name) ((hf_addr)(uintptr_t)(name))

TEST(calls_a_function)
{
	uint64_t arguments[6] = { 3 }, value;
	struct session s;

	child_fork(&s.child, watch_itself, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_begin(&s));
	CHECK_DONE(remote_call(s.remote, FUNCTION(hook_float), arguments, 1000,
			       &value, &diag));
	CHECK_EQ(value, 0x37f00001f80);
	CHECK_DONE(process_read(s.process, FUNCTION(&hook_saw), &value, 8));
	CHECK_EQ(value, 3 * 128 + 127);
	CHECK_DONE(remote_call(s.remote, FUNCTION(hook_aligned), arguments,
			       1000, &value, &diag));
	CHECK_EQ(value, 0);
	CHECK_DONE(remote_call(s.remote, FUNCTION(hook_system_calls), arguments,
			       1000, &value, &diag));
	CHECK_EQ(value, s.child.pid + getpid());
	/* Calls and system calls in any order. */
	CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
	CHECK_DONE(session_finish(&s));
	CHECK_EQ(nr_changes(&s.child), 0);
	session_end(&s);
}

TEST(function_that_crashes)
{
	static const struct { uint64_t (*hook)(void); const char *name; }
	cases[] = {
		{ hook_crash, "SEGV" },
		{ hook_trap, "ILL" },
	};
	struct snapshot before;
	struct session s;
	uint64_t value;

	child_fork(&s.child, watch_itself, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_DONE(session_begin(&s));
		CHECK_EQ(remote_call(s.remote, FUNCTION(cases[i].hook),
				     no_arguments, 1000, &value, &diag),
			 -ECANCELED);
		CHECK_STR(diag.code, "hook-signal");
		CHECK_CONTAINS(diag.message, cases[i].name);
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		CHECK_DONE(session_finish(&s));
		CHECK_EQ(nr_changes(&s.child), 0);
	}
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	session_end(&s);
}

TEST(function_that_never_returns)
{
	uint64_t (*const hooks[])(void) = { hook_loop, hook_sleep };
	struct session s;
	uint64_t value;

	child_fork(&s.child, watch_itself, NULL);
	CHECK_DONE(session_open(&s));
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++) {
		CHECK_DONE(session_begin(&s));
		CHECK_EQ(remote_call(s.remote, FUNCTION(hooks[i]), no_arguments,
				     50, &value, &diag),
			 -ETIMEDOUT);
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		CHECK_DONE(session_finish(&s));
		CHECK_EQ(nr_changes(&s.child), 0);
	}
	session_end(&s);
}

/* --- where a thread cannot simply be borrowed ---------------------------- */

static void pause_on_heap(void)
{
	puts("ready");
	for (;;)
		pause();
}

static void coroutine(void *argument)
{
	static ucontext_t here, there;
	const size_t size = 1 << 20;

	(void)argument;
	getcontext(&there);
	there.uc_stack.ss_sp = malloc(size);
	there.uc_stack.ss_size = size;
	there.uc_link = &here;
	makecontext(&there, pause_on_heap, 0);
	swapcontext(&here, &there);
}

TEST(coroutine_stack_refused)
{
	struct snapshot before;
	struct session s;

	child_fork(&s.child, coroutine, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	CHECK_EQ(session_begin(&s), -ECANCELED);
	CHECK_STR(diag.code, "no-stack");
	CHECK_DONE(session_finish(&s));
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	CHECK(child_wait_state(s.child.pid, "S"));
	session_end(&s);
}

/* Stopped by job control at the dynamic loader's first instruction. */
static void stop_before_start(struct child *child)
{
	if (!child_new(child)) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execl(child_target_path("remote_registers"), "early", NULL);
		_exit(127);
	}
	waitpid(child->pid, NULL, 0);
	ptrace(PTRACE_DETACH, child->pid, 0, SIGSTOP);
}

TEST(too_early_refused)
{
	struct snapshot before;
	struct session s;

	stop_before_start(&s.child);
	CHECK(child_wait_state(s.child.pid, "T"));
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	CHECK_EQ(session_begin(&s), -ECANCELED);
	CHECK_STR(diag.code, "starting");
	CHECK_DONE(session_finish(&s));
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	kill(s.child.pid, SIGCONT);
	child_wait_ready(&s.child);
	CHECK_DONE(session_begin(&s));
	CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
	CHECK_DONE(session_finish(&s));
	CHECK_REGISTERS(&s.child);
	session_end(&s);
}

TEST(stopped_target)
{
	struct session s;

	child_fork(&s.child, watch_itself, NULL);
	CHECK_DONE(session_open(&s));
	kill(s.child.pid, SIGSTOP);
	CHECK(child_wait_state(s.child.pid, "T"));
	for (int i = 0; i < 10; i++) {
		uint64_t value;

		CHECK_DONE(session_begin(&s));
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		CHECK_DONE(remote_call(s.remote, FUNCTION(hook_system_calls),
				       no_arguments, 1000, &value, &diag));
		CHECK_DONE(session_finish(&s));
		CHECK(child_wait_state(s.child.pid, "T"));
	}
	kill(s.child.pid, SIGCONT);
	CHECK_EQ(nr_changes(&s.child), 0);
	session_end(&s);
}

/* The order of signals stays: what SIGCONT has ended does not begin again. */
TEST(stopped_meanwhile)
{
	struct session s;

	child_fork(&s.child, watch_itself, NULL);
	CHECK_DONE(session_open(&s));
	for (int i = 0; i < 10; i++) {
		CHECK_DONE(session_begin(&s));
		kill(s.child.pid, SIGSTOP);
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		if (i % 2)
			kill(s.child.pid, SIGCONT);
		CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
		CHECK_DONE(session_finish(&s));
		CHECK(child_wait_state(s.child.pid, i % 2 ? "S" : "T"));
		kill(s.child.pid, SIGCONT);
		CHECK_EQ(nr_changes(&s.child), 0);
	}
	session_end(&s);
}

/* A filter that kills for memfd_create. */
static void under_filter(void *argument)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };
	char c;

	(void)argument;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	puts("ready");
	while (read(STDIN_FILENO, &c, 1) == 1)
		syscall(SYS_memfd_create, "x", 0);
}

TEST(filter_suspended)
{
	uint64_t memfd[6] = { 0 };
	struct session s;
	int64_t fd;

	child_fork(&s.child, under_filter, NULL);
	CHECK_DONE(session_open(&s));
	if (session_begin(&s)) {
		CHECK_STR(diag.code, "seccomp");
		CHECK_CONTAINS(diag.hint, "CAP_SYS_ADMIN");
		session_end(&s);
		SKIP("may not suspend filters here");
	}
	memfd[0] = remote_scratch(s.remote);
	CHECK_DONE(process_write(s.process, memfd[0], "x", 2));
	CHECK_DONE(remote_syscall(s.remote, SYS_memfd_create, memfd, &fd,
				  &diag));
	CHECK(fd > 2);
	memfd[0] = (uint64_t)fd;
	CHECK_DONE(remote_syscall(s.remote, SYS_close, memfd, &fd, &diag));
	CHECK_DONE(session_finish(&s));
	/* And afterwards it kills again. */
	CHECK(child_wait_state(s.child.pid, "S"));
	child_say(&s.child, "x");
	CHECK_EQ(child_reap(&s.child) & 0x7f, SIGSYS);
	session_end(&s);
}

TEST(target_killed)
{
	struct session s;
	int64_t value;
	int r;

	child_fork(&s.child, wait_for_ever, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_begin(&s));
	CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
	kill(s.child.pid, SIGKILL);
	r = remote_syscall(s.remote, SYS_getpid, no_arguments, &value, &diag);
	CHECK_EQ(r, -ESRCH);
	CHECK_EQ(session_finish(&s), 0);
	session_end(&s);
}

/* --- the agent's death --------------------------------------------------- */

enum death { AT_BEGIN, AFTER_SYSCALL, IN_FUNCTION, AFTER_FUNCTION, NR_DEATHS };

struct doomed {
	pid_t pid;
	enum death death;
	hf_addr function;
};

/* An agent that comes as far as wanted, says so, and waits to be killed. */
static void agent_until(void *argument)
{
	const struct doomed *doomed = argument;
	struct session s = { .child.pid = doomed->pid };
	uint64_t value;

	if (session_open(&s) || session_begin(&s)) {
		printf("%s\n", diag.message);
		_exit(1);
	}
	if (doomed->death == AFTER_SYSCALL)
		call0(&s, SYS_getpid);
	if (doomed->death == IN_FUNCTION)
		puts("ready");
	if (doomed->death >= IN_FUNCTION)
		remote_call(s.remote, doomed->function, no_arguments, 20000,
			    &value, &diag);
	puts("ready");
	for (;;)
		pause();
}

static int hook_pipe[2];

/* Returns when a byte arrives. */
static uint64_t hook_wait(void)
{
	char c;

	hook_saw = 1;
	return (uint64_t)syscall(SYS_read, hook_pipe[0], &c, 1);
}

static void agent_kill(struct child *agent)
{
	kill(agent->pid, SIGKILL);
	child_reap(agent);
	child_end(agent);
}

/* Sweeps until no thread needs the stub any more. Return: as remote_sweep(). */
static int sweep(struct session *s, bool *ret_found)
{
	int r = -EAGAIN;

	for (int i = 0; i < 1000 && r == -EAGAIN; i++) {
		r = session_seize(s);
		if (!r)
			r = tracee_hold_all(s->tracee, TIMEOUT_MS, &diag);
		if (!r)
			r = remote_sweep(s->tracee, ret_found, &diag);
		(void)session_finish(s);
		usleep(1000);
	}
	return r;
}

/*
 * The target is a copy of us with our stack, where the last death has left
 * addresses of the stub: whoever looks there must not find them.
 */
static __attribute__((noinline)) void stack_wipe(void)
{
	volatile uint8_t wiped[128 << 10];

	for (size_t i = 0; i < sizeof(wiped); i++)
		wiped[i] = 0;
}

static __attribute__((noinline)) void agent_dies(enum death death)
{
	struct doomed doomed = { .death = death };
	struct snapshot before;
	struct session s;
	struct child agent;
	bool present, found;
	uint64_t waiting = 0;

	printf("# death %d\n", (int)death);
	CHECK_EQ(pipe(hook_pipe), 0);
	doomed.function = FUNCTION(death == IN_FUNCTION ?
					   hook_wait :
					   hook_system_calls);
	hook_saw = 0;
	child_fork(&s.child, watch_itself, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	doomed.pid = s.child.pid;
	child_fork(&agent, agent_until, &doomed);
	for (int i = 0; death == IN_FUNCTION && i < 5000 && !waiting;
	     i++) {
		usleep(1000);
		CHECK_DONE(process_read(s.process, FUNCTION(&hook_saw),
					&waiting, 8));
	}
	agent_kill(&agent);
	CHECK_DONE(remote_stub_present(s.process, &present, &diag));
	CHECK_EQ(present, true);
	if (death == IN_FUNCTION) {
		CHECK_EQ(waiting, 1);
		CHECK_DONE(session_seize(&s));
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS,
					   &diag));
		CHECK_EQ(remote_sweep(s.tracee, &found, &diag),
			 -EAGAIN);
		CHECK_DONE(session_finish(&s));
		CHECK_EQ(write(hook_pipe[1], "x", 1), 1);
	}
	CHECK_EQ(nr_changes(&s.child), 0);
	/* Borrowing again works with the leftover in place. */
	CHECK_DONE(session_begin(&s));
	CHECK_EQ(call0(&s, SYS_getpid), s.child.pid);
	CHECK_DONE(session_finish(&s));
	CHECK_DONE(sweep(&s, &found));
	CHECK_EQ(found, true);
	CHECK_UNCHANGED(s.process, &before);
	CHECK_DONE(sweep(&s, &found));
	CHECK_EQ(found, false);
	CHECK_EQ(nr_changes(&s.child), 0);
	buffer_release(&before.maps);
	session_end(&s);
	close(hook_pipe[0]);
	close(hook_pipe[1]);
}

TEST(agent_killed_at)
{
	for (enum death death = AT_BEGIN; death < NR_DEATHS; death++) {
		stack_wipe();
		agent_dies(death);
	}
}

/* Borrows, calls and gives back, until it is killed. */
static void agent_for_ever(void *argument)
{
	const struct doomed *doomed = argument;
	struct session s = { .child.pid = doomed->pid };
	uint64_t value;

	if (session_open(&s))
		_exit(1);
	puts("ready");
	for (int i = 0;; i++) {
		if (session_seize(&s))
			_exit(1);
		if (i % 2 && (tracee_hold_all(s.tracee, TIMEOUT_MS, &diag) ||
			      begin_on(&s, (size_t)(i / 2) %
						   s.tracee->nr_threads)))
			_exit(1);
		if (!s.remote && remote_begin(s.tracee, &s.remote, &diag))
			_exit(1);
		call0(&s, SYS_getpid);
		if (doomed->function)
			remote_call(s.remote, doomed->function, no_arguments,
				    1000, &value, &diag);
		call0(&s, SYS_gettid);
		if (session_finish(&s))
			_exit(1);
	}
}

/* Kills it after a time that nobody chose. */
static int kill_at_random(struct doomed *doomed, unsigned int *seed)
{
	struct child agent;
	int status;

	child_fork(&agent, agent_for_ever, doomed);
	usleep((useconds_t)(rand_r(seed) % 4000));
	kill(agent.pid, SIGKILL);
	status = child_reap(&agent);
	child_end(&agent);
	return status;
}

TEST(agent_killed_anywhere)
{
	struct registers_report report;
	struct doomed doomed = { 0 };
	unsigned int seed = (unsigned int)getpid();
	struct snapshot before;
	struct session s;
	bool found;

	CHECK_DONE(start_registers(&s));
	CHECK(registers_ask(&s.child, &report));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	doomed = (struct doomed){ .pid = s.child.pid,
				  .function = report.clobber };
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(kill_at_random(&doomed, &seed), SIGKILL);
		CHECK(process_alive(s.process));
		if (i % 50 == 0)
			CHECK_REGISTERS(&s.child);
	}
	CHECK_REGISTERS(&s.child);
	CHECK_DONE(sweep(&s, &found));
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	session_end(&s);
}

/* Signal masks of all threads, in order. */
static bool masks_are_same(const struct process *process, uint64_t *masks,
			   size_t *nr, bool first)
{
	pid_t *tids;
	bool same = true;
	size_t nr_tids;

	if (threads_read(process, &tids, &nr_tids, &diag))
		return false;
	if (first)
		*nr = nr_tids;
	same = *nr == nr_tids;
	for (size_t i = 0; same && i < nr_tids; i++) {
		struct thread_status status;

		if (thread_status_read(process, tids[i], &status, &diag))
			same = false;
		else if (first)
			masks[i] = status.blocked;
		else
			same = masks[i] == status.blocked;
	}
	free(tids);
	return same;
}

/*
 * A thread that was asked to stop, and whose agent dies before it has seen the
 * stop, may find an EINTR, where a stop signal would cause one as well. Nothing
 * else may come of it. Return: how often; INT_MAX for another result.
 */
static int interruptions(struct child *child)
{
	char line[256];
	int sum = 0;

	child_say(child, "report\n");
	while (child_line(child, line, sizeof(line)) && strncmp(line, "end", 3)) {
		const char *count = strstr(line, " last -1 errno 4");

		printf("# %s\n", line);
		if (!count)
			return INT_MAX;
		while (count > line && count[-1] != ' ')
			count--;
		sum += atoi(count);
	}
	return sum;
}

TEST(agent_killed_in_system_calls)
{
	const int nr_kills = 100;
	struct doomed doomed = { 0 };
	unsigned int seed = (unsigned int)getpid();
	struct snapshot before;
	uint64_t masks[512];
	struct session s;
	bool found, same;
	size_t nr;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	CHECK_EQ(snapshot_take(s.process, &before), 0);
	CHECK(masks_are_same(s.process, masks, &nr, true));
	doomed.pid = s.child.pid;
	for (int i = 0; i < nr_kills; i++) {
		CHECK_EQ(kill_at_random(&doomed, &seed), SIGKILL);
		CHECK(process_alive(s.process));
	}
	CHECK_DONE(sweep(&s, &found));
	CHECK_UNCHANGED(s.process, &before);
	buffer_release(&before.maps);
	/* ppoll and others change it for a moment by themselves. */
	same = false;
	for (int i = 0; i < 100 && !same; i++) {
		usleep(10000);
		same = masks_are_same(s.process, masks, &nr, false);
	}
	CHECK(same);
	/* At most a batch of threads at a time is between two states. */
	CHECK(interruptions(&s.child) <= nr_kills * 8);
	session_end(&s);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
