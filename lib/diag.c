/*
 * Reasons are built in fixed buffers. Text is always formatted into a buffer
 * of our own first, so that a caller may pass the diag's own message as an
 * argument. What does not fit ends in "...".
 */
#include "diag.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_SIZE sizeof(((struct hf_diag *)NULL)->message)

/* Puts text at @used; returns the length then. @size counts the NUL. */
static size_t text_append(char *text, size_t size, size_t used,
			  const char *more)
{
	size_t length = strlen(more);

	if (length < size - used) {
		memmove(text + used, more, length + 1);
		return used + length;
	}
	memmove(text + used, more, size - used - 1);
	memcpy(text + size - sizeof("..."), "...", sizeof("..."));
	return size - 1;
}

static void line_append(char *text, size_t size, const char *line)
{
	size_t used = strlen(text);

	if (used)
		used = text_append(text, size, used, "\n");
	text_append(text, size, used, line);
}

static __attribute__((format(printf, 3, 0))) void
reason_begin(struct hf_diag *diag, const char *code, const char *format,
	     va_list arguments)
{
	char text[MESSAGE_SIZE];

	vsnprintf(text, sizeof(text), format, arguments);
	text_append(diag->code, sizeof(diag->code), 0, code);
	text_append(diag->message, sizeof(diag->message), 0, text);
	diag->hint[0] = '\0';
}

/* An exec takes the memory that was read, and leaves the process: proc(5). */
static const char *error_text(int error)
{
	return error == -ESRCH ? "the process has ended, or has executed "
				 "another program meanwhile"
			       : strerror(-error);
}

int hf_fail(struct hf_diag *diag, int error, const char *format, ...)
{
	size_t used;
	va_list arguments;

	if (!diag)
		return error;
	va_start(arguments, format);
	reason_begin(diag, "", format, arguments);
	va_end(arguments);

	used = strlen(diag->message);
	used = text_append(diag->message, MESSAGE_SIZE, used, ": ");
	text_append(diag->message, MESSAGE_SIZE, used, error_text(error));
	return error;
}

int hf_error(struct hf_diag *diag, int error, const char *code,
	     const char *format, ...)
{
	va_list arguments;

	if (!diag)
		return error;
	va_start(arguments, format);
	reason_begin(diag, code, format, arguments);
	va_end(arguments);
	return error;
}

int hf_refuse(struct hf_diag *diag, const char *code, const char *format, ...)
{
	va_list arguments;

	if (!diag)
		return -ECANCELED;
	va_start(arguments, format);
	reason_begin(diag, code, format, arguments);
	va_end(arguments);
	return -ECANCELED;
}

int hf_context(struct hf_diag *diag, int error, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list arguments;
	size_t used;

	if (!diag)
		return error;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);

	used = strlen(text);
	used = text_append(text, sizeof(text), used, ": ");
	text_append(text, sizeof(text), used, diag->message);
	memcpy(diag->message, text, sizeof(text));
	return error;
}

void hf_detail(struct hf_diag *diag, const char *format, ...)
{
	char text[MESSAGE_SIZE];
	va_list arguments;

	if (!diag)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	line_append(diag->message, sizeof(diag->message), text);
}

void hf_hint(struct hf_diag *diag, const char *format, ...)
{
	char text[sizeof(diag->hint)];
	va_list arguments;

	if (!diag)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	line_append(diag->hint, sizeof(diag->hint), text);
}

enum hf_exit diag_exit_status(int error)
{
	switch (error) {
	case 0:
		return HF_EXIT_DONE;
	case -ECANCELED:
		return HF_EXIT_REFUSED;
	case -ETIMEDOUT:
		return HF_EXIT_TIMED_OUT;
	case -EUCLEAN:
		return HF_EXIT_INTERRUPTED;
	default:
		return HF_EXIT_FAILED;
	}
}
