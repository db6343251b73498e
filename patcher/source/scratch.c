#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../command.h"

int scratch_open(struct scratch *ret_scratch, struct hf_diag *diag)
{
	const char *where = getenv("TMPDIR");
	owned(free_p) char *directory =
		text_format("%s/hotfix-diff-XXXXXX",
			    where && *where ? where : "/tmp");
	struct scratch scratch = { 0 };

	if (!directory || !mkdtemp(directory))
		return hf_fail(diag, -errno, "cannot make a directory in %s",
			       where && *where ? where : "/tmp");
	scratch.old = text_format("%s/old", directory);
	scratch.new = text_format("%s/new", directory);
	scratch.part = text_format("%s/part", directory);
	scratch.directory = take_ptr(directory);
	if (!scratch.old || !scratch.new || !scratch.part) {
		scratch_close(&scratch);
		return hf_fail(diag, -ENOMEM, "cannot make a directory");
	}
	*ret_scratch = scratch;
	return 0;
}

static void remove_file(char *path)
{
	if (path)
		unlink(path);
	free(path);
}

void scratch_close(struct scratch *scratch)
{
	if (!scratch->directory)
		return;
	remove_file(scratch->old);
	remove_file(scratch->new);
	remove_file(scratch->part);
	rmdir(scratch->directory);
	free(scratch->directory);
	*scratch = (struct scratch){ 0 };
}

int scratch_write(const char *path, const struct buffer *text,
		  struct hf_diag *diag)
{
	owned(close_p) int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : write_full_at(fd, text->data, text->size, 0);

	return r ? hf_fail(diag, r, "cannot write %s", path) : 0;
}

/* "12" or "12,3", as diff writes them: where nothing is, the line before. */
static const char *parse_range(const char *text, unsigned int *first,
			       unsigned int *nr)
{
	char *end;

	*first = (unsigned int)strtoul(text, &end, 10);
	*nr = 1;
	if (*end == ',')
		*nr = (unsigned int)strtoul(end + 1, &end, 10);
	if (!*nr)
		(*first)++;
	return end;
}

static int parse_changes(const char *text, struct line_change **lines,
			 size_t *nr)
{
	for (; text; text = strchr(text, '\n'), text += text ? 1 : 0) {
		struct line_change *change;

		if (strncmp(text, "@@ -", 4))
			continue;
		change = array_append(*lines, *nr);
		if (!change)
			return -ENOMEM;
		text = parse_range(text + 4, &change->old, &change->nr_old);
		if (strncmp(text, " +", 2))
			return -EBADMSG;
		text = parse_range(text + 2, &change->new, &change->nr_new);
	}
	return 0;
}

static int run_diff(const struct scratch *scratch, struct buffer *ret_output,
		    struct hf_diag *diag)
{
	struct strings arguments = { 0 };
	int status, r = 0;

	r = strings_add_words(&arguments, "diff -a -U0");
	r = r ?: strings_add(&arguments, scratch->old);
	r = r ?: strings_add(&arguments, scratch->new);
	r = r ? hf_fail(diag, r, "cannot run diff") :
		command_capture(&arguments, &status, ret_output, diag);
	strings_release(&arguments);
	if (!r && status > 1) {
		r = hf_error(diag, -EIO, "command-failed", "diff failed: %s",
			     (const char *)ret_output->data);
		buffer_release(ret_output);
	}
	return r;
}

int scratch_line_changes(const struct scratch *scratch,
			 const struct buffer *old, const struct buffer *new,
			 struct line_change **ret_lines, size_t *ret_nr,
			 struct hf_diag *diag)
{
	owned(free_p) struct line_change *lines = NULL;
	struct buffer output = { 0 };
	size_t nr = 0;
	int r = scratch_write(scratch->old, old, diag);

	if (!r)
		r = scratch_write(scratch->new, new, diag);
	if (!r)
		r = run_diff(scratch, &output, diag);
	if (r)
		return r;
	r = parse_changes((const char *)output.data, &lines, &nr);
	buffer_release(&output);
	if (r)
		return hf_fail(diag, r, "cannot read what diff says");
	*ret_lines = take_ptr(lines);
	*ret_nr = nr;
	return 0;
}
