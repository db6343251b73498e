/*
 * Writing down what was seen: small files below the recording's directory.
 *
 *	compiles/ links/	    one JSON object a file
 *	drivers/ optimisers/
 *	objects/SHA256.o            contents
 *	failures/                   what could not be recorded, in words
 *	tmp/                        files until they are whole
 *
 * Names begin with the monotonic time, so that their order is that of the
 * events and parallel ones do not collide. A file gets its name by rename(2):
 * who reads never meets half a record, whatever was killed.
 */
#pragma once

#include <jansson.h>

#include "../../lib/diag.h"
#include "../../lib/digest.h"
#include "../array.h"

#define STAMP_SIZE 48
#define DIGEST_TEXT_SIZE HEX_SIZE(SHA256_SIZE)

/* Makes the directories. Return: 0; -errno. */
int journal_create(const char *directory, struct hf_diag *diag);

/* A name for an event of now: "TIME-PID". */
void journal_stamp(char ret_stamp[STAMP_SIZE]);

/**
 * journal_write() - add DIR/KIND/STAMP.json
 * @record: stolen; NULL: -ENOMEM
 */
int journal_write(const char *directory, const char *kind, const char *stamp,
		  json_t *record, struct hf_diag *diag);

/* Writes a text to DIR/NAME. */
int journal_note(const char *directory, const char *name, const char *text,
		 struct hf_diag *diag);

/* Adds a failure, in words. That this fails too is nobody's concern. */
void journal_failure(const char *directory, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * journal_object() - keep the content of an object
 *
 * Return: 0, also when it is there already; -errno.
 */
int journal_object(const char *directory, const void *data, size_t size,
		   char ret_digest[DIGEST_TEXT_SIZE], struct hf_diag *diag);

/* The path of an object, owned by the caller; NULL: ENOMEM. */
char *journal_object_path(const char *directory, const char *digest);

/* Strings as JSON; bytes that are no UTF-8 are kept, see journal.c. NULL:
   ENOMEM. */
json_t *journal_text(const char *text);
json_t *journal_list(const struct strings *list);
/* The way back, owned by the caller; NULL: no text, or ENOMEM. */
char *journal_text_of(const json_t *value);

/* Absolute, and without links and dots where the file exists; NULL: ENOMEM. */
char *journal_path(const char *path);
