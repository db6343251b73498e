/*
 * An incident as one page: nothing is fetched, nothing runs, and the page says so
 * to the browser (Content-Security-Policy).
 */
#include <string.h>

#include "incident.h"
#include "incident_style.h"
#include "incident_svg.h"
#include "incident_write.h"

#define TEXT_SIZE 1024

static void heading(FILE *to, const char *text)
{
	html_print(to, "<h2>%s</h2>\n", text);
}

static void fact(FILE *to, const char *name, const char *value)
{
	if (*value)
		html_print(to, "<dt>%s</dt><dd>%s</dd>\n", name, value);
}

static void fact_code(FILE *to, const char *name, const char *value)
{
	if (*value)
		html_print(to, "<dt>%s</dt><dd><code>%s</code></dd>\n", name,
			   value);
}

/* --- the head ------------------------------------------------------------------------ */

static void document_begin(FILE *to, const json_t *incident)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	      "<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" "
	      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, "
	      "initial-scale=1\">\n"
	      "<meta name=\"robots\" content=\"noindex\">\n",
	      to);
	html_print(to, "<title>Incident report: %s</title>\n<style>\n",
		   incident_text(incident, "patch"));
	fputs(incident_style, to);
	fputs("</style>\n</head>\n<body>\n<main>\n", to);
}

static void state_box(FILE *to, const char *class, const char *name,
		      const char *value)
{
	html_print(to, "<div class=\"%s\"><dt>%s</dt><dd>%s</dd></div>\n",
		   class, name, value);
}

static const char *merged_class(const json_t *incident)
{
	const json_t *merged = json_object_get(incident, "merged"), *branch;
	size_t i;

	json_array_foreach(json_object_get(merged, "branches"), i, branch)
		if (strcmp(incident_text(branch, "state"), "merged"))
			return "warn";
	return json_is_true(json_object_get(merged, "checked")) ? "good" : "";
}

static void head(FILE *to, const json_t *incident)
{
	const json_t *state = json_object_get(incident, "state");
	char text[TEXT_SIZE];

	html_print(to, "<header>\n<p class=\"over\">Incident report</p>\n"
		       "<h1>%s</h1>\n", incident_text(incident, "patch"));
	fputs("<dl class=\"state\">\n", to);
	incident_now_format(incident, text, sizeof(text));
	state_box(to, incident_number(state, "applied_in") ? "good" : "",
		  "Where it is now", text);
	incident_done_format(incident, text, sizeof(text));
	state_box(to, "", "What was done", text);
	incident_merged_format(incident, text, sizeof(text));
	state_box(to, merged_class(incident), "Back in the source", text);
	fputs("</dl>\n</header>\n", to);
}

static void broken(FILE *to, const json_t *incident)
{
	const char *reason = incident_text(incident, "reason");
	char time[INCIDENT_TIME_SIZE + 4];
	const json_t *target;
	size_t i;

	heading(to, "What was broken");
	incident_time_format(incident_text(incident, "created"), time);
	if (*time)
		strcat(time, " UTC");
	html_print(to, "<p class=\"lead\">%s</p>\n<dl class=\"facts\">\n",
		   *reason ? reason : "No reason was given.");
	fact(to, "Ticket", incident_text(incident, "ticket"));
	fact(to, "Author of the fix", incident_text(incident, "author"));
	fact(to, "Patch made", time);
	json_array_foreach(json_object_get(incident, "targets"), i, target)
		html_print(to, "<dt>Program</dt><dd><code>%s</code> <span "
			       "class=\"soft\">%s, build-id</span> "
			       "<code>%s</code></dd>\n",
			   incident_text(target, "name"),
			   incident_text(target, "kind"),
			   incident_text(target, "build_id"));
	fputs("</dl>\n", to);
}

/* --- what was changed -------------------------------------------------------------------- */

static const char *line_class(const char *line, bool is_diff)
{
	if (!is_diff)
		return "";
	if (!strncmp(line, "+++", 3) || !strncmp(line, "---", 3) ||
	    !strncmp(line, "@@", 2))
		return "at";
	return *line == '+' ? "add" : *line == '-' ? "del" : "";
}

static void lines(FILE *to, const char *text, bool is_diff)
{
	char line[4096];

	fputs("<pre tabindex=\"0\">", to);
	while (*text) {
		size_t size = strcspn(text, "\n");
		size_t part = size < sizeof(line) - 1 ? size : sizeof(line) - 1;

		snprintf(line, sizeof(line), "%.*s", (int)part, text);
		/* A line without a character would have no height. */
		html_print(to, "<span class=\"%s\">%s",
			   line_class(line, is_diff), line);
		if (part < size)
			html_print(to, " [cut: %lld bytes]", (long long)size);
		fputs("\n</span>", to);
		text += size + (text[size] == '\n');
	}
	fputs("</pre>\n", to);
}

static void source(FILE *to, const json_t *text)
{
	bool is_diff = !strcmp(incident_text(text, "kind"), "diff");
	long long size = incident_number(text, "size");
	long long whole = incident_number(text, "whole_size");

	html_print(to, "<h3>%s <code>%s</code></h3>\n",
		   is_diff ? "The diff" : "The replacement source",
		   incident_text(text, "name"));
	lines(to, incident_text(text, "text"), is_diff);
	if (size < whole)
		html_print(to, "<p class=\"note\">Only the first %lld of its "
			       "%lld bytes are in the patch file.</p>\n",
			   size, whole);
}

static void listing(FILE *to, const char *title, const char *from,
		    const json_t *listing)
{
	size_t nr = json_array_size(listing), i;
	const json_t *line;

	html_print(to, "<div><p class=\"note\">%s%s</p>\n"
		       "<pre tabindex=\"0\">", title, from);
	json_array_foreach(listing, i, line)
		if (i < INCIDENT_LINES_MAX)
			html_print(to, "<span>%s  %s\n</span>",
				   incident_text(line, "address"),
				   incident_text(line, "text"));
	fputs("</pre>\n", to);
	if (nr > INCIDENT_LINES_MAX)
		html_print(to, "<p class=\"note\">%lld more instructions are "
			       "in the JSON form.</p>\n",
			   (long long)(nr - INCIDENT_LINES_MAX));
	fputs("</div>\n", to);
}

static void machine_code(FILE *to, const json_t *function)
{
	fputs("<details><summary>Machine code before and after</summary>\n"
	      "<div class=\"pair\">\n", to);
	if (json_is_array(json_object_get(function, "old")))
		listing(to, "Before, as in ",
			incident_text(function, "old_from"),
			json_object_get(function, "old"));
	else
		html_print(to, "<p class=\"note\">The old code is not shown: "
			       "%s</p>\n",
			   incident_text(function, "old_missing"));
	listing(to, "After, as in the patch", "",
		json_object_get(function, "new"));
	fputs("</div></details>\n", to);
}

static void function(FILE *to, const json_t *function)
{
	html_print(to, "<h3><code>%s</code></h3>\n<dl class=\"facts\">\n",
		   incident_text(function, "name"));
	fact_code(to, "Source", incident_text(function, "source"));
	fact(to, "Why it is replaced", incident_text(function, "why"));
	html_print(to, "<dt>Size</dt><dd>%lld bytes of code, replaced by "
		       "%lld%s</dd>\n</dl>\n",
		   incident_number(function, "size"),
		   incident_number(function, "replacement_size"),
		   json_is_true(json_object_get(function, "calls_original")) ?
			   ", which call the old ones" : "");
	machine_code(to, function);
}

static void changed(FILE *to, const json_t *incident)
{
	const json_t *sources = json_object_get(incident, "source"), *item;
	const char *problem = incident_text(incident, "file_problem");
	size_t i;

	heading(to, "What was changed");
	if (*problem)
		html_print(to, "<p>Not known in detail: %s.</p>\n", problem);
	else if (!json_array_size(sources))
		fputs("<p>The patch file does not hold its source: it was made "
		      "by an earlier hotfix-build.</p>\n", to);
	json_array_foreach(sources, i, item)
		source(to, item);
	json_array_foreach(json_object_get(incident, "functions"), i, item)
		function(to, item);
}

/* --- proof ----------------------------------------------------------------------------------- */

static void texts(FILE *to, const json_t *items)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
		html_print(to, "<li>%s</li>\n", json_string_value(item));
}

static void list(FILE *to, const json_t *items)
{
	if (!json_array_size(items))
		return;
	fputs("<ul>\n", to);
	texts(to, items);
	fputs("</ul>\n", to);
}

static void proof(FILE *to, const json_t *incident)
{
	const json_t *functions = json_object_get(incident, "functions"), *item;
	const json_t *overrides = json_object_get(incident, "overrides");
	char text[TEXT_SIZE];
	size_t i;

	heading(to, "Proof that source and program match");
	if (!json_array_size(functions))
		fputs("<p>Without the patch file there is none to show.</p>\n",
		      to);
	fputs("<ul>\n", to);
	json_array_foreach(functions, i, item) {
		incident_identity_format(item, text, sizeof(text));
		html_print(to, "<li><code>%s</code>: %s.<br><span "
			       "class=\"note\">sha256 of its code "
			       "<code>%s</code></span></li>\n",
			   incident_text(item, "name"), text,
			   incident_text(item, "sha256"));
	}
	texts(to, json_object_get(incident, "proof"));
	fputs("</ul>\n", to);
	if (!json_array_size(overrides))
		return;
	fputs("<h3>Accepted by its author, against advice</h3>\n", to);
	list(to, overrides);
}

/* --- what was done ----------------------------------------------------------------------------- */

static void key(FILE *to, bool has_unknown_end)
{
	fputs("<ul class=\"key\" aria-hidden=\"true\">"
	      "<li><svg viewBox=\"0 0 14 14\"><circle class=\"t-applied\" "
	      "cx=\"7\" cy=\"7\" r=\"5\"/></svg>applied</li>"
	      "<li><svg viewBox=\"0 0 14 14\"><circle class=\"t-reverted\" "
	      "cx=\"7\" cy=\"7\" r=\"4.2\"/></svg>reverted</li>"
	      "<li><svg viewBox=\"0 0 14 14\"><path class=\"t-refused\" "
	      "d=\"M3 3l8 8m0 -8l-8 8\"/></svg>refused or failed</li>"
	      "<li><svg viewBox=\"0 0 14 14\"><line class=\"t-bar\" x1=\"0\" "
	      "x2=\"14\" y1=\"7\" y2=\"7\"/></svg>the fix runs</li>",
	      to);
	if (has_unknown_end)
		fputs("<li><svg viewBox=\"0 0 14 14\"><line class=\"t-bar "
		      "t-unknown\" x1=\"1\" x2=\"14\" y1=\"7\" y2=\"7\"/>"
		      "</svg>until its process ended, at a time not known</li>",
		      to);
	fputs("</ul>\n", to);
}

static void timeline(FILE *to, const json_t *incident)
{
	const json_t *summary = json_object_get(incident, "summary");
	char first[INCIDENT_TIME_SIZE], last[INCIDENT_TIME_SIZE];
	bool has_unknown_end;

	/* Of a patch file that none could read, no process is known. */
	if (!incident_number(summary, "processes"))
		return;
	html_print(to, "<figure>\n<figcaption>First attempt %s, last %s "
		       "(UTC)</figcaption>\n",
		   incident_time_format(incident_text(summary, "first"), first),
		   incident_time_format(incident_text(summary, "last"), last));
	has_unknown_end = incident_svg(to, incident, SVG_WIDE);
	incident_svg(to, incident, SVG_NARROW);
	key(to, has_unknown_end);
	fputs("</figure>\n", to);
}

static const char *outcome_class(const json_t *attempt)
{
	if (!strcmp(incident_text(attempt, "outcome"), "applied"))
		return "applied";
	return incident_number(attempt, "exit") ? "refused" : "";
}

/* On a phone, what was not measured takes no place. */
static void measure(FILE *to, const char *what, const char *value)
{
	html_print(to, "<td class=\"num%s\" data-is=\"%s\">%s</td>",
		   strcmp(value, "-") ? "" : " none", what, value);
}

static void attempt(FILE *to, const json_t *attempt)
{
	const json_t *error = json_object_get(attempt, "error");
	bool why = json_is_object(error);
	char time[INCIDENT_TIME_SIZE], outcome[1024];
	char pause[DURATION_TEXT_SIZE], longest[DURATION_TEXT_SIZE];
	char wait[DURATION_TEXT_SIZE];

	incident_outcome_format(attempt, outcome, sizeof(outcome));
	incident_time_format(incident_text(attempt, "time"), time);
	html_print(to, "<tr class=\"%s\"><td class=\"when\">%s</td>"
		       "<td class=\"what\">%s %lld</td><td>%s</td>",
		   why ? "has-why" : "", time,
		   incident_text(attempt, "process"),
		   incident_number(attempt, "pid"),
		   incident_text(attempt, "command"));
	html_print(to, "<td class=\"%s\">%s</td><td class=\"by\" data-is=\"by\">%s</td>",
		   outcome_class(attempt), outcome,
		   incident_text(attempt, "by"));
	measure(to, "pause", incident_us_format(attempt, "pause_us", pause));
	measure(to, "longest stop",
		incident_us_format(attempt, "longest_stop_us", longest));
	measure(to, "waited", incident_ms_format(attempt, "wait_ms", wait));
	fputs("</tr>\n", to);
	if (why)
		html_print(to, "<tr class=\"why\"><td colspan=\"8\">%s</td>"
			       "</tr>\n", incident_text(error, "message"));
}

static void attempts(FILE *to, const json_t *attempts)
{
	size_t nr = json_array_size(attempts), i;
	const json_t *item;

	fputs("<table>\n<thead><tr><th>Time (UTC)</th><th>Process</th>"
	      "<th>Command</th><th>Outcome</th><th>By</th>"
	      "<th class=\"num\">Pause</th><th class=\"num\">Longest stop</th>"
	      "<th class=\"num\">Waited</th></tr></thead>\n<tbody>\n",
	      to);
	json_array_foreach(attempts, i, item)
		if (i < INCIDENT_ATTEMPTS_MAX)
			attempt(to, item);
	fputs("</tbody>\n</table>\n", to);
	if (nr > INCIDENT_ATTEMPTS_MAX)
		html_print(to, "<p class=\"note\">%lld more are in the JSON "
			       "form and in <code>hotfix log</code>.</p>\n",
			   (long long)(nr - INCIDENT_ATTEMPTS_MAX));
}

static void done(FILE *to, const json_t *incident)
{
	const json_t *list = json_object_get(incident, "attempts");

	heading(to, "What was done, when and by whom");
	if (!json_array_size(list)) {
		fputs("<p>The ledger of this host has no attempt.</p>\n", to);
		return;
	}
	timeline(to, incident);
	attempts(to, list);
}

/* --- now ------------------------------------------------------------------------------------------ */

static void process(FILE *to, const json_t *process)
{
	char since[INCIDENT_TIME_SIZE];
	const json_t *function;
	size_t i;

	incident_time_format(incident_text(process, "since"), since);
	html_print(to, "<li>%s %lld: %s%s%s%s",
		   incident_text(process, "process"),
		   incident_number(process, "pid"),
		   incident_text(process, "state"), *since ? ", since " : "",
		   since, *since ? " UTC" : "");
	json_array_foreach(json_object_get(process, "functions"), i, function)
		html_print(to, "<br><code>%s</code> runs: %s",
			   incident_text(function, "name"),
			   incident_text(function, "runs"));
	fputs("</li>\n", to);
}

static void now(FILE *to, const json_t *incident)
{
	const json_t *made = json_object_get(incident, "made"), *item;
	const json_t *state = json_object_get(incident, "state");
	char text[TEXT_SIZE], time[INCIDENT_TIME_SIZE];
	size_t i;

	heading(to, "Where it is now");
	incident_now_format(incident, text, sizeof(text));
	html_print(to, "<p>At %s UTC, on %s: %s</p>\n",
		   incident_time_format(incident_text(made, "time"), time),
		   incident_text(made, "host"), text);
	if (!json_array_size(json_object_get(state, "processes")))
		return;
	fputs("<ul>\n", to);
	json_array_foreach(json_object_get(state, "processes"), i, item)
		process(to, item);
	fputs("</ul>\n", to);
}

static void branch(FILE *to, const json_t *branch)
{
	const char *by = incident_text(branch, "by");

	html_print(to, "<li>%s: %s", incident_text(branch, "branch"),
		   incident_text(branch, "state"));
	if (*incident_text(branch, "commit"))
		html_print(to, ", <code>%s</code>",
			   incident_text(branch, "commit"));
	if (*by)
		html_print(to, " <span class=\"soft\">(found by %s)</span>", by);
	fputs("</li>\n", to);
}

static void merged(FILE *to, const json_t *incident)
{
	const json_t *merged = json_object_get(incident, "merged"), *item;
	char text[TEXT_SIZE];
	size_t i;

	heading(to, "Back in the source");
	incident_merged_format(incident, text, sizeof(text));
	html_print(to, "<p>%s</p>\n", text);
	if (!json_array_size(json_object_get(merged, "branches")))
		return;
	fputs("<ul>\n", to);
	json_array_foreach(json_object_get(merged, "branches"), i, item)
		branch(to, item);
	fputs("</ul>\n", to);
}

static void questions(FILE *to, const json_t *incident)
{
	const json_t *item;
	size_t i;

	heading(to, "Open questions");
	json_array_foreach(json_object_get(incident, "questions"), i, item) {
		html_print(to, "<h3>%s</h3>\n",
			   incident_text(item, "question"));
		list(to, json_object_get(item, "facts"));
	}
}

static void foot(FILE *to, const json_t *incident)
{
	const json_t *made = json_object_get(incident, "made"), *item;
	size_t i;

	html_print(to, "<footer>\n<p>Patch <code>%s</code>, made by %s. This "
		       "report: %s, on %s.</p>\n",
		   incident_text(incident, "digest"),
		   incident_text(incident, "tool"), incident_text(made, "tool"),
		   incident_text(made, "host"));
	json_array_foreach(json_object_get(incident, "other_digests"), i, item)
		html_print(to, "<p>Another patch of this name: <code>%s</code>, "
			       "%lld attempts.</p>\n",
			   incident_text(item, "digest"),
			   incident_number(item, "attempts"));
	fputs("</footer>\n</main>\n</body>\n</html>\n", to);
}

void incident_html(FILE *to, const json_t *incident)
{
	document_begin(to, incident);
	head(to, incident);
	broken(to, incident);
	done(to, incident);
	changed(to, incident);
	proof(to, incident);
	now(to, incident);
	merged(to, incident);
	questions(to, incident);
	foot(to, incident);
}
