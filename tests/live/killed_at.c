/*
 * The agent is killed behind every system call that can touch the target, one
 * after the other: the test traces the agent, which traces the target.
 *
 *   KILL_STRIDE=1      every call, as in a full run; otherwise every 17th (53rd
 *                      of recover), another set each run
 *   KILL_FROM, KILL_TO only these calls
 *
 * `recover` starts from what an apply left that was killed on its way.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "killed.h"

/* A traced agent that is to die at some call. */
struct victim {
	pid_t pid;
	unsigned int nr_calls; /* made so far */
	unsigned int nr_writes; /* pwrite64 among them */
	long last;	       /* number of the last one */
	long last_request;     /* when that was ptrace(2) */
	bool killed;
	int exit_status;
};

static bool touches_target(long number)
{
	return number == SYS_ptrace || number == SYS_wait4 ||
	       number == SYS_waitid || number == SYS_pwrite64 ||
	       number == SYS_write || number == SYS_ftruncate ||
	       number == SYS_process_vm_writev || number == SYS_tgkill ||
	       number == SYS_flock;
}

static bool victim_start(const struct stage *stage, struct victim *victim,
			 const char *command)
{
	int status;

	*victim = (struct victim){ 0 };
	fflush(stdout);
	victim->pid = fork();
	if (!victim->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		agent_exec(stage, command);
	}
	return victim->pid > 0 &&
	       waitpid(victim->pid, &status, __WALL) == victim->pid &&
	       WIFSTOPPED(status) &&
	       !ptrace(PTRACE_SETOPTIONS, victim->pid, 0,
		       PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL |
			       PTRACE_O_TRACEEXEC);
}

/* At a system call's stop: counts it when it has been made. */
static void victim_count(struct victim *victim)
{
	struct user_regs_struct regs;
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, victim->pid, sizeof(info), &info) <
		    0 ||
	    info.op != PTRACE_SYSCALL_INFO_EXIT ||
	    ptrace(PTRACE_GETREGS, victim->pid, 0, &regs) ||
	    !touches_target((long)regs.orig_rax))
		return;
	victim->nr_calls++;
	victim->nr_writes += regs.orig_rax == SYS_pwrite64;
	victim->last = (long)regs.orig_rax;
	victim->last_request = (long)regs.rdi;
}

/* Runs it to its end, or to its death behind a call or a write (0: none). */
static void victim_run(struct victim *victim, unsigned int call,
		       unsigned int write)
{
	int signal = 0, status;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, victim->pid, 0, signal) ||
		    waitpid(victim->pid, &status, __WALL) != victim->pid)
			return;
		if (WIFEXITED(status)) {
			victim->exit_status = WEXITSTATUS(status);
			return;
		}
		if (!WIFSTOPPED(status))
			return;
		signal = WSTOPSIG(status);
		if (signal == (SIGTRAP | 0x80))
			victim_count(victim);
		if (signal == (SIGTRAP | 0x80) || signal == SIGTRAP)
			signal = 0;
		if ((!call || victim->nr_calls < call) &&
		    (!write || victim->nr_writes < write))
			continue;
		kill(victim->pid, SIGKILL);
		waitpid(victim->pid, &status, __WALL);
		victim->killed = true;
		return;
	}
}

/* Return: false when it ended before. */
static bool killed_at(const struct stage *stage, const char *command,
		      unsigned int call, unsigned int write,
		      struct victim *victim)
{
	if (!victim_start(stage, victim, command))
		return false;
	victim_run(victim, call, write);
	return victim->killed;
}

/*
 * One death, or two: of the operation behind its write @broken_at, unless 0, and
 * then of recover. Return: what is wrong; @ret_done when there is no such call.
 */
static const char *death(struct stage *stage, const struct operation *operation,
			 unsigned int broken_at, unsigned int nr,
			 struct victim *victim, bool *ret_done)
{
	const char *what = operation_prepare(stage, operation);

	if (*what)
		return what;
	if (broken_at) {
		killed_at(stage, operation->command, 0, broken_at, victim);
		*ret_done = !killed_at(stage, "recover -p P", nr, 0, victim);
	} else {
		*ret_done = !killed_at(stage, operation->command, nr, 0, victim);
	}
	if (*ret_done && victim->exit_status)
		return wrong(stage, "%s exits %d: %s", operation->name,
			     victim->exit_status, agent_output(stage));
	what = judge(stage, operation);
	return *what ? what : stage_reset(stage);
}

static void deaths(const struct operation *operation, unsigned int broken_at)
{
	unsigned int stride = setting("KILL_STRIDE", tap_is_full() ? 1 :
							     broken_at ? 53 : 17);
	unsigned int from = setting("KILL_FROM",
				    1 + (unsigned int)getpid() % stride);
	unsigned int to = setting("KILL_TO", 100000), nr_deaths = 0, nr;
	unsigned int nr_wrong = 0, nr_died = 0;
	struct victim victim = { 0 };
	bool done = false;
	struct stage stage;

	CHECK(stage_open(&stage));
	for (nr = from; !done && nr <= to; nr += stride) {
		const char *what = death(&stage, operation, broken_at, nr,
					 &victim, &done);

		nr_deaths += !done;
		if (!*what)
			continue;
		printf("# %s killed behind call %u (system call %ld, %ld): "
		       "%s\n",
		       operation->name, victim.nr_calls, victim.last,
		       victim.last_request, what);
		tap_failed = true;
		nr_wrong++;
		nr_died += kill(stage.target.pid, 0) != 0;
		if (kill(stage.target.pid, 0) || getenv("KILL_STOP"))
			break;
		/* Each death is judged by itself. */
		child_end(&stage.target);
		stage_close(&stage);
		CHECK(stage_open(&stage));
	}
	printf("# %s%s%.0u: %u deaths, from call %u by %u%s; %u found interrupted, "
	       "%u with an image to unmap, %lu EINTR from epoll_wait\n",
	       operation->name, broken_at ? " recovered from write " : "", broken_at, nr_deaths, from,
	       stride, done ? " to the end" : "", stage.nr_interrupted,
	       stage.nr_kept, stage.nr_epoll);
	tap_tried("agent killed behind each system call", nr_deaths, nr_died,
		  nr_wrong, 0);
	stage_close(&stage);
}

static const struct operation *operation_find(const char *name)
{
	for (size_t i = 0; i < NR_OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			return &operations[i];
	abort();
}

TEST(apply) { deaths(operation_find("apply"), 0); }
TEST(revert) { deaths(operation_find("revert"), 0); }
TEST(replace) { deaths(operation_find("replace"), 0); }
TEST(stack) { deaths(operation_find("stack"), 0); }
TEST(hooks) { deaths(operation_find("hooks"), 0); }
TEST(parts) { deaths(operation_find("parts"), 0); }
TEST(revert_of_parts) { deaths(operation_find("revert of parts"), 0); }
TEST(everything) { deaths(operation_find("everything"), 0); }

/*
 * Recover killed, after an exchange that was killed behind each of its writes:
 *   1-4    frame, stub, name, image      a thread in the stub, a memfd
 *   5, 6   stub and stack back           the image staged
 *   7, 8   REVERTING, SWITCHING
 *   9-11   three sites
 *   12-14  RETIRED, ACTIVE, the record
 */
TEST(recover)
{
	static const unsigned int writes[] = { 4, 6, 7, 8, 9, 10, 11, 12 };

	for (size_t i = 0; i < sizeof(writes) / sizeof(*writes); i++)
		deaths(operation_find("replace"), writes[i]);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
