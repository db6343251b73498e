/*
 * Waiting for another thread's stop. See patience.h.
 */
#include "patience.h"

#include "clock.h"

#define SPIN_NS 20000u
#define NAP_MS 10
#define TRIED_NS NS_PER_MS

static struct patience patience_ns(uint64_t timeout_ns)
{
	return (struct patience){ .deadline_ns = monotonic_ns() + timeout_ns };
}

struct patience patience_ms(unsigned int timeout_ms)
{
	return patience_ns(timeout_ms * NS_PER_MS);
}

struct patience patience_sleeping_us(unsigned int timeout_us)
{
	struct patience patience = patience_ns(timeout_us * NS_PER_US);

	patience.spin_end_ns = 1; /* long ago */
	return patience;
}

void patience_renew(struct patience *patience)
{
	patience->spin_end_ns = 0;
}

static void child_signal(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGCHLD);
}

/*
 * SIGCHLD is blocked before the look that precedes the first sleep, so no stop is
 * missed; the naps are short in case the signal is not sent (SA_NOCLDSTOP).
 */
bool patience_pause(struct patience *patience)
{
	struct timespec nap = { 0 };
	uint64_t now = monotonic_ns(), rest;
	sigset_t set;

	if (now >= patience->deadline_ns)
		return false;
	if (!patience->spin_end_ns)
		patience->spin_end_ns = now + SPIN_NS;
	if (now < patience->spin_end_ns)
		return true;
	child_signal(&set);
	if (!patience->blocked) {
		patience->blocked =
			!pthread_sigmask(SIG_BLOCK, &set, &patience->mask);
		return true;
	}
	rest = patience->deadline_ns - now;
	nap.tv_nsec = (long)(rest < NAP_MS * 1000000u ? rest :
							NAP_MS * 1000000u);
	(void)sigtimedwait(&set, NULL, &nap);
	return true;
}

bool patience_sleeps(const struct patience *patience)
{
	return patience->spin_end_ns && monotonic_ns() >= patience->spin_end_ns;
}

bool patience_is_tried(const struct patience *patience)
{
	return patience->spin_end_ns &&
	       monotonic_ns() >= patience->spin_end_ns + TRIED_NS;
}

void patience_end(struct patience *patience)
{
	if (patience->blocked)
		pthread_sigmask(SIG_SETMASK, &patience->mask, NULL);
	patience->blocked = false;
}
