/*
 * hotfix report: one incident on one page, for people who were not there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/cleanup.h"
#include "cmd.h"
#include "incident.h"
#include "publish_file.h"

#define DIGEST_PREFIX_MIN 4

static void incident_json(FILE *to, const json_t *incident)
{
	json_dumpf(incident, to,
		   JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
	fputc('\n', to);
}

static const struct format {
	const char *name;
	void (*write)(FILE *to, const json_t *incident);
} formats[] = {
	{ "md", incident_md },
	{ "html", incident_html },
	{ "json", incident_json },
};

static const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

/* As asked for, else by the end of the file's name. */
static const struct format *format_of(const struct command_line *line)
{
	const char *dot = line->output ? strrchr(line->output, '.') : NULL;
	const struct format *format = NULL;

	if (line->format)
		return format_find(line->format);
	if (dot)
		format = format_find(dot + 1);
	return format ? format : &formats[0];
}

static bool to_file(const struct command_line *line)
{
	return line->output && strcmp(line->output, "-");
}

/* A terminal obeys what a document may hold. */
static void text_send(struct output *output, const char *text, size_t size)
{
	if (output->width)
		output_print(output, "%s", text);
	else
		fwrite(text, 1, size, output->out);
}

static int document_send(const struct command_line *line, const json_t *incident,
			 struct output *output, struct hf_diag *diag)
{
	owned(free_p) char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	bool failed;

	if (!to)
		return hf_fail(diag, -ENOMEM, "cannot write the report");
	format_of(line)->write(to, incident);
	failed = ferror(to);
	if (fclose(to) || failed)
		return hf_fail(diag, -ENOMEM, "cannot write the report");
	if (to_file(line))
		return publish_file(line->output, text, size, 0666, diag);
	text_send(output, text, size);
	return 0;
}

static enum hf_exit report_run(const struct command_line *line,
			       struct output *output)
{
	const struct incident_request request = {
		.subject = line->arguments[0],
		.digest = line->digest,
		.target = line->target,
		.git = line->git,
	};
	struct hf_diag diag = { 0 };
	json_t *incident = NULL;
	int r = incident_gather(&request, &incident, &diag);

	if (r == 0 && (!output->json || to_file(line)))
		r = document_send(line, incident, output, &diag);
	if (r) {
		json_decref(incident);
		return output_failure(output, &diag, diag_exit_status(r));
	}
	if (output->json)
		json_add(json_array_of(output->root, output->list),
			 json_incref(incident));
	else if (to_file(line))
		output_print(output, "%s: the report of %s\n", line->output,
			     incident_text(incident, "patch"));
	json_decref(incident);
	return HF_EXIT_DONE;
}

static int digest_check(const char *digest, struct hf_diag *diag)
{
	size_t size = strlen(digest);

	if (size >= DIGEST_PREFIX_MIN && size <= 2 * SHA256_SIZE &&
	    strspn(digest, "0123456789abcdefABCDEF") == size)
		return 0;
	return hf_error(diag, -EINVAL, "usage",
			"--digest: \"%s\" is not the beginning of a digest: %d "
			"to %d hexadecimal digits", digest, DIGEST_PREFIX_MIN,
			2 * SHA256_SIZE);
}

static int report_check(const struct command_line *line, struct hf_diag *diag)
{
	if (line->format && !format_find(line->format))
		return hf_error(diag, -EINVAL, "usage",
				"--format: \"%s\" is none of md, html and json",
				line->format);
	if (line->json && line->format && !to_file(line) &&
	    strcmp(line->format, "json"))
		return hf_error(diag, -EINVAL, "usage",
				"--json and --format %s both want standard "
				"output: give -o FILE", line->format);
	if (line->output && !*line->output)
		return hf_error(diag, -EINVAL, "usage",
				"--output: the file has no name");
	return line->digest ? digest_check(line->digest, diag) : 0;
}

static const char *const synopsis[] = {
	"NAME [--digest=HEX] [--format=FORM] [-o FILE] [--git=DIR]",
	"FIX [--format=FORM] [-o FILE] [--target=BIN] [--git=DIR]",
	NULL,
};

const struct command command_report = {
	.name = "report",
	.summary = "an incident on one page, for those who were not there",
	.synopsis = synopsis,
	.description =
		"Tells all that is known about a patch: what was broken, what "
		"was changed, what proves\nthat source and program match, when "
		"and on which processes it was applied, by whom and\nwith "
		"which pauses, where it is now, and what is still to be asked. "
		"NAME is that of a\npatch in the ledger, FIX a patch file.\n",
	.examples = "  hotfix report fix-charge\n"
		    "  hotfix report fix-charge -o incident.html\n"
		    "  hotfix report fix-charge --git /src/checkout --format "
		    "json\n",
	.options = OPTION_OUTPUT | OPTION_FORMAT | OPTION_DIGEST | OPTION_GIT |
		   OPTION_TARGET,
	.argument = "the patch (NAME or FIX)",
	.min_arguments = 1,
	.max_arguments = 1,
	.list = "incidents",
	.check = report_check,
	.run = report_run,
};
