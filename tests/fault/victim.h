/*
 * An agent that the test traces, while it traces the target: run to one of its
 * system calls and held there, on either side of it.
 *
 *   victim_start(&victim, &stage, "apply A -p P");
 *   if (victim_run(&victim, &moment) == VICTIM_HELD)
 *           victim_kill(&victim);          or, to its end:
 *   victim_run(&victim, NULL);
 *
 * What is run so is the program that is shipped: no place for a fault is
 * compiled into it, and none can be forgotten.
 *
 *   BEFORE   the call is not made if the agent dies now
 *   BEHIND   it has been made, and the agent does not know what came of it
 *
 * Counted are calls that can change something outside the agent, and the waits
 * that told it something; one that found nothing is as if not made.
 */
#pragma once

#include <sys/ptrace.h>

#include "stage.h"

enum side { BEFORE, BEHIND };

struct moment {
	unsigned int call; /* from 1 on; 0: none */
	enum side side;
	bool writes_only; /* only those to the target's memory count */
};

enum victim_state {
	VICTIM_HELD,
	VICTIM_ENDED, /* see exit_status */
	VICTIM_HUNG,  /* too long; it was killed */
};

struct victim {
	pid_t pid;
	unsigned int nr_calls; /* met so far, on the side asked for */
	long number;	       /* of the last one */
	long request;	       /* when that is ptrace(2) */
	int exit_status;       /* -1: ended by a signal */
};

/* For waitpid() to come back when time is up. */
static void alarm_ring(int number)
{
	(void)number;
}

static inline void alarm_set(unsigned int seconds)
{
	const struct sigaction action = { .sa_handler = alarm_ring };

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
}

static inline bool victim_start(struct victim *victim, const struct stage *stage,
				const char *command)
{
	int status;

	*victim = (struct victim){ .exit_status = -1 };
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

static bool call_counts(long number, const struct moment *moment,
			const struct __ptrace_syscall_info *info)
{
	if (moment->writes_only)
		return number == SYS_pwrite64;
	switch (number) {
	case SYS_ptrace:
	case SYS_pwrite64:
	case SYS_write:
	case SYS_ftruncate:
	case SYS_process_vm_writev:
	case SYS_tgkill:
	case SYS_flock:
		return true;
	case SYS_wait4:
	case SYS_waitid:
		return moment->side == BEHIND && info->exit.rval > 0;
	default:
		return false;
	}
}

/* At a border of a system call. Return: whether the moment has come. */
static bool victim_look(struct victim *victim, const struct moment *moment)
{
	struct __ptrace_syscall_info info;
	bool enters;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, victim->pid, sizeof(info), &info) <
	    0)
		return false;
	enters = info.op == PTRACE_SYSCALL_INFO_ENTRY;
	if (enters) {
		victim->number = (long)info.entry.nr;
		victim->request = (long)info.entry.args[0];
	}
	if (!moment || enters != (moment->side == BEFORE) ||
	    !call_counts(victim->number, moment, &info))
		return false;
	return ++victim->nr_calls == moment->call;
}

static inline void victim_kill(struct victim *victim)
{
	kill(victim->pid, SIGKILL);
	waitpid(victim->pid, &(int){ 0 }, __WALL);
}

static enum victim_state victim_run_on(struct victim *victim,
				       const struct moment *moment)
{
	/* To the end, its calls are of no interest. */
	const int request = moment ? PTRACE_SYSCALL : PTRACE_CONT;
	int number = 0, status;

	for (;;) {
		if (ptrace(request, victim->pid, 0, number) ||
		    waitpid(victim->pid, &status, __WALL) != victim->pid) {
			victim_kill(victim);
			return VICTIM_HUNG;
		}
		if (!WIFSTOPPED(status)) {
			victim->exit_status =
				WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			return VICTIM_ENDED;
		}
		number = WSTOPSIG(status);
		if (number == (SIGTRAP | 0x80) && victim_look(victim, moment))
			return VICTIM_HELD;
		if (number == (SIGTRAP | 0x80) || number == SIGTRAP)
			number = 0;
	}
}

/* Runs it to the moment; without one, to its end. */
static inline enum victim_state victim_run(struct victim *victim,
					   const struct moment *moment)
{
	enum victim_state state;

	alarm_set(AGENT_PATIENCE_MS / 1000);
	state = victim_run_on(victim, moment);
	alarm(0);
	return state;
}

static inline const char *moment_text(const struct moment *moment,
				      const struct victim *victim)
{
	static char text[96];

	snprintf(text, sizeof(text), "%s call %u (system call %ld, %ld)",
		 moment->side == BEFORE ? "before" : "behind", victim->nr_calls,
		 victim->number, victim->request);
	return text;
}
