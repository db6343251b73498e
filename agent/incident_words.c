/*
 * What both documents say in the same words.
 */
#include <string.h>

#include "incident.h"

#define NS_PER_US 1e3
#define NS_PER_MS 1e6

const char *incident_time_format(const char *text,
				 char ret_text[INCIDENT_TIME_SIZE])
{
	*ret_text = '\0';
	if (incident_time_us(text))
		snprintf(ret_text, INCIDENT_TIME_SIZE, "%.10s %.8s", text,
			 text + 11);
	return ret_text;
}

static const char *time_format(double ns, char ret_text[DURATION_TEXT_SIZE])
{
	if (ns >= 1)
		return duration_format((uint64_t)ns, true, ret_text);
	strcpy(ret_text, "-");
	return ret_text;
}

const char *incident_us_format(const json_t *object, const char *key,
			       char ret_text[DURATION_TEXT_SIZE])
{
	return time_format(json_number_value(json_object_get(object, key)) *
				   NS_PER_US, ret_text);
}

const char *incident_ms_format(const json_t *object, const char *key,
			       char ret_text[DURATION_TEXT_SIZE])
{
	return time_format(json_number_value(json_object_get(object, key)) *
				   NS_PER_MS, ret_text);
}

void incident_outcome_format(const json_t *attempt, char *ret_text, size_t size)
{
	const char *by = incident_text(attempt, "replaced_by");
	const char *because = incident_text(attempt, "because");
	const char *code = incident_text(json_object_get(attempt, "error"),
					 "code");

	if (*by)
		snprintf(ret_text, size, "taken away by %s", by);
	else
		snprintf(ret_text, size, "%s%s%s%s%s%s",
			 incident_text(attempt, "outcome"), *code ? ": " : "",
			 code, *because ? ", because " : "", because,
			 json_is_true(json_object_get(attempt, "collected")) ?
				 " (found later)" : "");
}

static const char *plural(long long nr, const char *one, const char *many)
{
	return nr == 1 ? one : many;
}

void incident_now_format(const json_t *incident, char *ret_text, size_t size)
{
	const json_t *state = json_object_get(incident, "state");
	long long nr = incident_number(state, "applied_in");
	long long unreadable = incident_number(state, "unreadable");
	char number[24] = "no", others[48] = "";

	if (nr)
		snprintf(number, sizeof(number), "%lld", nr);
	if (unreadable)
		snprintf(others, sizeof(others), " that may be read; %lld may "
						 "not", unreadable);
	snprintf(ret_text, size, "Applied in %s process%s of this host%s.",
		 number, plural(nr, "", nr ? "es" : ""), others);
}

static void text_add(char *text, size_t size, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s", more);
}

/* "2 applied", behind what stands there. */
static void count_add(const json_t *summary, const char *what, char *text,
		      size_t size)
{
	long long nr = incident_number(summary, what);
	size_t used = strlen(text);

	if (nr)
		snprintf(text + used, size - used, "%s%lld %s",
			 text[used - 1] == ' ' ? "" : ", ", nr, what);
}

void incident_done_format(const json_t *incident, char *ret_text, size_t size)
{
	static const char *const counts[] = { "applied", "reverted", "refused",
					      "failed", "unchanged" };
	const json_t *summary = json_object_get(incident, "summary");
	long long nr = incident_number(summary, "attempts");
	long long processes = incident_number(summary, "processes");

	if (!nr)
		snprintf(ret_text, size,
			 "The ledger of this host has no attempt.");
	else
		snprintf(ret_text, size, "%lld attempt%s on %lld process%s: ",
			 nr, plural(nr, "", "s"), processes,
			 plural(processes, "", "es"));
	for (size_t i = 0; nr && i < ARRAY_SIZE(counts); i++)
		count_add(summary, counts[i], ret_text, size);
	if (nr)
		text_add(ret_text, size, ".");
}

void incident_merged_format(const json_t *incident, char *ret_text, size_t size)
{
	const json_t *merged = json_object_get(incident, "merged");
	const json_t *branches = json_object_get(merged, "branches"), *branch;
	size_t i, nr = 0, all = json_array_size(branches);
	char time[INCIDENT_TIME_SIZE];

	if (!json_is_true(json_object_get(merged, "checked"))) {
		snprintf(ret_text, size, "Not checked.");
		return;
	}
	json_array_foreach(branches, i, branch)
		nr += !strcmp(incident_text(branch, "state"), "merged");
	incident_time_format(incident_text(merged, "time"), time);
	snprintf(ret_text, size, "In %zu of %zu branch%s%s%s%s.", nr, all,
		 plural((long long)all, "", "es"),
		 *time ? ", as checked at " : "", time, *time ? " UTC" : "");
}

void incident_identity_format(const json_t *function, char *ret_text,
			      size_t size)
{
	const char *identity = incident_text(function, "identity");
	const char *difference = incident_text(function, "difference");

	if (!strcmp(identity, "proven"))
		snprintf(ret_text, size,
			 "rebuilt from its source it is what the target runs: "
			 "%lld instructions and %lld references compared",
			 incident_number(function, "instructions"),
			 incident_number(function, "references"));
	else if (!strcmp(identity, "unproven"))
		snprintf(ret_text, size,
			 "NOT PROVEN: rebuilt from its source it differs from "
			 "what the target runs%s%s", *difference ? ": " : "",
			 difference);
	else
		snprintf(ret_text, size,
			 "not compared with its source: the fix is a function "
			 "of its own. What apply compares with this digest is "
			 "the code in memory");
}
