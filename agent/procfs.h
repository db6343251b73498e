/*
 * What /proc says of a process, parsed: mappings, threads, status.
 */
#pragma once

#include "process.h"

/*
 * Whether /proc is there, and shows the processes that our numbers mean: one of
 * another PID namespace would show us other people's.
 *
 * Return: 0; -ECANCELED (code "foreign-proc"); -errno.
 */
int procfs_check(struct hf_diag *diag);

struct mapping {
	struct range range;
	int protection; /* PROT_* */
	bool shared;
	uint64_t offset;
	uint64_t device; /* makedev() */
	uint64_t inode;	 /* 0: anonymous */
	char *path;	 /* "" when none; as the kernel prints it */
};

/* Ascending, without overlap, also when they changed while they were read. */
struct mappings {
	struct mapping *entries;
	size_t nr;
};

/* Lines of any length are read whole. Return: 0; -ESRCH; -ENOMEM; -EBADMSG. */
int mappings_read(const struct process *process, struct mappings *ret_mappings,
		  struct hf_diag *diag);
void mappings_release(struct mappings *mappings);

/* Of an entry of pagemap (proc_pid_pagemap(5)). */
#define PAGE_PRESENT (1ull << 63)
#define PAGE_SWAPPED (1ull << 62)

/* Whether reading @range takes nobody but the kernel; false in doubt. */
bool pages_present(const struct process *process, const struct range *range);

/* The mapping that holds @address, or NULL. Binary search. */
const struct mapping *mappings_find(const struct mappings *mappings,
				    hf_addr address);

/* The thread ids of /proc/PID/task, ascending; owned by the caller (free). */
int threads_read(const struct process *process, pid_t **ret_tids,
		 size_t *ret_nr, struct hf_diag *diag);

/*
 * Whether @r, of reading a file of /proc, means that whom it is about has ended.
 * Any other failure is ours, and says nothing: taken for an end, it would have a
 * living thread run on without what was put there for it.
 */
bool procfs_gone(int r);

/* As in /proc/PID/stat: S sleeps, R runs, ...; X: not there; ?: not known. */
char thread_state_char(const struct process *process, pid_t tid);

/* From /proc/PID/task/TID/status; unknown fields are 0. */
struct thread_status {
	char state;	   /* R S D T t Z X */
	pid_t tracer;	   /* TracerPid, 0: none */
	pid_t thread_group;
	unsigned int seccomp; /* 0 none, 1 strict, 2 filter */
	bool no_new_privs;
	bool shadow_stack; /* x86_Thread_features: shstk */
	uint64_t pending;  /* SigPnd | ShdPnd */
	uint64_t blocked;
	uid_t real_uid, uid; /* the second is the effective one */
	gid_t real_gid, gid;
};

int thread_status_read(const struct process *process, pid_t tid,
		       struct thread_status *ret_status, struct hf_diag *diag);

/* From /proc/PID/task/TID/syscall: number, -1 when in user code or unknown. */
long thread_syscall(const struct process *process, pid_t tid);

/* System call @number by name ("epoll_wait"), or NULL. */
const char *syscall_name(long number);

/* A value of /proc/PID/auxv. Return: 0; -ENOENT. */
int auxv_read(const struct process *process, unsigned long type,
	      uint64_t *ret_value);
