/*
 * What was changed: the source as far as the patch file has it, and each function's
 * code before and after.
 */
#include "incident.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/build_id.h"
#include "../lib/cleanup.h"
#include "../lib/digest.h"
#include "../lib/text.h"
#include "output.h"
#include "patch_listing.h"
#include "trusted_file.h"

DEFINE_CLEANUP(struct old_code, old_code_close)

/* --- the source -------------------------------------------------------------------- */

/* Text of any bytes, as UTF-8 without what a terminal obeys. */
static json_t *text_json(const struct patch_text *text)
{
	owned(free_p) char *copy = malloc(text->size + 1);

	if (!copy)
		return NULL;
	for (size_t i = 0; i < text->size; i++)
		copy[i] = text->text[i] ? text->text[i] : '?';
	copy[text->size] = '\0';
	text_clean_document(copy, "\n\t");
	return json_text(copy);
}

/* All parts of a patch from a diff have that diff. */
static bool is_told(const struct patch_file *patch, size_t nr_parts,
		    const struct patch_text *text)
{
	for (size_t i = 0; i < nr_parts; i++) {
		const struct patch_file *part = patch_part(patch, i);

		for (size_t k = 0; k < part->nr_texts; k++)
			if (part->texts[k].size == text->size &&
			    !strcmp(part->texts[k].name, text->name) &&
			    !memcmp(part->texts[k].text, text->text,
				    text->size))
				return true;
	}
	return false;
}

static json_t *source_json(const struct patch_file *patch)
{
	json_t *array = json_array();

	for (size_t i = 0; i < patch_nr_parts(patch); i++) {
		const struct patch_file *part = patch_part(patch, i);

		for (size_t k = 0; k < part->nr_texts; k++) {
			const struct patch_text *text = &part->texts[k];
			json_t *object;

			if (is_told(patch, i, text))
				continue;
			object = json_object();
			json_put(object, "kind",
				 json_text(patch_text_kind_name(text->kind)));
			json_put(object, "name", json_text(text->name));
			json_put(object, "size",
				 json_integer((json_int_t)text->size));
			json_put(object, "whole_size",
				 json_integer((json_int_t)text->whole_size));
			json_put(object, "text", text_json(text));
			json_add(array, object);
		}
	}
	return array;
}

/* --- the functions ------------------------------------------------------------------ */

/* Where a part's old code was found, and why it was not. */
struct old_source {
	struct old_code *code;
	char where[512];
	char tried[512]; /* the last path */
	struct hf_diag diag;
};

static void old_from_file(struct old_source *old, const char *path,
			  const struct patch_file *part)
{
	if (old_code_open_file(path, part, &old->code, &old->diag))
		return;
	snprintf(old->where, sizeof(old->where), "%s", path);
}

/* A process of anybody had it, and its owner may have put something else there: a
 * pipe, or a file that ends while it is read. */
static bool may_be_read(const char *path, struct hf_diag *diag)
{
	const struct trust trust = { .uid = geteuid(), .gid = getegid() };
	struct stat status;

	if (stat(path, &status)) {
		hf_fail(diag, -errno, "cannot open %s", path);
		return false;
	}
	if (!S_ISREG(status.st_mode)) {
		hf_error(diag, -EBADMSG, "", "%s is no regular file", path);
		return false;
	}
	return !trust_check(&trust, TRUST_FILE, path, &status, diag);
}

static void old_from_ledger(struct old_source *old, const char *path,
			    const struct patch_file *part)
{
	if (old->code || !*path || !strcmp(path, old->tried))
		return;
	snprintf(old->tried, sizeof(old->tried), "%s", path);
	if (may_be_read(path, &old->diag))
		old_from_file(old, path, part);
}

static void old_from_process(struct old_source *old, long long pid,
			     const struct patch_file *part)
{
	if (old->code ||
	    old_code_open_process((pid_t)pid, part, &old->code, &old->diag))
		return;
	snprintf(old->where, sizeof(old->where), "process %lld", pid);
}

static void old_find(struct old_source *old, const struct patch_file *part,
		     const struct incident_subject *subject,
		     const struct incident_request *request,
		     const json_t *state)
{
	const json_t *record, *process;
	size_t i;

	if (request->target && (patch_nr_parts(subject->patch) == 1 ||
				old_code_is_for(request->target, part))) {
		old_from_file(old, request->target, part);
		return;
	}
	json_array_foreach(json_object_get(state, "processes"), i, process)
		old_from_process(old, incident_number(process, "pid"), part);
	json_array_foreach(subject->records, i, record)
		old_from_ledger(old, incident_text(record, "executable"), part);
}

static const char *identity_name(enum manifest_identity identity)
{
	switch (identity) {
	case IDENTITY_PROVEN:
		return "proven";
	case IDENTITY_UNPROVEN:
		return "unproven";
	case IDENTITY_NOT_COMPARED:
		break;
	}
	return "not-compared";
}

static void old_put(json_t *object, const struct patch_file *part,
		    const struct manifest_function *function,
		    const struct old_source *old)
{
	struct hf_diag diag = old->diag;
	struct listing listing = { 0 };
	bool has = old->code && !old_listing_make(old->code, part, function,
						  &listing, &diag);

	if (!has && !*diag.message)
		hf_error(&diag, 0, "", "neither a process nor a file that has "
				       "it is known here (--target names one)");
	json_put(object, "old", has ? listing_json(&listing) : json_null());
	json_put(object, "old_from", json_text(has ? old->where : NULL));
	json_put(object, "old_missing", json_text(has ? NULL : diag.message));
	listing_release(&listing);
}

static void new_put(json_t *object, const struct patch_file *part,
		    const struct manifest_function *function)
{
	struct hf_diag diag = { 0 };
	struct listing listing = { 0 };
	bool has = !patch_listing_make(part, function, &listing, &diag);

	json_put(object, "new", has ? listing_json(&listing) : json_null());
	listing_release(&listing);
}

static json_t *function_json(const struct patch_file *part,
			     const struct manifest_function *function,
			     const struct old_source *old)
{
	json_t *object = json_object();
	char digest[HEX_SIZE(SHA256_SIZE)];

	hex_encode(function->sha256, SHA256_SIZE, digest);
	json_put(object, "name", json_text(function->name));
	json_put(object, "target", json_text(part->manifest->target.name));
	json_put(object, "source", json_text(function->source));
	json_put(object, "why", json_text(function->why));
	json_put(object, "size", json_integer((json_int_t)function->size));
	json_put(object, "sha256", json_text(digest));
	json_put(object, "replacement_size",
		 json_integer((json_int_t)function->replacement_size));
	json_put(object, "calls_original",
		 json_boolean(function->calls_original));
	json_put(object, "identity",
		 json_text(identity_name(function->identity)));
	json_put(object, "instructions",
		 json_integer(function->identity_instructions));
	json_put(object, "references",
		 json_integer(function->identity_references));
	json_put(object, "difference", json_text(function->difference));
	old_put(object, part, function, old);
	new_put(object, part, function);
	return object;
}

static void texts_put(json_t *to, char *const *texts, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		json_add(to, json_text(texts[i]));
}

static json_t *target_json(const struct manifest *manifest)
{
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	json_t *target = json_object();

	json_put(target, "name", json_text(manifest->target.name));
	json_put(target, "kind",
		 json_text(manifest->target.kind == TARGET_LIBRARY ?
				   "library" : "executable"));
	json_put(target, "build_id",
		 json_text(build_id_format(&manifest->target.build_id, id)));
	return target;
}

static void part_put(json_t *incident, const struct patch_file *part,
		     const struct old_source *old)
{
	const struct manifest *manifest = part->manifest;

	json_add(json_array_of(incident, "targets"), target_json(manifest));
	for (size_t i = 0; i < manifest->nr_functions; i++)
		json_add(json_array_of(incident, "functions"),
			 function_json(part, &manifest->functions[i], old));
	texts_put(json_array_of(incident, "proof"), manifest->proof,
		  manifest->nr_proof);
	texts_put(json_array_of(incident, "overrides"), manifest->overrides,
		  manifest->nr_overrides);
}

void incident_code(json_t *incident, const struct incident_subject *subject,
		   const struct incident_request *request, const json_t *state)
{
	static const char *const lists[] = { "targets", "source", "functions",
					     "proof", "overrides" };

	if (subject->patch)
		json_put(incident, "source", source_json(subject->patch));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		json_array_of(incident, lists[i]);
	for (size_t i = 0;
	     subject->patch && i < patch_nr_parts(subject->patch); i++) {
		const struct patch_file *part = patch_part(subject->patch, i);
		owned(old_code_close_p) struct old_code *code = NULL;
		struct old_source old = { 0 };

		old_find(&old, part, subject, request, state);
		code = old.code;
		part_put(incident, part, &old);
	}
}
