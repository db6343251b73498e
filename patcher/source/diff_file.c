#include "diff_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../array.h"
#include "diff_name.h"
#include "diff_reader.h"

#define DIFF_SIZE_MAX (256u << 20)

static size_t line_size_at(const struct diff_reader *reader, size_t at)
{
	const char *end = memchr(reader->text + at, '\n', reader->size - at);

	return end ? (size_t)(end - reader->text) + 1 - at : reader->size - at;
}

size_t reader_line_size(const struct diff_reader *reader)
{
	return line_size_at(reader, reader->at);
}

void reader_next(struct diff_reader *reader)
{
	reader->at += reader_line_size(reader);
	reader->line++;
}

bool reader_sees(const struct diff_reader *reader, size_t ahead,
		 const char *prefix)
{
	size_t at = reader->at, size = strlen(prefix);

	while (ahead--)
		at += line_size_at(reader, at);
	return reader->size - at >= size &&
	       !memcmp(reader->text + at, prefix, size);
}

static int damaged_name(const struct diff_reader *reader, int r,
			struct hf_diag *diag)
{
	if (r == -EBADMSG) {
		hf_refuse(diag, "diff-malformed",
			  "%s, line %u: a file name is damaged", reader->path,
			  reader->line);
		hf_hint(diag, "get the diff anew, unchanged by an editor, a "
			      "mail program or a web page");
		return -ECANCELED;
	}
	return hf_fail(diag, r, "cannot read %s", reader->path);
}

/* The name behind the first @skip characters of the present line. */
static int read_name(const struct diff_reader *reader, size_t skip, char **name,
		     struct hf_diag *diag)
{
	char *parsed;
	int r = diff_name_parse(reader->text + reader->at + skip,
				reader_line_size(reader) - skip, &parsed, NULL);

	if (r)
		return damaged_name(reader, r, diag);
	free(*name);
	*name = parsed;
	return 0;
}

/* diff(1) dates a file that is not there at the epoch, wherever it runs. */
static bool is_dated_epoch(const struct diff_reader *reader)
{
	static const char *const dates[] = { "\t1970-01-01 ", "\t1969-12-31 ",
					     "\tThu Jan  1 " };
	const char *line = reader->text + reader->at;
	size_t size = reader_line_size(reader);

	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++)
		if (memmem(line, size, dates[i], strlen(dates[i])) &&
		    (i < 2 || memmem(line, size, " 1970", 5)))
			return true;
	return false;
}

static struct diff_section *section_add(struct diff_file *file,
					const struct diff_reader *reader)
{
	struct diff_section *section =
		array_append(file->sections, file->nr_sections);

	if (section)
		section->line = reader->line;
	return section;
}

/* Only git's header says something without a hunk. */
static bool section_is_void(const struct diff_section *section)
{
	return !section->nr_hunks && !section->renames && !section->copies &&
	       !section->new_mode && !section->binary && !section->creates &&
	       !section->removes;
}

static void section_release(struct diff_section *section)
{
	free(section->old_name);
	free(section->new_name);
	free(section->hunks);
}

static mode_t read_mode(const struct diff_reader *reader, size_t skip)
{
	return (mode_t)strtoul(reader->text + reader->at + skip, NULL, 8);
}

/*
 * "diff --git a/NAME b/NAME": without quotes and with blanks, only equal names
 * can be told apart. Other names follow in lines of their own.
 */
static int read_git_names(const struct diff_reader *reader,
			  struct diff_section *section, struct hf_diag *diag)
{
	const char *text = reader->text + reader->at + strlen("diff --git ");
	size_t size = reader_line_size(reader) - strlen("diff --git ");
	size_t used;
	int r;

	while (size && strchr("\r\n", text[size - 1]))
		size--;
	if (size && *text == '"') {
		r = diff_name_parse(text, size, &section->old_name, &used);
		if (!r && used + 1 < size)
			r = diff_name_parse(text + used + 1, size - used - 1,
					    &section->new_name, NULL);
		return r ? damaged_name(reader, r, diag) : 0;
	}
	if (size % 2 == 0 || text[size / 2] != ' ')
		return 0;
	section->old_name = strndup(text, size / 2);
	section->new_name = strndup(text + size / 2 + 1, size / 2);
	return section->old_name && section->new_name ?
		       0 :
		       hf_fail(diag, -ENOMEM, "cannot read %s", reader->path);
}

static int read_bare_name(const struct diff_reader *reader, size_t skip,
			  struct diff_section *section, char **name,
			  struct hf_diag *diag)
{
	const char *text = reader->text + reader->at + skip;
	size_t size = reader_line_size(reader) - skip;

	section->bare = true;
	if (size && *text == '"')
		return read_name(reader, skip, name, diag);
	while (size && strchr("\r\n", text[size - 1]))
		size--;
	free(*name);
	*name = strndup(text, size);
	return *name ? 0 : hf_fail(diag, -ENOMEM, "cannot read a name");
}

/* One line of git's extended header. Return: 1: it was one; 0; -errno. */
static int read_git_line(const struct diff_reader *reader,
			 struct diff_section *section, struct hf_diag *diag)
{
	static const struct {
		const char *prefix;
		enum { OLD_MODE, NEW_MODE, CREATES, REMOVES, FROM, TO, NONE }
			what;
		bool copies;
	} lines[] = {
		{ "old mode ", OLD_MODE, false },
		{ "new mode ", NEW_MODE, false },
		{ "new file mode ", CREATES, false },
		{ "deleted file mode ", REMOVES, false },
		{ "rename from ", FROM, false },
		{ "rename to ", TO, false },
		{ "copy from ", FROM, true },
		{ "copy to ", TO, true },
		{ "similarity index ", NONE, false },
		{ "dissimilarity index ", NONE, false },
		{ "index ", NONE, false },
	};
	size_t i = 0, nr = sizeof(lines) / sizeof(*lines), skip;
	int r = 0;

	while (i < nr && !reader_sees(reader, 0, lines[i].prefix))
		i++;
	if (i == nr)
		return 0;
	skip = strlen(lines[i].prefix);
	switch (lines[i].what) {
	case OLD_MODE:
		section->old_mode = read_mode(reader, skip);
		break;
	case NEW_MODE:
		section->new_mode = read_mode(reader, skip);
		break;
	case CREATES:
		section->creates = true;
		section->new_mode = read_mode(reader, skip);
		break;
	case REMOVES:
		section->removes = true;
		section->old_mode = read_mode(reader, skip);
		break;
	case FROM:
		r = read_bare_name(reader, skip, section, &section->old_name,
				   diag);
		break;
	case TO:
		section->copies = lines[i].copies;
		section->renames = !lines[i].copies;
		r = read_bare_name(reader, skip, section, &section->new_name,
				   diag);
		break;
	case NONE:
		break;
	}
	return r ? r : 1;
}

static int read_git_header(struct diff_file *file, struct diff_reader *reader,
			   struct hf_diag *diag)
{
	struct diff_section *section = section_add(file, reader);
	int r;

	if (!section)
		return hf_fail(diag, -ENOMEM, "cannot read %s", file->path);
	r = read_git_names(reader, section, diag);
	if (r)
		return r;
	do {
		reader_next(reader);
		r = read_git_line(reader, section, diag);
	} while (r > 0);
	return r;
}

static int read_hunks(struct diff_reader *reader, struct diff_section *section,
		      struct hf_diag *diag)
{
	int r = 0;

	while (!r && hunk_begins(reader, section->context)) {
		struct diff_hunk *hunk =
			array_append(section->hunks, section->nr_hunks);

		if (!hunk)
			return hf_fail(diag, -ENOMEM, "cannot read %s",
				       reader->path);
		r = hunk_read(reader, section->context, hunk, diag);
	}
	return r;
}

static bool ends_in_cr(const struct diff_reader *reader)
{
	size_t size = reader_line_size(reader);

	return size >= 2 && reader->text[reader->at + size - 2] == '\r';
}

/* The two lines with names and the hunks behind them. */
static int read_files(struct diff_file *file, struct diff_reader *reader,
		      bool context, struct hf_diag *diag)
{
	struct diff_section *section =
		file->nr_sections ? &file->sections[file->nr_sections - 1] :
				    NULL;
	bool of_git = section && !section->nr_hunks && !section->binary;
	bool old_empty, new_empty;
	int r;

	if (!of_git)
		section = section_add(file, reader);
	if (!section)
		return hf_fail(diag, -ENOMEM, "cannot read %s", file->path);
	section->context = context;
	section->strip_cr = ends_in_cr(reader);
	old_empty = is_dated_epoch(reader) || reader_sees(reader, 0, context ?
				"*** /dev/null" : "--- /dev/null");
	r = section->bare ? 0 : read_name(reader, 4, &section->old_name, diag);
	reader_next(reader);
	new_empty = is_dated_epoch(reader) || reader_sees(reader, 0, context ?
				"--- /dev/null" : "+++ /dev/null");
	if (!r && !section->bare)
		r = read_name(reader, 4, &section->new_name, diag);
	reader_next(reader);
	section->creates |= old_empty;
	section->removes |= new_empty;
	return r ? r : read_hunks(reader, section, diag);
}

static bool says_binary(const struct diff_reader *reader)
{
	static const char differ[] = " differ";
	size_t size = reader_line_size(reader);

	return reader_sees(reader, 0, "GIT binary patch") ||
	       (reader_sees(reader, 0, "Binary files ") &&
		memmem(reader->text + reader->at, size, differ,
		       strlen(differ)));
}

static int read_binary(struct diff_file *file, struct diff_reader *reader,
		       struct hf_diag *diag)
{
	hf_refuse(diag, "diff-binary",
		  "%s, line %u: a change of a binary file cannot be applied",
		  file->path, reader->line);
	hf_hint(diag, "take that part out of the diff if no code is made from "
		      "it: filterdiff -x 'FILE' %s", file->path);
	return -ECANCELED;
}

static int stray_hunk(const struct diff_reader *reader, struct hf_diag *diag)
{
	hf_refuse(diag, "diff-malformed",
		  "%s, line %u: a hunk stands where none may: the one before it "
		  "is longer than it says, or no file was named",
		  reader->path, reader->line);
	hf_hint(diag, "get the diff anew, unchanged by an editor, a mail "
		      "program or a web page");
	return -ECANCELED;
}

static int read_piece(struct diff_file *file, struct diff_reader *reader,
		      struct hf_diag *diag)
{
	if (reader_sees(reader, 0, "diff --git "))
		return read_git_header(file, reader, diag);
	if (reader_sees(reader, 0, "--- ") && reader_sees(reader, 1, "+++ ") &&
	    reader_sees(reader, 2, "@@ -"))
		return read_files(file, reader, false, diag);
	if (reader_sees(reader, 0, "*** ") && reader_sees(reader, 1, "--- ") &&
	    reader_sees(reader, 2, "***************"))
		return read_files(file, reader, true, diag);
	if (says_binary(reader))
		return read_binary(file, reader, diag);
	if (reader_sees(reader, 0, "@@ -"))
		return stray_hunk(reader, diag);
	reader_next(reader);
	return 0;
}

static void drop_void_sections(struct diff_file *file)
{
	size_t nr = 0;

	for (size_t i = 0; i < file->nr_sections; i++) {
		if (section_is_void(&file->sections[i]))
			section_release(&file->sections[i]);
		else
			file->sections[nr++] = file->sections[i];
	}
	file->nr_sections = nr;
}

static int nothing_found(const char *path, struct hf_diag *diag)
{
	hf_refuse(diag, "diff-empty", "%s holds no change of any file", path);
	hf_hint(diag, "unified and context diffs with file names are read: "
		      "git diff, diff -u");
	return -ECANCELED;
}

int diff_file_read(const char *path, struct diff_file *ret_file,
		   struct hf_diag *diag)
{
	struct diff_file file = { .path = path };
	struct diff_reader reader = { .path = path, .line = 1 };
	int r = file_read(AT_FDCWD, path, DIFF_SIZE_MAX, &file.text, diag);

	reader.text = (const char *)file.text.data;
	reader.size = file.text.size;
	while (!r && reader.at < reader.size)
		r = read_piece(&file, &reader, diag);
	if (!r) {
		drop_void_sections(&file);
		if (!file.nr_sections)
			r = nothing_found(path, diag);
	}
	if (r) {
		diff_file_release(&file);
		return r;
	}
	*ret_file = file;
	return 0;
}

void diff_file_release(struct diff_file *file)
{
	for (size_t i = 0; i < file->nr_sections; i++)
		section_release(&file->sections[i]);
	free(file->sections);
	buffer_release(&file->text);
}
