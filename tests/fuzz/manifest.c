/* The manifest: what is accepted can be written and read again, alike. */
#include "../../lib/manifest.h"
#include "../sample_manifest.h"
#include "fuzz.h"

static void again_check(const struct manifest *manifest)
{
	owned(free_p) char *json = NULL, *again = NULL;
	struct manifest *copy = NULL;

	PROMISE(manifest_format(manifest, &json, NULL) == 0);
	PROMISE(manifest_parse(json, strlen(json), &copy, NULL) == 0);
	PROMISE(manifest_format(copy, &again, NULL) == 0);
	PROMISE(!strcmp(json, again));
	manifest_free(copy);
}

static bool read_manifest(const uint8_t *bytes, size_t size)
{
	struct manifest *manifest = NULL;
	struct hf_diag diag = { 0 };

	if (manifest_parse((const char *)bytes, size, &manifest, &diag)) {
		PROMISE(!manifest && diag.code[0] && diag.message[0]);
		return false;
	}
	PROMISE(manifest_name_valid(manifest->name));
	for (size_t i = 0; i < manifest->nr_functions; i++) {
		const struct manifest_function *function =
			&manifest->functions[i];
		const char *file = NULL;

		PROMISE(!manifest_line(function, function->vaddr, &file) ||
			file);
	}
	PROMISE(manifest->nr_functions > 0);
	again_check(manifest);
	manifest_free(manifest);
	return true;
}

static void seeds(void)
{
	owned(free_p) char *json = NULL;

	PROMISE(manifest_format(&sample_manifest, &json, NULL) == 0);
	fuzz_seed(json, strlen(json));
}

const struct fuzz_target fuzz_target = {
	.read = read_manifest, .seeds = seeds, .text = true,
};
