/*
 * What an operation did to one process, in words and as JSON.
 */
#pragma once

#include "operation.h"
#include "output.h"

/* "applied", "refused", ...: the outcome, or the kind of failure. */
const char *outcome_name(enum operation_outcome outcome, int error);

/* "checkout (pid 4711)", or "pid 4711" when the name is not known. */
#define PROCESS_LABEL_SIZE 64
const char *process_label(pid_t pid, const char *command,
			  char ret_label[PROCESS_LABEL_SIZE]);

/* What a process is called at the moment; "" when it cannot be read. */
#define PROCESS_NAME_SIZE 17
void process_name_read(pid_t pid, char ret_name[PROCESS_NAME_SIZE]);

/* One process done or failed (@error, @diag): to the terminal... */
void report_print(struct output *output, const struct operation_report *report,
		  int error, const struct hf_diag *diag);

/* ...and as an element of "results". */
json_t *report_json(const struct operation_report *report, int error,
		    const struct hf_diag *diag);

const char *switch_mode_name(enum switch_mode mode);
