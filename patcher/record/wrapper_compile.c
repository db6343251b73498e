/*
 * A compiler driver. With -c, each source is noted with the digest of its
 * object when the compiler is done. When the driver links, the linker is
 * wrapped as well and sees the objects, also those that the driver makes from
 * sources on its command line and removes again; here is only noted which
 * sources those were:
 *
 *	cc -o prog a.c b.o c.c        drivers/STAMP.json   sources a.c, c.c
 *	└─ ld … /tmp/cc1.o b.o /tmp/cc2.o
 *	                              links/….json         driver STAMP,
 *	                                                   inputs in this order
 *
 * and recording.c puts the two together: in order, a temporary object for each
 * source.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../source/generated.h"
#include "compile_command.h"
#include "journal.h"
#include "object_kind.h"
#include "program_name.h"
#include "wrapper.h"

#define MAX_OBJECT ((size_t)2 << 30)

/* A driver at work. */
struct run {
	const struct wrapper *wrapper;
	struct compile_command command;
	char stamp[STAMP_SIZE];
};

static json_t *describe(const struct run *run)
{
	owned(free_p) char *directory = journal_path(".");

	return json_pack("{s:o, s:o, s:o}", "directory",
			 journal_text(directory ?: ""), "compiler",
			 journal_text(run->wrapper->program), "arguments",
			 journal_list(&run->command.arguments));
}

/* --- -c ------------------------------------------------------------------- */

static int note_object(const struct run *run, const struct command_input *input,
		       const char *output, const struct buffer *object,
		       struct hf_diag *diag)
{
	owned(free_p) char *source = journal_path(input->name);
	owned(free_p) char *path = journal_path(output);
	char digest[DIGEST_TEXT_SIZE], stamp[STAMP_SIZE];
	uint8_t bytes[SHA256_SIZE];
	json_t *record = describe(run);

	sha256(object->data, object->size, bytes);
	hex_encode(bytes, SHA256_SIZE, digest);
	if (!source || !path ||
	    json_object_set_new(record, "source", journal_text(source)) ||
	    json_object_set_new(record, "output", journal_text(path)) ||
	    json_object_set_new(record, "digest", json_string(digest)) ||
	    json_object_set_new(record, "lto",
				json_boolean(object_kind(object->data,
							 object->size) ==
					     OBJECT_LTO)) ||
	    json_object_set_new(record, "assembler",
				json_boolean(input->language != LANGUAGE_C))) {
		json_decref(record);
		record = NULL;
	}
	journal_stamp(stamp);
	return journal_write(run->wrapper->directory, "compiles", stamp, record,
			     diag);
}

static void note_source(const struct run *run,
			const struct command_input *input)
{
	owned(free_p) char *output =
		compile_command_output(&run->command, input);
	struct buffer object = { 0 };
	struct hf_diag diag = { 0 };
	int r = -ENOMEM;

	if (output)
		r = file_read(AT_FDCWD, output, MAX_OBJECT, &object, &diag);
	if (!r && object_kind(object.data, object.size) != OBJECT_OTHER)
		r = note_object(run, input, output, &object, &diag);
	if (r < 0)
		journal_failure(run->wrapper->directory,
				"the object of %s was not recorded: %s",
				input->name, diag.message);
	buffer_release(&object);
}

static void note_sources(const struct run *run)
{
	for (size_t i = 0; i < run->command.nr_inputs; i++)
		if (command_input_is_source(&run->command.inputs[i]))
			note_source(run, &run->command.inputs[i]);
}

/* --- linking -------------------------------------------------------------- */

static json_t *list_inputs(const struct run *run, bool sources)
{
	json_t *list = json_array();

	for (size_t i = 0; i < run->command.nr_inputs; i++) {
		const struct command_input *input = &run->command.inputs[i];
		owned(free_p) char *path = NULL;

		if (command_input_is_source(input) != sources)
			continue;
		path = journal_path(input->name);
		json_array_append_new(list, path ? journal_text(path) : NULL);
	}
	return list;
}

/* Before the linker runs, which names its record after this one. */
static void note_driver(struct run *run)
{
	json_t *record = describe(run);
	struct hf_diag diag = { 0 };

	json_object_set_new(record, "sources", list_inputs(run, true));
	json_object_set_new(record, "files", list_inputs(run, false));
	if (journal_write(run->wrapper->directory, "drivers", run->stamp,
			  record, &diag) < 0)
		journal_failure(run->wrapper->directory, "%s", diag.message);
	setenv("HOTFIX_RECORD_DRIVER", run->stamp, 1);
}

/* Whether the linker was seen at work: it leaves a mark. */
static void check_linker(const struct run *run)
{
	owned(free_p) char *mark =
		text_format("%s/drivers/%s.seen", run->wrapper->directory,
			    run->stamp);

	if (mark && access(mark, F_OK) < 0)
		journal_failure(run->wrapper->directory,
				"the linker that %s started for %s was not seen",
				run->wrapper->program,
				run->command.output ?: "a.out");
}

/* --- running it ------------------------------------------------------------ */

static void restore_file(const struct run *run, const char *path,
			 const struct generated_origin *origin)
{
	struct hf_diag diag = { 0 };

	if (generated_restore_lines(path, ".", origin, &diag) < 0)
		journal_failure(run->wrapper->directory,
				"the lines of %s were not restored: %s", path,
				diag.message);
}

static void restore_included(const struct run *run,
			     const struct generated_origin *origin)
{
	struct strings files = { 0 };
	int r = wrapper_moved_includes(run->wrapper, &run->command, origin,
				       &files);

	if (r < 0)
		journal_failure(run->wrapper->directory,
				"what %s reads was not seen: %s",
				run->command.inputs[0].name, strerror(-r));
	for (size_t i = 0; i < files.nr; i++)
		restore_file(run, files.items[i], origin);
	strings_release(&files);
}

static void restore_lines(const struct run *run, const char *line_map)
{
	const struct generated_origin origin = {
		line_map, getenv("HOTFIX_RECORD_GENERATED")
	};

	for (size_t i = 0; i < run->command.nr_inputs; i++)
		if (run->command.inputs[i].language == LANGUAGE_C)
			restore_file(run, run->command.inputs[i].name, &origin);
	if (origin.generated && run->command.nr_inputs)
		restore_included(run, &origin);
}

/* "OLD=NEW" where that maps something; NULL. */
static const char *useful_map(const char *map)
{
	const char *equals = map ? strchr(map, '=') : NULL;
	size_t size = equals ? (size_t)(equals - map) : 0;

	if (!size || (!strncmp(map, equals + 1, size) && !equals[1 + size]))
		return NULL;
	return map;
}

/*
 * A failure may be ours: an option that this compiler does not know. So it runs
 * once more as the build wanted it. Its messages were printed already.
 */
static int run_again(const struct run *run, int status)
{
	const struct wrapper *wrapper = run->wrapper;
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int errors = dup(STDERR_FILENO), second = status;
	pid_t pid;

	if (nowhere < 0 || errors < 0)
		return status;
	dup2(nowhere, STDERR_FILENO);
	if (!wrapper_start(wrapper, wrapper->arguments, nowhere, &pid))
		second = wrapper_wait(pid);
	dup2(errors, STDERR_FILENO);
	close(errors);
	close(nowhere);
	if (second)
		return status;
	journal_failure(wrapper->directory,
			"%s did not take the options that a recording adds; the last argument was %s",
			wrapper->program,
			run->command.arguments
				.items[run->command.arguments.nr - 1]);
	return 0;
}

static bool is_amended(const struct wrapper *wrapper,
		       const struct strings *command)
{
	size_t nr = 0;

	while (wrapper->arguments[nr])
		nr++;
	return command->nr > nr;
}

/* clang obeys SOURCE_DATE_EPOCH only since its version 16. */
static const char *epoch_for(const struct wrapper *wrapper)
{
	owned(free_p) char *real = realpath(wrapper->program, NULL);

	return strstr(program_base(wrapper->program), "clang") ||
			       (real && strstr(program_base(real), "clang")) ?
		       getenv("SOURCE_DATE_EPOCH") :
		       NULL;
}

static int run_amended(const struct run *run)
{
	const struct wrapper *wrapper = run->wrapper;
	struct strings arguments = { 0 }, command = { 0 };
	int r = compile_command_amend(
		&run->command, wrapper->arguments + 1,
		useful_map(getenv("HOTFIX_RECORD_PREFIX_MAP")),
		epoch_for(wrapper), &arguments);
	int status = 0;
	pid_t pid;

	if (!r)
		r = wrapper_command(wrapper, &arguments, &command);
	if (!r)
		r = wrapper_start(wrapper, command.items, -1, &pid);
	if (r < 0)
		return wrapper_exec(wrapper, wrapper->arguments);
	status = wrapper_wait(pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) &&
	    is_amended(wrapper, &command))
		status = run_again(run, status);
	strings_release(&arguments);
	strings_release(&command);
	return status;
}

static int run_and_note(struct run *run)
{
	const char *line_map = getenv("HOTFIX_RECORD_LINE_MAP");
	bool links = run->command.mode == COMMAND_LINK;
	int status;

	if (line_map)
		restore_lines(run, line_map);
	if (links)
		note_driver(run);
	status = run_amended(run);
	if (!status && links)
		check_linker(run);
	else if (!status)
		note_sources(run);
	return wrapper_end(status);
}

int wrapper_compile(const struct wrapper *wrapper)
{
	struct run run = { .wrapper = wrapper };
	int r = compile_command_parse(wrapper->arguments + 1, &run.command);

	journal_stamp(run.stamp);
	if (r < 0 || run.command.mode == COMMAND_AS_IS) {
		setenv("HOTFIX_RECORD_ACTIVE", "optimiser", 1);
		return wrapper_exec(wrapper, wrapper->arguments);
	}
	r = run_and_note(&run);
	compile_command_release(&run.command);
	return r;
}
