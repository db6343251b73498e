/*
 * One target process: its identity, its /proc directory and its memory.
 *
 * A PID can be reused while we look. Everything goes through /proc/PID opened
 * once as a directory: when that process is gone, reads fail with ESRCH, and
 * never show another one. ptrace knows only numbers, so tracee.c looks into
 * that directory again after it has seized.
 *
 * When the main thread has ended before the others, /proc/PID shows an empty
 * process; then one of its living threads stands for it.
 *
 * Memory is reached through /proc/PID/mem, which also writes to pages that are
 * read-only for the target (private pages are copied, never the file), and
 * needs no stop.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/cleanup.h"
#include "../lib/diag.h"
#include "../lib/types.h"

struct process {
	pid_t pid;
	int dir;     /* /proc/PID, or /proc/PID/task/TID of a living thread */
	int task;    /* /proc/PID/task */
	int mem;     /* /proc/PID/mem, read and write */
	int pagemap; /* /proc/PID/pagemap; -1: not to be had */
	uint64_t start_time; /* clock ticks after boot, stat field 22 */
	hf_addr start_stack; /* of the program that ran when it was opened */
	char command[16 + 1]; /* comm */
	char *executable; /* target of /proc/PID/exe, " (deleted)" removed */
	bool executable_deleted;
	uint16_t machine; /* e_machine of the program that runs */
};

/**
 * process_open() - get hold of a live 64-bit user process
 * @ret_process: owned by the caller; release with process_free()
 *
 * Return: 0; -EINVAL @pid is no process id; -ESRCH there is no such process, or
 * it is a zombie; -ECANCELED a kernel thread, a process of another class (32
 * bit), or ourselves; -EPERM with the capability or setting that is missing;
 * -errno.
 */
int process_open(pid_t pid, struct process **ret_process, struct hf_diag *diag);

void process_free(struct process *process);
DEFINE_CLEANUP(struct process, process_free)

/*
 * Waits for pages that others have to bring; stall.h ends a wait that is too long.
 *
 * Return: 0 only when all @size bytes were read; -EFAULT; -ESRCH.
 */
int process_read(const struct process *process, hf_addr address, void *data,
		 size_t size);

/*
 * The same for memory that is no file's, or is present: nobody is waited for.
 *
 * Return: as process_read(); -EFAULT too where another process would have to bring
 * a page (userfaultfd(2)).
 */
int process_peek(const struct process *process, hf_addr address, void *data,
		 size_t size);

/* Return: 0 only when all @size bytes were written; -EFAULT; -ESRCH. */
int process_write(const struct process *process, hf_addr address,
		  const void *data, size_t size);

/*
 * Reads a NUL-terminated string of at most @size - 1 bytes.
 *
 * Return: 0; -EFAULT; -ENAMETOOLONG; -ESRCH.
 */
int process_read_string(const struct process *process, hf_addr address,
			char *ret_text, size_t size);

/* true while the same process (not a successor of its PID) is alive. */
bool process_alive(const struct process *process);

/*
 * false when it runs another program (exec) than it did when it was opened: what
 * /proc tells is of the new one, and its memory is not what we opened.
 */
bool process_same_program(const struct process *process);

/**
 * process_denied() - say why the kernel does not let us touch a process
 *
 * Looks at owners, namespaces, Yama and dumpability to name the one thing that
 * is missing. Return: -EPERM.
 */
int process_denied(const struct process *process, struct hf_diag *diag);

/**
 * process_unwritable() - say why code that can be read cannot be written
 *
 * The kernel was built or booted to respect page protections in /proc/PID/mem,
 * which a debugger's writes go around everywhere else. Return: -EPERM.
 */
int process_unwritable(const struct process *process, struct hf_diag *diag);

/* From a "stat" file of /proc: of a process or of a thread. */
struct process_stat {
	char command[16 + 1];
	char state; /* R S D T t Z X I */
	unsigned int flags; /* PF_* of the kernel */
	uint64_t user_ticks, system_ticks; /* of processors; sysconf(_SC_CLK_TCK) */
	long nr_threads;
	uint64_t start_time;
	uint64_t resident_pages;
	hf_addr start_stack; /* stack pointer of the program's first instant */
};

/* Return: 0; -ESRCH; -EBADMSG; -errno. */
int process_stat_read(int dirfd, const char *path,
		      struct process_stat *ret_stat);
