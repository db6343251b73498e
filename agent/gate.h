/*
 * Return gates: a page of tiny pieces of code at the end of every image, for
 * threads that leave a busy function.
 *
 *   gate:   push %rcx            over the place that led here: told apart
 *           mov  $SPIN,%ecx      from a thread that is still inside
 *     wait: pause
 *           loop wait            a few hundred microseconds in which the
 *           pop  %rcx            agent may stop the thread
 *           jmp  *slot           to where the function's caller goes on
 *   slot:   ...
 *
 * A thread that returns through a gate loses nothing but that time, agent or no
 * agent: no register, no flag (none of these instructions touches one), nothing
 * on its stack that is alive. A hardware breakpoint would not do: one that its
 * tracer has left behind kills the thread (measured: SIGTRAP).
 *
 * A gate knows no thread, just where it leads to.
 */
#pragma once

#include "process.h"
#include "tracee.h"

#define GATE_SIZE 32
#define GATE_SLOT 24
#define NR_GATES 128
#define GATES_SIZE ((size_t)GATE_SIZE * NR_GATES)

/* Of one image. */
struct gates {
	const struct process *process; /* borrowed */
	hf_addr base;
	hf_addr leads_to[NR_GATES]; /* 0: not in use yet, nor are those behind */
};

/* The page before any gate is in use. */
void gates_encode(uint8_t ret_page[GATES_SIZE]);

/**
 * gates_read() - the gates of an image
 *
 * Return: 0; -EBADMSG something else stands there; -errno.
 */
int gates_read(const struct process *process, hf_addr base,
	       struct gates *ret_gates);

/* The process's own copy of the page is made by the first write to it. */
void gates_prepare(const struct gates *gates);

/**
 * gates_find() - the gate that leads to an address
 *
 * Takes one that is not in use yet when there is none. It leads there until
 * gates_clear(), whoever comes.
 *
 * Return: 0; -ENOSPC all lead elsewhere; -errno.
 */
int gates_find(struct gates *gates, hf_addr leads_to, hf_addr *ret_gate);

/* Nothing leads to any of them any more. */
void gates_clear(struct gates *gates);

/* Whether a return is led through one: a thread may be about to take it. */
static inline bool gates_used(const struct gates *gates)
{
	return gates->leads_to[0] != 0;
}

/**
 * gate_leave() - take a held thread out of the gate that it stands in
 *
 * Its registers are as if it had gone through.
 *
 * Return: 0; -ENOENT it stands in none; -errno.
 */
int gate_leave(const struct gates *gates, struct thread *thread);
