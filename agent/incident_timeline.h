/*
 * The picture of an incident: a lane for each process, a mark for each attempt, a
 * bar for as long as the patch was in the process. Where everything goes; drawing it
 * is incident_svg.c's.
 *
 *            21:50          21:55          22:00
 *   checkout   |              |              |
 *   4711       x  o===========|=====o        |
 *   checkout   |              |              |
 *   4712       |  o===========|==============|==>
 *
 * Lengths in the picture's own units, times in µs since 1970.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#define TIMELINE_LANES_MAX 30
#define TIMELINE_TICKS_MAX 5
#define TIMELINE_MARK_GAP 11 /* marks of a lane stand so far apart, if there is room */

enum timeline_kind { MARK_APPLIED, MARK_REVERTED, MARK_REFUSED, MARK_NOTHING };

struct timeline_mark {
	int64_t time_us;
	enum timeline_kind kind;
	double x;
	const json_t *attempt; /* borrowed; for its words */
};

enum timeline_end {
	BAR_REVERTED,
	BAR_NOW,     /* the process still has it */
	BAR_UNKNOWN, /* it has not, and nothing tells since when */
};

struct timeline_bar {
	size_t from, to; /* marks; to: of BAR_REVERTED only */
	enum timeline_end end;
	double x, width;
};

struct timeline_lane {
	char label[64];
	struct timeline_mark *marks; /* in order of time */
	size_t nr_marks;
	struct timeline_bar *bars;
	size_t nr_bars;
};

struct timeline_tick {
	double x;
	char label[32];
};

struct timeline {
	double left, right; /* the time axis stands there */
	int64_t start_us, end_us;
	struct timeline_lane *lanes;
	size_t nr_lanes;
	size_t nr_more; /* processes beyond TIMELINE_LANES_MAX */
	struct timeline_tick ticks[TIMELINE_TICKS_MAX];
	size_t nr_ticks;
};

/**
 * timeline_make() - lay out the attempts of @incident
 * @left, @right: where the first and the last moment stand
 *
 * The last moment is that of the last attempt, or of the report while a process
 * still has the patch.
 *
 * Return: 0; -ENOENT there is no attempt on a process; -ENOMEM.
 */
int timeline_make(const json_t *incident, double left, double right,
		  struct timeline *ret_timeline);
void timeline_release(struct timeline *timeline);

/* Where a time stands, between left and right. */
double timeline_x(const struct timeline *timeline, int64_t time_us);
