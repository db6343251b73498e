#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/build_id.h"
#include "../lib/digest.h"
#include "clock.h"
#include "journal.h"
#include "operation_report.h"
#include "patch_store.h"
#include "pending.h"
#include "report.h"
#include "standing.h"
#include "survey.h"
#include "who.h"

struct recorder {
	const char *command, *because;
	const struct patch_file *patch;
	json_t *who;
	json_t *records;
	bool applied; /* the patch, somewhere: a copy is to be kept */
};

/* --- one entry -------------------------------------------------------------- */

/* "2026-11-23T21:52:01.123456Z" */
static json_t *json_time(int64_t ns)
{
	time_t seconds = (time_t)(ns / (int64_t)NS_PER_S);
	char text[64];
	struct tm tm;
	size_t size;

	if (ns <= 0 || !gmtime_r(&seconds, &tm))
		return json_null();
	size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + size, sizeof(text) - size, ".%06dZ",
		 (int)(ns % (int64_t)NS_PER_S / (int64_t)NS_PER_US));
	return json_text(text);
}

static json_t *json_host(void)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	return json_text(name);
}

static json_t *json_digest(const uint8_t *digest)
{
	static const uint8_t none[SHA256_SIZE];
	char text[HEX_SIZE(SHA256_SIZE)];

	if (!memcmp(digest, none, sizeof(none)))
		return json_null();
	hex_encode(digest, SHA256_SIZE, text);
	return json_text(text);
}

static json_t *json_build_id(const struct build_id *id)
{
	char text[HEX_SIZE(BUILD_ID_SIZE_MAX)];

	return id->size ? json_text(build_id_format(id, text)) : json_null();
}

/* What both kinds of entries begin with. */
static json_t *record_new(const char *command, json_t *record, int64_t time_ns)
{
	json_put(record, "command", json_text(command));
	json_put(record, "time", json_time(time_ns));
	json_put(record, "host", json_host());
	return record;
}

static const char *text_or_null(const char *text)
{
	return *text ? text : NULL;
}

static void subject_put(json_t *record, const struct operation_subject *subject)
{
	json_put(record, "executable",
		 json_text(text_or_null(subject->executable)));
	json_put(record, "build_id", json_build_id(&subject->build_id));
	json_put(record, "digest", json_digest(subject->digest));
	json_put(record, "reason", json_text(text_or_null(subject->reason)));
	json_put(record, "ticket", json_text(text_or_null(subject->ticket)));
	json_put(record, "author", json_text(text_or_null(subject->author)));
	json_put(record, "applied_at_ns", json_integer(subject->applied_at_ns));
}

/* --- what commands did --------------------------------------------------------- */

struct recorder *recorder_begin(const char *command, const char *because,
				const struct patch_file *patch)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	if (!recorder)
		return NULL;
	recorder->command = command;
	recorder->because = because;
	recorder->patch = patch;
	recorder->who = who_json();
	recorder->records = json_array();
	return recorder;
}

void recorder_add(struct recorder *recorder,
		  const struct operation_report *report, int error,
		  const struct hf_diag *diag)
{
	struct operation_subject subject = report->subject;
	json_t *record;

	if (!recorder || report->outcome == OUTCOME_CLEAN)
		return;
	if (recorder->patch)
		subject_of_manifest(&subject, recorder->patch->manifest,
				    recorder->patch->digest);
	record = record_new(recorder->command, report_json(report, error, diag),
			    (int64_t)clock_ns(CLOCK_REALTIME));
	json_put(record, "who", json_incref(recorder->who));
	if (recorder->because)
		json_put(record, "because", json_text(recorder->because));
	subject_put(record, &subject);
	json_add(recorder->records, record);
	recorder->applied |= report->outcome == OUTCOME_APPLIED;
}

static int records_write(struct recorder *recorder, struct hf_diag *diag)
{
	owned(ledger_close_p) struct ledger *ledger = NULL;
	int r;

	r = ledger_open(true, &ledger, diag);
	if (r == 0)
		r = ledger_append(ledger, recorder->records, diag);
	if (r == 0 && recorder->applied && recorder->patch)
		r = patch_store_keep(recorder->patch, diag);
	return r;
}

static void failure_tell(const struct hf_diag *diag, struct output *output)
{
	if (output->json)
		json_put(output->root, "ledger", json_error(diag));
	output_warning(output,
		       "not in the ledger: %s. What was done is done; "
		       "`hotfix log` adds patches that are still in "
		       "processes when it can be written again",
		       diag->message);
}

void recorder_end(struct recorder *recorder, struct output *output)
{
	struct hf_diag diag = { 0 };
	json_t *record;
	size_t i;

	if (!recorder)
		return;
	if (json_array_size(recorder->records) &&
	    records_write(recorder, &diag) < 0)
		failure_tell(&diag, output);
	json_array_foreach(recorder->records, i, record)
		journal_tell(record);
	json_decref(recorder->records);
	json_decref(recorder->who);
	free(recorder);
}

void record_failure(const char *command, const char *file, int error,
		    const struct hf_diag *diag, struct output *output)
{
	struct recorder *recorder = recorder_begin(command, NULL, NULL);
	const struct operation_report report = { 0 };

	if (!recorder)
		return;
	recorder_add(recorder, &report, error, diag);
	json_put(json_array_get(recorder->records, 0), "file", json_text(file));
	recorder_end(recorder, output);
}

void record_confirm(const struct pending *pending, struct output *output)
{
	struct recorder *recorder = recorder_begin("confirm", NULL, NULL);

	for (size_t i = 0; recorder && i < pending->pids.nr; i++) {
		char name[PROCESS_NAME_SIZE];
		json_t *record = record_new("confirm", json_object(),
					    (int64_t)clock_ns(CLOCK_REALTIME));

		process_name_read(pending->pids.entries[i], name);
		json_put(record, "who", json_incref(recorder->who));
		json_put(record, "pid",
			 json_integer(pending->pids.entries[i]));
		json_put(record, "process", json_text(name));
		json_put(record, "patch", json_text(pending->name));
		json_put(record, "digest", json_text(pending->digest));
		json_put(record, "outcome", json_text("confirmed"));
		json_put(record, "exit", json_integer(0));
		json_add(recorder->records, record);
	}
	recorder_end(recorder, output);
}

void record_standing(const char *command, const struct standing *standing,
		     const char *outcome, struct output *output)
{
	struct recorder *recorder = recorder_begin(command, NULL, NULL);
	json_t *record;

	if (!recorder)
		return;
	record = record_new(command, json_object(),
			    (int64_t)clock_ns(CLOCK_REALTIME));
	json_put(record, "who", json_incref(recorder->who));
	json_put(record, "patch", json_text(standing->name));
	json_put(record, "digest", json_digest(standing->digest));
	json_put(record, "outcome", json_text(outcome));
	if (*standing->because)
		json_put(record, "because", json_text(standing->because));
	json_put(record, "exit", json_integer(0));
	json_add(recorder->records, record);
	recorder_end(recorder, output);
}

/* --- what processes carry -------------------------------------------------------- */

struct collector {
	struct ledger *ledger;
	json_t *known; /* "PID NAME APPLIED_AT_NS": true */
	json_t *records;
};

static void key_format(int64_t pid, const char *name, int64_t applied_at_ns,
		       char *ret_key, size_t size)
{
	snprintf(ret_key, size, "%lld %s %lld", (long long)pid, name,
		 (long long)applied_at_ns);
}

static int known_add(void *context, const json_t *record)
{
	struct collector *collector = context;
	const char *name = json_string_value(json_object_get(record, "patch"));
	char key[256];

	key_format(json_integer_value(json_object_get(record, "pid")),
		   name ? name : "",
		   json_integer_value(json_object_get(record, "applied_at_ns")),
		   key, sizeof(key));
	json_put(collector->known, key, json_true());
	return 0;
}

/* Only its control block knows of it: who it was has not been kept but a number. */
static json_t *control_record(const struct process *process,
			      const struct control *control)
{
	const struct control_block *block = &control->block;
	struct operation_subject subject = { 0 };
	json_t *record = record_new("apply", json_object(),
				    block->applied_at_ns);
	json_t *who = json_object();

	subject_of_process(&subject, process);
	subject_of_control(&subject, control);
	subject_put(record, &subject);
	json_put(who, "uid", json_integer(block->agent_uid));
	json_put(record, "who", who);
	json_put(record, "pid", json_integer(process->pid));
	json_put(record, "process", json_text(process->command));
	json_put(record, "patch", json_text(block->name));
	json_put(record, "outcome", json_text("applied"));
	json_put(record, "exit", json_integer(0));
	json_put(record, "mode",
		 json_text(switch_mode_name((enum switch_mode)block->mode)));
	json_put(record, "pause_us", json_us(block->pause_ns));
	json_put(record, "wait_ms", json_ms(block->wait_ns));
	json_put(record, "image", json_address(block->base));
	json_put(record, "collected", json_true());
	return record;
}

static void process_collect(struct collector *collector, pid_t pid)
{
	owned(survey_release_p) struct survey survey = { 0 };

	if (survey_read(pid, &survey, NULL) || survey.busy)
		return;
	for (size_t i = 0; i < survey.target.controls.nr; i++) {
		const struct control *control =
			&survey.target.controls.entries[i];
		char key[256];

		if (control->damaged || control->block.applied_at_ns <= 0 ||
		    control->block.state != CONTROL_ACTIVE)
			continue;
		key_format(pid, control->block.name,
			   control->block.applied_at_ns, key, sizeof(key));
		if (json_object_get(collector->known, key))
			continue;
		/* Once for all parts of a patch. */
		json_put(collector->known, key, json_true());
		json_add(collector->records,
			 control_record(survey.target.process, control));
	}
}

int recorder_collect(struct ledger *ledger, const struct pids *pids,
		     size_t *ret_nr, struct hf_diag *diag)
{
	owned(host_release_p) struct host host = { 0 };
	struct collector collector = { ledger, json_object(), json_array() };
	int r;

	r = ledger_each(ledger, known_add, &collector, diag);
	if (r == 0 && !pids->nr) {
		r = host_scan(&host, diag);
		pids = &host.carriers;
	}
	for (size_t i = 0; r == 0 && i < pids->nr; i++)
		process_collect(&collector, pids->entries[i]);
	*ret_nr = json_array_size(collector.records);
	if (r == 0 && *ret_nr)
		r = ledger_append(ledger, collector.records, diag);
	json_decref(collector.known);
	json_decref(collector.records);
	return r;
}
