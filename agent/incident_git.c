/*
 * What the history of the source says of the functions that a patch changes.
 */
#include "incident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/cleanup.h"
#include "git_ask.h"
#include "output.h"

#define TESTS_MAX 20

/* --- commits ------------------------------------------------------------------------- */

/* One line of COMMIT_FORMAT, which ends at @end. */
#define COMMIT_FORMAT "--format=%H%x09%aI%x09%an%x09%s"

static char *field_next(char **rest)
{
	return strsep(rest, "\t") ?: (char *)"";
}

static json_t *commit_json(const char *line, size_t size)
{
	owned(free_p) char *copy = strndup(line, size);
	json_t *commit = json_object();
	char *rest = copy;

	if (!copy)
		return commit;
	json_put(commit, "commit", json_text(field_next(&rest)));
	json_put(commit, "time", json_text(field_next(&rest)));
	json_put(commit, "author", json_text(field_next(&rest)));
	json_put(commit, "subject", json_text(rest ? rest : ""));
	return commit;
}

/* The first and the last line. Return: how many there are. */
static size_t history_put(json_t *function, const char *text)
{
	const char *last = text;
	size_t nr = 0;

	for (const char *at = text; *at;) {
		size_t size = strcspn(at, "\n");

		if (size) {
			last = at;
			nr++;
		}
		at += size + (at[size] == '\n');
	}
	if (!nr)
		return 0;
	json_put(function, "last_change",
		 commit_json(text, strcspn(text, "\n")));
	json_put(function, "first_change",
		 commit_json(last, strcspn(last, "\n")));
	json_put(function, "changes", json_integer((json_int_t)nr));
	return nr;
}

/* --- files ---------------------------------------------------------------------------- */

/* How many whole components two paths share at their ends. */
static size_t components_shared(const char *a, const char *b)
{
	size_t i = strlen(a), k = strlen(b), nr = 0;

	while (i && k && a[i - 1] == b[k - 1]) {
		nr += a[i - 1] == '/';
		i--;
		k--;
	}
	return nr + ((!i || a[i - 1] == '/') && (!k || b[k - 1] == '/'));
}

/*
 * The file of the repository that ends most like @source, which is as the compiler
 * was told. Return: owned by the caller; NULL: none, or several equally.
 */
static char *file_find(const char *list, const char *source)
{
	size_t best = 0;
	char *found = NULL;

	for (const char *at = list; *at;) {
		size_t size = strcspn(at, "\n");
		owned(free_p) char *path = strndup(at, size);
		size_t shared = path ? components_shared(path, source) : 0;

		at += size + (at[size] == '\n');
		if (!shared || shared < best)
			continue;
		free(found);
		found = shared > best ? take_ptr(path) : NULL;
		best = shared;
	}
	return found;
}

/* A word of the path is "test" or the like: tests/pay.c, test_pay.py, pay.t */
static bool is_test(const char *path, size_t size)
{
	static const char *const words[] = { "test", "tests", "testing",
					     "testsuite", "spec", "specs", "t" };

	for (size_t at = 0; at < size; at++) {
		size_t length = strcspn(path + at, "/_-.");

		if (length > size - at)
			length = size - at;
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (length == strlen(words[i]) &&
			    !strncasecmp(path + at, words[i], length))
				return true;
		at += length;
	}
	return false;
}

/* --- one function ----------------------------------------------------------------------- */

struct repository {
	const char *directory;
	char revision[72];
	char *files; /* a path a line */
};

static void problem_put(json_t *function, const char *what)
{
	json_put(function, "problem", json_text(what));
}

/* Of its lines, as git finds them; else of the file. */
static int age_put(json_t *function, const struct repository *repository,
		   const char *name, const char *path, struct hf_diag *diag)
{
	char lines[512];
	struct git_answer answer;
	int r;

	snprintf(lines, sizeof(lines), "-L:%s:%s", name, path);
	r = git_ask(repository->directory,
		(const char *[]){ "log", "-s", COMMIT_FORMAT, lines,
				  repository->revision, NULL },
		&answer, diag);
	if (!r && !answer.status && history_put(function, answer.text)) {
		json_put(function, "of", json_text("function"));
		git_answer_release(&answer);
		return 0;
	}
	git_answer_release(&answer);
	if (r)
		return r;
	r = git_ask(repository->directory,
		(const char *[]){ "log", COMMIT_FORMAT, repository->revision,
				  "--", path, NULL },
		&answer, diag);
	if (!r && !answer.status && history_put(function, answer.text))
		json_put(function, "of", json_text("file"));
	else if (!r)
		problem_put(function, "git has no history of its file");
	git_answer_release(&answer);
	return r;
}

static void tests_take(json_t *tests, const char *text)
{
	while (*text && json_array_size(tests) < TESTS_MAX) {
		/* "REVISION:PATH" */
		size_t size = strcspn(text, "\n");
		const char *path = memchr(text, ':', size);

		if (path) {
			size_t length = size - (size_t)(++path - text);
			owned(free_p) char *copy = strndup(path, length);

			if (copy && is_test(path, length))
				json_add(tests, json_text(copy));
		}
		text += size + (text[size] == '\n');
	}
}

/* Files of tests that name the function, or the file without its end. */
static int tests_put(json_t *function, const struct repository *repository,
		     const char *name, const char *path, struct hf_diag *diag)
{
	const char *slash = strrchr(path, '/');
	owned(free_p) char *base = strdup(slash ? slash + 1 : path);
	json_t *tests = json_array();
	struct git_answer answer;
	int r;

	json_put(function, "tests", tests);
	if (!base)
		return hf_fail(diag, -ENOMEM, "cannot ask git");
	base[strcspn(base, ".")] = '\0';
	r = git_ask(repository->directory,
		(const char *[]){ "grep", "-l", "-w", "-F", "-I",
				  "--full-name", "-e", name, "-e",
				  *base ? base : name, repository->revision,
				  NULL },
		&answer, diag);
	if (!r && !answer.status)
		tests_take(tests, answer.text);
	git_answer_release(&answer);
	return r;
}

static int function_ask(json_t *functions, const struct repository *repository,
			const struct manifest_function *function,
			struct hf_diag *diag)
{
	json_t *object = json_object();
	owned(free_p) char *path = NULL;
	int r;

	json_put(object, "name", json_text(function->name));
	json_add(functions, object);
	if (function->source)
		path = file_find(repository->files, function->source);
	json_put(object, "file", json_text(path));
	if (!path) {
		problem_put(object, function->source ?
					    "no file of the repository, or "
					    "more than one, is its source" :
					    "the patch does not know its "
					    "source");
		return 0;
	}
	r = age_put(object, repository, function->name, path, diag);
	return r ? r : tests_put(object, repository, function->name, path, diag);
}

/* --- the repository ------------------------------------------------------------------------ */

static int refuse(const char *directory, const struct git_answer *answer,
		  struct hf_diag *diag)
{
	hf_error(diag, -EIO, "git", "git says of %s: %.2000s", directory,
		 answer->text);
	hf_hint(diag, "--git wants the repository of the program's source, "
		      "readable by this user");
	return -EIO;
}

/* The history as it was when the patch was made: its fix is not in it. */
static int revision_find(struct repository *repository, const char *before,
			 json_t *ret_git, struct hf_diag *diag)
{
	char until[64];
	struct git_answer answer;
	int r;

	snprintf(until, sizeof(until), "--before=%.40s", before);
	r = git_ask(repository->directory,
		(const char *[]){ "log", "-1", COMMIT_FORMAT, until, "HEAD",
				  NULL },
		&answer, diag);
	if (!r && answer.status)
		r = refuse(repository->directory, &answer, diag);
	if (!r && !answer.size)
		r = hf_error(diag, -EIO, "git",
			     "%s has no commit before the patch was made (%s)",
			     repository->directory, before);
	if (!r) {
		json_t *commit = commit_json(answer.text,
					     strcspn(answer.text, "\n"));

		snprintf(repository->revision, sizeof(repository->revision),
			 "%s", incident_text(commit, "commit"));
		json_object_update(ret_git, commit);
		json_decref(commit);
	}
	git_answer_release(&answer);
	return r;
}

static int files_list(struct repository *repository, struct hf_diag *diag)
{
	struct git_answer answer;
	int r = git_ask(repository->directory,
		    (const char *[]){ "ls-tree", "-r", "--full-tree",
				      "--name-only", repository->revision,
				      NULL },
		    &answer, diag);

	if (!r && answer.status)
		r = refuse(repository->directory, &answer, diag);
	if (!r)
		repository->files = take_ptr(answer.text);
	git_answer_release(&answer);
	return r;
}

/* Paths count from the top of the repository. */
static int top_find(const char *directory, char **ret_top, struct hf_diag *diag)
{
	struct git_answer answer;
	int r = git_ask(directory,
		    (const char *[]){ "rev-parse", "--show-toplevel", NULL },
		    &answer, diag);

	if (!r && answer.status)
		r = refuse(directory, &answer, diag);
	if (!r) {
		answer.text[strcspn(answer.text, "\n")] = '\0';
		*ret_top = take_ptr(answer.text);
	}
	git_answer_release(&answer);
	return r;
}

static int functions_ask(json_t *functions, const struct repository *repository,
			 const struct patch_file *patch, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < patch_nr_parts(patch); i++) {
		const struct manifest *manifest = patch_part(patch, i)->manifest;

		for (size_t k = 0; k < manifest->nr_functions && !r; k++)
			r = function_ask(functions, repository,
					 &manifest->functions[k], diag);
	}
	return r;
}

int incident_git(const char *directory, const char *before,
		 const struct patch_file *patch, json_t **ret_git,
		 struct hf_diag *diag)
{
	owned(free_p) char *top = NULL;
	struct repository repository = { 0 };
	json_t *found = json_object(), *functions = json_array();
	int r = top_find(directory, &top, diag);

	json_put(found, "functions", functions);
	json_put(found, "directory", json_text(top));
	repository.directory = top;
	if (!r)
		r = revision_find(&repository, before, found, diag);
	if (!r)
		r = files_list(&repository, diag);
	if (!r)
		r = functions_ask(functions, &repository, patch, diag);
	free(repository.files);
	if (r)
		json_decref(found);
	else
		*ret_git = found;
	return r;
}
