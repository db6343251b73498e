/*
 * An incident in Markdown that reads as plain text.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "incident.h"
#include "incident_write.h"

#define TEXT_SIZE 1024

static void field(FILE *to, const char *name, const char *value)
{
	if (*value)
		md_print(to, "- %s: %s\n", name, value);
}

static void field_code(FILE *to, const char *name, const char *value)
{
	if (!*value)
		return;
	md_print(to, "- %s: ", name);
	md_code(to, value);
	fputc('\n', to);
}

static void time_field(FILE *to, const char *name, const char *value)
{
	char time[INCIDENT_TIME_SIZE];

	incident_time_format(value, time);
	if (*time)
		md_print(to, "- %s: %s UTC\n", name, time);
}

static void heading(FILE *to, const char *text)
{
	fprintf(to, "\n## %s\n\n", text);
}

/* --- what was broken ----------------------------------------------------------------- */

static void head(FILE *to, const json_t *incident)
{
	char text[TEXT_SIZE];

	md_print(to, "# Incident report: %s\n\n", incident_text(incident, "patch"));
	incident_now_format(incident, text, sizeof(text));
	md_print(to, "- Where it is now: %s\n", text);
	incident_done_format(incident, text, sizeof(text));
	md_print(to, "- What was done: %s\n", text);
	incident_merged_format(incident, text, sizeof(text));
	md_print(to, "- Back in the source: %s\n", text);
}

static void broken(FILE *to, const json_t *incident)
{
	const char *reason = incident_text(incident, "reason");
	const json_t *target;
	size_t i;

	heading(to, "What was broken");
	field(to, "Reason", *reason ? reason : "none was given");
	field(to, "Ticket", incident_text(incident, "ticket"));
	field(to, "Author of the fix", incident_text(incident, "author"));
	time_field(to, "Patch made", incident_text(incident, "created"));
	json_array_foreach(json_object_get(incident, "targets"), i, target) {
		md_print(to, "- Program (%s): ", incident_text(target, "kind"));
		md_code(to, incident_text(target, "name"));
		fputs(", build-id ", to);
		md_code(to, incident_text(target, "build_id"));
		fputc('\n', to);
	}
}

/* --- what was changed ------------------------------------------------------------------ */

static void source(FILE *to, const json_t *text)
{
	bool is_diff = !strcmp(incident_text(text, "kind"), "diff");
	long long size = incident_number(text, "size");
	long long whole = incident_number(text, "whole_size");

	md_print(to, "\n%s ", is_diff ? "The diff" : "The replacement source");
	md_code(to, incident_text(text, "name"));
	fputs(":\n\n", to);
	md_block(to, is_diff ? "diff" : "c", incident_text(text, "text"));
	if (size < whole)
		md_print(to, "\nOnly the first %lld of its %lld bytes are in the "
			     "patch file.\n", size, whole);
}

static void listing(FILE *to, const json_t *lines)
{
	size_t nr = json_array_size(lines), size, i;
	owned(free_p) char *text = NULL;
	FILE *block = open_memstream(&text, &size);
	const json_t *line;

	if (!block)
		return;
	json_array_foreach(lines, i, line)
		if (i < INCIDENT_LINES_MAX)
			fprintf(block, "%10s  %s\n",
				incident_text(line, "address"),
				incident_text(line, "text"));
	if (fclose(block) || !text)
		return;
	md_block(to, "", text);
	if (nr > INCIDENT_LINES_MAX)
		md_print(to, "\n%lld more instructions are in the JSON form.\n",
			 (long long)(nr - INCIDENT_LINES_MAX));
}

static void function(FILE *to, const json_t *function)
{
	fputs("\n### ", to);
	md_code(to, incident_text(function, "name"));
	fputs("\n\n", to);
	field_code(to, "Source", incident_text(function, "source"));
	field(to, "Why it is replaced", incident_text(function, "why"));
	md_print(to, "- %lld bytes of code, replaced by %lld\n",
		 incident_number(function, "size"),
		 incident_number(function, "replacement_size"));
	if (json_is_true(json_object_get(function, "calls_original")))
		fputs("- The new code calls the old one\n", to);
	if (json_is_array(json_object_get(function, "old"))) {
		md_print(to, "\nBefore, as in %s:\n\n",
			 incident_text(function, "old_from"));
		listing(to, json_object_get(function, "old"));
	} else {
		md_print(to, "\nThe old code is not shown: %s\n",
			 incident_text(function, "old_missing"));
	}
	fputs("\nAfter, as in the patch:\n\n", to);
	listing(to, json_object_get(function, "new"));
}

static void changed(FILE *to, const json_t *incident)
{
	const json_t *sources = json_object_get(incident, "source"), *item;
	const char *problem = incident_text(incident, "file_problem");
	size_t i;

	heading(to, "What was changed");
	if (*problem)
		md_print(to, "Not known in detail: %s.\n", problem);
	else if (!json_array_size(sources))
		fputs("The patch file does not hold its source: it was made by "
		      "an earlier hotfix-build.\n", to);
	json_array_foreach(sources, i, item)
		source(to, item);
	json_array_foreach(json_object_get(incident, "functions"), i, item)
		function(to, item);
}

/* --- proof ------------------------------------------------------------------------------ */

static void proof(FILE *to, const json_t *incident)
{
	const json_t *item, *overrides = json_object_get(incident, "overrides");
	char text[TEXT_SIZE];
	size_t i;

	heading(to, "Proof that source and program match");
	if (!json_array_size(json_object_get(incident, "functions")))
		fputs("Without the patch file there is none to show.\n", to);
	json_array_foreach(json_object_get(incident, "functions"), i, item) {
		fputs("- ", to);
		md_code(to, incident_text(item, "name"));
		incident_identity_format(item, text, sizeof(text));
		md_print(to, ": %s\n  sha256 of its code: ", text);
		md_code(to, incident_text(item, "sha256"));
		fputc('\n', to);
	}
	json_array_foreach(json_object_get(incident, "proof"), i, item)
		md_print(to, "- %s\n", json_string_value(item));
	if (json_array_size(overrides))
		fputs("\nAccepted by its author, against advice:\n\n", to);
	json_array_foreach(overrides, i, item)
		md_print(to, "- %s\n", json_string_value(item));
}

/* --- what was done ------------------------------------------------------------------------ */

static void attempt(FILE *to, const json_t *attempt)
{
	const json_t *error = json_object_get(attempt, "error");
	char time[INCIDENT_TIME_SIZE], outcome[1024];
	char pause[DURATION_TEXT_SIZE], longest[DURATION_TEXT_SIZE];
	char wait[DURATION_TEXT_SIZE];

	incident_outcome_format(attempt, outcome, sizeof(outcome));
	md_print(to, "- %s UTC: %s, %s %lld: %s\n",
		 incident_time_format(incident_text(attempt, "time"), time),
		 incident_text(attempt, "command"),
		 incident_text(attempt, "process"),
		 incident_number(attempt, "pid"), outcome);
	md_print(to, "  by %s, pause %s, longest stop %s, waited %s, entry "
		     "%lld\n",
		 incident_text(attempt, "by"),
		 incident_us_format(attempt, "pause_us", pause),
		 incident_us_format(attempt, "longest_stop_us", longest),
		 incident_ms_format(attempt, "wait_ms", wait),
		 incident_number(attempt, "id"));
	if (json_is_object(error))
		md_print(to, "  because: %s\n", incident_text(error, "message"));
}

static void done(FILE *to, const json_t *incident)
{
	const json_t *attempts = json_object_get(incident, "attempts"), *item;
	size_t nr = json_array_size(attempts), i;
	char text[TEXT_SIZE];

	heading(to, "What was done, when and by whom");
	incident_done_format(incident, text, sizeof(text));
	md_print(to, "%s\n\n", text);
	json_array_foreach(attempts, i, item)
		if (i < INCIDENT_ATTEMPTS_MAX)
			attempt(to, item);
	if (nr > INCIDENT_ATTEMPTS_MAX)
		md_print(to, "\n%lld more are in the JSON form and in `hotfix "
			     "log`.\n", (long long)(nr - INCIDENT_ATTEMPTS_MAX));
}

/* --- now ------------------------------------------------------------------------------------ */

static void process(FILE *to, const json_t *process)
{
	char since[INCIDENT_TIME_SIZE];
	const json_t *function;
	size_t i;

	incident_time_format(incident_text(process, "since"), since);
	md_print(to, "- %s %lld: %s%s%s%s\n", incident_text(process, "process"),
		 incident_number(process, "pid"),
		 incident_text(process, "state"), *since ? ", since " : "",
		 since, *since ? " UTC" : "");
	json_array_foreach(json_object_get(process, "functions"), i, function) {
		fputs("  ", to);
		md_code(to, incident_text(function, "name"));
		md_print(to, " runs: %s\n", incident_text(function, "runs"));
	}
}

static void now(FILE *to, const json_t *incident)
{
	const json_t *made = json_object_get(incident, "made"), *item;
	const json_t *state = json_object_get(incident, "state");
	char text[TEXT_SIZE], time[INCIDENT_TIME_SIZE];
	size_t i;

	heading(to, "Where it is now");
	incident_now_format(incident, text, sizeof(text));
	md_print(to, "At %s UTC, on %s: %s\n",
		 incident_time_format(incident_text(made, "time"), time),
		 incident_text(made, "host"), text);
	if (json_array_size(json_object_get(state, "processes")))
		fputc('\n', to);
	json_array_foreach(json_object_get(state, "processes"), i, item)
		process(to, item);
}

static void merged(FILE *to, const json_t *incident)
{
	const json_t *merged = json_object_get(incident, "merged"), *item;
	char text[TEXT_SIZE];
	size_t i;

	heading(to, "Back in the source");
	incident_merged_format(incident, text, sizeof(text));
	md_print(to, "%s\n", text);
	if (json_array_size(json_object_get(merged, "branches")))
		fputc('\n', to);
	json_array_foreach(json_object_get(merged, "branches"), i, item) {
		const char *commit = incident_text(item, "commit");

		md_print(to, "- %s: %s", incident_text(item, "branch"),
			 incident_text(item, "state"));
		if (*commit)
			md_print(to, ", commit %s", commit);
		if (*incident_text(item, "by"))
			md_print(to, " (found by %s)", incident_text(item, "by"));
		fputc('\n', to);
	}
}

static void questions(FILE *to, const json_t *incident)
{
	const json_t *item, *fact;
	size_t i, k;

	heading(to, "Open questions");
	json_array_foreach(json_object_get(incident, "questions"), i, item) {
		md_print(to, "- %s\n", incident_text(item, "question"));
		json_array_foreach(json_object_get(item, "facts"), k, fact)
			md_print(to, "  - %s\n", json_string_value(fact));
	}
}

static void foot(FILE *to, const json_t *incident)
{
	const json_t *made = json_object_get(incident, "made"), *item;
	size_t i;

	fputs("\n---\n\nPatch ", to);
	md_code(to, incident_text(incident, "digest"));
	md_print(to, ", made by %s.\nThis report: %s, on %s.\n",
		 incident_text(incident, "tool"), incident_text(made, "tool"),
		 incident_text(made, "host"));
	json_array_foreach(json_object_get(incident, "other_digests"), i, item) {
		fputs("Another patch of this name: ", to);
		md_code(to, incident_text(item, "digest"));
		md_print(to, ", %lld attempts.\n",
			 incident_number(item, "attempts"));
	}
}

void incident_md(FILE *to, const json_t *incident)
{
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
