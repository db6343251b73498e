#define _GNU_SOURCE
#include "stats.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

/*
 * Latencies are counted in buckets that grow by an eighth: eight for every
 * power of two, so that a percentile is right to 13 %.
 */
#define NR_BUCKETS 320

#define LIMIT_MS 10000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int phase;
static char phase_name[24] = "start";
static char note[96];
static uint64_t began_us;
static uint64_t verdicts[NR_VERDICTS], lost_ever;
static uint64_t latencies[NR_BUCKETS], max_us;

static unsigned int bucket_of(uint64_t us)
{
	unsigned int log, index;

	if (us < 8)
		return (unsigned int)us;
	log = 63 - (unsigned int)__builtin_clzll(us);
	index = 8 * (log - 2) + (unsigned int)((us >> (log - 3)) & 7);
	return index < NR_BUCKETS ? index : NR_BUCKETS - 1;
}

/* The smallest latency that falls into a bucket. */
static uint64_t bucket_start(unsigned int index)
{
	if (index < 8)
		return index;
	return (uint64_t)(8 + index % 8) << (index / 8 - 1);
}

static uint64_t percentile(unsigned int percent)
{
	uint64_t total = 0, seen = 0;

	for (unsigned int i = 0; i < NR_BUCKETS; i++)
		total += latencies[i];
	for (unsigned int i = 0; i < NR_BUCKETS; i++) {
		seen += latencies[i];
		if (total && seen * 100 >= total * percent)
			return bucket_start(i);
	}
	return 0;
}

void stats_begin(const char *name)
{
	pthread_mutex_lock(&lock);
	phase++;
	snprintf(phase_name, sizeof(phase_name), "%s", name);
	began_us = clock_us();
	memset(verdicts, 0, sizeof(verdicts));
	memset(latencies, 0, sizeof(latencies));
	memset(note, 0, sizeof(note));
	max_us = 0;
	pthread_mutex_unlock(&lock);
}

unsigned int stats_phase(void)
{
	unsigned int now;

	pthread_mutex_lock(&lock);
	now = phase;
	pthread_mutex_unlock(&lock);
	return now;
}

void stats_add(unsigned int of_phase, enum verdict verdict,
	       uint64_t latency_us)
{
	pthread_mutex_lock(&lock);
	/* A lost connection is never forgotten, whenever its request began. */
	lost_ever += verdict == VERDICT_LOST;
	if (of_phase == phase || verdict == VERDICT_LOST) {
		verdicts[verdict]++;
		latencies[bucket_of(latency_us)]++;
		if (latency_us > max_us)
			max_us = latency_us;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
}

static bool reached(const struct goal *goal, uint64_t ms)
{
	uint64_t failures = verdicts[VERDICT_WRONG] + verdicts[VERDICT_LOST];

	if (ms >= LIMIT_MS)
		return true;
	return verdicts[VERDICT_GOOD] + failures >= goal->exchanges &&
	       failures >= goal->failures && ms >= goal->ms;
}

void stats_wait(const struct goal *goal)
{
	pthread_mutex_lock(&lock);
	while (!reached(goal, (clock_us() - began_us) / 1000)) {
		struct timespec soon;

		/* Time passes also when nothing is counted. */
		clock_gettime(CLOCK_REALTIME, &soon);
		soon.tv_nsec += 50000000;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&changed, &lock, &soon);
	}
	pthread_mutex_unlock(&lock);
}

void stats_read(char ret_name[static 24], struct counts *ret_counts)
{
	pthread_mutex_lock(&lock);
	memcpy(ret_name, phase_name, 24);
	memcpy(ret_counts->verdicts, verdicts, sizeof(verdicts));
	ret_counts->lost_ever = lost_ever;
	ret_counts->max_us = max_us;
	ret_counts->p50_us = percentile(50);
	ret_counts->p99_us = percentile(99);
	ret_counts->seconds = (double)(clock_us() - began_us) / 1e6;
	pthread_mutex_unlock(&lock);
}

void stats_note(const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&lock);
	va_start(args, format);
	vsnprintf(note, sizeof(note), format, args);
	va_end(args);
	pthread_mutex_unlock(&lock);
}

void stats_read_note(char ret_note[static 96])
{
	pthread_mutex_lock(&lock);
	memcpy(ret_note, note, sizeof(note));
	pthread_mutex_unlock(&lock);
}
