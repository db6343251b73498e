/*
 * Threads held and let go, and what the target notices of it: nothing.
 */
#include "../../agent/tracee.h"

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

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
