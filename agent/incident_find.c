/*
 * An entry about a patch of which no process was looked at, or that was not there,
 * has no digest: it belongs to the one that was last worked with under that name.
 */
#include "incident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/digest.h"
#include "ledger.h"
#include "output.h"
#include "patch_store.h"

struct finder {
	const char *name;
	json_t *records; /* all of that name */
	json_t *counts;	 /* digest: how often; the latest is put in anew */
};

static bool is_file(const char *subject)
{
	size_t size = strlen(subject);

	return strchr(subject, '/') ||
	       (size > 3 && !strcmp(subject + size - 3, ".so"));
}

/* --- its entries in the ledger -------------------------------------------------- */

static bool has_replaced(const json_t *record, const char *name)
{
	const json_t *replaced = json_object_get(record, "replaced");
	const json_t *item;
	size_t i;

	json_array_foreach(replaced, i, item)
		if (!strcmp(json_string_value(item) ?: "", name))
			return true;
	return false;
}

static int record_take(void *context, const json_t *record)
{
	struct finder *finder = context;

	if (!strcmp(incident_text(record, "patch"), finder->name) ||
	    has_replaced(record, finder->name))
		json_add(finder->records, json_deep_copy(record));
	return 0;
}

/* An entry of another patch that took this one away has the other's digest. */
static bool is_own(const json_t *record, const char *name)
{
	return !strcmp(incident_text(record, "patch"), name);
}

static void digests_count(struct finder *finder)
{
	const json_t *record;
	size_t i;

	json_array_foreach(finder->records, i, record) {
		const char *digest = incident_text(record, "digest");
		json_int_t nr;

		if (!*digest || !is_own(record, finder->name) ||
		    !json_object_get(record, "command"))
			continue;
		nr = json_integer_value(json_object_get(finder->counts, digest));
		json_object_del(finder->counts, digest);
		json_put(finder->counts, digest, json_integer(nr + 1));
	}
}

/* Those of @digest, and those without one that belong to it. */
static json_t *records_of(const struct finder *finder, const char *digest)
{
	json_t *records = json_array(), *record;
	const char *current = "";
	size_t i;

	json_array_foreach(finder->records, i, record) {
		const char *has = incident_text(record, "digest");

		if (is_own(record, finder->name) && *has)
			current = has;
		if (!strcmp(current, digest))
			json_add(records, json_incref(record));
	}
	return records;
}

/* --- which digest ---------------------------------------------------------------- */

static int digest_fail(const struct finder *finder, const char *wanted,
		       size_t nr, struct hf_diag *diag)
{
	const char *digest;
	const json_t *count;

	hf_error(diag, nr ? -EINVAL : -ENOENT, "unknown-patch",
		 "%s of %s in the ledger begins with %s",
		 nr ? "more than one patch" : "no patch", finder->name, wanted);
	json_object_foreach((json_t *)finder->counts, digest, count)
		hf_detail(diag, "there is: %s", digest);
	hf_hint(diag, "hotfix log --json --name %s has the digests",
		finder->name);
	return nr ? -EINVAL : -ENOENT;
}

static int digest_choose(const struct finder *finder, const char *wanted,
			 char *ret_digest, struct hf_diag *diag)
{
	const char *digest, *found = NULL;
	const json_t *count;
	size_t nr = 0;

	json_object_foreach((json_t *)finder->counts, digest, count) {
		if (wanted && strncasecmp(digest, wanted, strlen(wanted)))
			continue;
		found = digest; /* the last one is the latest */
		nr++;
	}
	if (wanted && nr != 1)
		return digest_fail(finder, wanted, nr, diag);
	if (!found) {
		hf_error(diag, -ENOENT, "unknown-patch",
			 "the ledger of this host has no patch called %s",
			 finder->name);
		hf_hint(diag, "hotfix log lists what it has; or give the patch "
			      "file: hotfix report ./%s.hotfix.so",
			finder->name);
		return -ENOENT;
	}
	snprintf(ret_digest, 2 * SHA256_SIZE + 1, "%s", found);
	return 0;
}

static json_t *others_of(const struct finder *finder, const char *digest)
{
	json_t *others = json_array();
	json_t *count;
	const char *other;

	json_object_foreach(finder->counts, other, count) {
		json_t *object;

		if (!strcmp(other, digest))
			continue;
		object = json_object();
		json_put(object, "digest", json_text(other));
		json_put(object, "attempts", json_incref(count));
		json_add(others, object);
	}
	return others;
}

/* --- its file ---------------------------------------------------------------------- */

static int file_open(const char *path, const struct incident_request *request,
		     struct incident_subject *subject, struct hf_diag *diag)
{
	int r = patch_file_open(path, &subject->patch, diag);

	if (r)
		return r;
	snprintf(subject->name, sizeof(subject->name), "%s",
		 subject->patch->manifest->name);
	hex_encode(subject->patch->digest, SHA256_SIZE, subject->digest);
	if (!request->digest || !strncasecmp(subject->digest, request->digest,
					     strlen(request->digest)))
		return 0;
	return hf_error(diag, -EINVAL, "usage",
			"--digest: that of %s is another: %s", path,
			subject->digest);
}

/* What cannot be had of it is said in the report. */
static void copy_open(struct incident_subject *subject)
{
	uint8_t digest[SHA256_SIZE];
	struct hf_diag diag = { 0 };
	char path[PATH_MAX];
	size_t size;

	if (hex_decode(subject->digest, SHA256_SIZE, digest, &size) < 0 ||
	    patch_store_find(digest, path)) {
		snprintf(subject->problem, sizeof(subject->problem),
			 "no copy of the patch file is kept on this host: it "
			 "was never applied here, or the copy cannot be read");
	} else if (patch_file_open(path, &subject->patch, &diag)) {
		snprintf(subject->problem, sizeof(subject->problem), "%.500s",
			 diag.message);
	} else if (memcmp(subject->patch->digest, digest, SHA256_SIZE)) {
		snprintf(subject->problem, sizeof(subject->problem),
			 "%.300s is no longer what was applied: its digest is "
			 "another", path);
		patch_file_free(subject->patch);
		subject->patch = NULL;
	}
}

/* --- all of it --------------------------------------------------------------------- */

static int records_read(struct finder *finder, struct hf_diag *diag)
{
	owned(ledger_close_p) struct ledger *ledger = NULL;
	int r = ledger_open(false, &ledger, diag);

	if (r == 0)
		r = ledger_each(ledger, record_take, finder, diag);
	digests_count(finder);
	return r;
}

static int subject_find(const struct incident_request *request,
			struct finder *finder, struct incident_subject *subject,
			struct hf_diag *diag)
{
	bool file = is_file(request->subject);
	int r = 0;

	if (file)
		r = file_open(request->subject, request, subject, diag);
	if (r)
		return r;
	finder->name = file ? subject->name : request->subject;
	r = records_read(finder, diag);
	if (r == -ENOENT && file)
		r = 0; /* nothing was done yet */
	if (r || file)
		return r;
	if (!manifest_name_valid(request->subject))
		return hf_error(diag, -EINVAL, "usage",
				"\"%s\" is neither a patch's name nor a patch "
				"file", request->subject);
	snprintf(subject->name, sizeof(subject->name), "%s", finder->name);
	r = digest_choose(finder, request->digest, subject->digest, diag);
	if (r == 0)
		copy_open(subject);
	return r;
}

int incident_find(const struct incident_request *request,
		  struct incident_subject *ret_subject, struct hf_diag *diag)
{
	struct finder finder = { .records = json_array(),
				 .counts = json_object() };
	int r;

	*ret_subject = (struct incident_subject){ 0 };
	r = subject_find(request, &finder, ret_subject, diag);
	if (r == 0) {
		ret_subject->records = records_of(&finder, ret_subject->digest);
		ret_subject->others = others_of(&finder, ret_subject->digest);
	} else {
		incident_subject_release(ret_subject);
	}
	json_decref(finder.records);
	json_decref(finder.counts);
	return r;
}

void incident_subject_release(struct incident_subject *subject)
{
	if (subject->patch)
		patch_file_free(subject->patch);
	json_decref(subject->records);
	json_decref(subject->others);
	*subject = (struct incident_subject){ 0 };
}
