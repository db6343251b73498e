#include "build_key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../command.h"
#include "tree_digest.h"

/* Changes when what a cache holds is no longer what it was. */
#define CACHE_FORMAT "hotfix-cache 4 " HOTFIX_VERSION

static bool is_obeyed(const char *variable)
{
	static const char *const names[] = {
		"CC=",	     "CXX=",	   "CPP=",	"LD=",
		"AR=",	     "AS=",	   "CFLAGS=",	"CXXFLAGS=",
		"CPPFLAGS=", "LDFLAGS=",   "ASFLAGS=",	"LIBS=",
		"CPATH=",    "C_INCLUDE_PATH=", "LIBRARY_PATH=",
		"PKG_CONFIG", "SOURCE_DATE_EPOCH=", "DEB_", "CMAKE_",
		"MESON",     "CONFIG_SITE=", "OPT=", "EXTRA_",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_environment(struct tree_digest *digest)
{
	struct strings found = { 0 };
	int r = 0;

	for (char **variable = environ; *variable && !r; variable++)
		if (is_obeyed(*variable))
			r = strings_add(&found, *variable);
	if (found.nr)
		qsort(found.items, found.nr, sizeof(*found.items),
		      compare_texts);
	for (size_t i = 0; i < found.nr && !r; i++)
		tree_digest_add_text(digest, found.items[i]);
	strings_release(&found);
	return r;
}

/* What a compiler says of itself; one that is not there says nothing. */
static int add_compiler(struct tree_digest *digest, const char *words)
{
	struct strings command = { 0 };
	struct buffer output = { 0 };
	int status, r = strings_add_words(&command, words);

	if (!r)
		r = strings_add(&command, "--version");
	if (!r && command.nr > 1)
		r = command_capture(&command, &status, &output, NULL);
	strings_release(&command);
	if (output.data)
		tree_digest_add_text(digest, (const char *)output.data);
	buffer_release(&output);
	return r == -ENOMEM || r == -EINTR ? r : 0;
}

static int add_compilers(struct tree_digest *digest)
{
	const char *const words[] = { getenv("CC"), getenv("CXX"), "cc", "gcc",
				      "clang", "ld" };
	int r = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words) && !r; i++)
		if (words[i])
			r = add_compiler(digest, words[i]);
	return r;
}

static int add_all(struct tree_digest *digest, const struct options *options,
		   const char *source, const char *prefix_map,
		   struct hf_diag *diag)
{
	int r;

	tree_digest_add_text(digest, CACHE_FORMAT);
	tree_digest_add_text(digest, source);
	tree_digest_add_text(digest, prefix_map ?: "");
	for (size_t i = 0; i < options->build_command.nr; i++)
		tree_digest_add_text(digest, options->build_command.items[i]);
	r = add_environment(digest);
	if (!r)
		r = add_compilers(digest);
	if (r)
		return command_stopped(diag) ?:
		       hf_fail(diag, r, "cannot look at the compilers");
	return tree_digest_add(digest, source, true, diag);
}

int build_key(const struct options *options, const char *source,
	      const char *prefix_map, char ret_key[HEX_SIZE(SHA256_SIZE)],
	      struct hf_diag *diag)
{
	struct tree_digest *digest = tree_digest_new();
	char key[HEX_SIZE(SHA256_SIZE)];
	int r;

	if (!digest)
		return hf_fail(diag, -ENOMEM, "cannot read %s", source);
	r = add_all(digest, options, source, prefix_map, diag);
	tree_digest_finish(digest, key);
	if (!r)
		strcpy(ret_key, key);
	return r;
}
