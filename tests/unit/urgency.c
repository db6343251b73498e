/* Whatever the agent's scheduling was, it is the same afterwards. */
#include "../../agent/urgency.h"
#include "../tap.h"

TEST(scheduling_is_given_back)
{
	struct urgency urgency;

	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	urgency = urgency_begin();
	if (!urgency.raised)
		SKIP("needs CAP_SYS_NICE");
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
	urgency_end(&urgency);
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
}

/* Who is real-time already stays as it is. */
TEST(real_time_is_left_alone)
{
	struct sched_param param = { .sched_priority = 5 };
	struct urgency urgency;

	if (sched_setscheduler(0, SCHED_RR, &param))
		SKIP("needs CAP_SYS_NICE");
	urgency = urgency_begin();
	CHECK(!urgency.raised);
	urgency_end(&urgency);
	CHECK_EQ(sched_getscheduler(0), SCHED_RR);
	CHECK_EQ(sched_getparam(0, &param), 0);
	CHECK_EQ(param.sched_priority, 5);
	param.sched_priority = 0;
	sched_setscheduler(0, SCHED_OTHER, &param);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
