/* Where the parts of a timeline go. */
#include "../../agent/incident_timeline.h"
#include "../../agent/incident.h"
#include "../tap.h"

#include <errno.h>

/* Seconds after 21:00, process, outcome. */
struct entry {
	int seconds;
	int pid;
	const char *effect;
	int exit;
};

static json_t *incident_of(const struct entry *entries, size_t nr, int pid_now)
{
	json_t *attempts = json_array(), *processes = json_array();

	for (size_t i = 0; i < nr; i++) {
		char time[64];

		snprintf(time, sizeof(time), "2026-11-23T21:%02d:%02d.500000Z",
			 entries[i].seconds / 60, entries[i].seconds % 60);
		json_array_append_new(
			attempts,
			json_pack("{s:s, s:i, s:s, s:s, s:i}", "time", time,
				  "pid", entries[i].pid, "process", "calc",
				  "effect", entries[i].effect, "exit",
				  entries[i].exit));
	}
	if (pid_now)
		json_array_append_new(processes,
				      json_pack("{s:i, s:s}", "pid", pid_now,
						"state", "active"));
	return json_pack("{s:o, s:{s:o}, s:{s:s}}", "attempts", attempts,
			 "state", "processes", processes, "made", "time",
			 "2026-11-23T21:20:00Z");
}

static void make(const struct entry *entries, size_t nr, int pid_now,
		 struct timeline *timeline)
{
	static json_t *incident;

	json_decref(incident);
	incident = incident_of(entries, nr, pid_now);
	CHECK_EQ(timeline_make(incident, 100, 700, timeline), 0);
}

#define MAKE(entries, now, timeline)                                           \
	make(entries, sizeof(entries) / sizeof(*(entries)), now, timeline)

static bool is_near(double a, double b)
{
	return a > b - 0.01 && a < b + 0.01;
}

TEST(times)
{
	CHECK_EQ(incident_time_us("1970-01-01T00:00:01.000002Z"), 1000002);
	CHECK_EQ(incident_time_us("1970-01-01T00:00:01Z"), 1000000);
	CHECK_EQ(incident_time_us("1970-01-01T00:00:01.5Z"), 1500000);
	CHECK_EQ(incident_time_us("yesterday"), 0);
	CHECK_EQ(incident_time_us(""), 0);
}

TEST(a_lane_for_each_process)
{
	static const struct entry entries[] = {
		{ 0, 1, "none", 3 },	  { 60, 1, "applied", 0 },
		{ 60, 2, "applied", 0 },  { 120, 1, "reverted", 0 },
		{ 600, 2, "reverted", 0 },
	};
	struct timeline timeline;

	MAKE(entries, 0, &timeline);
	CHECK_EQ(timeline.nr_lanes, 2);
	CHECK_STR(timeline.lanes[0].label, "calc 1");
	CHECK_EQ(timeline.lanes[0].nr_marks, 3);
	CHECK_EQ(timeline.lanes[0].marks[0].kind, MARK_REFUSED);
	CHECK_EQ(timeline.lanes[0].marks[1].kind, MARK_APPLIED);
	CHECK_EQ(timeline.lanes[0].marks[2].kind, MARK_REVERTED);
	/* Ten minutes are 600 units here. */
	CHECK(is_near(timeline.lanes[0].marks[0].x, 100));
	CHECK(is_near(timeline.lanes[0].marks[1].x, 160));
	CHECK(is_near(timeline.lanes[0].marks[2].x, 220));
	CHECK_EQ(timeline.lanes[0].nr_bars, 1);
	CHECK(is_near(timeline.lanes[0].bars[0].x, 160));
	CHECK(is_near(timeline.lanes[0].bars[0].width, 60));
	CHECK_EQ(timeline.lanes[0].bars[0].end, BAR_REVERTED);
	CHECK(is_near(timeline.lanes[1].bars[0].width, 540));
	timeline_release(&timeline);
}

/* A process that has it still: up to the report. One that has it no more, and
 * nobody took it away: it has ended. */
TEST(without_an_end)
{
	static const struct entry entries[] = {
		{ 0, 1, "applied", 0 }, { 0, 2, "applied", 0 },
		{ 1, 1, "applied", 0 },
	};
	struct timeline timeline;

	MAKE(entries, 1, &timeline);
	CHECK_EQ(timeline.lanes[0].nr_bars, 1);
	CHECK_EQ(timeline.lanes[0].bars[0].end, BAR_NOW);
	CHECK(is_near(timeline.lanes[0].bars[0].width, 600));
	/* There already: nothing happened. */
	CHECK_EQ(timeline.lanes[0].marks[1].kind, MARK_NOTHING);
	CHECK_EQ(timeline.lanes[1].bars[0].end, BAR_UNKNOWN);
	timeline_release(&timeline);
}

/* Again and again: a bar each. */
TEST(reapplied)
{
	static const struct entry entries[] = {
		{ 0, 1, "applied", 0 },	  { 100, 1, "reverted", 0 },
		{ 200, 1, "applied", 0 }, { 250, 1, "none", 3 },
		{ 300, 1, "reverted", 0 }, { 350, 1, "reverted", 0 },
	};
	struct timeline timeline;

	MAKE(entries, 0, &timeline);
	CHECK_EQ(timeline.lanes[0].nr_bars, 2);
	CHECK_EQ(timeline.lanes[0].bars[1].from, 2);
	CHECK_EQ(timeline.lanes[0].bars[1].to, 4);
	timeline_release(&timeline);
}

/* What is close together is drawn apart, in order, and inside of the picture. */
TEST(marks_keep_apart)
{
	struct entry entries[40];
	struct timeline timeline;

	for (size_t i = 0; i < 40; i++)
		entries[i] = (struct entry){ i < 20 ? 0 : 600, 1, "none", 1 };
	MAKE(entries, 0, &timeline);
	CHECK(is_near(timeline.lanes[0].marks[0].x, 100));
	CHECK(is_near(timeline.lanes[0].marks[39].x, 700));
	for (size_t i = 1; i < 40; i++)
		CHECK(timeline.lanes[0].marks[i].x >=
		      timeline.lanes[0].marks[i - 1].x + TIMELINE_MARK_GAP - .01);
	timeline_release(&timeline);
}

/* More than there is room for: still in order and inside. */
TEST(marks_crowd)
{
	static struct entry entries[500];
	struct timeline timeline;

	for (size_t i = 0; i < 500; i++)
		entries[i] = (struct entry){ 600, 1, "none", 1 };
	MAKE(entries, 0, &timeline);
	for (size_t i = 0; i < 500; i++) {
		const struct timeline_mark *mark = &timeline.lanes[0].marks[i];

		CHECK(mark->x > 99.9 && mark->x < 700.1);
		CHECK(!i || mark->x > mark[-1].x);
	}
	timeline_release(&timeline);
}

TEST(one_moment)
{
	static const struct entry entries[] = { { 5, 1, "applied", 0 } };
	struct timeline timeline;

	MAKE(entries, 0, &timeline);
	CHECK(is_near(timeline.lanes[0].marks[0].x, 400));
	CHECK(timeline.nr_ticks <= 1);
	timeline_release(&timeline);
}

/* Entries that were collected later have earlier times. */
TEST(out_of_order)
{
	static const struct entry entries[] = {
		{ 100, 1, "reverted", 0 }, { 0, 1, "applied", 0 },
	};
	struct timeline timeline;

	MAKE(entries, 0, &timeline);
	CHECK_EQ(timeline.lanes[0].marks[0].kind, MARK_APPLIED);
	CHECK_EQ(timeline.lanes[0].nr_bars, 1);
	CHECK_EQ(timeline.lanes[0].bars[0].end, BAR_REVERTED);
	timeline_release(&timeline);
}

TEST(ticks)
{
	static const struct {
		int seconds;
		const char *first;
		size_t nr;
	} spans[] = {
		{ 3, "21:00:01", 3 },  { 20, "21:00:10", 2 },
		{ 300, "21:02", 2 },   { 3540, "21:15", 3 },
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
		const struct entry entries[] = {
			{ 0, 1, "none", 1 }, { spans[i].seconds, 1, "none", 1 },
		};
		struct timeline timeline;

		MAKE(entries, 0, &timeline);
		CHECK_STR(timeline.ticks[0].label, spans[i].first);
		CHECK_EQ(timeline.nr_ticks, spans[i].nr);
		for (size_t k = 0; k < timeline.nr_ticks; k++)
			CHECK(timeline.ticks[k].x >= 100 &&
			      timeline.ticks[k].x <= 700);
		timeline_release(&timeline);
	}
}

TEST(too_many_processes)
{
	static struct entry entries[TIMELINE_LANES_MAX + 7];
	struct timeline timeline;

	for (int i = 0; i < TIMELINE_LANES_MAX + 7; i++)
		entries[i] = (struct entry){ 0, i + 1, "applied", 0 };
	MAKE(entries, 0, &timeline);
	CHECK_EQ(timeline.nr_lanes, TIMELINE_LANES_MAX);
	CHECK_EQ(timeline.nr_more, 7);
	timeline_release(&timeline);
}

TEST(nothing_to_draw)
{
	static const struct entry entries[] = { { 0, 0, "none", 1 } };
	json_t *incident = incident_of(entries, 1, 0);
	struct timeline timeline;

	CHECK_EQ(timeline_make(incident, 0, 1, &timeline), -ENOENT);
	json_decref(incident);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
