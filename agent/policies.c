#include "policies.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "procfs.h"
#include "trusted_file.h"

#define POLICY_SIZE_MAX (1u << 20)

/* --- loading -------------------------------------------------------------------- */

static int refuse_all(const struct policy *policy, struct hf_diag *diag)
{
	hf_refuse(diag, "patching-disabled",
		  "the policy %s switches patching off on this host%s%s",
		  policy->path, policy->comment ? ": " : "",
		  policy->comment ? policy->comment : "");
	hf_hint(diag, "talk to who keeps that file; revert and recover are "
		      "possible all the same");
	return -ECANCELED;
}

static int policy_add(struct policies *policies, const char *path,
		      bool root_only, struct hf_diag *diag)
{
	owned(buffer_release) struct buffer text = { 0 };
	struct policy *policy;
	int r;

	r = trusted_file_read(path, "policy", root_only, POLICY_SIZE_MAX, &text,
			      diag);
	if (!r)
		r = policy_parse(path, text.data, text.size, root_only, &policy,
				 diag);
	if (r)
		return r;
	policies->entries[policies->nr++] = policy;
	return policy->forbids_patching ? refuse_all(policy, diag) : 0;
}

/* A link that leads nowhere is there, too. */
static bool system_policy_exists(void)
{
	struct stat status;

	return !lstat(HOTFIX_POLICY, &status) ||
	       (errno != ENOENT && errno != ENOTDIR);
}

int policies_load(const char *more, struct policies *ret_policies,
		  struct hf_diag *diag)
{
	struct policies policies = { 0 };
	int r = 0;

	if (system_policy_exists())
		r = policy_add(&policies, HOTFIX_POLICY, true, diag);
	if (!r && more)
		r = policy_add(&policies, more, false, diag);
	if (r)
		policies_release(&policies);
	else
		*ret_policies = policies;
	return r;
}

void policies_release(struct policies *policies)
{
	for (size_t i = 0; i < policies->nr; i++)
		policy_free(policies->entries[i]);
	*policies = (struct policies){ 0 };
}

/* --- signatures ------------------------------------------------------------------ */

static const struct signature_key *key_find(const struct policy *policy,
					    const struct signature *signature)
{
	for (size_t i = 0; i < policy->nr_keys; i++)
		if (!memcmp(policy->keys[i].id, signature->key_id,
			    SIGNATURE_KEY_ID_SIZE))
			return &policy->keys[i];
	return NULL;
}

static int refuse_wrong(const char *path, const char *key,
			struct hf_diag *diag)
{
	hf_refuse(diag, "signature-wrong",
		  "%s is not what key %s has signed: the patch or its "
		  "signature was changed",
		  path, key);
	hf_hint(diag, "do not use it; fetch both files again from where they "
		      "were made");
	return -ECANCELED;
}

/* @key: "" where there is no signature at all. */
static int refuse_missing(const struct policy *policy, const char *path,
			  const char *key, struct hf_diag *diag)
{
	if (*key)
		hf_refuse(diag, "signature-missing",
			  "%s is signed with key %s, which is none of those "
			  "that the policy %s asks for",
			  path, key, policy->path);
	else
		hf_refuse(diag, "signature-missing",
			  "%s is not signed, and the policy %s asks for it",
			  path, policy->path);
	hf_hint(diag, "sign it with one of the keys of the policy: minisign -S "
		      "-m '%s'",
		path);
	return -ECANCELED;
}

/* By the keys of one policy. @signature: NULL when there is none. */
static int signature_ask(const struct policy *policy,
			 const struct signature *signature, const char *path,
			 const void *bytes, size_t size,
			 struct signature_report *report, struct hf_diag *diag)
{
	const struct signature_key *key =
		signature ? key_find(policy, signature) : NULL;

	if (!key)
		return policy->requires_signature ?
			       refuse_missing(policy, path, report->key, diag) :
			       0;
	if (signature_verify(signature, key, bytes, size))
		return refuse_wrong(path, report->key, diag);
	report->state = SIGNATURE_VERIFIED;
	snprintf(report->comment, sizeof(report->comment), "%s",
		 signature->comment);
	return 0;
}

/* Return: 0; -ENOENT: there is none; -ECANCELED; -EBADMSG; -errno. */
static int signature_read(const char *path, struct signature *ret_signature,
			  struct hf_diag *diag)
{
	owned(buffer_release) struct buffer text = { 0 };
	owned(free_p) char *name = NULL;
	int r;

	if (asprintf(&name, "%s" SIGNATURE_SUFFIX, path) < 0)
		return hf_fail(diag, -ENOMEM, "cannot look for a signature");
	r = trusted_file_read(name, "signature", false, SIGNATURE_FILE_MAX,
			      &text, diag);
	if (r)
		return r;
	if (strlen((const char *)text.data) == text.size &&
	    !signature_parse((const char *)text.data, ret_signature))
		return 0;
	hf_error(diag, -EBADMSG, "signature-malformed",
		 "%s is no signature of minisign", name);
	hf_hint(diag, "fetch it again, or remove it if the patch is not signed");
	return -EBADMSG;
}

int policies_check_signature(const struct policies *policies, const char *path,
			     const void *bytes, size_t size,
			     struct signature_report *ret_report,
			     struct hf_diag *diag)
{
	struct signature signature;
	int found, r = 0;

	*ret_report = (struct signature_report){ 0 };
	found = signature_read(path, &signature, diag);
	if (found && found != -ENOENT)
		return found;
	if (!found) {
		ret_report->state = SIGNATURE_UNKNOWN_KEY;
		signature_key_id(signature.key_id, ret_report->key);
	}
	for (size_t i = 0; i < policies->nr && !r; i++)
		r = signature_ask(policies->entries[i],
				  found ? NULL : &signature, path, bytes, size,
				  ret_report, diag);
	return r;
}

/* --- processes --------------------------------------------------------------------- */

int policies_permit(const struct policies *policies,
		    const struct process *process, struct hf_diag *diag)
{
	struct thread_status status;
	struct policy_subject subject = { .executable = process->executable };
	char who[64];
	int r = 0;

	if (!policies || !policies->nr)
		return 0;
	r = thread_status_read(process, process->pid, &status, diag);
	if (r)
		return r;
	subject.uids[0] = status.real_uid;
	subject.uids[1] = status.uid;
	subject.gids[0] = status.real_gid;
	subject.gids[1] = status.gid;
	snprintf(who, sizeof(who), "pid %d (%s)", (int)process->pid,
		 process->command);
	for (size_t i = 0; i < policies->nr && !r; i++)
		r = policy_decide(policies->entries[i], &subject, who, diag);
	return r;
}
