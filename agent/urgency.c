#include "urgency.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "../lib/cleanup.h"

/* Return: what keeps them awake until it is closed; -1: nothing. */
static int processors_keep_awake(void)
{
	const int32_t latency_us = 0;
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, &latency_us, sizeof(latency_us));
	return fd;
}

struct urgency urgency_begin(void)
{
	struct urgency urgency = { .policy = sched_getscheduler(0),
				   .awake = processors_keep_awake() };
	const struct sched_param lowest = {
		.sched_priority = sched_get_priority_min(SCHED_FIFO),
	};

	if (urgency.policy == SCHED_FIFO || urgency.policy == SCHED_RR ||
	    urgency.policy < 0 || sched_getparam(0, &urgency.param))
		return urgency;
	urgency.raised =
		!sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK,
				    &lowest);
	return urgency;
}

void urgency_end(struct urgency *urgency)
{
	if (urgency->raised)
		sched_setscheduler(0, urgency->policy, &urgency->param);
	urgency->raised = false;
	close_p(&urgency->awake);
	urgency->awake = -1;
}
