#include "section_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../command.h"
#include "mismatch.h"

/* What patch(1) does of itself. */
#define FUZZ_DEFAULT 2
#define RESULT_SIZE_MAX (1u << 30)

static void write_hunk(FILE *out, const struct diff_file *file,
		       const struct diff_section *section,
		       const struct diff_hunk *hunk)
{
	const char *text = (const char *)file->text.data + hunk->at;

	for (size_t i = 0; i < hunk->size; i++)
		if (!section->strip_cr || text[i] != '\r' ||
		    i + 1 == hunk->size || text[i + 1] != '\n')
			putc(text[i], out);
	if (hunk->size && text[hunk->size - 1] != '\n')
		putc('\n', out);
	for (unsigned int i = 0; i < hunk->padding; i++)
		fputs(" \n", out);
}

static int write_part(const struct scratch *scratch,
		      const struct diff_file *file,
		      const struct diff_section *section, struct hf_diag *diag)
{
	FILE *out = fopen(scratch->part, "we");
	int r = 0;

	if (!out)
		return hf_fail(diag, -errno, "cannot create %s", scratch->part);
	fputs(section->context ? "*** old\n--- new\n" : "--- old\n+++ new\n",
	      out);
	for (size_t i = 0; i < section->nr_hunks; i++)
		write_hunk(out, file, section, &section->hunks[i]);
	if (ferror(out))
		r = -EIO;
	if (fclose(out))
		r = -errno;
	return r ? hf_fail(diag, r, "cannot write %s", scratch->part) : 0;
}

/* Return: 0: applied; 1: did not; -errno. */
static int try(const struct scratch *scratch,
	       const struct diff_section *section, unsigned int fuzz,
	       bool reverse, struct buffer *ret_output, struct hf_diag *diag)
{
	struct strings arguments = { 0 };
	int status = 0, r;

	unlink(scratch->new);
	r = strings_addf(&arguments, "patch");
	r = r ?: strings_add(&arguments, section->context ? "-c" : "-u");
	r = r ?: strings_add_words(&arguments, "-f --binary -r - -o");
	r = r ?: strings_add(&arguments, scratch->new);
	r = r ?: strings_addf(&arguments, "-F%u", fuzz);
	if (reverse)
		r = r ?: strings_add(&arguments, "-R");
	r = r ?: strings_add(&arguments, scratch->old);
	r = r ?: strings_add(&arguments, scratch->part);
	r = r ? hf_fail(diag, r, "cannot run patch") :
		command_capture(&arguments, &status, ret_output, diag);
	strings_release(&arguments);
	if (r || status < 2)
		return r ? r : status;
	hf_refuse(diag, "diff-malformed", "patch cannot read the diff: %s",
		  (const char *)ret_output->data);
	buffer_release(ret_output);
	return -ECANCELED;
}

/* Whether what was tried applies; patch's words are dropped. */
static int try_quietly(const struct scratch *scratch,
		       const struct diff_section *section, bool reverse,
		       struct hf_diag *diag)
{
	struct buffer output = { 0 };
	int r = try(scratch, section, 0, reverse, &output, diag);

	buffer_release(&output);
	return r;
}

/* "Hunk #2 succeeded at 17 with fuzz 1 (offset 3 lines)." */
static int warn_of_fuzz(const struct diff_file *file,
			const struct diff_section *section, const char *name,
			const char *output, struct strings *warnings)
{
	int r = 0;

	while (!r && (output = strstr(output, "Hunk #"))) {
		unsigned int hunk, at, fuzz;

		if (sscanf(output, "Hunk #%u succeeded at %u with fuzz %u",
			   &hunk, &at, &fuzz) == 3 &&
		    hunk && hunk <= section->nr_hunks)
			r = strings_addf(
				warnings,
				"%s: hunk %u of %s (line %u of the diff) "
				"applied at line %u only with fuzz %u: %s",
				file->path, hunk, name,
				section->hunks[hunk - 1].line, at, fuzz,
				"what surrounds it has changed; see whether "
				"it stands in the right place");
		output += strlen("Hunk #");
	}
	return r;
}

static size_t first_failed(const struct diff_section *section,
			   const char *output)
{
	while ((output = strstr(output, "Hunk #"))) {
		char *end;
		unsigned long hunk = strtoul(output + 6, &end, 10);

		if (!strncmp(end, " FAILED", 7) && hunk &&
		    hunk <= section->nr_hunks)
			return hunk - 1;
		output = end;
	}
	return 0;
}

static int refuse_applied(const struct diff_file *file, const char *name,
			  struct hf_diag *diag)
{
	hf_refuse(diag, "diff-applied-already", "%s is in the source already: %s",
		  file->path, name);
	hf_hint(diag, "--source must hold the source that the running program "
		      "was built from, without the fix");
	return -ECANCELED;
}

static int refuse(const struct diff_file *file,
		  const struct diff_section *section, const char *name,
		  const struct buffer *old, const char *output,
		  struct hf_diag *diag)
{
	size_t failed = first_failed(section, output);

	hf_refuse(diag, "diff-does-not-apply",
		  "%s does not apply to %s: hunk %zu of %zu (line %u of the "
		  "diff)", file->path, name, failed + 1, section->nr_hunks,
		  section->hunks[failed].line);
	mismatch_describe(file, section, &section->hunks[failed], old, diag);
	hf_hint(diag, "get the fix for this version of the source, or adapt "
		      "the hunk by hand; nothing was changed");
	return -ECANCELED;
}

static int read_result(const struct scratch *scratch, struct buffer *ret_new,
		       struct hf_diag *diag)
{
	return file_read(AT_FDCWD, scratch->new, RESULT_SIZE_MAX, ret_new,
			 diag);
}

/* Lines that were put in for lost ones must fit: fuzz would not look. */
static bool is_complete(const struct diff_section *section)
{
	for (size_t i = 0; i < section->nr_hunks; i++)
		if (section->hunks[i].padding)
			return false;
	return true;
}

static int apply_with_fuzz(const struct scratch *scratch,
			   const struct diff_file *file,
			   const struct diff_section *section,
			   const char *name, const struct buffer *old,
			   struct buffer *ret_new, struct strings *warnings,
			   struct hf_diag *diag)
{
	struct buffer output = { 0 };
	unsigned int fuzz = is_complete(section) ? FUZZ_DEFAULT : 0;
	int r = try(scratch, section, fuzz, false, &output, diag);

	if (r < 0)
		return r;
	if (r)
		r = refuse(file, section, name, old, (const char *)output.data,
			   diag);
	else if (warn_of_fuzz(file, section, name, (const char *)output.data,
			      warnings))
		r = hf_fail(diag, -ENOMEM, "cannot apply %s", file->path);
	buffer_release(&output);
	return r ? r : read_result(scratch, ret_new, diag);
}

int section_apply(const struct scratch *scratch, const struct diff_file *file,
		  const struct diff_section *section, const char *name,
		  const struct buffer *old, struct buffer *ret_new,
		  struct strings *warnings, struct hf_diag *diag)
{
	int r = scratch_write(scratch->old, old, diag);

	if (!r)
		r = write_part(scratch, file, section, diag);
	if (!r)
		r = try_quietly(scratch, section, false, diag);
	if (!r)
		return read_result(scratch, ret_new, diag);
	/* With fuzz, a change that is there might be made once more. */
	if (r > 0)
		r = try_quietly(scratch, section, true, diag);
	if (r < 0)
		return r;
	if (!r)
		return refuse_applied(file, name, diag);
	return apply_with_fuzz(scratch, file, section, name, old, ret_new,
			       warnings, diag);
}
