/*
 * First on the processor while the target stands still.
 *
 * On a busy machine the agent would be preempted in the middle of a stop, for
 * milliseconds, with every thread of the target held. For the microseconds that
 * a stop takes it runs with the lowest real-time priority: before all ordinary
 * work, behind all that is real-time already. Needs CAP_SYS_NICE; without it
 * everything works, and stops may last longer.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>

struct urgency {
	bool raised;
	int policy;
	struct sched_param param;
};

struct urgency urgency_begin(void);
void urgency_end(struct urgency *urgency);
