/*
 * Times that are 0 were not measured and are left out of the text; JSON has
 * every member in every result, so that programs need not guess.
 */
#include "report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/io.h"
#include "../lib/text.h"
#include "busy.h"
#include "duration.h"

const char *outcome_name(enum operation_outcome outcome, int error)
{
	static const char *const names[] = {
		[OUTCOME_NOTHING] = "failed",
		[OUTCOME_APPLIED] = "applied",
		[OUTCOME_ALREADY] = "already",
		[OUTCOME_WOULD_APPLY] = "would-apply",
		[OUTCOME_REVERTED] = "reverted",
		[OUTCOME_RETIRED] = "retired",
		[OUTCOME_RECOVERED] = "recovered",
		[OUTCOME_CLEAN] = "clean",
	};

	switch (diag_exit_status(error)) {
	case HF_EXIT_REFUSED:
		return "refused";
	case HF_EXIT_TIMED_OUT:
		return "timed-out";
	case HF_EXIT_INTERRUPTED:
		return "interrupted";
	case HF_EXIT_DONE:
		return (size_t)outcome < ARRAY_SIZE(names) ? names[outcome]
							   : "failed";
	default:
		return "failed";
	}
}

const char *switch_mode_name(enum switch_mode mode)
{
	return mode == SWITCH_ENTRY ? "entry" : "quiescent";
}

const char *process_label(pid_t pid, const char *command,
			  char ret_label[PROCESS_LABEL_SIZE])
{
	char name[32];

	text_line(command, name, sizeof(name));
	if (*name)
		snprintf(ret_label, PROCESS_LABEL_SIZE, "%s (pid %d)", name,
			 (int)pid);
	else
		snprintf(ret_label, PROCESS_LABEL_SIZE, "pid %d", (int)pid);
	return ret_label;
}

void process_name_read(pid_t pid, char ret_name[PROCESS_NAME_SIZE])
{
	struct buffer name = { 0 };
	char path[32];

	*ret_name = '\0';
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (file_read(AT_FDCWD, path, PROCESS_NAME_SIZE, &name, NULL))
		return;
	if (name.size) /* without the newline at its end */
		snprintf(ret_name, PROCESS_NAME_SIZE, "%.*s",
			 (int)name.size - 1, (const char *)name.data);
	text_one_line(ret_name);
	buffer_release(&name);
}

static void notes_print(struct output *output, const char *notes)
{
	while (*notes) {
		int size = (int)strcspn(notes, "\n");

		if (size)
			output_print(output, "  note: %.*s\n", size, notes);
		notes += size + (notes[size] == '\n');
	}
}

/* "applied NAME to checkout (pid 4711, 9 threads)" */
static void headline_print(struct output *output,
			   const struct operation_report *report)
{
	char threads[32] = "", name[32];
	const char *patch = report->patch;

	text_line(report->command, name, sizeof(name));
	if (report->nr_threads)
		snprintf(threads, sizeof(threads), ", %zu thread%s",
			 report->nr_threads,
			 report->nr_threads == 1 ? "" : "s");
	switch (report->outcome) {
	case OUTCOME_APPLIED:
		output_styled(output, STYLE_GOOD, "applied");
		output_print(output, " %s to %s", patch, name);
		break;
	case OUTCOME_WOULD_APPLY:
		output_styled(output, STYLE_GOOD, "would apply");
		output_print(output, " %s to %s", patch, name);
		break;
	case OUTCOME_REVERTED:
	case OUTCOME_RETIRED:
		output_styled(output, STYLE_GOOD, "reverted");
		output_print(output, " %s in %s", patch, name);
		break;
	case OUTCOME_ALREADY:
		output_print(output, "%s is already active in %s", patch, name);
		break;
	case OUTCOME_RECOVERED:
		output_styled(output, STYLE_GOOD, "recovered");
		output_print(output, " %s", name);
		break;
	case OUTCOME_CLEAN:
		output_print(output, "nothing to recover in %s", name);
		break;
	case OUTCOME_NOTHING:
		output_print(output, "nothing done to %s", name);
		break;
	}
	output_print(output, " (pid %d%s)\n", (int)report->pid, threads);
}

static void sites_print(struct output *output,
			const struct operation_report *report)
{
	bool back = report->outcome == OUTCOME_REVERTED ||
		    report->outcome == OUTCOME_RETIRED;
	int width = 0;

	for (size_t i = 0; i < report->nr_sites; i++) {
		int size = (int)strnlen(report->sites[i].name, 40);

		width = size > width ? size : width;
	}
	for (size_t i = 0; i < report->nr_sites; i++) {
		const struct operation_site *site = &report->sites[i];

		output_print(output,
			     "  %-*s  0x%" PRIx64 " %s 0x%" PRIx64
			     "   %s, %u bytes\n",
			     width, site->name, site->function,
			     back ? "<-" : "->", site->replacement,
			     site_strategy_name(site->strategy), site->size);
	}
}

/* "pause 143 us, waited 0.4 ms, total 6.2 ms" */
static void times_print(struct output *output,
			const struct operation_report *report)
{
	char pause[DURATION_TEXT_SIZE], longest[DURATION_TEXT_SIZE];
	char wait[DURATION_TEXT_SIZE], total[DURATION_TEXT_SIZE];
	bool utf8 = output->utf8;

	if (!report->total_ns)
		return;
	output_print(output, "  ");
	if (report->pause_ns)
		output_print(output, "pause %s, ",
			     duration_format(report->pause_ns, utf8, pause));
	if (report->longest_stop_ns > report->pause_ns)
		output_print(output, "longest stop %s, ",
			     duration_format(report->longest_stop_ns, utf8,
					     longest));
	if (report->wait_ns)
		output_print(output, "waited %s%s, ",
			     duration_format(report->wait_ns, utf8, wait),
			     report->attempts > 1 ? " for busy functions" : "");
	output_print(output, "total %s\n",
		     duration_format(report->total_ns, utf8, total));
}

static void success_print(struct output *output,
			  const struct operation_report *report)
{
	headline_print(output, report);
	sites_print(output, report);
	times_print(output, report);
	for (size_t i = 0; i < report->nr_replaced; i++)
		output_print(output, "  took %s away in the same switch\n",
			     report->replaced[i]);
	if (report->outcome == OUTCOME_RETIRED && !*report->notes)
		output_print(output, "  note: its code stays mapped, because "
				     "something may still return into it\n");
	notes_print(output, report->notes);
}

void report_print(struct output *output, const struct operation_report *report,
		  int error, const struct hf_diag *diag)
{
	char label[PROCESS_LABEL_SIZE];

	if (!error) {
		success_print(output, report);
		output_flush(output);
		return;
	}
	output_error(output, process_label(report->pid, report->command, label),
		     diag);
	if (!output->json)
		notes_print(output, report->notes);
}

static json_t *sites_json(const struct operation_report *report)
{
	json_t *functions = json_array();

	for (size_t i = 0; i < report->nr_sites; i++) {
		const struct operation_site *site = &report->sites[i];
		json_t *function = json_object();

		json_put(function, "name", json_text(site->name));
		json_put(function, "from", json_address(site->function));
		json_put(function, "to", json_address(site->replacement));
		json_put(function, "strategy",
			 json_text(site_strategy_name(site->strategy)));
		json_put(function, "size", json_integer(site->size));
		json_add(functions, function);
	}
	return functions;
}

static json_t *notes_json(const char *notes)
{
	json_t *array = json_array();
	char line[1024];

	while (*notes) {
		size_t size = strcspn(notes, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)size, notes);
		if (*line)
			json_add(array, json_text(line));
		notes += size + (notes[size] == '\n');
	}
	return array;
}

static json_t *replaced_json(const struct operation_report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->nr_replaced; i++)
		json_add(array, json_text(report->replaced[i]));
	return array;
}

static json_t *frame_json(const struct busy_frame *frame)
{
	json_t *object = json_object();

	json_put(object, "address", json_address(frame->address));
	json_put(object, "module",
		 json_text(*frame->module ? frame->module : NULL));
	json_put(object, "module_address",
		 *frame->module ? json_address(frame->vaddr) : json_null());
	json_put(object, "function",
		 json_text(*frame->function ? frame->function : NULL));
	json_put(object, "offset",
		 *frame->function ?
			 json_integer((json_int_t)frame->offset) :
			 json_null());
	json_put(object, "source",
		 json_text(frame->line ? frame->source : NULL));
	json_put(object, "line",
		 frame->line ? json_integer(frame->line) : json_null());
	json_put(object, "patch",
		 json_text(*frame->patch ? frame->patch : NULL));
	return object;
}

static json_t *busy_thread_json(const struct busy_thread *thread)
{
	json_t *object = json_object(), *frames = json_array();

	json_put(object, "thread",
		 thread->tid ? json_integer(thread->tid) : json_null());
	json_put(object, "name", json_text(thread->command));
	json_put(object, "at", thread->at.address ? frame_json(&thread->at) :
						    json_null());
	json_put(object, "system_call",
		 json_text(syscall_name(thread->syscall)));
	json_put(object, "since_ms", json_ms(thread->since_ns));
	json_put(object, "proven", json_boolean(!thread->unproven));
	for (size_t i = 0; i < thread->nr_frames; i++)
		json_add(frames, frame_json(&thread->frames[i]));
	json_put(object, "frames", frames);
	return object;
}

static json_t *busy_json(const struct busy_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; list && i < list->nr; i++)
		json_add(array, busy_thread_json(&list->threads[i]));
	return array;
}

json_t *report_json(const struct operation_report *report, int error,
		    const struct hf_diag *diag)
{
	json_t *result = json_object();

	json_put(result, "pid", json_integer(report->pid));
	json_put(result, "process", json_text(report->command));
	json_put(result, "outcome",
		 json_text(outcome_name(report->outcome, error)));
	json_put(result, "exit", json_integer(diag_exit_status(error)));
	if (error)
		json_put(result, "error", json_error(diag));
	json_put(result, "patch", json_text(report->patch));
	json_put(result, "mode", json_text(switch_mode_name(report->mode)));
	json_put(result, "threads",
		 json_integer((json_int_t)report->nr_threads));
	json_put(result, "pause_us", json_us(report->pause_ns));
	json_put(result, "longest_stop_us", json_us(report->longest_stop_ns));
	json_put(result, "wait_ms", json_ms(report->wait_ns));
	json_put(result, "total_ms", json_ms(report->total_ns));
	json_put(result, "attempts", json_integer(report->attempts));
	json_put(result, "image", json_address(report->image));
	json_put(result, "image_size",
		 json_integer((json_int_t)report->image_size));
	json_put(result, "functions", sites_json(report));
	json_put(result, "replaced", replaced_json(report));
	json_put(result, "busy", busy_json(report->busy));
	json_put(result, "notes", notes_json(report->notes));
	return result;
}
