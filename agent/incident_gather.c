#include "incident.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/digest.h"
#include "output.h"
#include "standing.h"

/* --- what the patch says ---------------------------------------------------------- */

static json_t *made_json(void)
{
	char host[256] = "", text[32];
	json_t *made = json_object();
	time_t now = time(NULL);
	struct tm tm;

	gethostname(host, sizeof(host) - 1);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_put(made, "time", json_text(text));
	json_put(made, "host", json_text(host));
	json_put(made, "tool", json_text("hotfix " HOTFIX_VERSION));
	return made;
}

/* The last one that was said, where there is no patch file to ask. */
static const char *recorded(const struct incident_subject *subject,
			    const char *key)
{
	const json_t *record;
	const char *found = NULL;
	size_t i;

	json_array_foreach(subject->records, i, record)
		if (!strcmp(incident_text(record, "digest"), subject->digest) &&
		    *incident_text(record, key))
			found = incident_text(record, key);
	return found;
}

static void head_put(json_t *incident, const struct incident_subject *subject)
{
	const struct manifest *manifest =
		subject->patch ? subject->patch->manifest : NULL;
	const char *problem = subject->problem;

	json_put(incident, "schema", json_integer(INCIDENT_SCHEMA));
	json_put(incident, "made", made_json());
	json_put(incident, "patch", json_text(subject->name));
	json_put(incident, "digest", json_text(subject->digest));
	json_put(incident, "other_digests", json_incref(subject->others));
	json_put(incident, "reason",
		 json_text(manifest ? manifest->reason :
				      recorded(subject, "reason")));
	json_put(incident, "ticket",
		 json_text(manifest ? manifest->ticket :
				      recorded(subject, "ticket")));
	json_put(incident, "author",
		 json_text(manifest ? manifest->author :
				      recorded(subject, "author")));
	json_put(incident, "created",
		 json_text(manifest ? manifest->created : NULL));
	json_put(incident, "tool", json_text(manifest ? manifest->tool : NULL));
	json_put(incident, "compiler",
		 json_text(manifest ? manifest->compiler : NULL));
	json_put(incident, "file",
		 json_text(subject->patch ? subject->patch->path : NULL));
	json_put(incident, "file_problem", json_text(*problem ? problem : NULL));
}

/* Whether new processes get it, too: "active", "locked", null. */
static json_t *standing_json(const struct incident_subject *subject)
{
	struct standing standing;
	char digest[HEX_SIZE(SHA256_SIZE)];

	if (standing_find(subject->name, &standing, NULL))
		return json_null();
	hex_encode(standing.digest, SHA256_SIZE, digest);
	if (strcmp(digest, subject->digest))
		return json_null();
	return json_text(standing_state_name(standing.state));
}

/* --- what is left to ask -------------------------------------------------------------- */

static json_t *question_add(json_t *questions, const char *question)
{
	json_t *object = json_object(), *facts = json_array();

	json_put(object, "question", json_text(question));
	json_put(object, "facts", facts);
	json_add(questions, object);
	return facts;
}

static void fact_add(json_t *facts, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void fact_add(json_t *facts, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_add(facts, json_text(text));
}

static void age_tell(json_t *facts, const json_t *function)
{
	const json_t *last = json_object_get(function, "last_change");
	const json_t *first = json_object_get(function, "first_change");

	if (!json_is_object(last)) {
		fact_add(facts, "%s: %s", incident_text(function, "name"),
			 incident_text(function, "problem"));
		return;
	}
	fact_add(facts, "%s (%s) was last changed on %.10s by %s: %.12s %s",
		 incident_text(function, "name"),
		 incident_text(function, "file"), incident_text(last, "time"),
		 incident_text(last, "author"), incident_text(last, "commit"),
		 incident_text(last, "subject"));
	if (strcmp(incident_text(last, "commit"),
		   incident_text(first, "commit")))
		fact_add(facts, "%s is there since %.10s: %.12s %s",
			 incident_text(function, "name"),
			 incident_text(first, "time"),
			 incident_text(first, "commit"),
			 incident_text(first, "subject"));
}

static void tests_tell(json_t *facts, const json_t *function)
{
	const json_t *tests = json_object_get(function, "tests"), *test;
	size_t i, nr = json_array_size(tests);

	if (!*incident_text(function, "file"))
		return;
	if (!nr)
		fact_add(facts, "no file of tests names %s or %s",
			 incident_text(function, "name"),
			 incident_text(function, "file"));
	json_array_foreach(tests, i, test)
		fact_add(facts, "%s names %s or its file", json_string_value(test),
			 incident_text(function, "name"));
}

static void questions_of_git(json_t *questions, const json_t *git)
{
	json_t *age = question_add(questions,
				   "Why did this reach production?");
	json_t *tests = question_add(questions,
				     "Why did no test find it, and which one "
				     "does now?");
	const json_t *function;
	size_t i;

	if (!json_is_object(git))
		return;
	fact_add(age, "history up to %.12s of %.19s, in %s",
		 incident_text(git, "commit"), incident_text(git, "time"),
		 incident_text(git, "directory"));
	json_array_foreach(json_object_get(git, "functions"), i, function) {
		age_tell(age, function);
		tests_tell(tests, function);
	}
}

static void question_of_merge(json_t *questions, const json_t *incident)
{
	const json_t *merged = json_object_get(incident, "merged");
	json_t *facts = question_add(questions,
				     "Is the fix in every branch that is "
				     "released from?");
	char text[128];
	const json_t *branch;
	size_t i;

	incident_merged_format(incident, text, sizeof(text));
	fact_add(facts, "%s", text);
	json_array_foreach(json_object_get(merged, "branches"), i, branch)
		if (strcmp(incident_text(branch, "state"), "merged"))
			fact_add(facts, "%s: %s",
				 incident_text(branch, "branch"),
				 incident_text(branch, "state"));
}

static void questions_of_state(json_t *questions, const json_t *incident)
{
	const json_t *state = json_object_get(incident, "state");
	const json_t *summary = json_object_get(incident, "summary");
	const json_t *overrides = json_object_get(incident, "overrides"), *line;
	char text[256];
	json_t *facts;
	size_t i;

	if (incident_number(state, "applied_in")) {
		facts = question_add(questions,
				     "When is the corrected program installed?");
		incident_now_format(incident, text, sizeof(text));
		fact_add(facts, "%s", text);
		fact_add(facts, "%s",
			 strcmp(incident_text(incident, "standing"), "active") ?
				 "The patch ends with its process: a restart "
				 "brings the old code back." :
				 "It is a standing fix: `hotfix watch` applies it "
				 "to new processes.");
	}
	if (incident_number(summary, "refused") +
	    incident_number(summary, "failed")) {
		facts = question_add(questions,
				     "Why did not every attempt succeed?");
		incident_done_format(incident, text, sizeof(text));
		fact_add(facts, "%s", text);
	}
	if (!json_array_size(overrides))
		return;
	facts = question_add(questions,
			     "Was what its author accepted against advice safe?");
	json_array_foreach(overrides, i, line)
		fact_add(facts, "%s", json_string_value(line));
}

static void questions_put(json_t *incident)
{
	json_t *questions = json_array();

	questions_of_git(questions, json_object_get(incident, "git"));
	question_of_merge(questions, incident);
	questions_of_state(questions, incident);
	json_put(incident, "questions", questions);
}

/* --- all of it -------------------------------------------------------------------------- */

static int git_put(json_t *incident, const struct incident_request *request,
		   const struct incident_subject *subject, struct hf_diag *diag)
{
	json_t *git = NULL;
	int r;

	if (request->git && !subject->patch) {
		hf_error(diag, -ENOENT, "no-patch-file",
			 "--git needs the patch file, to know which source was "
			 "changed: %s", subject->problem);
		hf_hint(diag, "give the file itself, or leave --git out");
		return -ENOENT;
	}
	if (request->git) {
		r = incident_git(request->git, subject->patch->manifest->created,
				 subject->patch, &git, diag);
		if (r)
			return r;
	}
	json_put(incident, "git", git ? git : json_null());
	return 0;
}

static int fill(json_t *incident, const struct incident_request *request,
		const struct incident_subject *subject, struct hf_diag *diag)
{
	json_t *state = NULL;
	int r = incident_state(subject, &state, diag);

	if (r)
		return r;
	head_put(incident, subject);
	incident_code(incident, subject, request, state);
	incident_history(incident, subject);
	json_put(incident, "state", state);
	json_put(incident, "standing", standing_json(subject));
	r = git_put(incident, request, subject, diag);
	if (r)
		return r;
	questions_put(incident);
	return json_is_incomplete() ?
		       hf_fail(diag, -ENOMEM, "cannot write the report") : 0;
}

int incident_gather(const struct incident_request *request,
		    json_t **ret_incident, struct hf_diag *diag)
{
	struct incident_subject subject;
	json_t *incident;
	int r = incident_find(request, &subject, diag);

	if (r)
		return r;
	incident = json_object();
	r = fill(incident, request, &subject, diag);
	incident_subject_release(&subject);
	if (r)
		json_decref(incident);
	else
		*ret_incident = incident;
	return r;
}
