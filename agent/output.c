/*
 * Text is formatted whole, cleaned, and only then written, so that no caller
 * has to think about what a process calls itself.
 */
#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "../lib/text.h"

/* A member of the JSON report is missing for want of memory. */
static bool json_incomplete;

static bool color_wanted(int fd)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	if (no_color && *no_color)
		return false;
	return isatty(fd) && term && *term && strcmp(term, "dumb");
}

static unsigned int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 80)
		return 80;
	return size.ws_col;
}

void output_open(struct output *output, const char *command, const char *list,
		 bool json)
{
	json_incomplete = false;
	*output = (struct output){
		.command = command,
		.list = list,
		.json = json,
		.color = !json && color_wanted(STDOUT_FILENO),
		.error_color = color_wanted(STDERR_FILENO),
		.progress = !json && isatty(STDERR_FILENO),
		.utf8 = text_is_utf8(),
		.width = terminal_width(),
		.out = stdout,
		.err = stderr,
	};
	if (!json)
		return;
	output->root = json_object();
	json_put(output->root, "command", json_text(command));
}

void output_flush(struct output *output)
{
	errno = 0;
	if (!fflush(output->out) && !ferror(output->out))
		return;
	if (!output->write_error)
		output->write_error = errno ? errno : EIO;
}

/* Return: 0 when the whole report has left this process. */
static int report_finish(struct output *output, struct hf_diag *diag)
{
	if (output->json) {
		if (!output->root || json_incomplete)
			return hf_fail(diag, -ENOMEM,
				       "cannot write the report");
		json_dumpf(output->root, output->out,
			   JSON_COMPACT | JSON_ENSURE_ASCII |
				   JSON_REAL_PRECISION(12));
		fputc('\n', output->out);
	}
	output_flush(output);
	if (output->write_error)
		return hf_fail(diag, -output->write_error,
			       "cannot write the report to standard output");
	return 0;
}

enum hf_exit output_close(struct output *output, enum hf_exit status)
{
	struct hf_diag diag = { 0 };

	if (output->json)
		json_put(output->root, "exit", json_integer(status));
	if (report_finish(output, &diag)) {
		output->json = false;
		output_error(output, NULL, &diag);
		if (status == HF_EXIT_DONE)
			status = HF_EXIT_FAILED;
	}
	json_decref(output->root);
	output->root = NULL;
	return status;
}

const char *text_line(const char *text, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s", text ? text : "");
	text_clean(ret_text, "");
	return ret_text;
}

/* Of what does not fit here, the rest is lost when memory is, too. */
static void write_clean(FILE *file, const char *format, va_list arguments)
{
	char text[4096];
	owned(free_p) char *longer = NULL;
	va_list again;
	int size;

	va_copy(again, arguments);
	size = vsnprintf(text, sizeof(text), format, arguments);
	if (size >= (int)sizeof(text) && vasprintf(&longer, format, again) < 0)
		longer = NULL;
	va_end(again);
	text_clean(longer ? longer : text, "\n\t");
	fputs(longer ? longer : text, file);
}

void output_print(struct output *output, const char *format, ...)
{
	va_list arguments;

	if (output->json)
		return;
	va_start(arguments, format);
	write_clean(output->out, format, arguments);
	va_end(arguments);
}

static const char *style_begin(enum output_style style)
{
	switch (style) {
	case STYLE_GOOD:
		return "\033[1;32m";
	case STYLE_BAD:
		return "\033[1;31m";
	case STYLE_WARN:
		return "\033[1;33m";
	case STYLE_DIM:
		return "\033[2m";
	case STYLE_NONE:
		break;
	}
	return "";
}

static void style_put(FILE *file, bool color, const char *sequence)
{
	if (color)
		fputs(sequence, file);
}

void output_styled(struct output *output, enum output_style style,
		   const char *format, ...)
{
	bool color = output->color && style != STYLE_NONE;
	va_list arguments;

	if (output->json)
		return;
	style_put(output->out, color, style_begin(style));
	va_start(arguments, format);
	write_clean(output->out, format, arguments);
	va_end(arguments);
	style_put(output->out, color, "\033[0m");
}

/* Text of several lines, the second and later ones behind @indent. */
static void lines_put(FILE *file, const char *text, const char *indent)
{
	for (const char *end; *text; text = end) {
		size_t size = strcspn(text, "\n");

		fwrite(text, 1, size, file);
		fputc('\n', file);
		end = text + size + (text[size] == '\n');
		if (*end)
			fputs(indent, file);
	}
}

static void hints_put(FILE *file, const struct hf_diag *diag)
{
	char text[sizeof(diag->hint)];

	if (!*diag->hint)
		return;
	snprintf(text, sizeof(text), "%s", diag->hint);
	text_clean(text, "\n\t");
	fputs("  hint: ", file);
	lines_put(file, text, "  hint: ");
}

/* What stdout holds belongs before what is said about it on stderr. */
static void error_begin(struct output *output, enum output_style style,
			const char *word)
{
	output_flush(output);
	fputs("hotfix: ", output->err);
	style_put(output->err, output->error_color, style_begin(style));
	fputs(word, output->err);
	style_put(output->err, output->error_color, "\033[0m");
	fputc(' ', output->err);
}

/* Needs no memory: that may be what there is to tell. */
void output_error(struct output *output, const char *subject,
		  const struct hf_diag *diag)
{
	char text[sizeof(diag->message) + 256];

	if (output->json)
		return;
	snprintf(text, sizeof(text), "%s%s%s", subject ? subject : "",
		 subject ? ": " : "", diag->message);
	text_clean(text, "\n\t");
	error_begin(output, STYLE_BAD, "error:");
	lines_put(output->err, text, "  ");
	hints_put(output->err, diag);
}

void output_warning(struct output *output, const char *format, ...)
{
	va_list arguments;

	if (output->json)
		return;
	error_begin(output, STYLE_WARN, "warning:");
	va_start(arguments, format);
	write_clean(output->err, format, arguments);
	va_end(arguments);
	fputc('\n', output->err);
}

void output_unreadable(struct output *output, size_t nr)
{
	if (output->json)
		json_put(output->root, "unreadable",
			 json_integer((json_int_t)nr));
	else if (nr)
		output_warning(output,
			       "%zu process%s may not be read by this "
			       "user and %s not searched",
			       nr, nr == 1 ? "" : "es",
			       nr == 1 ? "was" : "were");
}

enum hf_exit output_failure(struct output *output, const struct hf_diag *diag,
			    enum hf_exit status)
{
	output_error(output, NULL, diag);
	if (!output->json)
		return status;
	json_array_of(output->root, output->list);
	json_put(output->root, "error", json_error(diag));
	return status;
}

void json_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value))
		json_incomplete = true;
}

void json_add(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		json_incomplete = true;
}

bool json_is_incomplete(void)
{
	return json_incomplete;
}

/* Bytes above 127 that are no UTF-8 cannot stand in JSON. */
static json_t *json_ascii(const char *text)
{
	owned(free_p) char *copy = strdup(text);

	if (!copy)
		return NULL;
	for (char *c = copy; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(copy);
}

json_t *json_text(const char *text)
{
	json_t *value;

	if (!text)
		return json_null();
	value = json_string(text);
	return value ? value : json_ascii(text);
}

json_t *json_texts(char *const *texts, size_t nr)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nr; i++)
		json_add(array, json_text(texts[i]));
	return array;
}

json_t *json_address(hf_addr address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	return json_string(text);
}

json_t *json_us(uint64_t ns)
{
	return json_real((double)ns / 1e3);
}

json_t *json_ms(uint64_t ns)
{
	return json_real((double)ns / 1e6);
}

json_t *json_error(const struct hf_diag *diag)
{
	json_t *error = json_object();

	json_put(error, "code", json_text(*diag->code ? diag->code : "failed"));
	json_put(error, "message", json_text(diag->message));
	if (*diag->hint)
		json_put(error, "hint", json_text(diag->hint));
	return error;
}

json_t *json_array_of(json_t *object, const char *key)
{
	json_t *array = json_object_get(object, key);

	if (array)
		return array;
	array = json_array();
	json_put(object, key, array);
	return json_object_get(object, key);
}
