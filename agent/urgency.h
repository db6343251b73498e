/*
 * First on the processor while the target is traced, and no processor asleep.
 *
 * On a busy machine the agent would be preempted in the middle of a stop, for
 * milliseconds, with every thread of the target held. Until tracing ends it runs
 * with the lowest real-time priority: before all ordinary work, behind all that
 * is real-time already. Needs CAP_SYS_NICE.
 *
 * The processor of a thread that stands still has nothing to do, and to come back
 * from a deep idle state, or from a halt that a hypervisor was told of, takes it
 * longer than all the rest of a stop. So the kernel is asked to keep them awake
 * (its documentation: power/pm_qos_interface); it forgets that when we are no
 * more. Needs root.
 *
 * Without either everything works, and stops may last longer.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>

struct urgency {
	bool raised;
	int awake; /* /dev/cpu_dma_latency; -1: none */
	int policy;
	struct sched_param param;
};

struct urgency urgency_begin(void);
void urgency_end(struct urgency *urgency);
