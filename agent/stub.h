/*
 * The stub at the main program's entry point: what it is and where it goes.
 * See remote.h for the drawing. Also implements remote_stub_present(),
 * remote_drained() and remote_sweep().
 */
#pragma once

#include "remote.h"

/*
 * No more than the 16 bytes to which entry points are aligned: a write that
 * does not cross a page is made whole or not at all when we are killed in it.
 */
#define STUB_SIZE 15
#define STUB_CALL 0	       /* call *%rbp; the result to %rdi */
#define STUB_RESTORE 5	       /* rt_sigreturn with the frame at %rbx */
#define STUB_BEHIND_SYSCALL 13 /* where the program counter stands in it */

extern const uint8_t stub_code[STUB_SIZE];

/* Where the stub goes, and what belongs there. */
struct stub {
	hf_addr address;
	uint8_t own[STUB_SIZE]; /* the program's bytes, from its file */
	bool present;		/* the stub stands there already */
};

/**
 * stub_locate() - the entry point, and the bytes that belong there
 *
 * Return: 0; -ECANCELED (code "entry-changed") when something else than the
 * file's bytes or the stub is there; -errno.
 */
int stub_locate(const struct process *process, const struct mappings *mappings,
		struct stub *ret_stub, struct hf_diag *diag);

/**
 * stub_check_started() - the program has been at its entry point before
 * @thread: a held thread
 *
 * While the dynamic loader still works, the entry point is yet to be executed.
 *
 * Return: 0; -ECANCELED (code "starting").
 */
int stub_check_started(const struct stub *stub, const struct tracee *tracee,
		       const struct thread *thread,
		       const struct mappings *mappings, struct hf_diag *diag);
