/*
 * Everything that `hotfix` says passes through here.
 *
 * For people: results to stdout, diagnostics to stderr. For programs (--json):
 * one object on stdout in every case, nothing on stderr. A command calls the
 * functions of both forms; those of the other form do nothing.
 *
 * Names of processes and texts of patches come from others: control characters
 * in them never reach the terminal, and what is no UTF-8 never reaches JSON.
 * A report that could not be written (full disk, closed pipe) is an error exit.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "../lib/diag.h"
#include "../lib/types.h"

struct output {
	const char *command; /* "apply" */
	const char *list;    /* the JSON member with one entry per process */
	bool json;
	bool color, error_color;
	bool progress; /* stderr is a terminal and somebody looks at it */
	bool utf8;
	unsigned int width; /* of the terminal; 0: stdout is none */
	FILE *out, *err;
	int write_error; /* errno of the first write that failed, 0: none */
	json_t *root;	 /* with json only, NULL otherwise */
};

enum output_style { STYLE_NONE, STYLE_GOOD, STYLE_BAD, STYLE_WARN, STYLE_DIM };

/* stdout and stderr, as the terminal and the environment want them. */
void output_open(struct output *output, const char *command, const char *list,
		 bool json);

/* Sends out what has been printed, so that it is seen as it happens. */
void output_flush(struct output *output);

/**
 * output_close() - write what is left, release everything
 *
 * Return: @status; HF_EXIT_FAILED where that was 0 and the report is lost.
 */
enum hf_exit output_close(struct output *output, enum hf_exit status);

/* For people. Several lines are allowed; control characters become '?'. */
void output_print(struct output *output, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void output_styled(struct output *output, enum output_style style,
		   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "hotfix: error: SUBJECT: MESSAGE", "hint: ...". @subject may be NULL. */
void output_error(struct output *output, const char *subject,
		  const struct hf_diag *diag);
void output_warning(struct output *output, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A search of the whole host has left out this many processes. */
void output_unreadable(struct output *output, size_t nr);

/* A failure before anything was tried, in both forms. Return: @status. */
enum hf_exit output_failure(struct output *output, const struct hf_diag *diag,
			    enum hf_exit status);

/* A name on one line, without control characters, for @size bytes. */
const char *text_line(const char *text, char *ret_text, size_t size);

/*
 * JSON members. The value is taken over; NULL objects and values are remembered
 * as "out of memory" and reported by output_close().
 */
void json_put(json_t *object, const char *key, json_t *value);
void json_add(json_t *array, json_t *value);
bool json_is_incomplete(void); /* that was so, since output_open() */
json_t *json_text(const char *text);   /* NULL text: null */
json_t *json_texts(char *const *texts, size_t nr);
json_t *json_address(hf_addr address); /* "0x..." */
json_t *json_us(uint64_t ns);
json_t *json_ms(uint64_t ns);
json_t *json_error(const struct hf_diag *diag);
/* @object's @key as an array, made when it is not there yet. Borrowed. */
json_t *json_array_of(json_t *object, const char *key);
