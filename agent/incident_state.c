/*
 * Where the patch is now: what the processes themselves say, as in `hotfix status`.
 */
#include "incident.h"

#include <string.h>
#include <time.h>

#include "../lib/digest.h"
#include "output.h"
#include "sites.h"
#include "survey.h"

struct look {
	const struct incident_subject *subject;
	json_t *processes;
	json_int_t nr_applied;
};

/* A patch for several modules has a block for each, with that part's digest. */
static bool is_meant(const struct incident_subject *subject,
		     const struct control *control)
{
	char digest[HEX_SIZE(SHA256_SIZE)];

	if (control->damaged)
		return false;
	for (size_t i = 0; subject->patch && i < patch_nr_parts(subject->patch);
	     i++)
		if (!memcmp(control->block.digest,
			    patch_part(subject->patch, i)->digest, SHA256_SIZE))
			return true;
	hex_encode(control->block.digest, SHA256_SIZE, digest);
	return !strcmp(digest, subject->digest);
}

static json_t *since_json(const struct control *control)
{
	time_t seconds = (time_t)(control->block.applied_at_ns / 1000000000);
	char text[32];
	struct tm tm;

	if (control->block.applied_at_ns <= 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_text(text);
}

static const char *runs_name(enum site_reality reality)
{
	switch (reality) {
	case SITE_PRISTINE:
		return "old code";
	case SITE_LEADS_HERE:
		return "this patch";
	case SITE_LEADS_TO_OTHER_PATCH:
		return "another patch";
	case SITE_CHANGED:
		return "changed by something else";
	case SITE_UNREADABLE:
		break;
	}
	return "unreadable";
}

static json_t *functions_json(const struct survey *survey,
			      const struct control *control, bool *ret_leads)
{
	json_t *functions = json_array();

	for (size_t i = 0; i < control->block.nr_sites; i++) {
		const struct control_site *site = &control->sites[i];
		enum site_reality reality =
			site_inspect(survey->target.process,
				     &survey->target.controls, control, site);
		json_t *function = json_object();

		*ret_leads |= reality == SITE_LEADS_HERE;
		json_put(function, "name", json_text(site->name));
		json_put(function, "runs", json_text(runs_name(reality)));
		json_add(functions, function);
	}
	return functions;
}

static bool control_tell(struct look *look, const struct survey *survey,
			 const struct control *control)
{
	json_t *process = json_object();
	bool leads = false;

	json_put(process, "pid", json_integer(survey->target.process->pid));
	json_put(process, "process",
		 json_text(survey->target.process->command));
	json_put(process, "executable",
		 json_text(survey->target.process->executable));
	json_put(process, "state",
		 json_text(control->orphaned ?
				   "orphaned" :
				   control_state_name((enum control_state)
							      control->block
								      .state)));
	json_put(process, "since", since_json(control));
	json_put(process, "functions",
		 functions_json(survey, control, &leads));
	json_put(process, "applied", json_boolean(leads));
	json_add(look->processes, process);
	return leads;
}

/* One that has ended meanwhile carries nothing. */
static void process_look(struct look *look, pid_t pid)
{
	owned(survey_release_p) struct survey survey = { 0 };
	bool applied = false;

	if (survey_read(pid, &survey, NULL))
		return;
	for (size_t i = 0; i < survey.target.controls.nr; i++)
		if (is_meant(look->subject, &survey.target.controls.entries[i]))
			applied |= control_tell(
				look, &survey,
				&survey.target.controls.entries[i]);
	look->nr_applied += applied;
}

int incident_state(const struct incident_subject *subject, json_t **ret_state,
		   struct hf_diag *diag)
{
	owned(host_release_p) struct host host = { 0 };
	struct look look = { .subject = subject };
	json_t *state;
	int r = host_scan(&host, diag);

	if (r)
		return r;
	look.processes = json_array();
	for (size_t i = 0; i < host.carriers.nr; i++)
		process_look(&look, host.carriers.entries[i]);
	state = json_object();
	json_put(state, "applied_in", json_integer(look.nr_applied));
	json_put(state, "processes", look.processes);
	json_put(state, "unreadable",
		 json_integer((json_int_t)host.nr_unreadable));
	*ret_state = state;
	return 0;
}
