/*
 * gcc's link-time optimiser. The linker's plugin starts it with the objects
 * that hold intermediate code, and reads the names of what it made instead:
 *
 *	ld ──► liblto_plugin.so ──► lto-wrapper a.o b.o …
 *	  ◄── /tmp/ccX.ltrans0.ltrans.o	code, of all files together
 *	  ◄── /tmp/ccY.debug.temp.o		what a.o knew of its types and names
 *
 * So what a compiler is to other objects, it is to these: it runs with
 * -ffunction-sections -fdata-sections -g added, and what it made is kept before
 * the plugin removes it. Its options come in COLLECT_GCC_OPTIONS, each word in
 * quotes, from the driver that links; how the program is divided among several
 * runs is left as it is, since the code depends on it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "journal.h"
#include "object_kind.h"
#include "wrapper.h"

#define MAX_OBJECT ((size_t)2 << 30)
#define OPTIONS "COLLECT_GCC_OPTIONS"

/* --- its options ------------------------------------------------------------ */

/*
 * 'word' 'it'\''s': the words of a line that is quoted for a shell. Nothing but
 * quotes and the backslashes between them is understood, or written by gcc.
 */
static int read_quoted(const char *line, struct strings *words)
{
	owned(free_p) char *word = strdup(line);
	bool quoted = false, any = false;
	size_t size = 0;
	int r = word ? 0 : -ENOMEM;

	for (; !r && *line; line++) {
		if (*line == '\'') {
			quoted = !quoted;
			any = true;
		} else if (quoted || (*line == '\\' && line[1])) {
			word[size++] = quoted ? *line : *++line;
		} else if (any) {
			word[size] = '\0';
			r = strings_add(words, word);
			size = 0;
			any = false;
		}
	}
	if (!r && any) {
		word[size] = '\0';
		r = strings_add(words, word);
	}
	return r;
}

/* As compile_command_amend() does for a compiler. */
static int amend_options(const char *options, bool split_dwarf)
{
	owned(free_p) char *amended = text_format(
		"%s '-ffunction-sections' '-fdata-sections' '-g'%s", options,
		split_dwarf ? " '-gno-split-dwarf'" : "");

	return !amended || setenv(OPTIONS, amended, 1) < 0 ? -ENOMEM : 0;
}

/* --- what it made ----------------------------------------------------------- */

/* For the record: the objects' digests, and their names for the linker. */
struct made {
	json_t *objects, *names;
};

static int keep_object(const struct wrapper *wrapper, const char *path,
		       const struct made *made, struct hf_diag *diag)
{
	struct buffer object = { 0 };
	char digest[DIGEST_TEXT_SIZE];
	int r = file_read(AT_FDCWD, path, MAX_OBJECT, &object, diag);

	if (!r && object_kind(object.data, object.size) != OBJECT_OTHER) {
		r = journal_object(wrapper->directory, object.data, object.size,
				   digest, diag);
		if (!r && (json_array_append_new(made->objects,
						 json_string(digest)) ||
			   json_array_append_new(made->names,
						 journal_text(path))))
			r = hf_fail(diag, -ENOMEM, "cannot record");
	}
	buffer_release(&object);
	return r;
}

/* The names come one a line, and go on to the plugin. */
static int keep_objects(const struct wrapper *wrapper, int reader,
			const struct made *made, struct hf_diag *diag)
{
	owned(fclose_p) FILE *stream = fdopen(reader, "r");
	owned(free_p) char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	int r = 0;

	if (!stream) {
		r = -errno;
		close(reader);
		return hf_fail(diag, r, "cannot read its output");
	}
	while ((size = getline(&line, &capacity, stream)) > 0) {
		fwrite(line, 1, (size_t)size, stdout);
		line[strcspn(line, "\n")] = '\0';
		if (!r)
			r = keep_object(wrapper, line, made, diag);
	}
	fflush(stdout);
	return r;
}

static int write_record(const struct wrapper *wrapper,
			const struct strings *options, const struct made *made,
			struct hf_diag *diag)
{
	owned(free_p) char *directory = journal_path(".");
	const char *driver = getenv("COLLECT_GCC");
	json_t *record = json_pack("{s:o, s:o, s:o, s:O, s:O}", "directory",
				   journal_text(directory ?: ""), "compiler",
				   journal_text(driver ?: wrapper->program),
				   "arguments", journal_list(options), "objects",
				   made->objects, "names", made->names);

	return journal_write(wrapper->directory, "optimisers",
			     getenv("HOTFIX_RECORD_OPTIMISER"), record, diag);
}

/* --- running it ------------------------------------------------------------- */

static int run(const struct wrapper *wrapper, const struct made *made,
	       int *ret_status, struct hf_diag *diag)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return hf_fail(diag, -errno, "cannot start it");
	r = wrapper_start(wrapper, wrapper->arguments, ends[1], &pid);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return hf_fail(diag, r, "cannot start it");
	}
	r = keep_objects(wrapper, ends[0], made, diag);
	*ret_status = wrapper_wait(pid);
	return r;
}

static bool has_option(const struct strings *options, const char *option)
{
	for (size_t i = 0; i < options->nr; i++)
		if (!strncmp(options->items[i], option, strlen(option)))
			return true;
	return false;
}

/* Before it runs: nothing of it was done yet when this fails. */
static int prepare(struct strings *ret_options)
{
	const char *options = getenv(OPTIONS);
	int r = options && getenv("HOTFIX_RECORD_OPTIMISER") ? 0 : -ENOENT;

	if (!r)
		r = read_quoted(options, ret_options);
	return r ?: amend_options(options,
				  has_option(ret_options, "-gsplit-dwarf"));
}

int wrapper_optimise(const struct wrapper *wrapper)
{
	struct strings options = { 0 };
	struct hf_diag diag = { 0 };
	struct made made;
	int status = -1, r;

	if (prepare(&options)) {
		strings_release(&options);
		return wrapper_exec(wrapper, wrapper->arguments);
	}
	made = (struct made){ json_array(), json_array() };
	r = run(wrapper, &made, &status, &diag);
	if (!r && !status)
		r = write_record(wrapper, &options, &made, &diag);
	if (r < 0)
		journal_failure(wrapper->directory,
				"what %s made was not recorded: %s",
				wrapper->program, diag.message);
	json_decref(made.objects);
	json_decref(made.names);
	strings_release(&options);
	/* It was never started. */
	if (status == -1)
		return wrapper_exec(wrapper, wrapper->arguments);
	return wrapper_end(status);
}
