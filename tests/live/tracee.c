/*
 * Threads held and let go, and what the target notices of it: nothing.
 */
#include "../../agent/tracee.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "../../lib/io.h"
#include "../tap.h"
#include "spawn.h"

#define TIMEOUT_MS 10000

static struct hf_diag diag;

/* A traced child; what fails ends the test with the reason. */
struct session {
	struct child child;
	struct process *process;
	struct tracee *tracee;
};

static int session_open(struct session *session)
{
	session->process = NULL;
	session->tracee = NULL;
	return process_open(session->child.pid, &session->process, &diag);
}

static int session_seize(struct session *session)
{
	return tracee_seize(session->process, TIMEOUT_MS, &session->tracee,
			    &diag);
}

static void session_release(struct session *session)
{
	if (session->tracee)
		tracee_free(session->tracee);
	session->tracee = NULL;
}

static void session_end(struct session *session)
{
	session_release(session);
	if (session->process)
		process_free(session->process);
	child_end(&session->child);
}

#define CHECK_DONE(call)                                                       \
	do {                                                                   \
		int done_ = (call);                                            \
		if (done_)                                                     \
			TAP_FAIL("%s: %d: %s", #call, done_, diag.message);    \
	} while (0)

/* Asks tests/targets/remote_syscalls; prints what it says. */
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

TEST(system_calls_undisturbed)
{
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 200; i++) {
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		for (size_t t = 0; t < s.tracee->nr_threads; t++) {
			CHECK_EQ(s.tracee->threads[t].state, THREAD_HELD);
			CHECK(s.tracee->threads[t].regs_known);
		}
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 5000);
	}
	session_release(&s);
	CHECK_EQ(nr_complaints(&s.child), 0);
	child_say(&s.child, "quit\n");
	CHECK_EQ(child_reap(&s.child), 0);
	session_end(&s);
}

/* The same by attaching and detaching each time. */
TEST(system_calls_undisturbed_by_detach)
{
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	for (int i = 0; i < 100; i++) {
		CHECK_DONE(session_seize(&s));
		if (i % 2)
			CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS,
						   &diag));
		session_release(&s);
		usleep(5000);
	}
	CHECK_EQ(nr_complaints(&s.child), 0);
	child_say(&s.child, "quit\n");
	CHECK_EQ(child_reap(&s.child), 0);
	session_end(&s);
}


/* --- signals ------------------------------------------------------------- */

static atomic_int nr_signals;

static void count_signal(int number)
{
	(void)number;
	nr_signals++;
}

static void catch_signal(int number)
{
	struct sigaction action = { .sa_handler = count_signal };

	sigaction(number, &action, NULL);
}

/* Waits in epoll_wait(); says what interrupted it. */
static void wait_in_epoll(void *argument)
{
	int fd = epoll_create1(0);
	struct epoll_event event;

	(void)argument;
	catch_signal(SIGUSR1);
	puts("ready");
	for (;;) {
		int r = epoll_wait(fd, &event, 1, -1);

		printf("%d %s after %d\n", r, strerrorname_np(errno),
		       (int)nr_signals);
	}
}

/* A signal that arrives while the thread is held still ends its call. */
TEST(real_signal_interrupts)
{
	struct session s;
	char line[64];

	child_fork(&s.child, wait_in_epoll, NULL);
	CHECK_DONE(session_open(&s));
	for (int i = 1; i <= 20; i++) {
		char want[64];

		CHECK(child_wait_state(s.child.pid, "S"));
		CHECK_DONE(session_seize(&s));
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		kill(s.child.pid, SIGUSR1);
		if (i % 2)
			tracee_release_all(s.tracee);
		tracee_serve(s.tracee, i % 2 ? 2000 : 0);
		session_release(&s);
		CHECK(child_line(&s.child, line, sizeof(line)));
		snprintf(want, sizeof(want), "-1 EINTR after %d", i);
		CHECK_STR(line, want);
	}
	session_end(&s);
}

/* The kernel stops a traced thread for signals that it ignores, too. */
TEST(ignored_signal_does_not_interrupt)
{
	struct session s;
	char line[64];

	child_fork(&s.child, wait_in_epoll, NULL);
	CHECK_DONE(session_open(&s));
	CHECK(child_wait_state(s.child.pid, "S"));
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 20; i++) {
		kill(s.child.pid, SIGWINCH);
		if (i % 2)
			tracee_serve(s.tracee, 2000);
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 2000);
	}
	session_release(&s);
	kill(s.child.pid, SIGUSR1);
	CHECK(child_line(&s.child, line, sizeof(line)));
	CHECK_STR(line, "-1 EINTR after 1");
	session_end(&s);
}

/* A stop that comes after the patience for it has ended. */
TEST(late_stop_does_not_interrupt)
{
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 20; i++) {
		(void)tracee_hold_all(s.tracee, 0, &diag);
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 2000);
	}
	session_release(&s);
	CHECK_EQ(nr_complaints(&s.child), 0);
	session_end(&s);
}

#define NR_QUEUED 3000

static void count_queued(void *argument)
{
	(void)argument;
	catch_signal(SIGRTMIN);
	puts("ready");
	while (nr_signals < NR_QUEUED)
		pause();
	printf("counted %d\n", (int)nr_signals);
	for (;;)
		pause();
}

/* None is lost and none is given twice, in whatever state it finds us. */
TEST(signals_pass)
{
	struct session s;
	char line[64];
	int sent = 0;

	child_fork(&s.child, count_queued, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	while (sent < NR_QUEUED) {
		for (int i = 0; i < 10 && sent < NR_QUEUED; i++, sent++)
			CHECK_EQ(sigqueue(s.child.pid, SIGRTMIN,
					  (union sigval){ 0 }), 0);
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		CHECK_EQ(s.tracee->threads[0].pending_signal, 0);
		tracee_release_all(s.tracee);
		if (sent % 100 == 0) {
			session_release(&s);
			CHECK_DONE(session_seize(&s));
		}
	}
	session_release(&s);
	CHECK(child_line(&s.child, line, sizeof(line)));
	CHECK_STR(line, "counted 3000");
	session_end(&s);
}

/* --- sleepers that are looked at and left asleep --------------------------- */

static int visit_and_count(void *context, const struct thread *thread,
			   struct hf_diag *unused)
{
	int *nr = context;

	(void)unused;
	return thread->state == THREAD_HELD && thread->regs_known ? ++*nr :
								    -EINVAL;
}

/* Everything stands still but the dormant ones, and those are not disturbed. */
TEST(dormant_undisturbed)
{
	size_t nr_dormant = 0;
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	for (int i = 0; i < 60; i++) {
		int nr_visited = 0;

		if (i % 4 == 0)
			CHECK_DONE(session_seize(&s));
		CHECK_DONE(tracee_visit_sleepers(s.tracee, visit_and_count,
						 &nr_visited, &diag));
		CHECK_DONE(tracee_hold_awake(s.tracee, TIMEOUT_MS, &diag));
		for (size_t t = 0; t < s.tracee->nr_threads; t++) {
			const struct thread *thread = &s.tracee->threads[t];

			CHECK(thread->dormant || thread->state == THREAD_HELD);
			CHECK(!thread->dormant || thread->verdict > 0);
			nr_dormant += thread->dormant;
		}
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 5000);
		if (i % 4 == 3)
			session_release(&s);
	}
	session_release(&s);
	CHECK(nr_dormant > 0);
	CHECK_EQ(nr_complaints(&s.child), 0);
	child_say(&s.child, "quit\n");
	CHECK_EQ(child_reap(&s.child), 0);
	session_end(&s);
}

static void echo_bytes(void *argument)
{
	char byte;

	(void)argument;
	puts("ready");
	while (read(STDIN_FILENO, &byte, 1) == 1)
		puts(byte == '\n' ? "end of line" : "byte");
}

/* Its call is over, and it stays at the end of it for as long as others stand. */
TEST(dormant_waits_for_release)
{
	struct session s;
	char line[64];

	child_fork(&s.child, echo_bytes, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	for (int i = 0; i < 20; i++) {
		struct pollfd answer = { .fd = s.child.out, .events = POLLIN };
		int nr_visited = 6;

		CHECK(child_wait_state(s.child.pid, "S"));
		CHECK_DONE(tracee_visit_sleepers(s.tracee, visit_and_count,
						 &nr_visited, &diag));
		CHECK(s.tracee->threads[0].dormant);
		CHECK_EQ(s.tracee->threads[0].verdict, 7);
		CHECK_DONE(tracee_hold_awake(s.tracee, TIMEOUT_MS, &diag));
		child_say(&s.child, "x");
		CHECK(child_wait_state(s.child.pid, "t"));
		CHECK(s.tracee->threads[0].dormant);
		CHECK_EQ(poll(&answer, 1, 0), 0);
		tracee_release_all(s.tracee);
		if (i % 2)
			session_release(&s);
		while (s.tracee && poll(&answer, 1, 0) == 0)
			tracee_serve(s.tracee, 1000);
		CHECK(child_line(&s.child, line, sizeof(line)));
		CHECK_STR(line, "byte");
		if (!s.tracee)
			CHECK_DONE(session_seize(&s));
	}
	session_end(&s);
}

/* Nobody is held, and nobody is there any more. */
TEST(dormant_killed)
{
	struct session s;
	int nr_visited = 0;

	child_fork(&s.child, echo_bytes, NULL);
	CHECK_DONE(session_open(&s));
	CHECK(child_wait_state(s.child.pid, "S"));
	CHECK_DONE(session_seize(&s));
	CHECK_DONE(tracee_visit_sleepers(s.tracee, visit_and_count, &nr_visited,
					 &diag));
	CHECK(s.tracee->threads[0].dormant);
	kill(s.child.pid, SIGKILL);
	CHECK_EQ(tracee_hold_awake(s.tracee, TIMEOUT_MS, &diag), -ESRCH);
	session_end(&s);
}

static int visit_never(void *unused, const struct thread *thread,
		       struct hf_diag *unused_too)
{
	(void)unused;
	(void)thread;
	(void)unused_too;
	return -ENOMEM;
}

/* What a visitor says ends it, with everything running. */
TEST(visit_that_fails)
{
	struct session s;
	char line[64];

	child_fork(&s.child, echo_bytes, NULL);
	CHECK_DONE(session_open(&s));
	CHECK(child_wait_state(s.child.pid, "S"));
	CHECK_DONE(session_seize(&s));
	CHECK_EQ(tracee_visit_sleepers(s.tracee, visit_never, NULL, &diag),
		 -ENOMEM);
	CHECK(!s.tracee->threads[0].dormant);
	child_say(&s.child, "x");
	CHECK(child_line(&s.child, line, sizeof(line)));
	CHECK_STR(line, "byte");
	session_end(&s);
}

/* --- job control --------------------------------------------------------- */

TEST(stopped_stays_stopped)
{
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	kill(s.child.pid, SIGSTOP);
	CHECK(child_wait_state(s.child.pid, "T"));
	for (int i = 0; i < 10; i++) {
		CHECK_DONE(session_seize(&s));
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		CHECK_EQ(s.tracee->threads[0].group_stopped, true);
		tracee_release_all(s.tracee);
		tracee_serve(s.tracee, 1000);
		CHECK(strchr("tT", child_state(s.child.pid)));
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		session_release(&s);
		CHECK(child_wait_state(s.child.pid, "T"));
	}
	kill(s.child.pid, SIGCONT);
	CHECK(child_wait_state(s.child.pid, "S"));
	child_say(&s.child, "quit\n");
	CHECK_EQ(child_reap(&s.child), 0);
	session_end(&s);
}

/* Stopped and continued by others while we trace it. */
TEST(job_control_while_traced)
{
	struct session s;

	child_start(&s.child, "remote_syscalls");
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	kill(s.child.pid, SIGSTOP);
	tracee_serve(s.tracee, 20000);
	CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
	CHECK_EQ(s.tracee->threads[0].group_stopped, true);
	tracee_release_all(s.tracee);
	kill(s.child.pid, SIGCONT);
	tracee_serve(s.tracee, 20000);
	CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
	CHECK_EQ(s.tracee->threads[0].group_stopped, false);
	session_release(&s);
	child_say(&s.child, "quit\n");
	CHECK_EQ(child_reap(&s.child), 0);
	session_end(&s);
}

/* An agent in a process of its own: here the parent must not be the tracer. */
static void hold_often(void *argument)
{
	struct session s = { .child.pid = *(pid_t *)argument };

	puts("ready");
	for (int i = 0; i < 32; i++) {
		if (session_open(&s) || session_seize(&s) ||
		    tracee_hold_all(s.tracee, TIMEOUT_MS, &diag))
			_exit(1);
		session_release(&s);
		process_free(s.process);
	}
	puts("done");
}

TEST(parent_sees_nothing)
{
	struct child child, agent;
	char line[16];
	int status;

	child_start(&child, "remote_syscalls");
	for (int stopped = 0; stopped < 2; stopped++) {
		if (stopped) {
			kill(child.pid, SIGSTOP);
			CHECK_EQ(waitpid(child.pid, &status, WUNTRACED),
				 child.pid);
		}
		child_fork(&agent, hold_often, &child.pid);
		CHECK(child_line(&agent, line, sizeof(line)));
		CHECK_STR(line, "done");
		CHECK_EQ(child_reap(&agent), 0);
		child_end(&agent);
		CHECK_EQ(waitpid(child.pid, &status,
				 WUNTRACED | WCONTINUED | WNOHANG), 0);
	}
	child_end(&child);
}

/* --- threads that come and go -------------------------------------------- */

#define NR_THREADS 64

static void *sleep_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *return_at_once(void *argument)
{
	return argument;
}

static void *spawn_without_pause(void *argument)
{
	for (;;) {
		pthread_t thread;

		if (!pthread_create(&thread, NULL, return_at_once, NULL))
			pthread_join(thread, NULL);
	}
	return argument;
}

static void many_threads(void *argument)
{
	int nr_spawners = *(int *)argument;
	pthread_t thread;

	for (int i = 0; i < NR_THREADS; i++)
		pthread_create(&thread, NULL,
			       i < nr_spawners ? spawn_without_pause :
						 sleep_for_ever,
			       NULL);
	puts("ready");
	sleep_for_ever(NULL);
}

TEST(many_threads)
{
	int nr_spawners = 0;
	struct session s;

	child_fork(&s.child, many_threads, &nr_spawners);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	CHECK_EQ(s.tracee->nr_threads, NR_THREADS + 1);
	for (int i = 0; i < 20; i++) {
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		for (size_t t = 0; t < s.tracee->nr_threads; t++)
			CHECK_EQ(s.tracee->threads[t].state, THREAD_HELD);
		tracee_release_all(s.tracee);
	}
	session_end(&s);
}

static bool everything_held(const struct session *s)
{
	pid_t *tids;
	size_t nr;
	bool held = true;

	if (threads_read(s->process, &tids, &nr, &diag))
		return false;
	for (size_t i = 0; held && i < nr; i++)
		held = !strchr("RS", child_state(tids[i]));
	free(tids);
	return held;
}

/* Never hangs; when it says that all are held, all are. */
TEST(threads_without_pause)
{
	int nr_spawners = 4, nr_held = 0;
	struct session s;

	child_fork(&s.child, many_threads, &nr_spawners);
	CHECK_DONE(session_open(&s));
	for (int i = 0; i < 60; i++) {
		int r = session_seize(&s);

		if (!r)
			r = tracee_hold_all(s.tracee, TIMEOUT_MS, &diag);
		CHECK(r == 0 || r == -ETIMEDOUT);
		if (!r) {
			nr_held++;
			CHECK(everything_held(&s));
			tracee_release_all(s.tracee);
			tracee_serve(s.tracee, 500);
		}
		session_release(&s);
	}
	CHECK(nr_held > 0);
	printf("# held %d of 60 times\n", nr_held);
	CHECK(process_alive(s.process));
	session_end(&s);
}

static void leader_exits(void *argument)
{
	pthread_t thread;

	pthread_create(&thread, NULL, sleep_for_ever, NULL);
	(void)argument;
	puts("ready");
	syscall(SYS_exit, 0);
}

TEST(main_thread_exited)
{
	struct session s;

	child_fork(&s.child, leader_exits, NULL);
	CHECK(child_wait_state(s.child.pid, "Z"));
	CHECK_DONE(session_open(&s));
	for (int i = 0; i < 3; i++) {
		CHECK_DONE(session_seize(&s));
		CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
		CHECK_EQ(s.tracee->nr_threads, 2);
		CHECK_EQ(s.tracee->threads[0].state, THREAD_GONE);
		CHECK_EQ(s.tracee->threads[1].state, THREAD_HELD);
		session_release(&s);
	}
	session_end(&s);
}

/* The main thread ends while it is traced: it can never be held. */
static void leader_exits_on_request(void *argument)
{
	pthread_t thread;
	char c;

	pthread_create(&thread, NULL, sleep_for_ever, NULL);
	(void)argument;
	puts("ready");
	if (read(STDIN_FILENO, &c, 1) == 1)
		syscall(SYS_exit, 0);
}

TEST(main_thread_exits_while_traced)
{
	struct session s;

	child_fork(&s.child, leader_exits_on_request, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	child_say(&s.child, "x");
	CHECK(child_wait_state(s.child.pid, "Z"));
	CHECK_DONE(tracee_hold_all(s.tracee, 1000, &diag));
	CHECK_EQ(s.tracee->threads[0].state, THREAD_GONE);
	session_end(&s);
}

/* --- ends ---------------------------------------------------------------- */

TEST(killed_while_traced)
{
	for (int held = 0; held < 2; held++) {
		struct session s;

		child_start(&s.child, "remote_syscalls");
		CHECK_DONE(session_open(&s));
		CHECK_DONE(session_seize(&s));
		if (held)
			CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS,
						   &diag));
		kill(s.child.pid, SIGKILL);
		if (held)
			tracee_release_all(s.tracee);
		CHECK_EQ(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag), -ESRCH);
		CHECK_CONTAINS(diag.message, "has ended");
		session_release(&s);
		CHECK_EQ(session_seize(&s), -ESRCH);
		session_end(&s);
	}
}

static void exec_on_request(void *argument)
{
	pthread_t thread;
	char c;

	pthread_create(&thread, NULL, sleep_for_ever, NULL);
	(void)argument;
	puts("ready");
	if (read(STDIN_FILENO, &c, 1) == 1)
		execl("/bin/sleep", "sleep", "1000", NULL);
}

static bool became(pid_t pid, const char *command)
{
	struct process_stat stat;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	return !process_stat_read(AT_FDCWD, path, &stat) &&
	       !strcmp(stat.command, command);
}

TEST(exec_while_traced)
{
	struct session s;

	child_fork(&s.child, exec_on_request, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	child_say(&s.child, "x");
	for (int i = 0; i < 1000 && !s.tracee->replaced; i++)
		tracee_serve(s.tracee, 5000);
	CHECK_EQ(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag), -ESRCH);
	CHECK_CONTAINS(diag.message, "exec");
	session_release(&s);
	for (int i = 0; i < 5000 && !became(s.child.pid, "sleep"); i++)
		usleep(1000);
	CHECK(became(s.child.pid, "sleep"));
	CHECK(child_wait_state(s.child.pid, "S"));
	session_end(&s);
}

/* Execs when there is the file of that name; until then it does not sleep. */
static void *exec_when_there(void *path)
{
	while (access(path, F_OK))
		;
	execlp("sleep", "sleep", "1000", NULL);
	return NULL;
}

static void exec_beside_sleepers(void *path)
{
	pthread_t threads[2];

	pthread_create(&threads[0], NULL, sleep_for_ever, NULL);
	pthread_create(&threads[1], NULL, exec_when_there, path);
	puts("ready");
	sleep_for_ever(NULL);
}

/* The kernel ends the dormant ones, and waits until we have seen that. */
TEST(exec_beside_dormant)
{
	char path[] = "/tmp/exec_beside_dormant.XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC), nr_visited = 0;
	struct session s;

	CHECK(fd >= 0);
	close(fd);
	unlink(path);
	child_fork(&s.child, exec_beside_sleepers, path);
	CHECK_DONE(session_open(&s));
	CHECK(child_wait_state(s.child.pid, "S"));
	CHECK_DONE(session_seize(&s));
	while (nr_visited < 2)
		CHECK_DONE(tracee_visit_sleepers(s.tracee, visit_and_count,
						 &nr_visited, &diag));
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK(child_wait_state(s.child.pid, "Z"));
	CHECK_EQ(tracee_hold_awake(s.tracee, TIMEOUT_MS, &diag), -ESRCH);
	CHECK_CONTAINS(diag.message, "exec");
	session_release(&s);
	unlink(path);
	for (int i = 0; i < 5000 && !became(s.child.pid, "sleep"); i++)
		usleep(1000);
	CHECK(became(s.child.pid, "sleep"));
	session_end(&s);
}

/* --- refusals and time-outs ---------------------------------------------- */

static void trace_it(void *argument)
{
	if (ptrace(PTRACE_SEIZE, *(pid_t *)argument, 0, 0))
		_exit(1);
	prctl(PR_SET_NAME, "other-tracer");
	puts("ready");
	sleep_for_ever(NULL);
}

TEST(already_traced)
{
	struct child tracer;
	char want[64];
	struct session s;

	child_start(&s.child, "remote_syscalls");
	child_fork(&tracer, trace_it, &s.child.pid);
	CHECK_DONE(session_open(&s));
	CHECK_EQ(session_seize(&s), -ECANCELED);
	CHECK_STR(diag.code, "traced");
	snprintf(want, sizeof(want), "process %d (other-tracer)",
		 (int)tracer.pid);
	CHECK_CONTAINS(diag.message, want);
	child_end(&tracer);
	CHECK_DONE(session_seize(&s));
	session_end(&s);
}

/* A thread that waits in vfork(2) for its child cannot be stopped. */
static void *wait_in_vfork(void *argument)
{
	pid_t pid = vfork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return argument;
}

static void vfork_thread(void *argument)
{
	pthread_t thread;

	(void)argument;
	pthread_create(&thread, NULL, wait_in_vfork, NULL);
	usleep(50000);
	puts("ready");
	sleep_for_ever(NULL);
}

TEST(uninterruptible_named)
{
	struct session s;
	struct thread *thread;

	child_fork(&s.child, vfork_thread, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	CHECK_EQ(s.tracee->nr_threads, 2);
	CHECK_EQ(tracee_hold_all(s.tracee, 100, &diag), -ETIMEDOUT);
	CHECK_CONTAINS(diag.message, "state D");
	CHECK_CONTAINS(diag.message, "vfork");
	/* The others run again, and one of them can be had. */
	tracee_serve(s.tracee, 1000);
	CHECK(child_wait_state(s.child.pid, "S"));
	CHECK_DONE(tracee_hold_one(s.tracee, TIMEOUT_MS, &thread, &diag));
	CHECK_EQ(thread->tid, s.child.pid);
	tracee_release(s.tracee, thread);
	/* First: a thread that could not be let go is still ours to reap. */
	kill(s.child.pid, SIGKILL);
	session_end(&s);
}

/* A process made by clone(2) without SIGCHLD is traced from birth: let go. */
__attribute__((noreturn)) static int cloned(void *argument)
{
	(void)argument;
	for (;;)
		pause();
}

static void clone_on_request(void *argument)
{
	static char stack[65536] __attribute__((aligned(16)));
	char c;

	(void)argument;
	puts("ready");
	if (read(STDIN_FILENO, &c, 1) == 1)
		printf("%d\n", clone(cloned, stack + sizeof(stack), 0, NULL));
	sleep_for_ever(NULL);
}

TEST(cloned_process_let_go)
{
	struct thread_status status = { 0 };
	struct process *other;
	struct session s;
	char line[32];
	pid_t pid;

	child_fork(&s.child, clone_on_request, NULL);
	CHECK_DONE(session_open(&s));
	CHECK_DONE(session_seize(&s));
	child_say(&s.child, "x");
	tracee_serve(s.tracee, 100000);
	CHECK(child_line(&s.child, line, sizeof(line)));
	pid = atoi(line);
	CHECK_DONE(tracee_hold_all(s.tracee, TIMEOUT_MS, &diag));
	CHECK_DONE(process_open(pid, &other, &diag));
	CHECK_DONE(thread_status_read(other, pid, &status, &diag));
	process_free(other);
	kill(pid, SIGKILL);
	session_end(&s);
	CHECK_EQ(status.tracer, 0);
	CHECK(strchr("SR", status.state));
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
