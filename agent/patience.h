/*
 * Waiting for another thread's stop, without a fixed sleep.
 *
 *	struct patience patience = patience_ms(100);
 *
 *	while (!look() && patience_pause(&patience))
 *		;
 *	patience_end(&patience);
 *
 * A pause costs nothing at first: a thread stops within microseconds, so we
 * spin. Later it sleeps until SIGCHLD, which the kernel sends us for each stop.
 * It never yields: on a busy machine that gives away a whole time slice, while
 * a sleeper is woken at once.
 *
 * SIGCHLD is blocked from the first sleep on; patience_end() must follow.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct patience {
	uint64_t deadline_ns;
	uint64_t spin_end_ns; /* 0: not begun */
	bool blocked;
	sigset_t mask; /* before we blocked SIGCHLD */
};

struct patience patience_ms(unsigned int timeout_ms);

/* For somebody who has the time: sleeps at once. */
struct patience patience_sleeping_us(unsigned int timeout_us);

/* Something came of the wait: spin for the next, under the same deadline. */
void patience_renew(struct patience *patience);

/* Between two looks. Return: false when the time is up. */
bool patience_pause(struct patience *patience);

/* Whether what we wait for takes longer than usual; much longer. */
bool patience_sleeps(const struct patience *patience);
bool patience_is_tried(const struct patience *patience);

/* As if nobody had waited. */
void patience_end(struct patience *patience);
