#include "incident_svg.h"

#include <errno.h>
#include <string.h>

#include "incident.h"
#include "incident_timeline.h"
#include "incident_write.h"

/* Lengths of a form, in the picture's units: CSS pixels where there is room. */
struct measures {
	const char *name;
	double width, left, right; /* the axis begins and ends there */
	double top, lane;	   /* of the first lane; height of each */
	double label_x, label_y;   /* of a lane, from its middle */
	bool label_right;	   /* it ends at label_x */
};

static const struct measures forms[] = {
	[SVG_WIDE] = { "wide", 720, 160, 706, 34, 34, 146, 4, true },
	[SVG_NARROW] = { "narrow", 340, 12, 328, 48, 46, 12, -12, false },
};

struct drawing {
	FILE *to;
	const struct measures *measures;
	struct timeline timeline;
	double bottom;
};

/* Always with a point, whatever the locale: tenths are enough. */
static void number(FILE *to, double value)
{
	long tenths = (long)(value * 10 + 0.5);

	fprintf(to, "%ld.%ld", tenths / 10, tenths % 10);
}

static void attribute(FILE *to, const char *name, double value)
{
	fprintf(to, " %s=\"", name);
	number(to, value);
	fputc('"', to);
}

static double lane_y(const struct drawing *drawing, size_t index)
{
	return drawing->measures->top + drawing->measures->lane * (double)index;
}

/* --- words --------------------------------------------------------------------------- */

static void mark_tell(FILE *to, const json_t *attempt)
{
	char time[INCIDENT_TIME_SIZE], outcome[256];

	incident_outcome_format(attempt, outcome, sizeof(outcome));
	html_print(to, "%s UTC %s by %s: %s",
		   incident_time_format(incident_text(attempt, "time"), time),
		   incident_text(attempt, "command"),
		   incident_text(attempt, "by"), outcome);
}

/* For those who do not see it, all that it shows. */
static void describe(const struct drawing *drawing)
{
	const struct timeline *timeline = &drawing->timeline;
	FILE *to = drawing->to;

	for (size_t i = 0; i < timeline->nr_lanes; i++) {
		const struct timeline_lane *lane = &timeline->lanes[i];

		html_print(to, "%s: ", lane->label);
		for (size_t k = 0; k < lane->nr_marks; k++) {
			if (k)
				fputs("; ", to);
			mark_tell(to, lane->marks[k].attempt);
		}
		fputs(". ", to);
	}
}

static void begin(const struct drawing *drawing)
{
	const struct measures *measures = drawing->measures;
	FILE *to = drawing->to;

	fprintf(to, "<div class=\"t %s\"><svg role=\"img\" "
		    "aria-labelledby=\"t-%s-title t-%s-desc\" "
		    "xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ",
		measures->name, measures->name, measures->name);
	number(to, measures->width);
	fputc(' ', to);
	number(to, drawing->bottom + 8);
	fprintf(to, "\">\n<title id=\"t-%s-title\">Attempts over time, "
		    "process by process</title>\n<desc id=\"t-%s-desc\">",
		measures->name, measures->name);
	describe(drawing);
	fputs("</desc>\n", to);
}

/* --- shapes ---------------------------------------------------------------------------- */

static void ticks(const struct drawing *drawing)
{
	const struct timeline *timeline = &drawing->timeline;
	FILE *to = drawing->to;

	for (size_t i = 0; i < timeline->nr_ticks; i++) {
		const struct timeline_tick *tick = &timeline->ticks[i];
		/* At an end the words stay inside of the picture. */
		const char *anchor = tick->x > timeline->right - 24 ? "end" :
				     tick->x < timeline->left + 24  ? "start" :
								      "middle";

		fputs("<line class=\"t-grid\"", to);
		attribute(to, "x1", tick->x);
		attribute(to, "x2", tick->x);
		attribute(to, "y1", 18);
		attribute(to, "y2", drawing->bottom);
		fprintf(to, "/><text class=\"t-tick\" text-anchor=\"%s\"",
			anchor);
		attribute(to, "x", tick->x);
		attribute(to, "y", 12);
		html_print(to, ">%s</text>\n", tick->label);
	}
}

static void lane_line(const struct drawing *drawing,
		      const struct timeline_lane *lane, double y)
{
	const struct measures *measures = drawing->measures;
	FILE *to = drawing->to;

	fputs("<line class=\"t-lane\"", to);
	attribute(to, "x1", measures->left);
	attribute(to, "x2", measures->right);
	attribute(to, "y1", y);
	attribute(to, "y2", y);
	fprintf(to, "/><text class=\"t-label\"%s",
		measures->label_right ? " text-anchor=\"end\"" : "");
	attribute(to, "x", measures->label_x);
	attribute(to, "y", y + measures->label_y);
	html_print(to, ">%s</text>\n", lane->label);
}

static void bar(FILE *to, const struct timeline_bar *bar, double y)
{
	fprintf(to, "<line class=\"t-bar%s\"",
		bar->end == BAR_UNKNOWN ? " t-unknown" : "");
	attribute(to, "x1", bar->x);
	attribute(to, "x2", bar->x + bar->width);
	attribute(to, "y1", y);
	attribute(to, "y2", y);
	fputs("/>\n", to);
	if (bar->end != BAR_NOW)
		return;
	/* It goes on. */
	fputs("<path class=\"t-on\" d=\"M", to);
	number(to, bar->x + bar->width);
	fputc(' ', to);
	number(to, y - 6);
	fputs("l9 6l-9 6z\"/>\n", to);
}

static void circle(FILE *to, const char *class, double x, double y,
		   double radius)
{
	fprintf(to, "<circle class=\"%s\"", class);
	attribute(to, "cx", x);
	attribute(to, "cy", y);
	attribute(to, "r", radius);
	fputs("/>", to);
}

static void cross(FILE *to, double x, double y)
{
	fputs("<path class=\"t-refused\" d=\"M", to);
	number(to, x - 4);
	fputc(' ', to);
	number(to, y - 4);
	fputs("l8 8m0 -8l-8 8\"/>", to);
}

static void mark(FILE *to, const struct timeline_mark *mark, double y)
{
	fputs("<g>", to);
	fputs("<title>", to);
	mark_tell(to, mark->attempt);
	fputs("</title>", to);
	switch (mark->kind) {
	case MARK_APPLIED:
		circle(to, "t-applied", mark->x, y, 5);
		break;
	case MARK_REVERTED:
		circle(to, "t-reverted", mark->x, y, 4.2);
		break;
	case MARK_REFUSED:
		cross(to, mark->x, y);
		break;
	case MARK_NOTHING:
		circle(to, "t-nothing", mark->x, y, 3);
		break;
	}
	fputs("</g>\n", to);
}

static void lane(const struct drawing *drawing, size_t index)
{
	const struct timeline_lane *lane = &drawing->timeline.lanes[index];
	double y = lane_y(drawing, index);

	lane_line(drawing, lane, y);
	for (size_t i = 0; i < lane->nr_bars; i++)
		bar(drawing->to, &lane->bars[i], y);
	for (size_t i = 0; i < lane->nr_marks; i++)
		mark(drawing->to, &lane->marks[i], y);
}

static bool find_unknown_end(const struct timeline *timeline)
{
	for (size_t i = 0; i < timeline->nr_lanes; i++)
		for (size_t k = 0; k < timeline->lanes[i].nr_bars; k++)
			if (timeline->lanes[i].bars[k].end == BAR_UNKNOWN)
				return true;
	return false;
}

bool incident_svg(FILE *to, const json_t *incident, enum svg_form form)
{
	struct drawing drawing = { .to = to, .measures = &forms[form] };
	bool has_unknown_end;

	/* Bars that go on end in an arrow's head. */
	int r = timeline_make(incident, drawing.measures->left + 6,
			      drawing.measures->right - 10, &drawing.timeline);

	if (r == -ENOMEM)
		fputs("<p>[no memory for the timeline]</p>\n", to);
	if (r)
		return false;
	drawing.bottom = lane_y(&drawing, drawing.timeline.nr_lanes - 1) + 14;
	begin(&drawing);
	ticks(&drawing);
	for (size_t i = 0; i < drawing.timeline.nr_lanes; i++)
		lane(&drawing, i);
	fputs("</svg>\n", to);
	if (drawing.timeline.nr_more)
		html_print(to, "<p class=\"note\">%lld more processes are in "
			       "the list below only.</p>\n",
			   (long long)drawing.timeline.nr_more);
	fputs("</div>\n", to);
	has_unknown_end = find_unknown_end(&drawing.timeline);
	timeline_release(&drawing.timeline);
	return has_unknown_end;
}
