/*
 * Is any thread inside given code? Asked of stopped threads.
 *
 * First a conservative look: every aligned word from the stack pointer, less
 * the red zone, to the end of the stack's mapping (or to the thread's control
 * block, if that comes first), and every register. Where the words have the
 * shape of a signal frame, its saved stack pointer may lead to another stack of
 * the thread (a handler on an alternate stack); that one is looked at too. No
 * hit: proven free, without any unwind information.
 *
 * A thread that stands on another stack, with nothing to tell how it came there
 * (a stack pointer set by hand, swapcontext), has left its own one behind with
 * frames on it: that one is looked at from its end, a MiB at the most.
 *
 * Only on a hit the unwinder decides whether it is a real frame (unwind.h).
 * Where the unwind is not complete, a hit is cleared only if it lies in a part
 * of the stack whose frames are all known.
 *
 * A return probe of the kernel (uretprobe) puts an address of its own in the
 * place of a return address, and keeps that one in the kernel. A thread with
 * such a word on its stack is not free.
 *
 * What no look at a stack can see: return addresses that are kept encoded
 * (glibc's jmp_buf), at addresses that are no multiple of 8, or in memory that
 * is no thread's stack (coroutines: stack_scan_memory()).
 */
#pragma once

#include "module.h"
#include "tracee.h"
#include "unwind.h"

struct stack_hit {
	pid_t tid;	  /* 0: memory of no thread in particular */
	size_t range;	  /* index into the ranges asked about */
	/*
	 * The program counter or return address. 0: nothing was seen, but not
	 * all of the thread's stack could be looked at; range means nothing.
	 */
	hf_addr value;
	hf_addr where;	  /* where on the stack; 0: a register */
	bool unproven; /* no frame was seen, but the unwind is incomplete */
	bool hidden;   /* with value 0: a return probe hides a return address */
};

/* What it took. Counted up by each call, never reset. */
struct stack_stats {
	size_t nr_threads;
	size_t nr_unwound; /* threads that needed the unwinder */
	uint64_t bytes;	   /* of stacks and memory looked at */
};

struct stack_query {
	const struct process *process;
	const struct mappings *mappings; /* of now, or just before the stop */
	const struct modules *modules;
	const struct range *ranges;
	size_t nr_ranges;
	struct range return_probes; /* stack_return_probes(), or empty */
	bool scan_all; /* the caller also calls stack_scan_memory() */
	bool conservative; /* a hit counts even when it is no real frame */
	/*
	 * NULL: made when one is needed. Give one to keep its tables for many
	 * threads and stops, and to unwind through patch images.
	 */
	struct unwinder *unwinder;
	struct stack_stats *stats; /* NULL: not counted */
};

/* Where the kernel's return probes let functions return to; empty: none. */
struct range stack_return_probes(const struct mappings *mappings);

/**
 * stack_check() - look for @query's code on the stack of a held or dormant thread
 *
 * Return: 0: free; 1: @ret_hit says where; -ENOMEM; -ESRCH.
 */
int stack_check(const struct stack_query *query, const struct thread *thread,
		struct stack_hit *ret_hit, struct hf_diag *diag);

/**
 * stack_scan_memory() - look for return addresses in all of memory
 * @tracee: every thread of the process, held or dormant
 *
 * For stacks that belong to no thread at the moment: coroutines, green threads.
 * Looks at every page of private writable memory that has contents, except the
 * threads' own stacks, which stack_check() has seen. Nothing here can be
 * unwound, so that a stale word counts as a hit. A word equal to the start of a
 * range is a function pointer, not a return address, and is no hit.
 *
 * Call it once per stop, not once per thread: it takes half a second to a
 * second per GiB in use. Memory shared with other processes is not looked at.
 *
 * Return: 0: none; 1: @ret_hit says where; -ECANCELED (code "memory-too-large")
 * on a kernel before 6.7; -ENOMEM; -ESRCH.
 */
int stack_scan_memory(const struct stack_query *query,
		      const struct tracee *tracee, struct stack_hit *ret_hit,
		      struct hf_diag *diag);

/**
 * stack_own_parts() - the memory that stack_check() answers for
 * @tracee:    every thread of the process, with the registers it was held with
 * @ret_parts: owned by the caller (free), ascending
 *
 * The stacks that the C library or the kernel made for the threads, as far as
 * their threads stand on them: above the stack pointer stack_check() has seen
 * every word, and below it all is dead, though full of words that once were
 * return addresses. In doubt (two threads in one mapping, a stack in the heap)
 * a stack is left out.
 *
 * Return: 0; -ENOMEM.
 */
int stack_own_parts(const struct mappings *mappings,
		    const struct tracee *tracee, struct range **ret_parts,
		    size_t *ret_nr, struct hf_diag *diag);

struct memory_pointers {
	size_t nr_found;
	hf_addr first_where; /* 0: none */
	hf_addr first_value;
	size_t nr_unreadable; /* pages in use that could not be read */
};

/**
 * memory_scan_pointers() - count words that point into a range
 * @skip: memory that is left out: the image itself
 *
 * Tells whether an image may be unmapped. Looks at the aligned words of all
 * writable mappings, private and shared, while the target runs: a word may be
 * written behind our back, so that "none" is proof only when the target is held
 * or nothing in it can make such a pointer any more.
 *
 * Not seen: registers, pointers that are packed, encoded or computed; those in
 * read-only pages; those that the kernel keeps (signal handlers, timers); those
 * in other processes or in pages that are not mapped now.
 *
 * Return: 0; -ENOMEM; -ESRCH.
 */
int memory_scan_pointers(const struct process *process,
			 const struct mappings *mappings, struct range range,
			 struct range skip,
			 struct memory_pointers *ret_pointers,
			 struct hf_diag *diag);

/*
 * The same with several parts left out. After a conservative stack_check() of
 * all held threads has found nothing, give stack_own_parts() as well: else the
 * words that calls have left on dead stacks keep an image for ever.
 */
int memory_scan_pointers_except(const struct process *process,
				const struct mappings *mappings,
				struct range range, const struct range *skips,
				size_t nr_skips,
				struct memory_pointers *ret_pointers,
				struct hf_diag *diag);
