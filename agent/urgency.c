#include "urgency.h"

struct urgency urgency_begin(void)
{
	struct urgency urgency = { .policy = sched_getscheduler(0) };
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
}
