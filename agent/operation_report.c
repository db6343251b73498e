#include "operation_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"

void report_begin(struct operation_report *report, pid_t pid, const char *patch)
{
	memset(report, 0, sizeof(*report));
	report->pid = pid;
	if (patch)
		snprintf(report->patch, sizeof(report->patch), "%s", patch);
}

static void text_take(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

void subject_of_process(struct operation_subject *subject,
			const struct process *process)
{
	text_take(subject->executable, sizeof(subject->executable),
		  process->executable);
}

void subject_of_manifest(struct operation_subject *subject,
			 const struct manifest *manifest, const uint8_t *digest)
{
	memcpy(subject->digest, digest, sizeof(subject->digest));
	subject->build_id = manifest->target.build_id;
	text_take(subject->reason, sizeof(subject->reason), manifest->reason);
	text_take(subject->ticket, sizeof(subject->ticket), manifest->ticket);
	text_take(subject->author, sizeof(subject->author), manifest->author);
}

void subject_of_control(struct operation_subject *subject,
			const struct control *control)
{
	if (control->damaged)
		return;
	if (control->manifest)
		subject_of_manifest(subject, control->manifest,
				    control->block.digest);
	subject->applied_at_ns = control->block.applied_at_ns;
}

void report_process(struct operation_report *report,
		    const struct process *process)
{
	subject_of_process(&report->subject, process);
	snprintf(report->command, sizeof(report->command), "%s",
		 process->command);
}

static void site_fill(struct operation_site *to, const struct control_site *site)
{
	*to = (struct operation_site){
		.function = site->function,
		.replacement = site->replacement,
		.strategy = site->strategy,
		/* The entry is written last. */
		.size = site->nr_writes ?
				site->writes[site->nr_writes - 1].size :
				0,
	};
	snprintf(to->name, sizeof(to->name), "%s", site->name);
}

int report_sites(struct operation_report *report,
		 const struct control_site *sites, size_t nr_sites,
		 struct hf_diag *diag)
{
	struct operation_site *grown =
		reallocarray(report->sites, report->nr_sites + nr_sites + 1,
			     sizeof(*grown));

	if (!grown)
		return hf_fail(diag, -ENOMEM, "cannot report");
	report->sites = grown;
	for (size_t i = 0; i < nr_sites; i++)
		site_fill(&grown[report->nr_sites++], &sites[i]);
	return 0;
}

/* A patch for several modules has several images: the first is named. */
void report_image(struct operation_report *report, hf_addr base, uint64_t size)
{
	if (!report->image)
		report->image = base;
	report->image_size += size;
}

int report_control(struct operation_report *report,
		   const struct control *control, struct hf_diag *diag)
{
	report_image(report, control->block.base, control->block.total_size);
	report->mode = control->block.mode;
	subject_of_control(&report->subject, control);
	return report_sites(report, control->sites, control->block.nr_sites,
			    diag);
}

void report_switch(struct operation_report *report,
		   struct switch_result *result)
{
	if (result->busy) {
		free(report->busy);
		report->busy = take_ptr(result->busy);
	}
	report->pause_ns = result->pause_ns;
	report->wait_ns = result->wait_ns;
	report->attempts = result->attempts;
	report->nr_threads = result->nr_threads;
	if (result->longest_stop_ns > report->longest_stop_ns)
		report->longest_stop_ns = result->longest_stop_ns;
}

void report_note(struct operation_report *report, const char *format, ...)
{
	size_t used = strlen(report->notes);
	va_list arguments;

	if (used && used + 1 < sizeof(report->notes))
		report->notes[used++] = '\n';
	va_start(arguments, format);
	vsnprintf(report->notes + used, sizeof(report->notes) - used, format,
		  arguments);
	va_end(arguments);
}

void report_replaced(struct operation_report *report, const char *name)
{
	char **grown = reallocarray(report->replaced, report->nr_replaced + 1,
				    sizeof(*grown));
	char *copy = strdup(name);

	if (grown)
		report->replaced = grown;
	if (grown && copy)
		report->replaced[report->nr_replaced++] = copy;
	else
		free(copy);
}

void operation_report_release(struct operation_report *report)
{
	for (size_t i = 0; i < report->nr_replaced; i++)
		free(report->replaced[i]);
	free(report->replaced);
	free(report->sites);
	free(report->busy);
	report->busy = NULL;
	report->replaced = NULL;
	report->sites = NULL;
	report->nr_replaced = report->nr_sites = 0;
}
