/*
 * An incident: one patch and all that is known about it, as one JSON object. Its
 * members are documented in hotfix(1), JSON, report; the other forms of a report
 * are made from it and know nothing else.
 *
 *   NAME or FILE --> incident_find     which patch; its file; its ledger entries
 *                --> incident_code     what was changed, and what that proves
 *                --> incident_history  attempts, in order; merged back?
 *                --> incident_state    processes that carry it now
 *                --> incident_git      what the source's history says (--git)
 *                --> incident_gather   all of that, and the questions left
 *
 *   incident_md, incident_html (with incident_timeline, incident_svg): documents
 */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "../lib/patch_file.h"
#include "duration.h"

#define INCIDENT_SCHEMA 1

struct incident_request {
	const char *subject; /* a patch's name, or the path of a patch file */
	const char *digest;  /* the beginning of it, or NULL: the latest */
	const char *target;  /* file to take old code from, or NULL */
	const char *git;     /* repository of the source, or NULL */
};

/* Which patch it is. */
struct incident_subject {
	char name[MANIFEST_NAME_MAX + 1];
	char digest[2 * SHA256_SIZE + 1];
	struct patch_file *patch; /* NULL: no file of it is at hand */
	char problem[512];	  /* why not; "" */
	json_t *records; /* entries of the ledger about it, the oldest first */
	json_t *others;  /* other digests of that name: {"digest","attempts"} */
};

/**
 * incident_find() - the patch that is meant
 * @ret_subject: release it with incident_subject_release()
 *
 * Return: 0; -ENOENT (code "unknown-patch", "no-ledger"); -EINVAL several digests
 * begin so; what ledger_open() and patch_file_open() return.
 */
int incident_find(const struct incident_request *request,
		  struct incident_subject *ret_subject, struct hf_diag *diag);
void incident_subject_release(struct incident_subject *subject);

/* Members "targets", "source", "functions", "proof", "overrides"... of @incident.
 * @state: incident_state()'s, for processes that have the old code. */
void incident_code(json_t *incident, const struct incident_subject *subject,
		   const struct incident_request *request, const json_t *state);

/* "attempts", "summary", "merged". */
void incident_history(json_t *incident, const struct incident_subject *subject);

/* Owned by the caller. Return: 0; what host_scan() returns. */
int incident_state(const struct incident_subject *subject, json_t **ret_state,
		   struct hf_diag *diag);

/**
 * incident_git() - what a repository knows about the functions that were changed
 * @directory: of the repository, or inside of it
 * @before:    ISO 8601: the history up to then counts, and not the fix itself
 *
 * Return: 0; -ENOENT no git here; -EIO (code "git"): what git said.
 */
int incident_git(const char *directory, const char *before,
		 const struct patch_file *patch, json_t **ret_git,
		 struct hf_diag *diag);

/* All of it. @ret_incident: owned by the caller. Return: 0; as the above. */
int incident_gather(const struct incident_request *request,
		    json_t **ret_incident, struct hf_diag *diag);

/* --- how to read it ---------------------------------------------------------- */

/* A member that is a text; "" where there is none. */
const char *incident_text(const json_t *object, const char *key);
long long incident_number(const json_t *object, const char *key);

/* What an attempt did to its process. */
enum incident_effect {
	EFFECT_NONE,	 /* it was as before */
	EFFECT_APPLIED,	 /* it ran the patch from then on */
	EFFECT_REVERTED, /* and no longer */
};
enum incident_effect incident_effect(const json_t *attempt);

/* "2026-11-23T21:52:01.123456Z" in µs since 1970; 0: none. */
int64_t incident_time_us(const char *text);

/* "2026-11-23 21:52:01", of such a time; "" */
#define INCIDENT_TIME_SIZE 32
const char *incident_time_format(const char *text,
				 char ret_text[INCIDENT_TIME_SIZE]);

/* A member in µs, or in ms, as "143 µs"; "-" where it is 0. */
const char *incident_us_format(const json_t *object, const char *key,
			       char ret_text[DURATION_TEXT_SIZE]);
const char *incident_ms_format(const json_t *object, const char *key,
			       char ret_text[DURATION_TEXT_SIZE]);

/* What came of an attempt, in words: "refused: module-absent". */
void incident_outcome_format(const json_t *attempt, char *ret_text, size_t size);

/* Sentences for the head of a document: where the patch is now; what was done;
 * what is known of the merge. */
void incident_now_format(const json_t *incident, char *ret_text, size_t size);
void incident_done_format(const json_t *incident, char *ret_text, size_t size);
void incident_merged_format(const json_t *incident, char *ret_text, size_t size);

/* What is proven of a function of the target. */
void incident_identity_format(const json_t *function, char *ret_text,
			      size_t size);

/* Rows and lines that a document has at most; JSON has them all. */
#define INCIDENT_ATTEMPTS_MAX 200
#define INCIDENT_LINES_MAX 300

/* --- documents; errors are @to's ----------------------------------------------- */

void incident_md(FILE *to, const json_t *incident);
void incident_html(FILE *to, const json_t *incident);
