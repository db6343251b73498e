/*
 * Reasons in words, carried next to an errno.
 *
 * A function that can fail returns 0 or -errno and takes a `struct hf_diag *`
 * last. The innermost failure writes the message; callers on the way up may
 * prefix where they were (hf_context) and say what to do (hf_hint). Nothing is
 * printed here: only main.c and cmd_*.c speak. The buffers are fixed, so that
 * running out of memory can be reported as well. A NULL diag is allowed
 * everywhere and drops the words.
 *
 * The errno also tells the exit status, see diag_exit_status():
 *
 *   -ECANCELED   refused: unsafe or mismatching, nothing changed    (3)
 *   -ETIMEDOUT   waited long enough, nothing changed                (4)
 *   -EUCLEAN     an interrupted operation was found, run recover    (6)
 *   any other    failed, nothing changed                            (1)
 */
#pragma once

enum hf_exit {
	HF_EXIT_DONE = 0,
	HF_EXIT_FAILED = 1,
	HF_EXIT_USAGE = 2,
	HF_EXIT_REFUSED = 3,
	HF_EXIT_TIMED_OUT = 4,
	HF_EXIT_PARTIAL = 5,
	HF_EXIT_INTERRUPTED = 6,
};

struct hf_diag {
	/* A stable word for programs, e.g. "build-id-mismatch"; "" if none. */
	char code[48];
	/* What happened and why; may hold several lines. */
	char message[4096];
	/* What to do about it; lines separated by '\n'; "" if nothing. */
	char hint[1024];
};

/**
 * hf_fail() - begin a reason: something could not be done
 * @error: the negative errno to return; its text is appended to the message
 *
 * Clears what @diag held before. Return: @error, for `return hf_fail(...)`.
 */
int hf_fail(struct hf_diag *diag, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * hf_error() - the same without errno's text, for reasons that need none
 * @code: a stable word for programs
 */
int hf_error(struct hf_diag *diag, int error, const char *code,
	     const char *format, ...) __attribute__((format(printf, 4, 5)));

/**
 * hf_refuse() - begin a reason: it could be done and would be wrong
 * @code: a stable word for programs, e.g. "build-id-mismatch"
 *
 * Return: -ECANCELED.
 */
int hf_refuse(struct hf_diag *diag, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * hf_context() - put "FORMAT: " before the message that stands
 *
 * Return: @error, unchanged.
 */
int hf_context(struct hf_diag *diag, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Appends a line of detail to the message. */
void hf_detail(struct hf_diag *diag, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends a line of advice. */
void hf_hint(struct hf_diag *diag, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The exit status that belongs to 0 or a negative errno, see above. */
enum hf_exit diag_exit_status(int error);
