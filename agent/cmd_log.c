/*
 * hotfix log: what the ledger has. Before it is read, what processes carry and it
 * does not know is added (recorder.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batch.h"
#include "clock.h"
#include "cmd.h"
#include "recorder.h"
#include "table.h"
#include "who.h"

enum {
	COLUMN_ID,
	COLUMN_TIME,
	COLUMN_WHO,
	COLUMN_COMMAND,
	COLUMN_PATCH,
	COLUMN_PROCESS,
	COLUMN_OUTCOME,
	COLUMN_TICKET,
	NR_COLUMNS,
};

struct log {
	const struct command_line *line;
	struct output *output;
	struct table table;
	size_t nr_shown;
};

static const char *text_of(const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	return text ? text : "";
}

/* --- which ------------------------------------------------------------------- */

/* 0: it has no time that could be read. */
static int64_t time_of(const json_t *record)
{
	struct tm tm = { 0 };

	if (!strptime(text_of(record, "time"), "%Y-%m-%dT%H:%M:%S", &tm))
		return 0;
	return (int64_t)timegm(&tm) * (int64_t)NS_PER_S;
}

static bool names_pid(const struct pids *pids, json_int_t pid)
{
	for (size_t i = 0; i < pids->nr; i++)
		if (pids->entries[i] == pid)
			return true;
	return !pids->nr;
}

static bool is_wanted(const struct command_line *line, const json_t *record)
{
	json_int_t pid = json_integer_value(json_object_get(record, "pid"));

	return names_pid(&line->pids, pid) &&
	       (!line->name || !strcmp(line->name, text_of(record, "patch"))) &&
	       (!line->ticket ||
		!strcmp(line->ticket, text_of(record, "ticket"))) &&
	       (!line->since_ns ||
		time_of(record) >= line->since_ns / (int64_t)NS_PER_S *
					   (int64_t)NS_PER_S);
}

/* --- how it looks ---------------------------------------------------------------- */

static void time_format(const json_t *record, char *ret_text, size_t size)
{
	time_t seconds = (time_t)(time_of(record) / (int64_t)NS_PER_S);
	struct tm tm;

	*ret_text = '\0';
	if (seconds && localtime_r(&seconds, &tm))
		strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &tm);
}

static void outcome_set(struct table_row *row, const json_t *record)
{
	const char *code = text_of(json_object_get(record, "error"), "code");

	if (!*code)
		code = text_of(record, "because");
	table_cell_set(row, COLUMN_OUTCOME, "%s%s%s%s",
		       text_of(record, "outcome"), *code ? ": " : "", code,
		       json_object_get(record, "collected") ? " (collected)" :
							       "");
}

/* A file that could not be read has no name but its own. */
static const char *patch_name(const json_t *record)
{
	const char *name = text_of(record, "patch");
	const char *file = text_of(record, "file");

	return *name ? name : basename(file);
}

static int row_add(struct log *log, const json_t *record)
{
	json_int_t pid = json_integer_value(json_object_get(record, "pid"));
	struct table_row *row = table_row_add(&log->table);
	char text[128];

	if (!row)
		return -ENOMEM;
	table_cell_set(row, COLUMN_ID, "%lld",
		       (long long)json_integer_value(
			       json_object_get(record, "id")));
	time_format(record, text, sizeof(text));
	table_cell_set(row, COLUMN_TIME, "%s", text);
	who_format(json_object_get(record, "who"), text, sizeof(text));
	table_cell_set(row, COLUMN_WHO, "%s", text);
	table_cell_set(row, COLUMN_COMMAND, "%s", text_of(record, "command"));
	table_cell_set(row, COLUMN_PATCH, "%s", patch_name(record));
	if (pid)
		table_cell_set(row, COLUMN_PROCESS, "%s (%lld)",
			       text_of(record, "process"), (long long)pid);
	else
		table_cell_set(row, COLUMN_PROCESS, "-");
	outcome_set(row, record);
	table_cell_set(row, COLUMN_TICKET, "%s", text_of(record, "ticket"));
	return 0;
}

static int entry_show(void *context, const json_t *record)
{
	struct log *log = context;

	if (!is_wanted(log->line, record))
		return 0;
	log->nr_shown++;
	if (!log->output->json)
		return row_add(log, record);
	json_add(json_array_of(log->output->root, log->output->list),
		 json_deep_copy(record));
	return 0;
}

static int heading_add(struct table *table)
{
	static const char *const names[NR_COLUMNS] = {
		"ID", "TIME", "WHO", "COMMAND", "PATCH", "PROCESS", "OUTCOME",
		"TICKET",
	};
	struct table_row *row = table_row_add(table);

	for (size_t i = 0; row && i < NR_COLUMNS; i++)
		table_cell_set(row, i, "%s", names[i]);
	return row ? 0 : -ENOMEM;
}

static int entries_show(struct log *log, struct ledger *ledger,
			struct hf_diag *diag)
{
	int r = heading_add(&log->table);

	if (log->output->json)
		json_array_of(log->output->root, log->output->list);
	if (r == 0)
		r = ledger_each(ledger, entry_show, log, diag);
	if (r == -ENOMEM)
		return hf_fail(diag, r, "cannot list the ledger");
	if (r == 0 && log->nr_shown)
		table_print(&log->table, log->output);
	else if (r == 0)
		output_print(log->output, "no entry%s in %s\n",
			     log->line->since_ns || log->line->name ||
					     log->line->ticket ||
					     log->line->pids.nr ?
				     " of that kind" : "",
			     ledger_path(ledger));
	return r;
}

/* --- the command ------------------------------------------------------------------- */

static int chain_show(struct ledger *ledger, struct output *output,
		      struct hf_diag *diag)
{
	struct ledger_proof proof;
	int r = ledger_verify(ledger, &proof, diag);

	if (r)
		return r;
	output_print(output,
		     "%s: %llu %s, all there and as written\nlast hash: %s\n",
		     ledger_path(ledger), (unsigned long long)proof.nr_entries,
		     proof.nr_entries == 1 ? "entry" : "entries",
		     proof.last_hash);
	if (!output->json)
		return 0;
	json_array_of(output->root, output->list);
	json_put(output->root, "verified",
		 json_integer((json_int_t)proof.nr_entries));
	json_put(output->root, "last_hash", json_text(proof.last_hash));
	return 0;
}

/* A ledger that cannot be written can still be read. */
static void collect(struct ledger *ledger, const struct pids *pids,
		    struct output *output)
{
	struct hf_diag diag = { 0 };
	size_t nr = 0;

	if (recorder_collect(ledger, pids, &nr, &diag) < 0)
		output_warning(output, "not all that processes carry is in "
			       "the ledger: %s", diag.message);
	else if (nr)
		output_print(output, "%zu of what processes carry had been "
			     "missing, and was added (collected)\n", nr);
}

static enum hf_exit log_run(const struct command_line *line,
			    struct output *output)
{
	owned(ledger_close_p) struct ledger *ledger = NULL;
	struct log log = { .line = line, .output = output,
			   .table = { .nr_columns = NR_COLUMNS } };
	struct hf_diag diag = { 0 };
	int r;

	r = ledger_open(!line->verify, &ledger, &diag);
	if (r == -EROFS || r == -EACCES || r == -ENOSPC)
		r = ledger_open(false, &ledger, &diag);
	if (r == 0 && line->verify) {
		r = chain_show(ledger, output, &diag);
	} else if (r == 0) {
		collect(ledger, &line->pids, output);
		r = entries_show(&log, ledger, &diag);
	}
	table_release(&log.table);
	return r ? output_failure(output, &diag, diag_exit_status(r)) :
		   HF_EXIT_DONE;
}

static const char *const synopsis[] = {
	"[--since=TIME] [--name=NAME] [-p PID]... [--ticket=ID]",
	"--verify",
	NULL,
};

const struct command command_log = {
	.name = "log",
	.summary = "what was done on this host, when and by whom",
	.synopsis = synopsis,
	.description =
		"Lists the ledger: every apply, revert and recover that was "
		"tried on this host, and\nwhat came of it. What a process "
		"carries and the ledger lacks, because it could not\nbe "
		"written then, is added first.\n",
	.examples = "  hotfix log --since 7d\n"
		    "  hotfix log --name fix-charge --json\n"
		    "  hotfix log --verify\n",
	.options = OPTION_PID | OPTION_SINCE | OPTION_NAME | OPTION_TICKET |
		   OPTION_VERIFY,
	.list = "entries",
	.run = log_run,
};
