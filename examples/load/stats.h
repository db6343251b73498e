/*
 * What the load saw, counted from any thread and for one phase at a time: an
 * exchange belongs to the phase in which it began.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_GOOD,
	VERDICT_WRONG, /* answered, but not as the customer should expect */
	VERDICT_LOST,  /* the connection was dropped, or stayed silent */
	NR_VERDICTS,
};

struct counts {
	uint64_t verdicts[NR_VERDICTS];
	uint64_t lost_ever; /* in all phases and between them */
	uint64_t max_us, p50_us, p99_us;
	double seconds; /* since the phase began */
};

/* Starts a phase; its name is for the progress lines. */
void stats_begin(const char *name);

/* The phase that an exchange which starts now belongs to. */
unsigned int stats_phase(void);

void stats_add(unsigned int phase, enum verdict verdict, uint64_t latency_us);

struct goal {
	uint64_t exchanges; /* of any verdict */
	uint64_t failures;  /* wrong or lost */
	uint64_t ms;
};

/* Waits until the phase has reached all of the goal, or lasted ten seconds. */
void stats_wait(const struct goal *goal);

void stats_read(char ret_name[static 24], struct counts *ret_counts);

/* Keeps a word about the phase's last wrong answer, and tells it. */
void stats_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void stats_read_note(char ret_note[static 96]);
