/*
 * Filling an operation_report. No printing here.
 */
#pragma once

#include "operation.h"
#include "switch.h"
#include "target.h"

/* What is known of a patch and its target: from each of these. */
void subject_of_process(struct operation_subject *subject,
			const struct process *process);
void subject_of_manifest(struct operation_subject *subject,
			 const struct manifest *manifest, const uint8_t *digest);
void subject_of_control(struct operation_subject *subject,
			const struct control *control);

/* Starts a report. @began_ns of the monotonic clock. */
void report_begin(struct operation_report *report, pid_t pid,
		  const char *patch);

void report_process(struct operation_report *report,
		    const struct process *process);

/* Adds the functions and the image of a block. Return: 0; -ENOMEM. */
int report_control(struct operation_report *report,
		   const struct control *control, struct hf_diag *diag);

/* An image that the patch has, or would have. */
void report_image(struct operation_report *report, hf_addr base, uint64_t size);

/* Adds what an image leads, or would lead, where. */
int report_sites(struct operation_report *report,
		 const struct control_site *sites, size_t nr_sites,
		 struct hf_diag *diag);

/* Takes over the list of busy threads. */
void report_switch(struct operation_report *report,
		   struct switch_result *result);

/* Adds a line that the operator should read. */
void report_note(struct operation_report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Remembers the name of a patch that this one took the place of. */
void report_replaced(struct operation_report *report, const char *name);
