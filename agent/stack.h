/*
 * Is any thread inside given code? Asked of stopped threads.
 *
 * First a conservative look: every aligned word from the stack pointer, less
 * the red zone, to the end of the stack's mapping, and every register. Signal
 * frames and the interrupted registers in them lie on the same or on another
 * stack of the thread; when a word leads to another mapped stack of the process
 * that stack is looked at too (saved stack pointers of signal frames). No hit:
 * proven free, without any unwind information.
 *
 * Only on a hit the unwinder decides whether it is a real frame (unwind.h).
 */
#pragma once

#include "module.h"
#include "tracee.h"

struct stack_hit {
	pid_t tid;
	size_t range;	  /* index into the ranges asked about */
	hf_addr value;	  /* the program counter or return address */
	hf_addr where;	  /* where on the stack; 0: a register */
	bool unproven;	  /* the unwinder did not reach the outermost frame */
};

struct stack_query {
	const struct process *process;
	const struct mappings *mappings; /* read while stopped or just before */
	const struct modules *modules;
	const struct range *ranges;
	size_t nr_ranges;
	bool scan_all;	     /* also all private writable memory */
	bool conservative;   /* a hit counts even when it is no real frame */
};

/**
 * stack_check() - look for @query's code on the stack of a held thread
 *
 * Return: 0: free; 1: @ret_hit says where; -errno.
 */
int stack_check(const struct stack_query *query, const struct thread *thread,
		struct stack_hit *ret_hit, struct hf_diag *diag);
