#include "report.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/build_id.h"
#include "../lib/cleanup.h"
#include "../lib/patch_file.h"
#include "../lib/text.h"
#include "diff/why.h"

/* Of functions that are described at length, and of lines of one kind. */
#define IN_FULL_MAX 8
#define LINES_MAX 12

/* Continuation lines begin with @indent. Names in it come from anywhere. */
static void print_labelled(const char *label, const char *text,
			   const char *indent)
{
	owned(free_p) char *copy = strdup(text);

	if (!copy)
		return;
	text_clean(copy, "\n\t");
	fputs(label, stderr);
	for (const char *c = copy; *c; c++) {
		fputc(*c, stderr);
		if (*c == '\n' && c[1])
			fputs(indent, stderr);
	}
	fputc('\n', stderr);
}

static void print_error(const struct hf_diag *diag)
{
	print_labelled("hotfix-build: error: ", diag->message, "  ");
	if (*diag->hint)
		print_labelled("  hint: ", diag->hint, "  hint: ");
}

static void print_warnings(const struct build *build)
{
	for (size_t i = 0; build && i < build->warnings.nr; i++)
		print_labelled("hotfix-build: warning: ",
			       build->warnings.items[i], "  ");
}

static void print_identity(const struct manifest_function *function)
{
	if (function->identity == IDENTITY_PROVEN)
		printf("    proven: %u instructions and %u references are "
		       "those of the target\n",
		       function->identity_instructions,
		       function->identity_references);
	else if (function->identity == IDENTITY_UNPROVEN)
		printf("    NOT PROVEN to be what the target runs\n");
}

/* As many as a person reads; programs get all of them. */
static void print_lines(const char *label, const struct strings *lines)
{
	size_t nr = lines->nr > LINES_MAX ? LINES_MAX - 1 : lines->nr;

	for (size_t i = 0; i < nr; i++)
		printf("  %s: %s\n", label,
		       lines->items[i] + strspn(lines->items[i], " "));
	if (nr < lines->nr)
		printf("  %s: %zu more, see --json\n", label, lines->nr - nr);
}

static void print_diff(const struct change_set *set)
{
	struct strings lines = { 0 };

	why_additions(set, &lines);
	print_lines("new", &lines);
	print_lines("left out", &set->left_out);
	strings_release(&lines);
}

static void print_function(const struct manifest_function *function,
			   const char *saved)
{
	printf("  %s()", function->name);
	if (strcmp(function->name, function->replacement))
		printf(" by %s()", function->replacement);
	if (function->source)
		printf(", %s", function->source);
	printf("\n    %lu -> %lu bytes, redirected by %s over %u bytes%s\n",
	       function->size, function->replacement_size,
	       site_strategy_name(function->plan.strategy),
	       function->plan.size,
	       function->calls_original ? ", calls the original" : "");
	if (function->why)
		printf("    changed: %s\n", function->why);
	print_identity(function);
	if (saved)
		printf("    saves %s for callers that rely on them "
		       "(gcc -fipa-ra)\n",
		       saved);
}

/* ---- of many functions, a line each -------------------------------------- */

static void print_line(const struct manifest_function *function)
{
	printf("  %s()", function->name);
	if (function->source)
		printf(", %s", function->source);
	printf(": %s; %lu -> %lu bytes%s\n", function->why ?: "replaced",
	       function->size, function->replacement_size,
	       function->identity == IDENTITY_UNPROVEN ?
		       "; NOT PROVEN to be what the target runs" :
		       "");
}

static void print_proven(const struct manifest *manifest)
{
	size_t nr = 0;

	for (size_t i = 0; i < manifest->nr_functions; i++)
		nr += manifest->functions[i].identity == IDENTITY_PROVEN;
	if (nr)
		printf("  proven: %zu of %zu functions are what the target "
		       "runs\n",
		       nr, manifest->nr_functions);
}

static void print_functions(const struct build *build)
{
	const struct manifest *manifest = build->manifest;
	bool many = manifest->nr_functions > IN_FULL_MAX;

	for (size_t i = 0; i < manifest->nr_functions; i++) {
		if (many)
			print_line(&manifest->functions[i]);
		else
			print_function(&manifest->functions[i],
				       build->replacements[i].saved);
	}
	if (many)
		print_proven(manifest);
}

static size_t nr_in_module(const struct manifest *manifest)
{
	size_t nr = 0;

	for (size_t i = 0; i < manifest->nr_imports; i++)
		nr += manifest->imports[i].in_module;
	return nr;
}

static void print_target(const struct build *build)
{
	const struct manifest *manifest = build->manifest;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	size_t own = nr_in_module(manifest);

	printf("for %s %s\n  build-id %s\n",
	       manifest->target.kind == TARGET_LIBRARY ? "library" :
							 "executable",
	       manifest->target.name,
	       build_id_format(&manifest->target.build_id, id));
	print_functions(build);
	if (build->changes)
		print_diff(build->changes);
	printf("  imports: %zu of %s, %zu of its libraries\n", own,
	       manifest->target.name, manifest->nr_imports - own);
	printf("  compiled by %s\n", manifest->compiler ?: "?");
}

/* Begun, and not left out as unchanged. */
static bool is_built(const struct build *build)
{
	return build && build->manifest && build->manifest->nr_functions;
}

static void print_success(const struct options *options,
			  const struct several *several)
{
	const char *output = options->output;
	struct stat status = { 0 };

	stat(output, &status);
	printf("%s: patch \"%s\", %ld bytes, ", output,
	       several->builds[0]->manifest->name, (long)status.st_size);
	for (size_t i = 0; i < several->nr; i++)
		if (is_built(several->builds[i]))
			print_target(several->builds[i]);
	for (size_t i = 0; i < several->unchanged.nr; i++)
		printf("left out: %s: the diff changes nothing of it\n",
		       several->unchanged.items[i]);
	if (options->source_directory)
		printf("note: %s\n", why_limits());
	printf("next:\n  hotfix check %s -p PID\n  hotfix apply %s --all\n",
	       output, output);
}

static json_t *strings_json(char *const *items, size_t nr)
{
	json_t *array = json_array();

	for (size_t i = 0; i < nr; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

static json_t *function_json(const struct manifest_function *function)
{
	json_t *object = json_pack("{s:s, s:s*, s:I, s:I, s:s, s:I, s:s, s:i, s:b}",
			 "name", function->name, "source", function->source,
			 "vaddr", (json_int_t)function->vaddr, "size",
			 (json_int_t)function->size, "replacement",
			 function->replacement, "replacement_size",
			 (json_int_t)function->replacement_size, "strategy",
			 site_strategy_name(function->plan.strategy),
			 "overwritten", (int)function->plan.size,
			 "calls_original", (int)function->calls_original);

	if (function->why)
		json_object_set_new(object, "why", json_string(function->why));
	if (function->identity != IDENTITY_NOT_COMPARED)
		json_object_set_new(
			object, "proven",
			json_boolean(function->identity == IDENTITY_PROVEN));
	return object;
}

static json_t *additions_json(const struct change_set *set)
{
	struct strings lines = { 0 };
	json_t *array;

	why_additions(set, &lines);
	array = strings_json(lines.items, lines.nr);
	strings_release(&lines);
	return array;
}

static void put_target(json_t *result, const struct build *build)
{
	const struct manifest *manifest = build->manifest;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	json_t *functions = json_array();

	for (size_t i = 0; i < manifest->nr_functions; i++)
		json_array_append_new(functions,
				      function_json(&manifest->functions[i]));
	json_object_set_new(
		result, "target",
		json_pack("{s:s, s:s, s:s}", "name", manifest->target.name,
			  "kind",
			  manifest->target.kind == TARGET_LIBRARY ?
				  "library" :
				  "executable",
			  "build_id",
			  build_id_format(&manifest->target.build_id, id)));
	json_object_set_new(result, "functions", functions);
	json_object_set_new(result, "imports",
			    json_integer((json_int_t)manifest->nr_imports));
	json_object_set_new(result, "proof",
			    strings_json(manifest->proof, manifest->nr_proof));
	if (manifest->flags)
		json_object_set_new(result, "flags",
				    json_string(manifest->flags));
	if (!build->changes)
		return;
	json_object_set_new(result, "overrides",
			    strings_json(manifest->overrides,
					 manifest->nr_overrides));
	json_object_set_new(result, "new", additions_json(build->changes));
	json_object_set_new(result, "left_out",
			    strings_json(build->changes->left_out.items,
					 build->changes->left_out.nr));
}

/* The first target's members stand in the object itself, as of a patch for one;
 * those of others in "parts". */
static void put_targets(json_t *result, const struct several *several)
{
	json_t *parts = json_array();
	bool is_first = true;

	for (size_t i = 0; i < several->nr; i++) {
		json_t *part = is_first ? result : json_object();

		if (!is_built(several->builds[i]))
			continue;
		put_target(part, several->builds[i]);
		if (!is_first)
			json_array_append_new(parts, part);
		is_first = false;
	}
	if (json_array_size(parts))
		json_object_set(result, "parts", parts);
	json_decref(parts);
}

static json_t *warnings_json(const struct several *several)
{
	json_t *all = json_array();

	for (size_t i = 0; i < several->nr; i++) {
		const struct build *build = several->builds[i];
		json_t *some = build ? strings_json(build->warnings.items,
						    build->warnings.nr) :
				       json_array();

		json_array_extend(all, some);
		json_decref(some);
	}
	return all;
}

/* All that the warnings name only some of. */
static json_t *notices_json(const struct several *several)
{
	json_t *all = json_array();

	for (size_t i = 0; i < several->nr; i++) {
		const struct build *build = several->builds[i];
		const struct change_set *set = build ? build->changes : NULL;

		for (size_t k = 0; set && k < set->nr_notices; k++) {
			const struct strings *names = &set->notices[k].names;

			json_array_append_new(
				all, json_pack("{s:s, s:o}", "code",
					       set->notices[k].kind->code,
					       "names",
					       strings_json(names->items,
							    names->nr)));
		}
	}
	return all;
}

static json_t *error_json(const struct hf_diag *diag)
{
	return json_pack("{s:s, s:s, s:s}", "code", diag->code, "message",
			 diag->message, "hint", diag->hint);
}

static void put_json(json_t *result, int error)
{
	json_object_set_new(result, "exit",
			    json_integer(diag_exit_status(error)));
	json_dumpf(result, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
	json_decref(result);
}

static void print_json(const struct options *options,
		       const struct several *several, int error,
		       const struct hf_diag *diag)
{
	json_t *result = json_object();

	json_object_set_new(result, "command", json_string("build"));
	if (error) {
		json_object_set_new(result, "error", error_json(diag));
	} else {
		json_object_set_new(result, "output",
				    json_string(options->output));
		json_object_set_new(
			result, "patch",
			json_string(several->builds[0]->manifest->name));
		put_targets(result, several);
	}
	json_object_set_new(result, "warnings", warnings_json(several));
	json_object_set_new(result, "notices", notices_json(several));
	put_json(result, error);
}

void report(const struct options *options, const struct several *several,
	    int error, const struct hf_diag *diag)
{
	text_ask_locale();
	for (size_t i = 0; i < several->nr; i++) {
		const struct build *build = several->builds[i];

		print_warnings(build);
		if (build && build->directory && options->keep_temps)
			fprintf(stderr,
				"hotfix-build: intermediate files are in %s\n",
				build->directory);
	}
	if (error)
		print_error(diag);
	if (options->json)
		print_json(options, several, error, diag);
	else if (!error)
		print_success(options, several);
}

static void print_joined(const struct patch_file *patch)
{
	printf("%s: patch \"%s\", switched together in\n", patch->path,
	       patch->manifest->name);
	for (size_t i = 0; i < patch_nr_parts(patch); i++) {
		const struct manifest *manifest =
			patch_part(patch, i)->manifest;

		printf("  %s, %zu functions\n", manifest->target.name,
		       manifest->nr_functions);
	}
}

static void json_joined(const struct patch_file *patch, int error,
			const struct hf_diag *diag)
{
	json_t *result = json_pack("{s:s}", "command", "join");
	json_t *targets = json_array();

	for (size_t i = 0; patch && i < patch_nr_parts(patch); i++)
		json_array_append_new(
			targets, json_string(patch_part(patch, i)
						     ->manifest->target.name));
	json_object_set_new(result, "targets", targets);
	if (error)
		json_object_set_new(result, "error", error_json(diag));
	put_json(result, error);
}

void report_joined(const struct options *options, int error,
		   const struct hf_diag *diag)
{
	struct patch_file *patch = NULL;

	if (error)
		print_error(diag);
	else if (patch_file_open(options->output, &patch, NULL))
		return; /* it was checked before it got its name */
	if (options->json)
		json_joined(patch, error, diag);
	else if (patch)
		print_joined(patch);
	patch_file_free(patch);
}
