/*
 * A process under a seccomp filter made by libseccomp, as services have them.
 * "filter ACTION CALL..." forbids these system calls, "only ACTION CALL..." all
 * others.
 *
 * Started as "filtered watch", a second thread is under the same filter and
 * makes a forbidden call, getppid, without pause: "watched" says how often it
 * did and how often the result was another one than the filter gives.
 *
 * The action "notify" leaves the decision to a supervisor, a child that shares
 * our descriptors. It lets every call pass, getppid only after a line of input.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "target.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define TRAPPED 4242

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

/* --- filters --------------------------------------------------------------- */

struct action {
	const char *name;
	uint32_t action;
	long result; /* of a call that is forbidden so */
};

static const struct action actions[] = {
	{ "kill", SCMP_ACT_KILL_PROCESS, 0 },
	{ "kill-thread", SCMP_ACT_KILL_THREAD, 0 },
	{ "eperm", SCMP_ACT_ERRNO(EPERM), -EPERM },
	{ "eacces", SCMP_ACT_ERRNO(EACCES), -EACCES },
	{ "enosys", SCMP_ACT_ERRNO(ENOSYS), -ENOSYS },
	{ "nothing", SCMP_ACT_ERRNO(0), 0 },
	{ "trap", SCMP_ACT_TRAP, TRAPPED },
	{ "trace", SCMP_ACT_TRACE(7), -ENOSYS },
	{ "notify", SCMP_ACT_NOTIFY, 0 },
};

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(actions[i].name, name))
			return &actions[i];
	abort();
}

static scmp_filter_ctx filter_make(uint32_t usual, uint32_t listed, int nr,
				   char **calls)
{
	scmp_filter_ctx filter = seccomp_init(usual);

	for (int i = 0; i < nr; i++)
		if (seccomp_rule_add(filter, listed,
				     seccomp_syscall_resolve_name(calls[i]), 0))
			abort();
	return filter;
}

/* What a handler for SIGSYS does in sandboxes: it makes the result up. */
static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;

	(void)number, (void)info;
	frame->uc_mcontext.gregs[REG_RAX] = TRAPPED;
}

/* --- the thread that watches ----------------------------------------------- */

static sem_t given, taken;
static scmp_filter_ctx watch_filter;
static long watch_result;
static atomic_ulong nr_watched, nr_wrong;
static int have_watch;

static long call(void)
{
	long result = syscall(SYS_getppid);

	return result < 0 ? -errno : result;
}

static void *watch(void *unused)
{
	sem_wait(&given);
	if (seccomp_load(watch_filter))
		abort();
	sem_post(&taken);
	for (;;) {
		if (call() != watch_result)
			nr_wrong++;
		nr_watched++;
	}
	return unused;
}

static void watch_start(void)
{
	pthread_t thread;

	sem_init(&given, 0, 0);
	sem_init(&taken, 0, 0);
	if (pthread_create(&thread, NULL, watch, NULL))
		abort();
	have_watch = 1;
}

/* After 1,000 more of them. */
static void do_watched(int nr, char **args)
{
	unsigned long until = nr_watched + 1000;

	(void)nr, (void)args;
	while (nr_watched < until)
		;
	answer("wrong %lu", nr_wrong);
}

/* --- the supervisor -------------------------------------------------------- */

static atomic_int *nr_notified; /* shared with the supervisor */
static pid_t parent;

static void supervise(int listener)
{
	struct seccomp_notif request;
	struct seccomp_notif_resp response;
	char line[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		memset(&request, 0, sizeof(request));
		memset(&response, 0, sizeof(response));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request))
			continue; /* nobody waits any more */
		++*nr_notified;
		if (request.data.nr == SYS_getppid) {
			answer("asked");
			if (!line_read(line, sizeof(line)))
				_exit(0);
		}
		response.id = request.id;
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

/* As seccomp_load(), for flags that libseccomp does not know. */
static int filter_load(scmp_filter_ctx filter, unsigned int flags)
{
	static struct sock_filter code[256];
	int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sock_fprog program = { 0, code };

	if (fd < 0 || seccomp_export_bpf(filter, fd))
		abort();
	program.len = (unsigned short)(pread(fd, code, sizeof(code), 0) /
				       (ssize_t)sizeof(code[0]));
	close(fd);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		abort();
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
			    &program);
}

/* notify CALL...; notify-killable CALL...: a call waits for nothing else. */
static void do_notify(int nr, char **args)
{
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int listener, hand_over[2];

	if (!strcmp(args[0], "notify-killable"))
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	nr_notified = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (nr_notified == MAP_FAILED || pipe(hand_over))
		abort();
	if (!syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL)) {
		if (read(hand_over[0], &listener, sizeof(listener)) !=
		    sizeof(listener))
			_exit(1);
		supervise(listener);
	}
	listener = filter_load(filter_make(SCMP_ACT_ALLOW, SCMP_ACT_NOTIFY,
					   nr - 1, args + 1),
			       flags);
	if (listener < 0) {
		answer("%s", strerror(errno));
	} else if (write(hand_over[1], &listener, sizeof(listener)) !=
		   sizeof(listener)) {
		abort();
	} else {
		answer("ok");
	}
}

static void do_notified(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", *nr_notified);
}

/* One forbidden call. */
static void do_call(int nr, char **args)
{
	long result = call();

	(void)nr, (void)args;
	answer("%s", result == parent ? "parent" :
		     result < 0 ? strerror((int)-result) : "other");
}

/* --- commands -------------------------------------------------------------- */

static void filter_set(const struct action *action, scmp_filter_ctx filter)
{
	struct sigaction trap = { .sa_sigaction = on_trap,
				  .sa_flags = SA_SIGINFO };
	int r;

	sigaction(SIGSYS, &trap, NULL);
	if (have_watch) {
		watch_filter = filter;
		watch_result = action->result;
		sem_post(&given);
		sem_wait(&taken);
	}
	r = seccomp_load(filter);
	answer("%s", r ? strerror(-r) : "ok");
}

static void do_filter(int nr, char **args)
{
	const struct action *action = action_find(args[1]);

	filter_set(action, filter_make(SCMP_ACT_ALLOW, action->action, nr - 2,
				       args + 2));
}

static void do_only(int nr, char **args)
{
	const struct action *action = action_find(args[1]);

	filter_set(action, filter_make(action->action, SCMP_ACT_ALLOW, nr - 2,
				       args + 2));
}

/* Nothing but read, write, _exit and sigreturn. */
static void do_strict(int nr, char **args)
{
	(void)nr, (void)args;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0))
		answer("%s", strerror(errno));
	else
		answer("ok");
}

int main(int argc, char **argv)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ "filter", do_filter },
		{ "only", do_only },
		{ "strict", do_strict },
		{ "watched", do_watched },
		{ "notify", do_notify },
		{ "notify-killable", do_notify },
		{ "notified", do_notified },
		{ "call", do_call },
		{ NULL, NULL },
	};

	parent = getppid();
	if (argc > 1 && !strcmp(argv[1], "watch"))
		watch_start();
	return target_main(commands);
}
