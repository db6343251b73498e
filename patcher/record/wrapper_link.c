/*
 * A linker, most often started by a compiler driver. It runs with its trace
 * turned on; what it prints comes through a pipe, the lines of the trace are
 * kept and all others passed on. When it is done, each object that went in is
 * copied below the recording's directory: at that moment all of them still
 * exist, temporary ones too.
 *
 * Where a trace would be mixed up with what the command prints itself
 * (`-M`, `-t`), or names no file that we find, the files of the command line
 * stand in for it: more than was linked, but never less than what it names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "archive.h"
#include "journal.h"
#include "link_command.h"
#include "object_kind.h"
#include "program_name.h"
#include "wrapper.h"

#define MAX_OBJECT ((size_t)2 << 30)

/* A file that the linker read. */
struct traced {
	char *file;
	char *member; /* of the archive `file`; NULL: the file itself */
};

struct run {
	const struct wrapper *wrapper;
	struct link_command command;
	char optimiser[STAMP_SIZE]; /* how one that it starts names its record */
	json_t *optimiser_record;   /* NULL: none yet */
	bool only_intermediate;	    /* is noted */
	struct traced *traced;
	size_t nr_traced;
	json_t *inputs; /* for the record */
};

/* --- which files count ------------------------------------------------------ */

static bool is_start_file(const char *name)
{
	static const char *const prefixes[] = { "crtbegin", "crtend",
						"crtfastmath", "crtprec" };
	static const char *const names[] = { "crt1.o",	"crti.o",  "crtn.o",
					     "Scrt1.o", "rcrt1.o", "gcrt1.o",
					     "Mcrt1.o", "grcrt1.o" };

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static bool is_below(const char *path, const char *directory)
{
	size_t size = strlen(directory);

	while (size && directory[size - 1] == '/')
		size--;
	return !strncmp(path, directory, size) && path[size] == '/';
}

/*
 * Whether a file is the system's or the compiler's: those are the same in every
 * build. Sources may lie below /usr, too; then HOTFIX_RECORD_TREE says so.
 */
static bool is_system_file(const char *path)
{
	static const char *const directories[] = { "/usr", "/lib", "/lib64",
						   "/lib32" };
	const char *tree = getenv("HOTFIX_RECORD_TREE");

	if ((tree && is_below(path, tree)) || is_below(path, "/usr/src") ||
	    is_below(path, "/usr/local/src"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
		if (is_below(path, directories[i]))
			return true;
	return strstr(path, "/lib/gcc/") || strstr(path, "/lib/clang/") ||
	       is_start_file(program_base(path));
}

/* --- the link-time optimiser ------------------------------------------------ */

/* Its record, once it has left one. Return: whether there is one. */
static bool read_optimiser(struct run *run)
{
	owned(free_p) char *path = NULL;

	if (!run->optimiser_record) {
		path = text_format("%s/optimisers/%s.json",
				   run->wrapper->directory, run->optimiser);
		run->optimiser_record =
			path ? json_load_file(path, 0, NULL) : NULL;
	}
	return run->optimiser_record != NULL;
}

/* What it made for this link, and has kept itself. */
static bool is_optimiser_output(struct run *run, const char *file)
{
	json_t *names, *name;
	size_t i;

	if (!read_optimiser(run))
		return false;
	names = json_object_get(run->optimiser_record, "names");
	json_array_foreach(names, i, name) {
		owned(free_p) char *text = journal_text_of(name);

		if (text && !strcmp(text, file))
			return true;
	}
	return false;
}

/* --- the trace -------------------------------------------------------------- */

static bool is_traced(const struct run *run, const char *file,
		      const char *member)
{
	for (size_t i = 0; i < run->nr_traced; i++)
		if (!strcmp(run->traced[i].file, file) &&
		    !strcmp(run->traced[i].member ?: "", member ?: ""))
			return true;
	return false;
}

/* Takes both. */
static int add_traced(struct run *run, char *file, char *member)
{
	struct traced *traced;

	if (is_traced(run, file, member)) {
		free(file);
		free(member);
		return 0;
	}
	traced = array_append(run->traced, run->nr_traced);
	if (!traced) {
		free(file);
		free(member);
		return -ENOMEM;
	}
	*traced = (struct traced){ file, member };
	return 0;
}

static int read_line(struct run *run, char *line, size_t size)
{
	char *file = NULL, *member = NULL;
	bool ended = line[size - 1] == '\n';
	int r;

	if (ended)
		line[size - 1] = '\0';
	r = link_trace_line(line, &file, &member);
	if (r > 0)
		return add_traced(run, file, member);
	/* Gone already, with the linker. */
	if (!r && is_optimiser_output(run, line))
		return 0;
	if (ended)
		line[size - 1] = '\n';
	fwrite(line, 1, size, stdout);
	return r;
}

/* To the end, whatever happens: the linker must not be stopped by us. */
static int read_trace(struct run *run, int reader)
{
	owned(fclose_p) FILE *stream = fdopen(reader, "r");
	owned(free_p) char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	int r = 0;

	if (!stream) {
		r = -errno;
		close(reader);
		return r;
	}
	while ((size = getline(&line, &capacity, stream)) > 0) {
		int error = read_line(run, line, (size_t)size);

		r = r ? r : error;
	}
	fflush(stdout);
	return r;
}

static int trace_files(struct run *run)
{
	int r = 0;

	for (size_t i = 0; i < run->command.files.nr && !r; i++) {
		char *file = strdup(run->command.files.items[i]);

		r = file ? add_traced(run, file, NULL) : -ENOMEM;
	}
	return r;
}

/* --- keeping the objects ------------------------------------------------------ */

static int note_input(struct run *run, char *name, const void *data,
		      size_t size, struct hf_diag *diag)
{
	enum object_kind kind = object_kind(data, size);
	bool intermediate = object_is_intermediate(data, size);
	char digest[DIGEST_TEXT_SIZE];
	int r;

	if (kind == OBJECT_OTHER || (run->only_intermediate && !intermediate))
		return 0;
	r = journal_object(run->wrapper->directory, data, size, digest, diag);
	if (!r && json_array_append_new(
			  run->inputs,
			  json_pack("{s:o, s:s, s:b, s:b}", "name",
				    journal_text(name), "digest", digest, "lto",
				    kind == OBJECT_LTO, "intermediate",
				    intermediate)))
		r = hf_fail(diag, -ENOMEM, "cannot record");
	return r;
}

static int note_file(struct run *run, const char *path, struct hf_diag *diag)
{
	struct buffer object = { 0 };
	int r = file_read(AT_FDCWD, path, MAX_OBJECT, &object, diag);

	if (!r)
		r = note_input(run, (char *)path, object.data, object.size,
			       diag);
	buffer_release(&object);
	return r;
}

static int note_member(struct run *run, const char *archive,
		       const struct archive_member *member,
		       struct hf_diag *diag)
{
	owned(free_p) char *name = NULL;

	/* Of a thin archive: a file like any other. */
	if (member->path) {
		name = journal_path(member->path);
		return name ? note_file(run, name, diag) : -ENOMEM;
	}
	name = text_format("%s(%s)", archive, member->name);
	return name ? note_input(run, name, member->data, member->size, diag) :
		      -ENOMEM;
}

/* Whether the trace means this member; gold gives thin ones' base names. */
static bool is_member(const struct archive_member *member, const char *wanted)
{
	return !wanted || !strcmp(member->name, wanted) ||
	       (member->path && !strcmp(program_base(member->path),
					program_base(wanted)));
}

/* @wanted: a member's name, of which there may be several; NULL: all. */
static int note_archive(struct run *run, const char *path, const char *wanted,
			struct hf_diag *diag)
{
	owned(archive_close_p) struct archive *archive = NULL;
	struct archive_member member;
	int r = archive_open(path, &archive, diag), next;

	while (!r && (next = archive_next(archive, &member, diag)) != 0) {
		if (next < 0)
			return next;
		if (is_member(&member, wanted))
			r = note_member(run, path, &member, diag);
		archive_member_release(&member);
	}
	return r;
}

static bool is_archive(const char *path)
{
	owned(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[8];

	return fd >= 0 && !read_full_at(fd, magic, sizeof(magic), 0) &&
	       (!memcmp(magic, "!<arch>\n", 8) ||
		!memcmp(magic, "!<thin>\n", 8));
}

/* @whole: an archive by itself means all of its members. GNU ld's trace names
   it and then the members that it takes. */
static int note_traced(struct run *run, const struct traced *traced, bool whole,
		       struct hf_diag *diag)
{
	owned(free_p) char *path = journal_path(traced->file);
	struct stat status;

	if (!path)
		return hf_fail(diag, -ENOMEM, "cannot record");
	if (is_system_file(path) || is_optimiser_output(run, traced->file) ||
	    stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return 0;
	if (traced->member)
		return note_archive(run, path, traced->member, diag);
	if (is_archive(path))
		return whole ? note_archive(run, path, NULL, diag) : 0;
	return note_file(run, path, diag);
}

static bool has_intermediate(const struct run *run)
{
	const json_t *input;
	size_t i;

	json_array_foreach(run->inputs, i, input)
		if (json_is_true(json_object_get(input, "intermediate")))
			return true;
	return false;
}

/* gold's trace leaves out what its plugin has taken. */
static int note_untraced(struct run *run, struct hf_diag *diag)
{
	size_t first = run->nr_traced;
	int r = trace_files(run);

	run->only_intermediate = true;
	for (size_t i = first; i < run->nr_traced && !r; i++)
		r = note_traced(run, &run->traced[i], true, diag);
	return r;
}

static int note_all(struct run *run, bool whole, struct hf_diag *diag)
{
	int r = 0;

	run->inputs = json_array();
	for (size_t i = 0; i < run->nr_traced && !r; i++)
		r = note_traced(run, &run->traced[i], whole, diag);
	if (!r && read_optimiser(run) && !has_intermediate(run))
		r = note_untraced(run, diag);
	return r;
}

/* --- the record ---------------------------------------------------------------- */

/* A partial link is an object for another link, which knows it by this. */
static json_t *digest_of_output(const struct run *run)
{
	struct buffer object = { 0 };
	char digest[DIGEST_TEXT_SIZE] = "";
	uint8_t bytes[SHA256_SIZE];

	if (run->command.relocatable &&
	    !file_read(AT_FDCWD, run->command.output, MAX_OBJECT, &object,
		       NULL)) {
		sha256(object.data, object.size, bytes);
		hex_encode(bytes, SHA256_SIZE, digest);
	}
	buffer_release(&object);
	return json_string(digest);
}

static int write_record(struct run *run, struct hf_diag *diag)
{
	owned(free_p) char *directory = journal_path(".");
	owned(free_p) char *output = journal_path(run->command.output);
	const char *driver = getenv("HOTFIX_RECORD_DRIVER");
	char stamp[STAMP_SIZE];
	json_t *record = json_pack(
		"{s:o, s:o, s:o, s:b, s:o, s:s, s:s, s:O}", "directory",
		journal_text(directory ?: ""), "output",
		journal_text(output ?: run->command.output), "arguments",
		journal_list(&run->command.arguments), "relocatable",
		run->command.relocatable, "digest", digest_of_output(run),
		"driver", driver ?: "", "optimiser",
		read_optimiser(run) ? run->optimiser : "", "inputs", run->inputs);

	journal_stamp(stamp);
	return journal_write(run->wrapper->directory, "links", stamp, record,
			     diag);
}

/* Tells the driver's wrapper that we were here. */
static void leave_mark(const struct run *run)
{
	const char *driver = getenv("HOTFIX_RECORD_DRIVER");
	owned(free_p) char *path =
		text_format("%s/drivers/%s.seen", run->wrapper->directory,
			    driver ?: "");
	owned(close_p) int fd = -1;

	if (driver && path)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
}

static void note_link(struct run *run, bool whole)
{
	struct hf_diag diag = { 0 };
	int r = 0;

	if (!run->nr_traced) {
		whole = true;
		r = trace_files(run);
	}
	if (!r)
		r = note_all(run, whole, &diag);
	if (!r)
		r = write_record(run, &diag);
	if (r < 0)
		journal_failure(run->wrapper->directory,
				"the link of %s was not recorded: %s",
				run->command.output, diag.message);
	json_decref(run->inputs);
}

/* --- running it ------------------------------------------------------------------ */

static int amend(const struct run *run, struct strings *ret_command)
{
	struct strings arguments = { 0 };
	int r = strings_add_words(&arguments, "-t -t");

	for (char **next = run->wrapper->arguments + 1; *next && !r; next++)
		r = strings_add(&arguments, *next);
	if (!r)
		r = wrapper_command(run->wrapper, &arguments, ret_command);
	strings_release(&arguments);
	return r;
}

/* Return: 0 and the linker's status; -errno when it was not started. */
static int run_traced(struct run *run, int *ret_status)
{
	struct strings command = { 0 };
	int ends[2], r;
	pid_t pid;

	r = amend(run, &command);
	if (!r && pipe2(ends, O_CLOEXEC) < 0)
		r = -errno;
	if (!r) {
		r = wrapper_start(run->wrapper, command.items, ends[1], &pid);
		close(ends[1]);
		if (r < 0)
			close(ends[0]);
	}
	strings_release(&command);
	if (r < 0)
		return r;
	if (read_trace(run, ends[0]) < 0)
		journal_failure(run->wrapper->directory,
				"the trace of the link of %s is incomplete",
				run->command.output);
	*ret_status = wrapper_wait(pid);
	return 0;
}

static int run_plainly(const struct run *run, int *ret_status)
{
	pid_t pid;
	int r = wrapper_start(run->wrapper, run->wrapper->arguments, -1, &pid);

	if (!r)
		*ret_status = wrapper_wait(pid);
	return r;
}

static void run_release(struct run *run)
{
	for (size_t i = 0; i < run->nr_traced; i++) {
		free(run->traced[i].file);
		free(run->traced[i].member);
	}
	free(run->traced);
	json_decref(run->optimiser_record);
	link_command_release(&run->command);
}

int wrapper_link(const struct wrapper *wrapper)
{
	struct run run = { .wrapper = wrapper };
	int status = 0, r;

	r = link_command_parse(wrapper->arguments + 1, &run.command);
	journal_stamp(run.optimiser);
	if (!r && run.command.links)
		r = setenv("HOTFIX_RECORD_OPTIMISER", run.optimiser, 1) ?
			    -ENOMEM :
			    0;
	if (!r && run.command.links)
		r = run.command.talkative ? run_plainly(&run, &status) :
					    run_traced(&run, &status);
	if (r < 0 || !run.command.links)
		return wrapper_exec(wrapper, wrapper->arguments);
	leave_mark(&run);
	if (!status)
		note_link(&run, run.command.talkative);
	run_release(&run);
	return wrapper_end(status);
}
