#include "standing.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/digest.h"
#include "clock.h"
#include "output.h"
#include "state_dir.h"
#include "state_files.h"

#define DIRECTORY "standing"

static const char *const state_names[] = {
	[STANDING_ACTIVE] = "active",
	[STANDING_LOCKED] = "locked",
};

const char *standing_state_name(enum standing_state state)
{
	return state_names[state];
}

int standing_write(const struct standing *standing, struct hf_diag *diag)
{
	json_t *root = json_object();
	char digest[HEX_SIZE(SHA256_SIZE)];
	int r;

	hex_encode(standing->digest, SHA256_SIZE, digest);
	json_put(root, "patch", json_text(standing->name));
	json_put(root, "digest", json_text(digest));
	json_put(root, "kept_at_ns", json_integer(standing->kept_at_ns));
	json_put(root, "state", json_text(state_names[standing->state]));
	json_put(root, "because", json_text(standing->because));
	r = state_file_write(DIRECTORY, standing->name, root, diag);
	json_decref(root);
	return r;
}

static bool digest_parse(const char *text, uint8_t *ret_digest)
{
	size_t size;

	return !hex_decode(text, SHA256_SIZE, ret_digest, &size) &&
	       size == SHA256_SIZE;
}

static bool state_find(const char *name, enum standing_state *ret_state)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
		if (strcmp(state_names[i], name))
			continue;
		*ret_state = (enum standing_state)i;
		return true;
	}
	return false;
}

static bool standing_parse(const char *file, const json_t *root,
			   struct standing *ret_standing)
{
	const char *name, *digest, *state, *because;
	json_int_t kept_at_ns;

	/* It only reads through the pointer. */
	if (json_unpack((json_t *)(uintptr_t)root, "{s:s, s:s, s:I, s:s, s:s}",
			"patch", &name, "digest", &digest, "kept_at_ns",
			&kept_at_ns, "state", &state, "because", &because) ||
	    strcmp(name, file) || !manifest_name_valid(name) ||
	    !digest_parse(digest, ret_standing->digest) ||
	    !state_find(state, &ret_standing->state))
		return false;
	ret_standing->kept_at_ns = kept_at_ns;
	snprintf(ret_standing->name, sizeof(ret_standing->name), "%s", name);
	snprintf(ret_standing->because, sizeof(ret_standing->because), "%s",
		 because);
	return true;
}

struct walk {
	standing_visit_fn *visit;
	void *context;
};

static int file_visit(void *context, const char *file, const json_t *root)
{
	const struct walk *walk = context;
	struct standing standing = { 0 };

	if (!standing_parse(file, root, &standing))
		return 0;
	return walk->visit(walk->context, &standing);
}

int standing_each(standing_visit_fn *visit, void *context, struct hf_diag *diag)
{
	struct walk walk = { visit, context };

	return state_files_each(DIRECTORY, file_visit, &walk, diag);
}

static int copy_if_named(void *context, const struct standing *standing)
{
	struct standing *wanted = context;

	if (strcmp(standing->name, wanted->name))
		return 0;
	*wanted = *standing;
	return 1;
}

static int not_standing(const char *name, struct hf_diag *diag)
{
	hf_error(diag, -ENOENT, "not-standing", "%s is no standing fix", name);
	hf_hint(diag, "`hotfix keep` lists those that are");
	return -ENOENT;
}

int standing_find(const char *name, struct standing *ret_standing,
		  struct hf_diag *diag)
{
	int r;

	snprintf(ret_standing->name, sizeof(ret_standing->name), "%s", name);
	r = standing_each(copy_if_named, ret_standing, diag);
	if (r > 0)
		return 0;
	return r ? r : not_standing(name, diag);
}

int standing_remove(const char *name, struct hf_diag *diag)
{
	char file[sizeof(DIRECTORY) + MANIFEST_NAME_MAX + 2], path[PATH_MAX];
	int r;

	snprintf(file, sizeof(file), DIRECTORY "/%s", name);
	r = state_path(file, path, diag);
	if (r)
		return r;
	if (!unlink(path))
		return 0;
	return errno == ENOENT ? not_standing(name, diag) :
				 hf_fail(diag, -errno, "cannot remove %s", path);
}

/* Files are replaced and removed, never changed: the directory tells. */
uint64_t standing_version(void)
{
	char path[PATH_MAX];
	struct stat stat_of;

	if (state_path(DIRECTORY, path, NULL) || stat(path, &stat_of))
		return 0;
	return (uint64_t)stat_of.st_mtim.tv_sec * NS_PER_S +
	       (uint64_t)stat_of.st_mtim.tv_nsec;
}
