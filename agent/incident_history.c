/*
 * What the ledger has about a patch, in words for people who were not there.
 */
#include "incident.h"

#include <errno.h>
#include <string.h>

#include "output.h"
#include "who.h"

/* "pid process": whether the patch ran there after the last entry. */
struct story {
	json_t *attempts;
	json_t *running; /* pid: true */
	json_t *people, *processes;
	const char *name;
	json_int_t nr_attempts;
	json_int_t nr_applied, nr_reverted, nr_refused, nr_failed, nr_unchanged;
	double longest_stop_us, longest_wait_ms;
};

/* --- one attempt ------------------------------------------------------------------ */

static const char *effect_of(const json_t *record, bool is_own)
{
	const char *outcome = incident_text(record, "outcome");

	if (!is_own)
		return strcmp(outcome, "applied") ? "none" : "reverted";
	if (!strcmp(outcome, "applied") || !strcmp(outcome, "already"))
		return "applied";
	if (!strcmp(outcome, "reverted") || !strcmp(outcome, "retired") ||
	    !strcmp(outcome, "recovered"))
		return "reverted";
	return "none";
}

static void copy(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	json_put(to, key, value ? json_incref(value) : json_null());
}

static json_t *attempt_new(const json_t *record, const char *name)
{
	static const char *const same[] = {
		"id", "time", "command", "outcome", "exit", "pid", "process",
		"executable", "host", "threads", "mode", "pause_us",
		"longest_stop_us", "wait_ms", "total_ms", "attempts", "error",
		"notes", "who", "reason", "ticket", "author", "because",
	};
	bool is_own = !strcmp(incident_text(record, "patch"), name);
	json_t *attempt = json_object();
	char by[256];

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		copy(attempt, record, same[i]);
	who_format(json_object_get(record, "who"), by, sizeof(by));
	json_put(attempt, "by", json_text(by));
	json_put(attempt, "effect", json_text(effect_of(record, is_own)));
	json_put(attempt, "replaced_by",
		 json_text(is_own ? NULL : incident_text(record, "patch")));
	json_put(attempt, "collected",
		 json_boolean(json_is_true(json_object_get(record,
							   "collected"))));
	return attempt;
}

/* --- all of them ------------------------------------------------------------------ */

static void key_format(const json_t *attempt, char *ret_key, size_t size)
{
	snprintf(ret_key, size, "%lld %s", incident_number(attempt, "pid"),
		 incident_text(attempt, "process"));
}

static void number_raise(double *most, const json_t *attempt, const char *key)
{
	double value = json_number_value(json_object_get(attempt, key));

	if (value > *most)
		*most = value;
}

/* A confirmation, or that a fix stands, is told; nothing was tried with it. */
static bool is_attempt(const json_t *attempt)
{
	const char *command = incident_text(attempt, "command");

	return !strcmp(command, "apply") || !strcmp(command, "revert") ||
	       !strcmp(command, "recover");
}

static void attempt_count(struct story *story, const json_t *attempt)
{
	const char *outcome = incident_text(attempt, "outcome");

	if (!is_attempt(attempt))
		return;
	story->nr_attempts++;
	if (incident_effect(attempt) == EFFECT_REVERTED)
		story->nr_reverted++;
	else if (!strcmp(outcome, "applied"))
		story->nr_applied++;
	else if (!strcmp(outcome, "refused"))
		story->nr_refused++;
	else if (incident_number(attempt, "exit"))
		story->nr_failed++;
	else
		story->nr_unchanged++;
	number_raise(&story->longest_stop_us, attempt, "longest_stop_us");
	number_raise(&story->longest_stop_us, attempt, "pause_us");
	number_raise(&story->longest_wait_ms, attempt, "wait_ms");
}

/* Another patch's entry counts where it took this one away. */
static bool is_part_of_it(const struct story *story, const json_t *attempt,
			  const char *key)
{
	return !*incident_text(attempt, "replaced_by") ||
	       json_object_get(story->running, key);
}

static void record_tell(struct story *story, const json_t *record)
{
	json_t *attempt;
	char key[128];

	if (!json_object_get(record, "command"))
		return;
	attempt = attempt_new(record, story->name);
	key_format(attempt, key, sizeof(key));
	if (!is_part_of_it(story, attempt, key)) {
		json_decref(attempt);
		return;
	}
	if (incident_effect(attempt) == EFFECT_APPLIED)
		json_put(story->running, key, json_true());
	else if (incident_effect(attempt) == EFFECT_REVERTED)
		json_object_del(story->running, key);
	if (incident_number(attempt, "pid"))
		json_put(story->processes, key, json_true());
	json_put(story->people, incident_text(attempt, "by"), json_true());
	attempt_count(story, attempt);
	json_add(story->attempts, attempt);
}

static json_t *keys_of(json_t *object)
{
	json_t *keys = json_array(), *value;
	const char *key;

	json_object_foreach(object, key, value)
		json_add(keys, json_text(key));
	return keys;
}

static json_t *summary_of(const struct story *story)
{
	size_t nr = json_array_size(story->attempts);
	const json_t *first = json_array_get(story->attempts, 0);
	const json_t *last = nr ? json_array_get(story->attempts, nr - 1) : NULL;
	json_t *summary = json_object();

	json_put(summary, "attempts", json_integer(story->nr_attempts));
	json_put(summary, "applied", json_integer(story->nr_applied));
	json_put(summary, "reverted", json_integer(story->nr_reverted));
	json_put(summary, "refused", json_integer(story->nr_refused));
	json_put(summary, "failed", json_integer(story->nr_failed));
	json_put(summary, "unchanged", json_integer(story->nr_unchanged));
	json_put(summary, "processes",
		 json_integer((json_int_t)json_object_size(story->processes)));
	json_put(summary, "people", keys_of(story->people));
	json_put(summary, "first", json_text(nr ? incident_text(first, "time") :
						  NULL));
	json_put(summary, "last", json_text(nr ? incident_text(last, "time") :
						 NULL));
	json_put(summary, "longest_stop_us", json_real(story->longest_stop_us));
	json_put(summary, "longest_wait_ms", json_real(story->longest_wait_ms));
	return summary;
}

/* The latest word of `hotfix merged` about it. */
static json_t *merged_of(const struct incident_subject *subject)
{
	const json_t *record, *latest = NULL;
	json_t *merged = json_object();
	char by[256] = "";
	size_t i;

	json_array_foreach(subject->records, i, record)
		if (!strcmp(incident_text(record, "action"), "merged") &&
		    !strcmp(incident_text(record, "digest"), subject->digest))
			latest = record;
	json_put(merged, "checked", json_boolean(latest != NULL));
	if (!latest)
		return merged;
	if (json_object_get(latest, "who"))
		who_format(json_object_get(latest, "who"), by, sizeof(by));
	copy(merged, latest, "time");
	json_put(merged, "by", json_text(*by ? by : NULL));
	copy(merged, latest, "branches");
	return merged;
}

void incident_history(json_t *incident, const struct incident_subject *subject)
{
	struct story story = { .attempts = json_array(),
			       .running = json_object(),
			       .people = json_object(),
			       .processes = json_object(),
			       .name = subject->name };
	const json_t *record;
	size_t i;

	json_array_foreach(subject->records, i, record)
		record_tell(&story, record);
	json_put(incident, "summary", summary_of(&story));
	json_put(incident, "attempts", story.attempts);
	json_put(incident, "merged", merged_of(subject));
	json_decref(story.running);
	json_decref(story.people);
	json_decref(story.processes);
}
