/*
 * Reading what hotfix-cc has written, and putting it together:
 *
 *	links/   inputs, by digest ──────► compiles/ that made them
 *	   │ an input that is the result of a partial link: its inputs instead
 *	   ├ temporary inputs, in order ─► sources of drivers/
 *	   └ inputs that the link-time optimiser took ─► what it made: optimisers/
 *
 * A build that continues another one (DIR/earlier names its recording) links
 * objects that were made then. From that recording the compiles and partial
 * links count; what it linked to the end does not.
 *
 * The objects directory is the recording's own, but the records may be damaged:
 * a digest is only used when it is one.
 */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "compile_command.h"
#include "journal.h"
#include "program_name.h"

enum { MAX_RECORD = 64 << 20, MAX_PARTIAL_DEPTH = 32 };

/* A link before it is put together. */
struct raw_link {
	struct link_step step;
	bool relocatable;
	bool earlier; /* of the build before */
	char *digest; /* of a partial link's result; "" otherwise */
	char *driver; /* stamp; "" when none linked */
	char *optimiser; /* stamp; "" when none ran */
	bool *lto;    /* per input */
};

/* A run of the link-time optimiser. */
struct raw_optimiser {
	char *stamp;
	struct compile run;
	struct strings objects; /* paths of the copies */
};

/* A driver that linked. */
struct raw_driver {
	char *stamp;
	char *directory, *compiler;
	struct strings arguments, sources, files;
};

struct reader {
	struct recording *recording;
	const char *directory; /* that is being read */
	bool earlier;	       /* it is that of the build before */
	struct raw_link *links;
	size_t nr_links;
	struct raw_driver *drivers;
	size_t nr_drivers;
	struct raw_optimiser *optimisers;
	size_t nr_optimisers;
	struct hf_diag *diag;
};

/* --- fields of records ------------------------------------------------------ */

/* Sets *ok to false when the field is missing or no text. */
static char *take_text(const json_t *record, const char *name, bool *ok)
{
	char *text = journal_text_of(json_object_get(record, name));

	*ok &= text != NULL;
	return text;
}

static struct strings take_list(const json_t *record, const char *name,
				bool *ok)
{
	const json_t *list = json_object_get(record, name);
	struct strings result = { 0 };

	*ok &= json_is_array(list);
	for (size_t i = 0; i < json_array_size(list); i++) {
		owned(free_p) char *text =
			journal_text_of(json_array_get(list, i));

		*ok &= text && !strings_add(&result, text);
	}
	return result;
}

static bool take_flag(const json_t *record, const char *name, bool *ok)
{
	const json_t *value = json_object_get(record, name);

	*ok &= json_is_boolean(value);
	return json_is_true(value);
}

static char *take_digest(const json_t *record, const char *name, bool *ok)
{
	char *text = take_text(record, name, ok);
	uint8_t bytes[SHA256_SIZE];
	size_t size = 0;

	*ok &= text && !hex_decode(text, sizeof(bytes), bytes, &size) &&
	       size == sizeof(bytes);
	return text;
}

/* --- records ---------------------------------------------------------------- */

static void compile_release(struct compile *compile)
{
	free(compile->directory);
	free(compile->compiler);
	strings_release(&compile->arguments);
	free(compile->source);
	free(compile->output);
	free(compile->digest);
}

static void link_step_release(struct link_step *step)
{
	free(step->directory);
	free(step->output);
	strings_release(&step->arguments);
	for (size_t i = 0; i < step->nr_inputs; i++) {
		free(step->inputs[i].name);
		free(step->inputs[i].object);
		free(step->inputs[i].digest);
	}
	free(step->inputs);
	strings_release(&step->optimised);
	if (step->optimiser)
		compile_release(step->optimiser);
	free(step->optimiser);
}

static struct compile *new_compile(struct reader *reader, bool earlier)
{
	struct recording *recording = reader->recording;

	return earlier ? array_append(recording->earlier,
				      recording->nr_earlier) :
			 array_append(recording->compiles,
				      recording->nr_compiles);
}

static bool read_compile(struct reader *reader, const json_t *record,
			 const char *stamp)
{
	struct compile *compile = new_compile(reader, reader->earlier);
	bool ok = compile != NULL;

	(void)stamp;
	if (!ok)
		return false;
	compile->directory = take_text(record, "directory", &ok);
	compile->compiler = take_text(record, "compiler", &ok);
	compile->arguments = take_list(record, "arguments", &ok);
	compile->source = take_text(record, "source", &ok);
	compile->output = take_text(record, "output", &ok);
	compile->digest = take_digest(record, "digest", &ok);
	compile->lto = take_flag(record, "lto", &ok);
	compile->assembler = take_flag(record, "assembler", &ok);
	return ok;
}

static bool read_input(struct raw_link *link, const json_t *record,
		       const char *directory)
{
	struct link_step *step = &link->step;
	struct link_input *input = array_append(step->inputs, step->nr_inputs);
	bool ok = input != NULL;

	if (!ok)
		return false;
	input->name = take_text(record, "name", &ok);
	input->digest = take_digest(record, "digest", &ok);
	if (ok)
		input->object = journal_object_path(directory, input->digest);
	link->lto[step->nr_inputs - 1] = take_flag(record, "lto", &ok);
	/* Without an optimiser the linker takes what code there is. */
	input->optimised =
		take_flag(record, "intermediate", &ok) && *link->optimiser;
	return ok && input->object;
}

static bool read_link(struct reader *reader, const json_t *record,
		      const char *stamp)
{
	struct raw_link *link = array_append(reader->links, reader->nr_links);
	const json_t *inputs = json_object_get(record, "inputs");
	bool ok = link && json_is_array(inputs);

	(void)stamp;
	if (!ok)
		return false;
	link->earlier = reader->earlier;
	link->step.directory = take_text(record, "directory", &ok);
	link->step.output = take_text(record, "output", &ok);
	link->step.arguments = take_list(record, "arguments", &ok);
	link->relocatable = take_flag(record, "relocatable", &ok);
	link->digest = take_text(record, "digest", &ok);
	link->driver = take_text(record, "driver", &ok);
	link->optimiser = take_text(record, "optimiser", &ok);
	link->lto = calloc(json_array_size(inputs) + 1, sizeof(*link->lto));
	ok &= link->lto != NULL;
	for (size_t i = 0; i < json_array_size(inputs) && ok; i++)
		ok = read_input(link, json_array_get(inputs, i),
				reader->directory);
	return ok;
}

static bool read_driver(struct reader *reader, const json_t *record,
			const char *stamp)
{
	struct raw_driver *driver =
		array_append(reader->drivers, reader->nr_drivers);
	bool ok = driver != NULL;

	if (!ok)
		return false;
	driver->stamp = strdup(stamp);
	driver->directory = take_text(record, "directory", &ok);
	driver->compiler = take_text(record, "compiler", &ok);
	driver->arguments = take_list(record, "arguments", &ok);
	driver->sources = take_list(record, "sources", &ok);
	driver->files = take_list(record, "files", &ok);
	return ok && driver->stamp;
}

/* The digests of objects become their paths. */
static bool read_objects(const struct reader *reader, const json_t *record,
			 struct strings *paths)
{
	bool ok = true;
	struct strings digests = take_list(record, "objects", &ok);

	for (size_t i = 0; i < digests.nr && ok; i++) {
		owned(free_p) char *path = journal_object_path(
			reader->directory, digests.items[i]);

		ok = !strchr(digests.items[i], '/') && path &&
		     !strings_add(paths, path);
	}
	strings_release(&digests);
	return ok;
}

static bool read_optimiser(struct reader *reader, const json_t *record,
			   const char *stamp)
{
	struct raw_optimiser *optimiser =
		array_append(reader->optimisers, reader->nr_optimisers);
	bool ok = optimiser != NULL;

	if (!ok)
		return false;
	optimiser->stamp = strdup(stamp);
	optimiser->run.directory = take_text(record, "directory", &ok);
	optimiser->run.compiler = take_text(record, "compiler", &ok);
	optimiser->run.arguments = take_list(record, "arguments", &ok);
	ok &= read_objects(reader, record, &optimiser->objects);
	return ok && optimiser->stamp;
}

static void drivers_release(struct reader *reader)
{
	for (size_t i = 0; i < reader->nr_drivers; i++) {
		struct raw_driver *driver = &reader->drivers[i];

		free(driver->stamp);
		free(driver->directory);
		free(driver->compiler);
		strings_release(&driver->arguments);
		strings_release(&driver->sources);
		strings_release(&driver->files);
	}
	free(reader->drivers);
}

static void optimisers_release(struct reader *reader)
{
	for (size_t i = 0; i < reader->nr_optimisers; i++) {
		free(reader->optimisers[i].stamp);
		compile_release(&reader->optimisers[i].run);
		strings_release(&reader->optimisers[i].objects);
	}
	free(reader->optimisers);
}

static void reader_release(struct reader *reader)
{
	for (size_t i = 0; i < reader->nr_links; i++) {
		link_step_release(&reader->links[i].step);
		free(reader->links[i].digest);
		free(reader->links[i].driver);
		free(reader->links[i].optimiser);
		free(reader->links[i].lto);
	}
	free(reader->links);
	drivers_release(reader);
	optimisers_release(reader);
}

/* --- directories of records -------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *end)
{
	size_t size = strlen(name), end_size = strlen(end);

	return size > end_size && !strcmp(name + size - end_size, end);
}

/* The names in DIR/KIND that end with @end, in the order of the events. */
static int list_names(const char *directory, const char *kind, const char *end,
		      struct strings *ret_names, struct hf_diag *diag)
{
	owned(free_p) char *path = text_format("%s/%s", directory, kind);
	owned(closedir_p) DIR *stream = path ? opendir(path) : NULL;
	struct strings names = { 0 };
	struct dirent *entry;
	int r = 0;

	if (!stream)
		return hf_fail(diag, path ? -errno : -ENOMEM,
			       "cannot read the recording %s", directory);
	while (!r && (entry = readdir(stream)))
		if (ends_with(entry->d_name, end))
			r = strings_add(&names, entry->d_name);
	if (r < 0) {
		strings_release(&names);
		return hf_fail(diag, r, "cannot read the recording %s",
			       directory);
	}
	if (names.nr)
		qsort(names.items, names.nr, sizeof(*names.items), by_name);
	*ret_names = names;
	return 0;
}

typedef bool read_fn(struct reader *reader, const json_t *record,
		     const char *stamp);

static int read_record(struct reader *reader, const char *kind,
		       const char *name, read_fn *read)
{
	owned(free_p) char *path =
		text_format("%s/%s/%s", reader->directory, kind, name);
	owned(free_p) char *stamp = strndup(name, strlen(name) - 5);
	struct buffer text = { 0 };
	json_t *record;
	int r;

	if (!path || !stamp)
		return hf_fail(reader->diag, -ENOMEM, "cannot read records");
	r = file_read(AT_FDCWD, path, MAX_RECORD, &text, reader->diag);
	if (r < 0)
		return r;
	record = json_loadb((const char *)text.data, text.size, 0, NULL);
	buffer_release(&text);
	if (!json_is_object(record) || !read(reader, record, stamp))
		r = hf_error(reader->diag, -EBADMSG, "recording-damaged",
			     "the record %s of a build is damaged", path);
	json_decref(record);
	return r;
}

static int read_records(struct reader *reader, const char *kind, read_fn *read)
{
	struct strings names = { 0 };
	int r = list_names(reader->directory, kind, ".json", &names,
			   reader->diag);

	for (size_t i = 0; i < names.nr && !r; i++)
		r = read_record(reader, kind, names.items[i], read);
	strings_release(&names);
	return r;
}

static int read_failure(struct reader *reader, const char *name)
{
	owned(free_p) char *path =
		text_format("%s/failures/%s", reader->directory, name);
	struct buffer text = { 0 };
	int r = path ? 0 : -ENOMEM;

	if (!r)
		r = file_read(AT_FDCWD, path, MAX_RECORD, &text, reader->diag);
	if (!r)
		r = strings_add(&reader->recording->failures,
				(const char *)text.data);
	buffer_release(&text);
	return r;
}

static int read_failures(struct reader *reader)
{
	struct strings names = { 0 };
	int r = list_names(reader->directory, "failures", ".txt", &names,
			   reader->diag);

	for (size_t i = 0; i < names.nr && !r; i++)
		r = read_failure(reader, names.items[i]);
	strings_release(&names);
	return r;
}

/* --- sources that were compiled by the driver that linked them ---------------- */

static bool holds(const struct strings *list, const char *text)
{
	for (size_t i = 0; i < list->nr; i++)
		if (!strcmp(list->items[i], text))
			return true;
	return false;
}

static bool is_temporary(const struct raw_driver *driver,
			 const struct link_input *input)
{
	return !ends_with(input->name, ")") &&
	       !holds(&driver->files, input->name);
}

static size_t count_temporary(const struct raw_driver *driver,
			      const struct link_step *step)
{
	size_t nr = 0;

	for (size_t i = 0; i < step->nr_inputs; i++)
		nr += is_temporary(driver, &step->inputs[i]);
	return nr;
}

static int add_driver_compile(struct reader *reader,
			      const struct raw_driver *driver,
			      const char *source, const struct raw_link *link,
			      size_t index)
{
	const struct link_input *input = &link->step.inputs[index];
	struct compile *compile = new_compile(reader, link->earlier);
	int r;

	if (!compile)
		return -ENOMEM;
	compile->directory = strdup(driver->directory);
	compile->compiler = strdup(driver->compiler);
	r = strings_add_all(&compile->arguments, &driver->arguments);
	compile->source = strdup(source);
	compile->output = strdup(input->name);
	compile->digest = strdup(input->digest);
	compile->lto = link->lto[index];
	compile->assembler = ends_with(source, ".s") || ends_with(source, ".S");
	return r || !compile->directory || !compile->compiler ||
			       !compile->source || !compile->output ||
			       !compile->digest ?
		       -ENOMEM :
		       0;
}

static const struct raw_driver *driver_of(const struct reader *reader,
					  const struct raw_link *link)
{
	for (size_t i = 0; i < reader->nr_drivers; i++)
		if (!strcmp(reader->drivers[i].stamp, link->driver))
			return &reader->drivers[i];
	return NULL;
}

/*
 * Temporary objects have another name in every build. They get one that says
 * what they are: "/src/prog-a.o" for a.c of /src/prog.
 */
static int name_temporary(struct link_input *input, const char *output,
			  const char *source)
{
	const char *base = program_base(source);
	size_t size = strcspn(base, ".");
	char *name = text_format("%s-%.*s.o", output, (int)size, base);

	if (!name)
		return -ENOMEM;
	free(input->name);
	input->name = name;
	return 0;
}

/* The next source is where this temporary object comes from. */
static int pair_source(struct reader *reader, const struct raw_link *link,
		       const struct raw_driver *driver, const char *source,
		       size_t index)
{
	struct link_input *input = &link->step.inputs[index];
	int r = name_temporary(input, link->step.output, source);

	return r ? r :
		   add_driver_compile(reader, driver, source, link, index);
}

static int pair_sources(struct reader *reader, const struct raw_link *link)
{
	const struct raw_driver *driver = driver_of(reader, link);
	const struct link_step *step = &link->step;
	size_t source = 0;
	int r = 0;

	if (!driver || !driver->sources.nr)
		return 0;
	if (count_temporary(driver, step) != driver->sources.nr)
		return strings_addf(&reader->recording->failures,
				    "%s was linked from %zu sources at once, "
				    "their objects were not recognised",
				    step->output, driver->sources.nr);
	for (size_t i = 0; i < step->nr_inputs && !r; i++)
		if (is_temporary(driver, &step->inputs[i]))
			r = pair_source(reader, link, driver,
					driver->sources.items[source++], i);
	return r;
}

static int pair_all_sources(struct reader *reader)
{
	int r = 0;

	for (size_t i = 0; i < reader->nr_links && !r; i++)
		r = pair_sources(reader, &reader->links[i]);
	return r;
}

/* --- partial links ------------------------------------------------------------- */

/* The partial link before @end that made an input: by content; or by name, when
   something was done to the object since (objcopy). */
static const struct raw_link *partial_link(const struct reader *reader,
					   const struct link_input *input,
					   size_t end)
{
	const struct raw_link *by_path = NULL;

	while (end--) {
		const struct raw_link *link = &reader->links[end];

		if (!link->relocatable)
			continue;
		if (!strcmp(link->digest, input->digest))
			return link;
		if (!by_path && !strcmp(link->step.output, input->name))
			by_path = link;
	}
	return by_path;
}

/* --- the link-time optimiser -------------------------------------------------- */

static const struct raw_optimiser *optimiser_of(const struct reader *reader,
						const struct raw_link *link)
{
	for (size_t i = 0; i < reader->nr_optimisers && *link->optimiser; i++)
		if (!strcmp(reader->optimisers[i].stamp, link->optimiser))
			return &reader->optimisers[i];
	return NULL;
}

static struct compile *copy_run(const struct compile *run)
{
	struct compile *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->directory = strdup(run->directory);
	copy->compiler = strdup(run->compiler);
	if (strings_add_all(&copy->arguments, &run->arguments) ||
	    !copy->directory || !copy->compiler) {
		compile_release(copy);
		free(copy);
		return NULL;
	}
	return copy;
}

/* A link has one; with partial links that were optimised, several. */
static int add_optimised(const struct reader *reader,
			 const struct raw_link *link, struct link_step *step)
{
	const struct raw_optimiser *optimiser = optimiser_of(reader, link);

	if (!optimiser)
		return 0;
	if (!step->optimiser)
		step->optimiser = copy_run(&optimiser->run);
	return step->optimiser ?
		       strings_add_all(&step->optimised, &optimiser->objects) :
		       -ENOMEM;
}

/* --- all inputs of a link ----------------------------------------------------- */

static int add_input(struct link_step *step, const struct link_input *from,
		     bool optimised)
{
	struct link_input *input;

	for (size_t i = 0; i < step->nr_inputs; i++)
		if (!strcmp(step->inputs[i].name, from->name) &&
		    !strcmp(step->inputs[i].digest, from->digest))
			return 0;
	input = array_append(step->inputs, step->nr_inputs);
	if (!input)
		return -ENOMEM;
	input->name = strdup(from->name);
	input->object = strdup(from->object);
	input->digest = strdup(from->digest);
	input->optimised = optimised;
	return input->name && input->object && input->digest ? 0 : -ENOMEM;
}

/* @optimised: what a partial link has made went into the optimiser as a whole,
   and whatever was made of its inputs before is gone. */
static int add_inputs(const struct reader *reader, const struct raw_link *link,
		      unsigned int depth, bool optimised,
		      struct link_step *step)
{
	size_t index = (size_t)(link - reader->links);
	int r = optimised ? 0 : add_optimised(reader, link, step);

	for (size_t i = 0; i < link->step.nr_inputs && !r; i++) {
		const struct link_input *input = &link->step.inputs[i];
		const struct raw_link *partial =
			partial_link(reader, input, index);
		bool taken = optimised || input->optimised;

		if (partial && depth < MAX_PARTIAL_DEPTH)
			r = add_inputs(reader, partial, depth + 1, taken, step);
		else
			r = add_input(step, input, taken);
	}
	return r;
}

static int add_link(struct reader *reader, const struct raw_link *link)
{
	struct recording *recording = reader->recording;
	struct link_step *step =
		array_append(recording->links, recording->nr_links);
	int r;

	if (!step)
		return -ENOMEM;
	step->directory = strdup(link->step.directory);
	step->output = strdup(link->step.output);
	r = strings_add_all(&step->arguments, &link->step.arguments);
	if (r < 0 || !step->directory || !step->output)
		return -ENOMEM;
	return add_inputs(reader, link, 0, false, step);
}

static int add_links(struct reader *reader)
{
	int r = 0;

	for (size_t i = 0; i < reader->nr_links && !r; i++)
		if (!reader->links[i].relocatable && !reader->links[i].earlier)
			r = add_link(reader, &reader->links[i]);
	return r;
}

/* --- who made it ---------------------------------------------------------------- */

static int by_digest(const void *a, const void *b)
{
	const struct compile *const *first = a, *const *second = b;
	int order = strcmp((*first)->digest, (*second)->digest);

	if (order)
		return order;
	return *first < *second ? -1 : *first > *second;
}

/* "b.o" of "/src/b.o" and "/src/liba.a(b.o)": @size is its length. */
static const char *object_base(const char *name, size_t *size)
{
	const char *open = strrchr(name, '(');
	size_t length = strlen(name);

	if (open && ends_with(name, ")")) {
		*size = length - (size_t)(open + 1 - name) - 1;
		return open + 1;
	}
	open = strrchr(name, '/');
	open = open ? open + 1 : name;
	*size = strlen(open);
	return open;
}

static bool is_earlier(const struct recording *recording,
		       const struct compile *compile)
{
	return recording->nr_earlier && compile >= recording->earlier &&
	       compile < recording->earlier + recording->nr_earlier;
}

/* Of those with the same content: first that with the same name, then that of
   this build. */
static unsigned int likeness(const struct recording *recording,
			     const struct compile *compile,
			     const struct link_input *input)
{
	unsigned int own = !is_earlier(recording, compile);
	size_t first_size, second_size;
	const char *first = object_base(compile->output, &first_size);
	const char *second = object_base(input->name, &second_size);

	if (!strcmp(compile->output, input->name))
		return 4 + own;
	if (first_size == second_size && !memcmp(first, second, first_size))
		return 2 + own;
	return own;
}

/* All compiles, by digest. */
struct makers {
	const struct recording *recording;
	const struct compile **sorted;
	size_t nr;
};

static size_t first_maker(const struct makers *makers, const char *digest)
{
	size_t low = 0, high = makers->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(makers->sorted[middle]->digest, digest) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct compile *made_by(const struct makers *makers,
				     const struct link_input *input)
{
	const struct compile *best = NULL;
	unsigned int best_likeness = 0;

	for (size_t i = first_maker(makers, input->digest);
	     i < makers->nr &&
	     !strcmp(makers->sorted[i]->digest, input->digest);
	     i++) {
		const struct compile *maker = makers->sorted[i];
		unsigned int agreement =
			likeness(makers->recording, maker, input);

		if (!best || agreement > best_likeness) {
			best = maker;
			best_likeness = agreement;
		}
	}
	return best;
}

static const struct compile *last_under_name(const struct compile *compiles,
					     size_t nr, const char *name)
{
	while (nr--)
		if (!strcmp(compiles[nr].output, name))
			return &compiles[nr];
	return NULL;
}

/* An object that was changed after it was compiled (objcopy, strip): the last
   one that was made under this name. */
static const struct compile *made_under_name(const struct recording *recording,
					     const struct link_input *input)
{
	return last_under_name(recording->compiles, recording->nr_compiles,
			       input->name) ?:
		       last_under_name(recording->earlier,
				       recording->nr_earlier, input->name);
}

static void find_step_makers(const struct makers *makers,
			     struct link_step *step)
{
	for (size_t i = 0; i < step->nr_inputs; i++)
		step->inputs[i].compile =
			made_by(makers, &step->inputs[i]) ?:
				made_under_name(makers->recording,
						&step->inputs[i]);
}

static int find_makers(struct recording *recording)
{
	size_t nr = recording->nr_compiles + recording->nr_earlier;
	owned(free_p) const struct compile **sorted =
		calloc(nr + 1, sizeof(*sorted));
	const struct makers makers = { recording, sorted, nr };

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < recording->nr_compiles; i++)
		sorted[i] = &recording->compiles[i];
	for (size_t i = 0; i < recording->nr_earlier; i++)
		sorted[recording->nr_compiles + i] = &recording->earlier[i];
	qsort(sorted, nr, sizeof(*sorted), by_digest);
	for (size_t i = 0; i < recording->nr_links; i++)
		find_step_makers(&makers, &recording->links[i]);
	return 0;
}

/* --- the whole --------------------------------------------------------------------- */

static int put_together(struct reader *reader)
{
	int r = pair_all_sources(reader);

	if (!r)
		r = add_links(reader);
	if (!r)
		r = find_makers(reader->recording);
	return r < 0 ? hf_fail(reader->diag, r, "cannot read the recording") :
		       0;
}

static int read_directory(struct reader *reader, const char *directory)
{
	int r;

	reader->directory = directory;
	r = read_records(reader, "compiles", read_compile);
	if (!r)
		r = read_records(reader, "drivers", read_driver);
	if (!r)
		r = read_records(reader, "optimisers", read_optimiser);
	return r ? r : read_records(reader, "links", read_link);
}

/* The recording of the build before, if there is one. */
static int read_earlier(struct reader *reader, const char *directory)
{
	owned(free_p) char *path = text_format("%s/earlier", directory);
	struct buffer name = { 0 };
	int r;

	if (!path)
		return hf_fail(reader->diag, -ENOMEM, "cannot read records");
	if (access(path, F_OK) < 0)
		return 0;
	r = file_read(AT_FDCWD, path, PATH_MAX, &name, reader->diag);
	reader->earlier = true;
	if (!r)
		r = read_directory(reader, (const char *)name.data);
	reader->earlier = false;
	buffer_release(&name);
	return r;
}

static int read_all(struct reader *reader)
{
	const char *directory = reader->recording->directory;
	int r;

	if (!directory)
		return hf_fail(reader->diag, -ENOMEM, "cannot read records");
	r = read_earlier(reader, directory);
	if (!r)
		r = read_directory(reader, directory);
	if (!r)
		r = read_failures(reader);
	return r ? r : put_together(reader);
}

int recording_read(const char *directory, struct recording *ret_recording,
		   struct hf_diag *diag)
{
	struct recording recording = { .directory = strdup(directory) };
	struct reader reader = { .recording = &recording, .diag = diag };
	int r = read_all(&reader);

	reader_release(&reader);
	if (r < 0)
		recording_release(&recording);
	else
		*ret_recording = recording;
	return r;
}

int recording_continue(const char *directory, const char *earlier,
		       struct hf_diag *diag)
{
	owned(free_p) char *name = journal_path(earlier);

	return name ? journal_note(directory, "earlier", name, diag) :
		      hf_fail(diag, -ENOMEM, "cannot record in %s", directory);
}

static void compiles_release(struct compile *compiles, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		compile_release(&compiles[i]);
	free(compiles);
}

void recording_release(struct recording *recording)
{
	compiles_release(recording->compiles, recording->nr_compiles);
	compiles_release(recording->earlier, recording->nr_earlier);
	for (size_t i = 0; i < recording->nr_links; i++)
		link_step_release(&recording->links[i]);
	free(recording->links);
	strings_release(&recording->failures);
	free(recording->directory);
	*recording = (struct recording){ 0 };
}
