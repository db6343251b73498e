/*
 * What may be done to a process that runs, and what may not.
 *
 * Run by tests/live/judge.t.
 *
 * Two versions of small programs are compiled, compared and judged as a diff
 * between them would be: real compilers' objects, debug information and links.
 * Each case is one table entry; all run with gcc and, where it is installed,
 * with clang.
 */
#include "../tap.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "../../lib/arch/arch.h"
#include "../../lib/digest.h"
#include "../../lib/insn.h"
#include "../../lib/io.h"
#include "../../patcher/diff/compare.h"
#include "../../patcher/diff/correlate.h"
#include "../../patcher/diff/judge.h"
#include "../../patcher/diff/pair.h"
#include "../../patcher/diff/select.h"

#define NR_FILES 3
#define NR_WORDS 4

struct file {
	const char *name;
	const char *before, *after; /* NULL: it is not there; equal: the same */
};

struct sample {
	const char *name;
	struct file files[NR_FILES];
	const char *flags; /* NULL: an executable, -O2 */
	const char *link;  /* NULL: as is */
	const char *force, *allow; /* options */
	const char *code;	   /* NULL: it may be done */
	const char *says[NR_WORDS];  /* message, hint */
	const char *warns[NR_WORDS]; /* warnings, overrides, left out */
	const char *silent;	     /* stands in none of these */
};

static char directory[] = "/tmp/hotfix-judge.XXXXXX";

/* ---- files and compilers ------------------------------------------------ */

static int remove_entry(const char *path, const struct stat *status, int kind,
			struct FTW *level)
{
	(void)status, (void)kind, (void)level;
	return remove(path);
}

static void clean_up(void)
{
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static bool __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char words[800], line[1000];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "cd %s && %s", directory, words);
	return system(line) == 0;
}

static bool have(const char *program)
{
	return run("command -v %s >/dev/null", program);
}

static char *__attribute__((format(printf, 1, 2)))
path_of(const char *format, ...)
{
	char rest[300], *path;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(rest, sizeof(rest), format, arguments);
	va_end(arguments);
	return asprintf(&path, "%s/%s", directory, rest) < 0 ? NULL : path;
}

static bool is_code(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (!strcmp(dot, ".c") || !strcmp(dot, ".s"));
}

/* ---- one version: sources, objects, program ------------------------------ */

struct version {
	const char *name; /* "old", "new" */
	struct recording recording;
	struct link_step link;
};

static bool write_file(const char *name, const char *text)
{
	char *path = path_of("src/%s", name);
	FILE *file;

	if (!text) {
		unlink(path);
		free(path);
		return true;
	}
	file = fopen(path, "w");
	free(path);
	if (!file)
		return false;
	fputs(text, file);
	return !fclose(file);
}

static char *digest_of(const char *path)
{
	struct buffer bytes = { 0 };
	uint8_t digest[SHA256_SIZE];
	char *text = calloc(1, HEX_SIZE(SHA256_SIZE));

	if (file_read(AT_FDCWD, path, 16u << 20, &bytes, NULL))
		return text;
	sha256(bytes.data, bytes.size, digest);
	hex_encode(digest, SHA256_SIZE, text);
	buffer_release(&bytes);
	return text;
}

static bool add_object(struct version *version, const char *name)
{
	struct link_input *input =
		array_append(version->link.inputs, version->link.nr_inputs);

	input->name = strdup(name);
	input->object = path_of("%s/%s.o", version->name, name);
	input->digest = digest_of(input->object);
	return *input->digest;
}

static void add_compile(struct version *version, const char *name)
{
	struct compile *compile = array_append(version->recording.compiles,
					       version->recording.nr_compiles);

	compile->source = path_of("src/%s", name);
	compile->assembler = strstr(name, ".s") != NULL;
}

/* What is the same in both versions, or in all samples, is compiled once. */
static bool reuse(const struct version *version, const char *name,
		  const char *compiler, bool is_same)
{
	if (is_same && !strcmp(version->name, "new"))
		return run("ln old/%s.o new/%s.o", name, name);
	return is_same && !strcmp(name, "main.c") &&
	       run("test -e main.%s.o && ln main.%s.o %s/main.c.o", compiler,
		   compiler, version->name);
}

static bool run_compiler(const struct version *version, const char *name,
			 const char *compiler, const char *flags)
{
	return run("cd src && %s -g -ffunction-sections -fdata-sections %s -c "
		   "%s -o ../%s/%s.o 2>../log",
		   compiler, flags, name, version->name, name) &&
	       (strcmp(name, "main.c") || run("ln old/main.c.o main.%s.o",
					      compiler));
}

/* "raw.c" comes from nobody knows where, "other.c" is of another program. */
static bool compile_file(struct version *version, const struct file *file,
			 const char *compiler, const char *flags)
{
	const char *name = file->name;
	bool is_same = file->before && file->after &&
		       !strcmp(file->before, file->after);

	if (!reuse(version, name, compiler, is_same) &&
	    !run_compiler(version, name, compiler, flags))
		return false;
	if (strcmp(name, "raw.c"))
		add_compile(version, name);
	return !strcmp(name, "other.c") || add_object(version, name);
}

static void find_compiles(struct version *version)
{
	for (size_t i = 0; i < version->link.nr_inputs; i++)
		for (size_t k = 0; k < version->recording.nr_compiles; k++)
			if (strstr(version->recording.compiles[k].source,
				   version->link.inputs[i].name))
				version->link.inputs[i].compile =
					&version->recording.compiles[k];
}

static bool make_version(struct version *version, const struct sample *sample,
			 const char *compiler)
{
	bool is_new = !strcmp(version->name, "new");

	for (size_t i = 0; i < NR_FILES && sample->files[i].name; i++) {
		const struct file *file = &sample->files[i];

		if (!write_file(file->name,
				is_new ? file->after : file->before))
			return false;
	}
	for (size_t i = 0; i < NR_FILES && sample->files[i].name; i++) {
		const struct file *file = &sample->files[i];

		if (is_code(file->name) &&
		    (is_new ? file->after : file->before) &&
		    !compile_file(version, file, compiler,
				  sample->flags ?: "-O2"))
			return false;
	}
	find_compiles(version);
	return is_new || run("cd old && rm -f other.c.o && %s %s -o ../target "
			     "*.o",
			     compiler, sample->link ?: "");
}

static void release_version(struct version *version)
{
	for (size_t i = 0; i < version->recording.nr_compiles; i++)
		free(version->recording.compiles[i].source);
	free(version->recording.compiles);
	for (size_t i = 0; i < version->link.nr_inputs; i++) {
		free(version->link.inputs[i].name);
		free(version->link.inputs[i].object);
		free(version->link.inputs[i].digest);
	}
	free(version->link.inputs);
}

/* ---- the judge ---------------------------------------------------------- */

struct trial {
	struct options options;
	struct build build;
	struct manifest manifest;
	struct change_set set;
	struct hf_diag diag;
	int result;
};

static int list_changes(const struct sample *sample, struct source_changes *to)
{
	for (size_t i = 0; i < NR_FILES && sample->files[i].name; i++) {
		const struct file *file = &sample->files[i];
		struct source_change *change;

		if (file->before && file->after &&
		    !strcmp(file->before, file->after))
			continue;
		change = array_append(to->items, to->nr);
		change->kind = !file->before ? SOURCE_ADDED :
			       !file->after  ? SOURCE_REMOVED :
					       SOURCE_MODIFIED;
		change->path = strdup(file->name);
	}
	return 0;
}

static int compare_all(struct change_set *set, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < set->nr_pairs && !r; i++) {
		struct unit_pair *pair = &set->pairs[i];

		if (pair->original && pair->patched)
			r = correlate_units(pair->original, pair->patched,
					    diag) ?:
				    compare_units(pair->original,
						  pair->patched, diag);
	}
	return r ?: select_changes(set, diag);
}

static int open_target(struct trial *trial)
{
	char *path = path_of("target");
	struct build *build = &trial->build;
	int r = target_open(path, &build->target, &trial->diag);

	trial->options.target = path;
	build->options = &trial->options;
	build->manifest = &trial->manifest;
	if (!r)
		r = debuginfo_open(build->target, &trial->options,
				   &build->debuginfo, &trial->diag);
	if (!r)
		r = symbols_read(build->target, build->debuginfo,
				 &build->symbols, &trial->diag);
	return r ?: insn_decoder_new(build->target->arch, &build->decoder,
				     &trial->diag);
}

static int judge(struct trial *trial, const struct version *old,
		 const struct version *new, const struct sample *sample)
{
	int r = open_target(trial);

	if (sample->force)
		strings_add_words(&trial->options.force_data, sample->force);
	if (sample->allow)
		strings_add(&trial->options.allow_layout, sample->allow);
	list_changes(sample, &trial->set.sources);
	trial->set.original_build = old->recording;
	trial->set.patched_build = new->recording;
	if (!r)
		r = pair_objects(&old->link, &new->link, &trial->set,
				 &trial->diag);
	if (!r)
		r = compare_all(&trial->set, &trial->diag);
	return r ?: judge_changes(&trial->build, &trial->set, &trial->diag);
}

static void release_trial(struct trial *trial)
{
	/* Those are the versions'. */
	trial->set.original_build = (struct recording){ 0 };
	trial->set.patched_build = (struct recording){ 0 };
	source_changes_release(&trial->set.sources);
	change_set_release(&trial->set);
	for (size_t i = 0; i < trial->manifest.nr_overrides; i++)
		free(trial->manifest.overrides[i]);
	free(trial->manifest.overrides);
	insn_decoder_free(trial->build.decoder);
	symbols_release(&trial->build.symbols);
	if (trial->build.debuginfo)
		debuginfo_close(trial->build.debuginfo);
	if (trial->build.target)
		target_close(trial->build.target);
	strings_release(&trial->build.warnings);
	strings_release(&trial->options.force_data);
	strings_release(&trial->options.allow_layout);
	free((char *)trial->options.target);
}

/* ---- expectations ------------------------------------------------------- */

static void append(char *text, size_t size, char *const *lines, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		size_t used = strlen(text);

		snprintf(text + used, size - used, "%s\n", lines[i]);
	}
}

/* All that is said beside the refusal. */
static void notes_of(const struct trial *trial, char *text, size_t size)
{
	*text = '\0';
	append(text, size, trial->build.warnings.items,
	       trial->build.warnings.nr);
	append(text, size, trial->manifest.overrides,
	       trial->manifest.nr_overrides);
	append(text, size, trial->set.left_out.items, trial->set.left_out.nr);
}

static bool tell(const struct sample *sample, const char *compiler,
		 const struct trial *trial, const char *what, const char *word)
{
	printf("# %s, %s: %s '%s'\n# code '%s': %s\n# hint: %s\n",
	       sample->name, compiler, what, word, trial->diag.code,
	       trial->diag.message, trial->diag.hint);
	return false;
}

static bool check_words(const struct trial *trial, const struct sample *sample,
			const char *compiler)
{
	char said[6000], notes[6000];

	snprintf(said, sizeof(said), "%s\n%s", trial->diag.message,
		 trial->diag.hint);
	notes_of(trial, notes, sizeof(notes));
	for (size_t i = 0; i < NR_WORDS && sample->says[i]; i++)
		if (!strstr(said, sample->says[i]))
			return tell(sample, compiler, trial, "does not say",
				    sample->says[i]);
	for (size_t i = 0; i < NR_WORDS && sample->warns[i]; i++)
		if (!strstr(notes, sample->warns[i])) {
			printf("# noted: %s\n", notes);
			return tell(sample, compiler, trial, "does not note",
				    sample->warns[i]);
		}
	if (sample->silent && strstr(notes, sample->silent))
		return tell(sample, compiler, trial, "should not note",
			    sample->silent);
	return true;
}

static bool check(const struct trial *trial, const struct sample *sample,
		  const char *compiler)
{
	if (!sample->code && trial->result)
		return tell(sample, compiler, trial, "refused", "");
	if (sample->code && !trial->result)
		return tell(sample, compiler, trial, "not refused with",
			    sample->code);
	if (sample->code && strcmp(sample->code, trial->diag.code))
		return tell(sample, compiler, trial, "not refused with",
			    sample->code);
	/* Every refusal has a way out. */
	if (trial->result && !*trial->diag.hint)
		return tell(sample, compiler, trial, "has no", "hint");
	if (!trial->result && !trial->set.nr_changes)
		return tell(sample, compiler, trial, "has no", "changes");
	return check_words(trial, sample, compiler);
}

static bool try_with(const struct sample *sample, const char *compiler)
{
	struct version old = { .name = "old" }, new = { .name = "new" };
	struct trial trial = { 0 };
	bool good = false;

	if (!run("rm -rf src old new target && mkdir src old new") ||
	    !make_version(&old, sample, compiler) ||
	    !make_version(&new, sample, compiler)) {
		printf("# %s: %s failed\n", sample->name, compiler);
	} else {
		trial.result = judge(&trial, &old, &new, sample);
		good = check(&trial, sample, compiler);
	}
	release_trial(&trial);
	release_version(&old);
	release_version(&new);
	return good;
}

static bool try_all(const struct sample *samples, size_t nr)
{
	bool good = true;

	for (size_t i = 0; i < nr; i++) {
		good &= try_with(&samples[i], "gcc");
		if (have("clang"))
			good &= try_with(&samples[i], "clang");
	}
	return good;
}

#define TRY(samples) CHECK(try_all(samples, sizeof(samples) / sizeof(*samples)))

#define STAY(name, text)                                                       \
	{                                                                      \
		name, text, text                                               \
	}
#define MAIN                                                                   \
	STAY("main.c", "int f(int);\n"                                         \
		       "int main(int c, char **v) { (void)v; return f(c); }\n")

/* ---- data --------------------------------------------------------------- */

/* clang-format off */
static const struct sample values[] = {
	{ "a new initial value",
	  { { "a.c", "int limit = 3; int f(int a) { return a > limit; }\n",
	      "int limit = 5; int f(int a) { return a > limit; }\n" }, MAIN },
	  .code = "data-changed",
	  .says = { "variable limit (a.c): starts as 3, in the patched source "
		    "as 5", "--force-data limit" } },
	{ "forced",
	  { { "a.c", "int limit = 3; int f(int a) { return a > limit; }\n",
	      "int limit = 5; int f(int a) { return a > limit + 7; }\n" },
	    MAIN },
	  .force = "limit",
	  .warns = { "--force-data: variable limit (a.c) keeps the value that "
		     "it has in the process; starts as 3" } },
	{ "forced, and nothing else",
	  { { "a.c", "int limit = 3; int f(int a) { return a > limit; }\n",
	      "int limit = 5; int f(int a) { return a > limit; }\n" }, MAIN },
	  .force = "a.c:limit", .code = "no-functional-change",
	  .says = { "besides what --force-data overrules" },
	  .silent = "changes no code or data" },
	{ "from zeros",
	  { { "a.c", "int limit; int f(int a) { return a > limit; }\n",
	      "int limit = -5; int f(int a) { return a > limit; }\n" }, MAIN },
	  .code = "data-changed", .says = { "starts as 0, in the patched "
					    "source as -5" } },
	{ "a new size",
	  { { "a.c", "int seen[10]; int f(int a) { return seen[a]++; }\n",
	      "int seen[20]; int f(int a) { return seen[a]++; }\n" }, MAIN },
	  .code = "data-changed",
	  .says = { "variable seen (a.c): 40 bytes, in the patched source 80",
		    "cannot be forced" } },
	{ "a new size, forced in vain",
	  { { "a.c", "int seen[10]; int f(int a) { return seen[a]++; }\n",
	      "int seen[20]; int f(int a) { return seen[a]++ + 4; }\n" },
	    MAIN },
	  .force = "seen", .code = "data-changed",
	  .says = { "cannot be forced" } },
	{ "a smaller size, forced",
	  { { "a.c", "int seen[20]; int f(int a) { return seen[a]++; }\n",
	      "int seen[10]; int f(int a) { return seen[a]++ + 4; }\n" },
	    MAIN },
	  .force = "seen", .warns = { "80 bytes, in the patched source 40" } },
	{ "a static local's value",
	  { { "a.c", "int f(int a) { static int n = 2; return n += a; }\n",
	      "int f(int a) { static int n = 4; return n += a; }\n" }, MAIN },
	  .code = "data-changed",
	  .says = { "variable n of f() (a.c): starts as 2",
		    "--force-data f.n" } },
	{ "a static local's value, forced",
	  { { "a.c", "int f(int a) { static int n = 2; return n += a; }\n",
	      "int f(int a) { static int n = 4; return n -= a; }\n" }, MAIN },
	  .force = "f.n", .warns = { "--force-data: variable n of f()" } },
	{ "a static local's size",
	  { { "a.c", "int f(int a) { static int n[2]; return n[a]++; }\n",
	      "int f(int a) { static int n[4]; return n[a]++; }\n" }, MAIN },
	  .code = "data-changed", .says = { "variable n of f()", "8 bytes" } },
	{ "a text",
	  { { "a.c", "char word[] = \"old\"; int f(int a) { return word[a]; }\n",
	      "char word[] = \"new\"; int f(int a) { return word[a]; }\n" },
	    MAIN },
	  .code = "data-changed", .says = { "word" } },
	{ "a pointer to another literal",
	  { { "a.c", "const char *word = \"old\";\n"
		     "int f(int a) { return word[a]; }\n",
	      "const char *word = \"newer\"; int f(int a) { return word[a]; }\n"
	    }, MAIN },
	  .code = "data-changed",
	  .says = { "word", "the literal \"old\", in the patched source as the "
		    "literal \"newer\"" } },
	{ "alignment",
	  { { "a.c", "char room[64]; int f(int a) { return room[a]++; }\n",
	      "char room[64] __attribute__((aligned(128)));\n"
	      "int f(int a) { return room[a]++; }\n" }, MAIN },
	  .code = "data-changed", .says = { "room", "to 128" } },
	{ "a new name",
	  { { "a.c", "static int calls; int f(int a) { return calls += a; }\n",
	      "static int nr; int f(int a) { return (nr += a) + 1; }\n" },
	    MAIN }, .code = "data-changed",
	  .says = { "variable calls (a.c): is gone, and nr is new",
		    "--force-data calls" } },
	{ "a new name, forced",
	  { { "a.c", "static int calls; int f(int a) { return calls += a; }\n",
	      "static int nr; int f(int a) { return (nr += a) + 1; }\n" },
	    MAIN }, .force = "calls",
	  .warns = { "is gone, and nr is new" } },
	{ .name = "another one that is new", .files =
	  { { "a.c", "static int calls; int f(int a) { return calls += a; }\n",
	      "static long last[2];\n"
	      "int f(int a) { return (int)(last[a & 1] += a); }\n" },
	    MAIN } },
	{ "what only a new function reads",
	  { { "a.c", "int f(int a) { return a; }\n",
	      "static int calls; int f(int a) { return a + calls++; }\n" },
	    MAIN },
	  .silent = "calls" },
};

static const struct sample moved[] = {
	{ "to another object",
	  { { "a.c", "int calls = 1; int f(int a) { return a + calls++; }\n",
	      "extern int calls; int f(int a) { return a + calls++; }\n" },
	    { "b.c", "int g(void) { return 1; }\n",
	      "int calls = 1; int g(void) { return 1; }\n" }, MAIN },
	  .code = "data-changed", .says = { "calls", "another file" } },
	{ "a static one",
	  { { "a.c", "static int calls = 1;\n"
		     "int f(int a) { return a + calls++; }\n",
	      "int g(int a); int f(int a) { return a + g(a); }\n" },
	    { "b.c", "int g(int a) { return a; }\n",
	      "static int calls = 1;\n"
	      "int g(int a) { return a + calls++; }\n" }, MAIN },
	  .code = "data-changed", .says = { "calls (a.c): moves to b.c" } },
};

static const struct sample static_locals[] = {
	{ "gone",
	  { { "a.c", "int f(int a) { static int n = 2; return n += a; }\n",
	      "int f(int a) { return a + 3; }\n" }, MAIN },
	  .code = "static-local-removed",
	  .says = { "variable n of f() (a.c)", "--force-data f.n" } },
	{ "gone, forced",
	  { { "a.c", "int f(int a) { static int n = 2; return n += a; }\n",
	      "int f(int a) { return a + 3; }\n" }, MAIN },
	  .force = "f.n", .warns = { "is given up" } },
	{ .name = "gone with its function", .files =
	  { { "a.c", "static __attribute__((noinline)) int g(int a)\n"
		     "{ static int n = 2; return n += a; }\n"
		     "int f(int a) { return g(a); }\n",
	      "int f(int a) { return a + 3; }\n" }, MAIN } },
	{ "gone from what is inlined",
	  { { "a.c", "static inline int g(int a)\n"
		     "{ static int n = 2; return n += a; }\n"
		     "int f(int a) { return g(a); }\n",
	      "static inline int g(int a) { return a * 3; }\n"
	      "int f(int a) { return g(a); }\n" }, MAIN },
	  .code = "static-local-removed", .says = { "n of g()" } },
	{ .name = "a constant gone", .files =
	  { { "a.c", "int f(int a)\n"
		     "{ static const int n[] = { 2, 4, 9, 1 }; return n[a]; }\n",
	      "int f(int a) { return a + 3; }\n" }, MAIN } },
};

static const struct sample threads[] = {
	{ "a new one",
	  { { "a.c", "int f(int a) { return a; }\n",
	      "__thread int last; int f(int a) { return last += a; }\n" },
	    MAIN },
	  .code = "needs-tls", .says = { "variable last (a.c), 4 bytes" } },
	{ .name = "a new one that nothing uses", .files =
	  { { "a.c", "int f(int a) { return a; }\n",
	      "__thread int last; int f(int a) { return a * 5; }\n" }, MAIN } },
	{ "another value",
	  { { "a.c", "__thread int last = 1; int f(int a) { return last += a; }\n",
	      "__thread int last = 2; int f(int a) { return last += a; }\n" },
	    MAIN },
	  .code = "data-changed", .says = { "last (a.c): starts as 1" } },
};

#define TABLE(number, first)                                                   \
	"static const int t" #number "[] = { " #first ", 5" #number ", 6, 7 };\n"
#define TABLES(first)                                                          \
	TABLE(1, first) TABLE(2, first) TABLE(3, first)                        \
	TABLE(4, first) TABLE(5, first) TABLE(6, first)                        \
	"int f(int a) { return t1[a] + t2[a] + t3[a]; }\n"                    \
	"int g(int a) { return t4[a] + t5[a] + t6[a]; }\n"

static const struct sample constants[] = {
	{ "a table of one object",
	  { { "a.c", "static const int t[] = { 1, 2, 3, 9 };\n"
		     "int f(int a) { return t[a]; }\n",
	      "static const int t[] = { 1, 2, 3, 7 };\n"
	      "int f(int a) { return t[a]; }\n" }, MAIN },
	  .warns = { "variable t (a.c) is constant, and changes" } },
	{ "many tables: one warning",
	  { { "a.c", TABLES(1), TABLES(2) }, MAIN },
	  .warns = { "6 constants change: functions that are replaced",
		     "variable t", " (a.c) and 2 more" },
	  .silent = "is constant" },
	{ "a name that the compiler keeps",
	  { { "a.c", "int g(const char *); int f(int a) { return\n"
		     "g(__func__) + a; } int h(void) { return 1; }\n",
	      "int g(const char *); int f(int a) { return\n"
	      "g(__func__) - a; } int h(void) { return 1; }\n" },
	    STAY("b.c", "int g(const char *s) { return *s; }\n"), MAIN },
	  .silent = "is constant" },
	{ "a table that another object reads",
	  { { "a.c", "const int t[] = { 1, 2, 3, 9 };\n"
		     "int f(int a) { return t[a]; }\n",
	      "const int t[] = { 1, 2, 3, 7 };\n"
	      "int f(int a) { return t[a]; }\n" },
	    STAY("b.c", "extern const int t[]; int g(int a) { return t[a]; }\n"),
	    MAIN },
	  .code = "data-changed",
	  .says = { "variable t (a.c): b.c reads it as well",
		    "--force-data t" } },
	{ .name = "a table that another object reads, which changes with it",
	  .files = { { "a.c", "const int t[] = { 1, 2, 3, 9 };\n"
			      "int f(int a) { return t[a]; }\n",
		       "const int t[] = { 1, 2, 4, 9 };\n"
		       "int f(int a) { return t[a]; }\n" },
		     { "b.c", "extern const int t[];\n"
			      "int g(int a) { return t[a]; }\n"
			      "int h(int a) { return a * 3; }\n",
		       "extern const int t[];\n"
		       "int g(int a) { return t[a]; }\n"
		       "int h(int a) { return a * 5; }\n" }, MAIN } },
	{ "the same, forced",
	  { { "a.c", "const int t[] = { 1, 2, 3, 9 };\n"
		     "int f(int a) { return t[a]; }\n",
	      "const int t[] = { 1, 2, 3, 7 };\n"
	      "int f(int a) { return t[a]; }\n" },
	    STAY("b.c", "extern const int t[]; int g(int a) { return t[a]; }\n"),
	    MAIN },
	  .force = "t", .warns = { "b.c reads it as well" } },
	{ "a table that live data points to",
	  { { "a.c", "static const int t[] = { 1, 2, 3, 9 };\n"
		     "const int *current = t;\n"
		     "int f(int a) { return current[a]; }\n",
	      "static const int t[] = { 1, 2, 3, 7 };\n"
	      "const int *current = t;\n"
	      "int f(int a) { return current[a]; }\n" }, MAIN },
	  .code = "data-changed", .says = { "current (a.c)" } },
	{ "a table that a library exports",
	  { { "a.c", "const int t[] = { 1, 2, 3, 9 };\n"
		     "int f(int a) { return t[a]; }\n",
	      "const int t[] = { 1, 2, 3, 7 };\n"
	      "int f(int a) { return t[a]; }\n" } },
	  .flags = "-O2 -fPIC", .link = "-shared", .code = "data-changed",
	  .says = { "exports it" } },
};

/* ---- sections, assembler ------------------------------------------------ */

#define CONSTRUCTOR                                                            \
	"int rand(void); __attribute__((constructor)) static void start(void)"

static const struct sample starts[] = {
	{ "a new constructor",
	  { { "a.c", "int n; int f(int a) { return a + n; }\n",
	      "int n; " CONSTRUCTOR " { n = rand(); }\n"
	      "int f(int a) { return a - n; }\n" }, MAIN },
	  .code = "needs-constructor",
	  .says = { "start() (a.c): to be run at start or end" } },
	{ "a constructor's code",
	  { { "a.c", "int n; " CONSTRUCTOR " { n = rand(); }\n"
		     "int f(int a) { return a - n; }\n",
	      "int n; " CONSTRUCTOR " { n = rand() * 2; }\n"
	      "int f(int a) { return a - n; }\n" }, MAIN },
	  .code = "already-ran",
	  .says = { "start() (a.c): constructors have run", "restart" } },
	{ "a constructor's code, among others",
	  { { "a.c", "int n; " CONSTRUCTOR " { n = rand(); }\n"
		     "int f(int a) { return a - n; }\n",
	      "int n; " CONSTRUCTOR " { n = rand() * 2; }\n"
	      "int f(int a) { return a + n; }\n" }, MAIN },
	  .warns = { "start() (a.c) changes, but constructors have run" } },
	{ "only main()",
	  { { "a.c", "int n = 7; int main(void) { return n; }\n",
	      "int n = 7; int main(void) { return n + 3; }\n" } },
	  .code = "already-ran", .says = { "main() (a.c): main() runs once" } },
	{ "main() among others",
	  { { "a.c", "__attribute__((noinline)) int g(int a) { return a; }\n"
		     "int main(int c, char **v) { (void)v; return g(c); }\n",
	      "__attribute__((noinline)) int g(int a) { return a * 5; }\n"
	      "int main(int c, char **v) { (void)v; return g(c) + 1; }\n" } },
	  .warns = { "main() (a.c) changes, but main() runs once" } },
	{ "what main() alone calls",
	  { { "a.c", "static __attribute__((noinline)) int g(int a)\n"
		     "{ return a * a + 3; }\n"
		     "int main(int c, char **v) { (void)v; return g(c); }\n",
	      "static __attribute__((noinline)) int g(int a)\n"
	      "{ return a * a + 4; }\n"
	      "int main(int c, char **v) { (void)v; return g(c); }\n" } },
	  .warns = { "g() (a.c) is called by main() only" } },
	{ "what others call, too",
	  { { "a.c", "static __attribute__((noinline)) int g(int a)\n"
		     "{ return a * a + 3; }\n"
		     "int h(int a) { return g(a); }\n"
		     "int main(int c, char **v) { (void)v; return g(c); }\n",
	      "static __attribute__((noinline)) int g(int a)\n"
	      "{ return a * a + 4; }\n"
	      "int h(int a) { return g(a); }\n"
	      "int main(int c, char **v) { (void)v; return g(c); }\n" } },
	  .silent = "by main() only" },
	{ "what never returns",
	  { { "a.c", "volatile int n;\n"
		     "int f(int a) { for (;;) n += a; }\n",
	      "volatile int n;\n"
	      "int f(int a) { for (;;) n -= a; }\n" }, MAIN },
	  .warns = { "f() (a.c) never returns" } },
	{ "what returns",
	  { { "a.c", "int f(int a) { return a; }\n",
	      "int f(int a) { return a * 7; }\n" }, MAIN },
	  .silent = "never returns" },
	{ "what returns by a jump",
	  { { "a.c", "int g(int); int f(int a) { return g(a + 1); }\n",
	      "int g(int); int f(int a) { return g(a + 2); }\n" },
	    STAY("b.c", "int g(int a) { return a; }\n"), MAIN },
	  .silent = "never returns" },
};

#define IN_SET "__attribute__((used, section(\"set_words\")))"
#define READS_SET                                                              \
	"extern const int __start_set_words[], __stop_set_words[];\n"          \
	"int f(int a) { return __start_set_words[a]; }\n"

static const struct sample sections[] = {
	{ "a list that grows",
	  { { "a.c", "static const int one " IN_SET " = 1;\n" READS_SET,
	      "static const int one " IN_SET " = 1;\n"
	      "static const int two " IN_SET " = 2;\n" READS_SET }, MAIN },
	  .code = "section-changed",
	  .says = { "set_words of a.c", "two", "--force-data set_words" } },
	{ "a list that grows, forced",
	  { { "a.c", "static const int one " IN_SET " = 1;\n" READS_SET,
	      "static const int one " IN_SET " = 1;\n"
	      "static const int two " IN_SET " = 2;\n"
	      "int g(int a) { return a; }\n"
	      "extern const int __start_set_words[], __stop_set_words[];\n"
	      "int f(int a) { return __start_set_words[a + 1]; }\n" }, MAIN },
	  .force = "set_words",
	  .warns = { "--force-data: section set_words of a.c stays" } },
	{ .name = "a list that stays", .files =
	  { { "a.c", "static const int one " IN_SET " = 1;\n" READS_SET
		     "int g(int a) { return a; }\n",
	      "static const int one " IN_SET " = 1;\n" READS_SET
	      "int g(int a) { return a * 3; }\n" }, MAIN } },
	{ .name = "code in a section of its own", .files =
	  { { "a.c", "__attribute__((section(\"fast\"))) int f(int a)\n"
		     "{ return a; }\n",
	      "__attribute__((section(\"fast\"))) int f(int a)\n"
	      "{ return a * 3; }\n" }, MAIN } },
};

#define NO_STACK ".section .note.GNU-stack,\"\",@progbits\n"

static const struct sample objects[] = {
	/* Equal code: only what a catch or a clean-up belongs to differs. */
	{ "exception tables",
	  { { "a.c",
	      "__asm__(\".section .gcc_except_table.f,\\\"a\\\",@progbits\\n\"\n"
	      "\".byte 1\\n.text\\n\");\n"
	      "int f(int x) { return x + 1; }\n"
	      "int main(int n, char **v) { (void)v; return f(n); }\n",
	      "__asm__(\".section .gcc_except_table.f,\\\"a\\\",@progbits\\n\"\n"
	      "\".byte 2\\n.text\\n\");\n"
	      "int f(int x) { return x + 1; }\n"
	      "int main(int n, char **v) { (void)v; return f(n); }\n" } },
	  .code = "needs-exception-tables", .says = { "a.c", "exception" } },
	{ "assembler",
	  { { "a.s", ".text\n.globl f\n.type f,@function\nf: mov $1,%eax\n"
		     "ret\n.size f,.-f\n" NO_STACK,
	      ".text\n.globl f\n.type f,@function\nf: mov $2,%eax\n"
	      "ret\n.size f,.-f\n" NO_STACK }, MAIN },
	  .code = "assembler-changed", .says = { "a.s is written" } },
	{ "a large code model",
	  { { "a.c", "int g(int a) { return a + 1; }\n"
		     "int f(int a) { return g(a); }\n",
	      "int g(int a) { return a + 1; }\n"
	      "int n; int f(int a) { n = a; return g(a) + n; }\n" }, MAIN },
	  .flags = "-O2 -fPIE -fno-inline -mcmodel=large", .link = "-pie",
	  .code = "relocation-unsupported",
	  .says = { "f() (a.c) is compiled for a large", "replacement source" } },
	{ "what nobody was seen to compile",
	  { { "raw.c", "int f(int a) { return a; }\n",
	      "int f(int a) { return a + 1; }\n" }, MAIN },
	  .code = "object-unseen", .says = { "raw.c" } },
};

/* ---- types -------------------------------------------------------------- */

/* @before, @after: members of a structure that f() reads `a` of. */
#define STRUCT(before, after)                                                  \
	{                                                                      \
		{ "a.c",                                                       \
		  "struct s { " before " };\n"                                 \
		  "int f(struct s *s) { return s->a; }\n",                     \
		  "struct s { " after " };\n"                                  \
		  "int f(struct s *s) { return s->a + 1; }\n" },               \
			MAIN                                                   \
	}
#define TYPE(before, after)                                                    \
	{                                                                      \
		{ "a.c",                                                       \
		  before "int f(struct s *s) { return s->a; }\n",              \
		  after "int f(struct s *s) { return s->a + 1; }\n" },         \
			MAIN                                                   \
	}
#define BAD .code = "layout-changed"

static const struct sample layouts[] = {
	{ "a member more", STRUCT("int a;", "int a; long b;"), BAD,
	  .says = { "struct s (a.c:1): 4 bytes, in the patched source 16; "
		    "new member b at byte 8", "--allow-layout 'struct s'" } },
	{ "a member more, allowed", STRUCT("int a;", "int a; long b;"),
	  .allow = "struct s",
	  .warns = { "--allow-layout: stated that no struct s lives while" } },
	{ "allowed by its name alone", STRUCT("int a;", "int a; long b;"),
	  .allow = "s", .warns = { "--allow-layout: stated that no struct s" } },
	{ "one in the padding", STRUCT("int a; long b;",
				       "int a; char c; long b;"), BAD,
	  .says = { "new member c at byte 4" } },
	{ "a bit more", STRUCT("int a:3;", "int a:3; int b:1;"), BAD,
	  .says = { "new member b at byte 0, bit 3" } },
	{ "moved", STRUCT("long b; int a;", "int a; long b;"), BAD,
	  .says = { "member a is at byte 8, in the patched source at byte 0" } },
	{ "two exchanged", STRUCT("int a; int b; int c;",
				  "int a; int c; int b;"), BAD,
	  .says = { "member c is at byte 8, in the patched source at byte 4" } },
	{ "gone", STRUCT("int a; int b;", "int a;"), BAD,
	  .says = { "8 bytes, in the patched source 4; member b at byte 4 is "
		    "gone" } },
	{ "longer", STRUCT("int a; char b[8];", "int a; char b[16];"), BAD,
	  .says = { "member b at byte 4 is char[8], in the patched source "
		    "char[16]" } },
	{ "shorter inside of padding",
	  STRUCT("long a; char b[7];", "long a; char b[6];"), BAD,
	  .says = { "char[7]" } },
	{ .name = "renamed", .files = STRUCT("int a; int b;",
					     "int a; int better;") },
	{ .name = "unsigned", .files = STRUCT("int a; int b;",
					      "int a; unsigned b;") },
	{ .name = "const", .files = STRUCT("int a; char *b;",
					   "int a; const char *b;") },
	{ .name = "a type for a void pointer",
	  .files = STRUCT("int a; void *b;", "int a; struct s *b;") },
	{ "a number for a pointer",
	  STRUCT("int a; char *b;", "int a; long b;"), BAD,
	  .says = { "member b at byte 8 is char *, in the patched source long" }
	},
	{ "a fraction for a number",
	  STRUCT("int a; int b;", "int a; float b;"), BAD,
	  .says = { "is int, in the patched source float" } },
	{ "a pointer to something else",
	  TYPE("struct t { int x; }; struct u { long x; };\n"
	       "struct s { int a; struct t *p; struct u *q; };\n",
	       "struct t { int x; }; struct u { long x; };\n"
	       "struct s { int a; struct u *p; struct u *q; };\n"), BAD,
	  .says = { "struct t *, in the patched source struct u *" } },
	{ .name = "a type that has another name",
	  .files = TYPE("struct t { int x; struct t *next; };\n"
			"struct s { int a; struct t *p; };\n",
			"struct u { int x; struct u *next; };\n"
			"struct s { int a; struct u *p; };\n") },
	{ "a type that has another name, and layout",
	  TYPE("struct t { int x; struct t *next; };\n"
	       "struct s { int a; struct t *p; };\n",
	       "struct u { int x; int y; struct u *next; };\n"
	       "struct s { int a; struct u *p; };\n"), .allow = "struct u",
	  BAD, .says = { "struct s" } },
	{ .name = "a new type",
	  .files = TYPE("struct s { int a; };\n",
			"struct n { int x; } n; struct s { int a; };\n") },
	{ "a handler that takes more",
	  STRUCT("int a; int (*b)(int);", "int a; int (*b)(int, int);"), BAD,
	  .says = { "member b" } },
	{ "a typedef",
	  TYPE("typedef struct { int x; } conf;\n"
	       "struct s { int a; conf *c; };\n",
	       "typedef struct { int x, y; } conf;\n"
	       "struct s { int a; conf *c; };\n"), BAD,
	  .says = { "conf (a.c:1): 4 bytes, in the patched source 8",
		    "--allow-layout 'conf'" } },
	{ "a typedef, allowed",
	  TYPE("typedef struct { int x; } conf;\n"
	       "struct s { int a; conf *c; };\n",
	       "typedef struct { int x, y; } conf;\n"
	       "struct s { int a; conf *c; };\n"), .allow = "conf",
	  .warns = { "no conf lives" } },
	{ "inside of another",
	  TYPE("struct t { int x; }; struct s { int a; struct t t; int z; };\n",
	       "struct t { int x, y; };\n"
	       "struct s { int a; struct t t; int z; };\n"), BAD,
	  .says = { "struct t (a.c:1): 4 bytes",
		    "struct s (a.c:" , "member z is at byte 8" } },
	{ "without a name, inside of another",
	  STRUCT("int a; struct { int x, y; };", "int a; struct { int y, x; };"),
	  BAD, .says = { "member without a name at byte 4" } },
	{ .name = "a union's new alternative",
	  .files = STRUCT("int a; union { int x; long y; } u;",
			  "int a; union { int x; long y; char z; } u;") },
	{ "a union's other alternative",
	  STRUCT("int a; union { int x; long y; } u;",
		 "int a; union { int x; double y; } u;"), BAD },
	{ "alignment",
	  TYPE("struct s { int a; char b[60]; };\n",
	       "struct s { int a; char b[60]; } "
	       "__attribute__((aligned(64)));\n"), BAD,
	  .says = { "another alignment" } },
	{ "a cast only",
	  { { "a.c", "struct s { int a; };\n"
		     "int f(void *s) { return ((struct s *)s)->a; }\n",
	      "struct s { int b, a; };\n"
	      "int f(void *s) { return ((struct s *)s)->a; }\n" }, MAIN },
	  BAD, .says = { "struct s" } },
	{ "a size only",
	  { { "a.c", "struct s { int a; }; void *malloc(unsigned long);\n"
		     "struct s *f(void) { return malloc(sizeof(struct s)); }\n",
	      "struct s { int a, b, c; }; void *malloc(unsigned long);\n"
	      "struct s *f(void) { return malloc(sizeof(struct s)); }\n" },
	    MAIN }, BAD, .says = { "4 bytes, in the patched source 12" } },
	{ "of a variable without a type's name",
	  { { "a.c", "struct { int x, y; } state;\n"
		     "int f(int a) { state.x += a; return state.y; }\n",
	      "struct { int y, x; } state;\n"
	      "int f(int a) { state.x += a; return state.y; }\n" }, MAIN },
	  BAD, .says = { "the type of state" } },
	{ "of a variable's value",
	  { { "a.c", "long table[4]; int f(int a) { return table[a]; }\n",
	      "double table[4]; int f(int a) { return table[a]; }\n" }, MAIN },
	  BAD, .says = { "the type of table (a.c:1): it is long",
			 "in the patched source double[4]" } },
	{ .name = "of a variable that is only declared now",
	  .files = { { "a.c", "extern int table[4];\n"
			      "int f(int a) { return table[a]; }\n",
		       "extern int table[];\n"
		       "int f(int a) { return table[a] + 1; }\n" },
		     STAY("b.c", "int table[4] = { 1, 2 };\n"), MAIN } },
	{ "of a typedef that became a structure's name",
	  TYPE("typedef struct { int x; } conf;\n"
	       "struct s { int a; conf *c; };\n",
	       "typedef struct conf { int x, y; } conf;\n"
	       "struct s { int a; conf *c; };\n"), BAD,
	  .says = { "conf", "4 bytes, in the patched source 8" } },
	{ "of a function's own",
	  { { "a.c", "int g(void *);\n"
		     "int f(int a) { struct l { int x; } l = { a };\n"
		     "return g(&l); }\n",
	      "int g(void *);\n"
	      "int f(int a) { struct l { int x, y; } l = { a, 1 };\n"
	      "return g(&l); }\n" },
	    STAY("b.c", "int g(void *p) { return *(int *)p; }\n"), MAIN },
	  BAD, .says = { "struct l of f()", "--allow-layout 'struct l of f()'" }
	},
	{ "in an object whose code stays, of no concern",
	  { { "a.c", "struct s { int a; }; int g(struct s *s)\n"
		     "{ return s->a; }\n",
	      "struct s { int a, b; }; int g(struct s *s)\n"
	      "{ return s->a; }\n" },
	    { "b.c", "int f(int a) { return a; }\n",
	      "int f(int a) { return a * 3; }\n" }, MAIN },
	  .warns = { "a.c: changes no code or data of target" } },
};

static const struct sample enumerations[] = {
	{ .name = "one more at the end",
	  .files = TYPE("enum e { A, B }; struct s { enum e a; };\n",
			"enum e { A, B, C }; struct s { enum e a; };\n") },
	{ "one more in between",
	  TYPE("enum e { A, B }; struct s { enum e a; };\n",
	       "enum e { A, X, B }; struct s { enum e a; };\n"), BAD,
	  .says = { "enum e (a.c:1): B is 1, in the patched source 2" } },
	{ "one more before the last, allowed",
	  TYPE("enum e { A, B }; struct s { enum e a; };\n",
	       "enum e { A, X, B }; struct s { enum e a; };\n"),
	  .allow = "enum e", .warns = { "no enum e lives" } },
	{ "gone",
	  TYPE("enum e { A, B }; struct s { enum e a; };\n",
	       "enum e { A }; struct s { enum e a; };\n"), BAD,
	  .says = { "B (1) is gone" } },
	{ .name = "renamed",
	  .files = TYPE("enum e { A, B }; struct s { enum e a; };\n",
			"enum e { A, BB }; struct s { enum e a; };\n") },
	{ "without a name",
	  { { "a.c", "enum { A, B, NR }; int t[8];\n"
		     "int f(int a) { return a < NR ? t[a] : A; }\n",
	      "enum { A, B, C, NR }; int t[8];\n"
	      "int f(int a) { return a < NR ? t[a] : A; }\n" }, MAIN }, BAD,
	  .says = { "enumerator NR", "it is 2, in the patched source 3" } },
};

/* ---- prototypes --------------------------------------------------------- */

#define NOINLINE "__attribute__((noinline)) "

static const struct sample signatures[] = {
	{ .name = "a static function, with its callers",
	  .files = { { "a.c", "static " NOINLINE "int g(int a)\n"
			      "{ return a * a; }\n"
			      "int f(int a) { return g(a) + 1; }\n",
		       "static " NOINLINE "int g(int a, long b)\n"
		       "{ return a * a + b; }\n"
		       "int f(int a) { return g(a, 3) + 1; }\n" }, MAIN } },
	{ "a static function's pointer to another structure, handed on",
	  { { "a.c", "struct one { int a; }; struct two { int x, b; };\n"
		     "static " NOINLINE "int g(struct one *p)\n"
		     "{ return p->a++; }\n"
		     "int f(void *p) { return g(p) + 1; }\n",
	      "struct one { int a; }; struct two { int x, b; };\n"
	      "static " NOINLINE "int g(struct two *p)\n"
	      "{ return p->b++; }\n"
	      "int f(void *p) { return g(p) + 1; }\n" }, MAIN },
	  .code = "signature-changed", .says = { "struct two *", "f() (a.c)" } },
	{ "a pointer to a pointer to another structure, handed on",
	  { { "a.c", "struct one { int a; }; struct two { int x, b; };\n"
		     "static " NOINLINE "int g(struct one **p)\n"
		     "{ return (*p)->a++; }\n"
		     "int f(void *p) { return g(p) + 1; }\n",
	      "struct one { int a; }; struct two { int x, b; };\n"
	      "static " NOINLINE "int g(struct two **p)\n"
	      "{ return (*p)->b++; }\n"
	      "int f(void *p) { return g(p) + 1; }\n" }, MAIN },
	  .code = "signature-changed", .says = { "struct two **", "f() (a.c)" } },
	{ "a list of pointers to another structure, handed on",
	  { { "a.c", "struct one { int a; }; struct two { int x, b; };\n"
		     "static " NOINLINE "int g(struct one *(*p)[2])\n"
		     "{ return (*p)[1]->a++; }\n"
		     "int f(void *p) { return g(p) + 1; }\n",
	      "struct one { int a; }; struct two { int x, b; };\n"
	      "static " NOINLINE "int g(struct two *(*p)[2])\n"
	      "{ return (*p)[1]->b++; }\n"
	      "int f(void *p) { return g(p) + 1; }\n" }, MAIN },
	  .code = "signature-changed", .says = { "struct two *" } },
	{ "a pointer to another structure, handed on through a table",
	  { { "a.c", "struct one { int a; }; struct two { int x, b; };\n"
		     "static int g(struct one *p) { return p->a++; }\n"
		     "static int h(struct one *p) { return p->a--; }\n"
		     "int (*const t[])(void *) = { (int (*)(void *))g,\n"
		     "(int (*)(void *))h };\n"
		     "int f(int a, void *p) { return t[a](p) + 1; }\n",
	      "struct one { int a; }; struct two { int x, b; };\n"
	      "static int g(struct two *p) { return p->b++; }\n"
	      "static int h(struct two *p) { return p->b--; }\n"
	      "int (*const t[])(void *) = { (int (*)(void *))g,\n"
	      "(int (*)(void *))h };\n"
	      "int f(int a, void *p) { return t[a](p) + 1; }\n" }, MAIN },
	  .code = "signature-changed", .says = { "variable t (a.c)" } },
	{ .name = "a static function's pointer to another structure, made anew",
	  .files = { { "a.c", "struct one { int a; }; struct two { int x, b; };\n"
			      "static " NOINLINE "int g(struct one *p)\n"
			      "{ return p->a++; }\n"
			      "int f(int a) { struct one o = { a };\n"
			      "return g(&o) + o.a; }\n",
		       "struct one { int a; }; struct two { int x, b; };\n"
		       "static " NOINLINE "int g(struct two *p)\n"
		       "{ return p->b++; }\n"
		       "int f(int a) { struct two o = { 1, a };\n"
		       "return g(&o) + o.b; }\n" }, MAIN } },
	{ .name = "a caller elsewhere that is replaced",
	  .files = { { "a.c", "int g(int a) { return a; }\n",
		       "int g(int a, int b) { return a + b; }\n" },
		     { "b.c", "int g(int); int f(int a) { return g(a) + 1; }\n",
		       "int g(int, int);\n"
		       "int f(int a) { return g(a, 4) + 1; }\n" }, MAIN } },
	{ "a caller elsewhere that knows nothing",
	  { { "a.c", "int g(int a) { return a; }\n",
	      "int g(int a, int b) { return a + b; }\n" },
	    STAY("b.c", "int g(int); int f(int a) { return g(a) + 1; }\n"),
	    MAIN },
	  .code = "signature-changed",
	  .says = { "g() (a.c)", "int g(int)", "int g(int, int)",
		    "f() (b.c)" } },
	{ "a caller whose object changes, and declares it as it was",
	  { { "a.c", "int g(int a) { return a; }\n",
	      "int g(int a, int b) { return a + b; }\n" },
	    { "b.c", "int g(int); int f(int a) { return g(a) + 1; }\n"
		     "int h(int a) { return a; }\n",
	      "int g(int); int f(int a) { return g(a) + 1; }\n"
	      "int h(int a) { return a * 3; }\n" }, MAIN },
	  .code = "signature-changed", .says = { "f() (b.c)" } },
	{ "a wider parameter, and a caller that knows nothing",
	  { { "a.c", "int g(int a) { return a; }\n",
	      "int g(long a) { return a > 0; }\n" },
	    STAY("b.c", "int g(int); int f(int a) { return g(a) + 1; }\n"),
	    MAIN },
	  .code = "signature-changed", .says = { "f() (b.c)" } },
	{ .name = "a caller elsewhere that knows, and is the same",
	  .files = { { "a.c", "int g(int a) { return a; }\n",
		       "int g(long a) { return a > 0; }\n" },
		     { "b.c", "int g(int);\n"
			      "int f(int a) { (void)a; return g(7) + 1; }\n",
		       "int g(long);\n"
		       "int f(int a) { (void)a; return g(7) + 1; }\n" },
		     MAIN } },
	{ .name = "a sign",
	  .files = { { "a.c", "int g(int a) { return a > 5; }\n",
		       "int g(unsigned a) { return a > 5; }\n" },
		     STAY("b.c", "int g(int);\n"
				 "int f(int a) { return g(a) + 1; }\n"),
		     MAIN } },
	{ "a small sign",
	  { { "a.c", "int g(char a) { return a > 5; }\n",
	      "int g(unsigned char a) { return a > 5; }\n" },
	    STAY("b.c", "int g(char); int f(int a) { return g(a) + 1; }\n"),
	    MAIN },
	  .code = "signature-changed" },
	{ .name = "a result that nobody expects",
	  .files = { { "a.c", "int n; void g(int a) { n = a; }\n",
		       "int n; int g(int a) { n = a; return a; }\n" },
		     STAY("b.c", "void g(int);\n"
				 "int f(int a) { g(a); return 1; }\n"),
		     MAIN } },
	{ "what a library exports",
	  { { "a.c", "int g(int a) { return a; }\n",
	      "int g(int a, int b) { return a + b; }\n" } },
	  .flags = "-O2 -fPIC", .link = "-shared",
	  .code = "signature-changed",
	  .says = { "programs that use the library", "keep the exported" } },
	{ "what an executable exports",
	  { { "a.c", "int g(int a) { return a; }\n",
	      "int g(int a, int b) { return a + b; }\n" },
	    { "b.c", "int g(int); int f(int a) { return g(a) + 1; }\n",
	      "int g(int, int);\n"
	      "int f(int a) { return g(a, 4) + 1; }\n" }, MAIN },
	  .link = "-rdynamic",
	  .warns = { "g() changes, and target exports it" } },
};

/* ---- nothing ------------------------------------------------------------ */

#define F "int f(int a) { return a; }\n"

static const struct sample nothing[] = {
	{ "a comment",
	  { { "a.c", F, "/* better */ " F }, MAIN },
	  .code = "no-functional-change",
	  .says = { "comments, names or lines",
		    "a.c: changes no code or data of target" } },
	{ "a name",
	  { { "a.c", "int f(int a) { int b = a * 3; return b; }\n",
	      "int f(int a) { int c = a * 3; return c; }\n" }, MAIN },
	  .code = "no-functional-change",
	  .says = { "comments, names or lines" } },
	{ "another program",
	  { STAY("a.c", F), { "other.c", "int x = 1;\n", "int x = 2;\n" },
	    MAIN },
	  .code = "no-functional-change",
	  .says = { "nothing that target is made of",
		    "other.c: not part of target", "--target" } },
	{ "paper",
	  { STAY("a.c", F), { "README", "1\n", "2\n" }, MAIN },
	  .code = "no-functional-change",
	  .says = { "nothing that target is made of",
		    "README: is not compiled" } },
	{ "a function that nobody calls",
	  { { "a.c", F, F "int g(int a) { return a * 2; }\n" }, MAIN },
	  .code = "no-functional-change",
	  .says = { "only adds functions",
		    "g() of a.c: new, and used by nothing" },
	  .silent = "g() (a.c) is new" },
	{ "fewer functions",
	  { { "a.c", F "int g(int a) { return a * 2; }\n", F }, MAIN },
	  .code = "no-functional-change", .says = { "only removes" } },
	{ "part of it elsewhere",
	  { { "a.c", F, "int f(int a) { return a * 2; }\n" },
	    { "other.c", "int x = 1;\n", "int x = 2;\n" }, MAIN },
	  .warns = { "other.c: not part of target" }, .silent = "a.c:" },
	{ "papers beside it",
	  { { "a.c", F, "int f(int a) { return a * 2; }\n" },
	    { "README", "1\n", "2\n" }, { "NEWS", "1\n", "2\n" } },
	  .flags = "-O2 -fPIC", .link = "-shared",
	  .warns = { "2 files that are not compiled (documentation, tests): "
		     "README, ..." } },
};

static const struct sample words[] = {
	{ "a variable that does not change",
	  { { "a.c", F, "int f(int a) { return a * 2; }\n" }, MAIN },
	  .force = "limit", .code = "option-unused",
	  .says = { "--force-data limit", "leave it out" } },
	{ "a variable's name mistyped",
	  { { "a.c", "int n = 1, m; int f(int a) { return a + n; }\n",
	      "int n = 2, m; int f(int a) { return a - n; }\n" }, MAIN },
	  .force = "n nn", .code = "option-unused",
	  .says = { "--force-data nn", "what changes is\n  n" } },
	{ "a type that does not change", STRUCT("int a;", "int a;"),
	  .allow = "struct s", .code = "option-unused",
	  .says = { "--allow-layout struct s" } },
};

static const struct sample removals[] = {
	{ "a function whose address is stored",
	  { { "a.c", "static int g(int a) { return a * 2; }\n"
		     "static int h(int a) { return a * 3; }\n"
		     "int (*p)(int);\n"
		     "int f(int a) { p = a ? g : h; return a; }\n",
	      "static int h(int a) { return a * 3; }\n"
	      "int (*p)(int);\n"
	      "int f(int a) { p = h; return a; }\n" }, MAIN },
	  .warns = { "g() (a.c) is removed: pointers to it" } },
	{ "a function that is only called",
	  { { "a.c", "static " NOINLINE "int g(int a) { return a * 2; }\n"
		     "int f(int a) { return g(a) + 1; }\n",
	      "int f(int a) { return a; }\n" }, MAIN },
	  .silent = "is removed" },
};

/* ---- names of one function ---------------------------------------------- */

#define ALIAS "__attribute__((alias(\"f\"))) "

static const struct sample names[] = {
	{ .name = "that stay together",
	  .files = { { "a.c", "int f(int a) { return a; }\n"
			      "int g(int) " ALIAS ";\n",
		       "int f(int a) { return a * 3; }\n"
		       "int g(int) " ALIAS ";\n" }, MAIN } },
	{ "that part in one file",
	  { { "a.c", "int f(int a) { return a; }\nint g(int) " ALIAS ";\n",
	      "int f(int a) { return a * 3; }\n"
	      "int g(int a) { return a; }\n" }, MAIN },
	  .code = "alias-changed", .says = { "f() (a.c)", "g does not name" } },
	{ "that become one",
	  { { "a.c", "int f(int a) { return a * 3; }\n"
		     "int g(int a) { return a; }\n",
	      "int f(int a) { return a; }\nint g(int) " ALIAS ";\n" }, MAIN },
	  .code = "alias-changed", .says = { "f() (a.c)", "g does not name" } },
	{ "that part into two files",
	  { { "a.c", "int f(int a) { return a; }\nint g(int) " ALIAS ";\n",
	      "int f(int a) { return a * 3; }\n" },
	    { "b.c", "int h(int a) { return a; }\n",
	      "int h(int a) { return a; }\nint g(int a) { return a; }\n" },
	    MAIN },
	  .code = "alias-changed",
	  .says = { "f() (a.c): g() was the same function", "b.c" } },
};

/* ---- functions of another object ---------------------------------------- */

#define WEAK_G "__attribute__((weak)) int g(int a) { return a * 3; }\n"
#define CALLS_G STAY("b.c", "int g(int); int h(int a) { return g(a) + 1; }\n")
#define F5 "int f(int a) { return a * 5; }\n"

static const struct sample moves[] = {
	{ "to another file, and a caller stays",
	  { { "a.c", F "int g(int a) { return a * 3; }\n", F5 },
	    { "m.c", "int f(int), x = 1; int main(void) { return f(x); }\n",
	      "int f(int), x = 1; int main(void) { return f(x); }\n"
	      "int g(int a) { return a * 4; }\n" }, CALLS_G },
	  .code = "definition-moved",
	  .says = { "g(): of a.c, in the patched source of m.c; ", "b.c" } },
	{ .name = "to another file, with all callers",
	  .files = { { "a.c", "int g(int a) { return a * 3; }\n"
			      "int f(int a) { return g(a) + 1; }\n",
		       "int g(int); int f(int a) { return g(a) + 5; }\n" },
		     { "b.c", "int x;\n",
		       "int x; int g(int a) { return a * 4; }\n" }, MAIN } },
	{ "a weak one that is overridden",
	  { { "a.c", F, F5 "int g(int a) { return a * 4; }\n" },
	    STAY("b.c", WEAK_G "int h(int a) { return g(a) + 1; }\n"),
	    STAY("m.c", "int f(int), g(int);\n"
			   "int main(int c, char **v)\n"
			   "{ (void)v; return f(c) + g(c); }\n") },
	  .code = "definition-moved",
	  .says = { "g(): of ", "b.c, in the patched source of a.c; " } },
	{ "a weak one that comes back",
	  { { "a.c", F "int g(int a) { return a * 4; }\n", F5 },
	    STAY("b.c", WEAK_G "int h(int a) { return g(a) + 1; }\n"),
	    STAY("m.c", "int f(int), g(int);\n"
			   "int main(int c, char **v)\n"
			   "{ (void)v; return f(c) + g(c); }\n") },
	  .code = "definition-moved", .says = { "g(): of a.c", "b.c; " } },
	{ "an alias that another file takes",
	  { { "a.c", F "int g(int) __attribute__((alias(\"f\")));\n"
		     "int k(int a) { return a; }\n",
	      F "int k(int a) { return a * 7; }\n" },
	    { "m.c", "int f(int), x = 1; int main(void) { return f(x); }\n",
	      "int f(int), x = 1; int main(void) { return f(x); }\n"
	      "int g(int a) { return a * 4; }\n" }, CALLS_G },
	  .code = "definition-moved", .says = { "g(): of a.c", "b.c" } },
	{ .name = "a weak one that is overridden in both",
	  .files = { { "a.c", F WEAK_G, F5 "__attribute__((weak)) "
					   "int g(int a) { return a * 9; }\n" },
		     STAY("b.c", "int g(int a) { return a * 4; }\n"), MAIN },
	  .warns = { "g() (a.c) is weak, and ", "b.c overrides it" } },
	{ .name = "a weak one more",
	  .files = { { "a.c", F, F5 WEAK_G },
		     STAY("b.c", WEAK_G "int h(int a) { return g(a) + 1; }\n"),
		     MAIN } },
};

/* ---- tables of places in code ------------------------------------------- */

#define LABELS(body)							\
	"int f(int a) { static void *table[] = { &&one, &&two };\n"	\
	"table[a & 2 ? 1 : 0] = table[a & 1]; goto *table[a & 1];\n"	\
	"one: return " body "; two: return a - 7; }\n"

static const struct sample labels[] = {
	{ "in a variable",
	  { { "a.c", LABELS("a * 3"), LABELS("a * a + 5") }, MAIN },
	  .code = "data-changed", .says = { "table", "inside of functions" } },
	{ "in a variable, and nobody can force them",
	  { { "a.c", LABELS("a * 3"), LABELS("a * a + 5") }, MAIN },
	  .force = "table", .code = "data-changed",
	  .says = { "table", "inside of functions", "cannot be forced" } },
};
/* clang-format on */


TEST(values) { TRY(values); }
TEST(moved) { TRY(moved); }
TEST(static_locals) { TRY(static_locals); }
TEST(threads) { TRY(threads); }
TEST(constants) { TRY(constants); }
TEST(starts) { TRY(starts); }
TEST(sections) { TRY(sections); }
TEST(objects) { TRY(objects); }
TEST(layouts) { TRY(layouts); }
TEST(enumerations) { TRY(enumerations); }
TEST(signatures) { TRY(signatures); }
TEST(nothing) { TRY(nothing); }
TEST(words) { TRY(words); }
TEST(names) { TRY(names); }
TEST(moves) { TRY(moves); }
TEST(labels) { TRY(labels); }
TEST(removals) { TRY(removals); }

int main(int argc, char **argv)
{
	int r;

	if (!mkdtemp(directory))
		return 1;
	r = tap_main(argc, argv);
	clean_up();
	return r;
}
