/*
 * Sections of one name are kept apart where they hold code or data: two results
 * may each have a static function of the same name. Those of debug information
 * must be joined, or references between them lead nowhere.
 *
 * The merged object gets its name when it is whole, so that a cache never has
 * half of one.
 */
#include "optimised.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../command.h"

/* Beside the objects, named after all of them. NULL: ENOMEM. */
static char *merged_path(const struct link_step *link)
{
	owned(free_p) char *names = strings_join(&link->optimised);
	const char *first = link->optimised.items[0];
	const char *slash = strrchr(first, '/');
	char digest[HEX_SIZE(SHA256_SIZE)];
	uint8_t bytes[SHA256_SIZE];

	if (!names)
		return NULL;
	sha256(names, strlen(names), bytes);
	hex_encode(bytes, sizeof(bytes), digest);
	return text_format("%.*s/merged-%s.o",
			   slash ? (int)(slash - first) : 1,
			   slash ? first : ".", digest);
}

static int merge_command(const struct link_step *link, const char *output,
			 struct strings *command)
{
	int r = strings_add_words(command,
				  "ld -r --unique=.text* --unique=.data* "
				  "--unique=.bss* --unique=.rodata* "
				  "--unique=.tdata* --unique=.tbss* -o");

	return r ?: strings_add(command, output) ?:
			 strings_add_all(command, &link->optimised);
}

static int refuse_merge(const struct link_step *link,
			const struct buffer *output, struct hf_diag *diag)
{
	hf_refuse(diag, "object-lto",
		  "what the link-time optimiser made of %s cannot be put into "
		  "one object:\n%.*s",
		  link->output, (int)output->size, (const char *)output->data);
	hf_hint(diag, "GNU ld is needed for that, as \"ld\" in PATH");
	return -ECANCELED;
}

static int merge(const struct link_step *link, const char *path,
		 struct hf_diag *diag)
{
	struct strings command = { 0 };
	struct buffer output = { 0 };
	int status = 0;
	int r = merge_command(link, path, &command) ?
			hf_fail(diag, -ENOMEM, "cannot merge objects") :
			command_capture(&command, &status, &output, diag);

	if (!r && status)
		r = refuse_merge(link, &output, diag);
	strings_release(&command);
	buffer_release(&output);
	return r;
}

int optimised_merge(const struct link_step *link, char **ret_path,
		    struct hf_diag *diag)
{
	owned(free_p) char *path = merged_path(link), *unfinished = NULL;
	int r = 0;

	if (path)
		unfinished = text_format("%s.%d", path, (int)getpid());
	if (!unfinished)
		return hf_fail(diag, -ENOMEM, "cannot merge objects");
	if (access(path, F_OK) < 0) {
		r = merge(link, unfinished, diag);
		if (!r && rename(unfinished, path) < 0)
			r = hf_fail(diag, -errno, "cannot write %s", path);
		if (r)
			unlink(unfinished);
	}
	if (!r)
		*ret_path = take_ptr(path);
	return r;
}
