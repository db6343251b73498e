#include "incident_timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "incident.h"

#define US_PER_S INT64_C(1000000)

/* --- lanes ------------------------------------------------------------------------- */

static struct timeline_lane *lane_of(struct timeline *timeline,
				     const json_t *attempt)
{
	struct timeline_lane *lanes;
	char label[64];

	snprintf(label, sizeof(label), "%.40s %lld",
		 incident_text(attempt, "process"),
		 incident_number(attempt, "pid"));
	for (size_t i = 0; i < timeline->nr_lanes; i++)
		if (!strcmp(timeline->lanes[i].label, label))
			return &timeline->lanes[i];
	lanes = reallocarray(timeline->lanes, timeline->nr_lanes + 1,
			     sizeof(*lanes));
	if (!lanes)
		return NULL;
	timeline->lanes = lanes;
	lanes += timeline->nr_lanes++;
	*lanes = (struct timeline_lane){ 0 };
	memcpy(lanes->label, label, sizeof(label));
	return lanes;
}

static enum timeline_kind kind_of(const json_t *attempt)
{
	switch (incident_effect(attempt)) {
	case EFFECT_APPLIED:
		return MARK_APPLIED;
	case EFFECT_REVERTED:
		return MARK_REVERTED;
	case EFFECT_NONE:
		break;
	}
	return incident_number(attempt, "exit") ? MARK_REFUSED : MARK_NOTHING;
}

static int mark_add(struct timeline *timeline, const json_t *attempt)
{
	int64_t time_us = incident_time_us(incident_text(attempt, "time"));
	struct timeline_lane *lane;
	struct timeline_mark *marks;

	if (!time_us || !incident_number(attempt, "pid"))
		return 0;
	lane = lane_of(timeline, attempt);
	if (!lane)
		return -ENOMEM;
	marks = reallocarray(lane->marks, lane->nr_marks + 1, sizeof(*marks));
	if (!marks)
		return -ENOMEM;
	lane->marks = marks;
	marks[lane->nr_marks++] = (struct timeline_mark){
		.time_us = time_us,
		.kind = kind_of(attempt),
		.attempt = attempt,
	};
	return 0;
}

/* Clocks are set back; collected entries come late. */
static int by_time(const void *a, const void *b)
{
	const struct timeline_mark *left = a, *right = b;

	return (left->time_us > right->time_us) -
	       (left->time_us < right->time_us);
}

/* --- bars ---------------------------------------------------------------------------- */

static bool has_it_now(const json_t *incident, const struct timeline_lane *lane)
{
	const json_t *state = json_object_get(incident, "state"), *process;
	long long pid = incident_number(lane->marks[0].attempt, "pid");
	size_t i;

	json_array_foreach(json_object_get(state, "processes"), i, process)
		if (incident_number(process, "pid") == pid &&
		    !strcmp(incident_text(process, "state"), "active"))
			return true;
	return false;
}

static int bars_make(struct timeline_lane *lane, bool now)
{
	struct timeline_bar *bar = NULL;

	lane->bars = calloc(lane->nr_marks, sizeof(*lane->bars));
	if (!lane->bars)
		return -ENOMEM;
	for (size_t i = 0; i < lane->nr_marks; i++) {
		enum timeline_kind kind = lane->marks[i].kind;

		if (kind == MARK_APPLIED && !bar) {
			bar = &lane->bars[lane->nr_bars++];
			*bar = (struct timeline_bar){ .from = i };
			bar->end = now ? BAR_NOW : BAR_UNKNOWN;
		} else if (kind == MARK_APPLIED) {
			/* It had it already. */
			lane->marks[i].kind = MARK_NOTHING;
		} else if (kind == MARK_REVERTED && bar) {
			bar->to = i;
			bar->end = BAR_REVERTED;
			bar = NULL;
		}
	}
	return 0;
}

/* --- where ---------------------------------------------------------------------------- */

double timeline_x(const struct timeline *timeline, int64_t time_us)
{
	double all = (double)(timeline->end_us - timeline->start_us);
	double part = (double)(time_us - timeline->start_us);
	double width = timeline->right - timeline->left;

	if (all <= 0)
		return timeline->left + width / 2;
	if (part <= 0)
		return timeline->left;
	return part >= all ? timeline->right :
			     timeline->left + width * part / all;
}

/* Marks keep their order and, where the lane has room, a distance. */
static void marks_place(const struct timeline *timeline,
			struct timeline_lane *lane)
{
	double room = timeline->right - timeline->left;
	double gap = TIMELINE_MARK_GAP;
	double limit = timeline->right;

	if (lane->nr_marks > 1 && gap * (double)(lane->nr_marks - 1) > room)
		gap = room / (double)(lane->nr_marks - 1);
	for (size_t i = 0; i < lane->nr_marks; i++) {
		double x = timeline_x(timeline, lane->marks[i].time_us);
		double least = i ? lane->marks[i - 1].x + gap : timeline->left;

		lane->marks[i].x = x < least ? least : x;
	}
	for (size_t i = lane->nr_marks; i-- > 0; limit -= gap) {
		if (lane->marks[i].x <= limit)
			break;
		lane->marks[i].x = limit;
	}
}

static void bars_place(const struct timeline *timeline,
		       struct timeline_lane *lane)
{
	for (size_t i = 0; i < lane->nr_bars; i++) {
		struct timeline_bar *bar = &lane->bars[i];
		double end = bar->end == BAR_REVERTED ?
				     lane->marks[bar->to].x :
				     timeline->right;

		bar->x = lane->marks[bar->from].x;
		bar->width = end - bar->x;
	}
}

/* --- the axis --------------------------------------------------------------------------- */

static const int64_t steps_s[] = {
	1,    2,     5,	    10,	   15,	  30,	  60,	  120,	 300,
	600,  900,   1800,  3600,  7200,  10800,  21600,  43200, 86400,
	172800, 604800, 1209600, 2592000, 7776000, 31536000,
};

static int64_t step_choose(int64_t span_s)
{
	size_t nr = sizeof(steps_s) / sizeof(*steps_s);

	for (size_t i = 0; i < nr; i++)
		if (span_s / steps_s[i] < TIMELINE_TICKS_MAX - 1)
			return steps_s[i];
	return span_s / (TIMELINE_TICKS_MAX - 1) + 1;
}

static void tick_label(struct timeline_tick *tick, const struct tm *tm,
		       int64_t step_s)
{
	if (step_s >= 86400)
		strftime(tick->label, sizeof(tick->label), "%d %b", tm);
	else if (step_s < 60)
		strftime(tick->label, sizeof(tick->label), "%H:%M:%S", tm);
	else
		strftime(tick->label, sizeof(tick->label), "%H:%M", tm);
}

static void ticks_make(struct timeline *timeline)
{
	int64_t start = timeline->start_us / US_PER_S;
	int64_t end = timeline->end_us / US_PER_S;
	int64_t step = step_choose(end - start);

	for (int64_t at = (start + step - 1) / step * step;
	     at <= end && timeline->nr_ticks < TIMELINE_TICKS_MAX; at += step) {
		struct timeline_tick *tick =
			&timeline->ticks[timeline->nr_ticks];
		time_t seconds = (time_t)at;
		struct tm tm;

		if (at * US_PER_S < timeline->start_us ||
		    !gmtime_r(&seconds, &tm))
			continue;
		tick_label(tick, &tm, step);
		tick->x = timeline_x(timeline, at * US_PER_S);
		timeline->nr_ticks++;
	}
}

/* --- all of it -------------------------------------------------------------------------- */

static void span_widen(struct timeline *timeline,
		       const struct timeline_lane *lane)
{
	for (size_t i = 0; i < lane->nr_marks; i++) {
		int64_t time_us = lane->marks[i].time_us;

		if (!timeline->start_us || time_us < timeline->start_us)
			timeline->start_us = time_us;
		if (time_us > timeline->end_us)
			timeline->end_us = time_us;
	}
}

static int lane_finish(struct timeline *timeline, struct timeline_lane *lane,
		       const json_t *incident)
{
	bool now = has_it_now(incident, lane);
	int r;

	qsort(lane->marks, lane->nr_marks, sizeof(*lane->marks), by_time);
	r = bars_make(lane, now);
	span_widen(timeline, lane);
	if (now) {
		const json_t *made = json_object_get(incident, "made");
		int64_t time_us = incident_time_us(incident_text(made, "time"));

		if (time_us > timeline->end_us)
			timeline->end_us = time_us;
	}
	return r;
}

static void lane_release(struct timeline_lane *lane)
{
	free(lane->marks);
	free(lane->bars);
}

static void lanes_limit(struct timeline *timeline)
{
	while (timeline->nr_lanes > TIMELINE_LANES_MAX) {
		lane_release(&timeline->lanes[--timeline->nr_lanes]);
		timeline->nr_more++;
	}
}

int timeline_make(const json_t *incident, double left, double right,
		  struct timeline *ret_timeline)
{
	struct timeline timeline = { .left = left, .right = right };
	const json_t *attempt;
	int r = 0;
	size_t i;

	json_array_foreach(json_object_get(incident, "attempts"), i, attempt)
		if (r == 0)
			r = mark_add(&timeline, attempt);
	if (r == 0 && !timeline.nr_lanes)
		r = -ENOENT;
	lanes_limit(&timeline);
	for (i = 0; r == 0 && i < timeline.nr_lanes; i++)
		r = lane_finish(&timeline, &timeline.lanes[i], incident);
	for (i = 0; r == 0 && i < timeline.nr_lanes; i++) {
		marks_place(&timeline, &timeline.lanes[i]);
		bars_place(&timeline, &timeline.lanes[i]);
	}
	if (r) {
		timeline_release(&timeline);
		return r;
	}
	ticks_make(&timeline);
	*ret_timeline = timeline;
	return 0;
}

void timeline_release(struct timeline *timeline)
{
	for (size_t i = 0; i < timeline->nr_lanes; i++)
		lane_release(&timeline->lanes[i]);
	free(timeline->lanes);
	*timeline = (struct timeline){ 0 };
}
