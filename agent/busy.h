/*
 * Threads in the way of a switch: seen while they are held, described when the
 * wait is over.
 *
 * What a look costs is paid by a target that stands still, so that it only
 * copies: registers, and the stack from its pointer up. The frames are followed
 * in the copy, when everything runs again.
 */
#pragma once

#include "stack.h"
#include "target.h"

#define BUSY_MAX 16
#define BUSY_FRAMES_MAX 8

/* A place in the code of the target. */
struct busy_frame {
	hf_addr address;   /* the program counter, or where a callee returns */
	char module[64];   /* file name; "" where none is mapped there */
	hf_addr vaddr;	   /* in the module's file, for addr2line(1) */
	char function[128]; /* "" unless a patch names it */
	uint64_t offset;   /* in that function */
	char source[128];  /* file, "" unless the patch knows its lines */
	unsigned int line;
	char patch[64];	   /* whose replacement of it this is; "": its own code */
};

struct busy_thread {
	pid_t tid; /* 0: memory that may be a coroutine's stack */
	char command[17];
	struct busy_frame at; /* address 0: not all of its stack was seen */
	long syscall;	      /* -1: not in one */
	uint64_t since_ns;    /* seen in the way for so long, at least */
	bool unproven;	      /* its stack could not be unwound to the end */
	bool hidden;	      /* a return probe hides where it returns to */
	struct busy_frame frames[BUSY_FRAMES_MAX]; /* innermost first */
	size_t nr_frames;
};

struct busy_list {
	size_t nr; /* BUSY_MAX: there may be more */
	struct busy_thread threads[BUSY_MAX];
};

struct busy;

/* Return: 0; -ENOMEM. */
int busy_new(const struct process *process, struct busy **ret_busy,
	     struct hf_diag *diag);
void busy_free(struct busy *busy);
DEFINE_CLEANUP(struct busy, busy_free)

/* Another look begins: who is not seen in it starts anew. */
void busy_look(struct busy *busy, uint64_t now_ns);

/* @thread is held and in the way, by @hit. NULL: memory of no thread. */
void busy_see(struct busy *busy, const struct thread *thread,
	      const struct stack_hit *hit);

/*
 * Follows the frames of those that were seen in the last look, so that @unwinder
 * has read the tables for it when threads stand still.
 */
void busy_warm(const struct busy *busy, struct unwinder *unwinder);

/* How many were seen in the last look. */
size_t busy_nr(const struct busy *busy);

/**
 * busy_describe() - who was in the way in the last look, and where
 * @unwinder: of the target as it was looked at
 *
 * Needs no stop: threads that have left since are described as they were.
 *
 * Return: owned by the caller (free); NULL: no memory.
 */
struct busy_list *busy_describe(const struct busy *busy,
				const struct target *target,
				struct unwinder *unwinder);

/* Adds a few lines about each thread to the message. */
void busy_explain(const struct busy_list *list, struct hf_diag *diag);
