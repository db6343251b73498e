/*
 * Compares every function of an object with a target's.
 *
 *	prove_object TARGET OBJECT [SOURCE DIRECTORY]
 *
 * One line for each function ("proven NAME", "missing NAME", "ambiguous NAME",
 * or "differs NAME" and the difference, indented), then "N of M".
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../../patcher/diff/bind.h"
#include "../../patcher/diff/identity.h"

static int fail(const struct hf_diag *diag)
{
	fprintf(stderr, "%s\n", diag->message);
	return 1;
}

static void print_difference(const char *name, const char *difference)
{
	printf("differs %s\n\t", name);
	for (; *difference; difference++) {
		putchar(*difference);
		if (*difference == '\n')
			putchar('\t');
	}
	putchar('\n');
}

static int prove(const struct build *build, const struct unit_pair *pair,
		 const struct item *function, struct hf_diag *diag)
{
	struct binding binding;
	struct identity identity;
	int r = bind_item(build, pair, function, &binding);

	if (r)
		return r;
	if (binding.kind != BINDING_TARGET) {
		printf("%s %s\n",
		       binding.kind == BINDING_AMBIGUOUS ? "ambiguous" :
							   "missing",
		       function->name);
		return 0;
	}
	r = identity_prove(build, pair, function, binding.symbol, &identity,
			   diag);
	if (r)
		return r;
	if (identity.proven)
		printf("proven %s %zu %zu%s\n", function->name,
		       identity.nr_instructions, identity.nr_references,
		       identity.nr_paths ? " paths" : "");
	else
		print_difference(function->name, identity.difference);
	free(identity.difference);
	return 0;
}

static int prove_all(const struct build *build, const struct unit_pair *pair,
		     struct hf_diag *diag)
{
	size_t nr_proven, nr_functions;
	int r = 0;

	for (size_t i = 0; i < pair->original->nr_items && !r; i++)
		if (pair->original->items[i]->kind == ITEM_FUNCTION)
			r = prove(build, pair, pair->original->items[i], diag);
	if (!r)
		r = identity_all(build, pair, &nr_proven, &nr_functions, diag);
	if (!r)
		printf("%zu of %zu\n", nr_proven, nr_functions);
	return r;
}

int main(int argc, char **argv)
{
	struct options options = { .target = argv[1], .sysroot = "" };
	struct build *build = calloc(1, sizeof(*build));
	struct compile compile = { 0 };
	struct unit_pair pair = { 0 };
	struct hf_diag diag = { 0 };
	int r;

	if (argc < 3)
		return 2;
	if (argc > 4) {
		compile.source = argv[3];
		compile.directory = argv[4];
		pair.original_compile = &compile;
	}
	build->options = &options;
	r = build_open_target(build, &diag);
	if (!r)
		r = unit_open(argv[2], &pair.original, &diag);
	if (!r)
		r = prove_all(build, &pair, &diag);
	if (r)
		r = fail(&diag);
	if (pair.original)
		unit_close(pair.original);
	build_free(build);
	return r;
}
