/*
 * The policies that an apply is under: the system's, and one that the operator
 * adds (--policy). Each is asked for itself, so that a second one can only
 * forbid more. revert and recover ask nobody: taking a patch out, or mending
 * what is broken, must always be possible.
 */
#pragma once

#include "policy.h"
#include "process.h"

#define POLICIES_MAX 2

struct policies {
	struct policy *entries[POLICIES_MAX];
	size_t nr;
};

/**
 * policies_load() - read the policies there are
 * @more: another file, or NULL
 *
 * No system policy is none. One that cannot be read or followed is an error:
 * what it forbids is not known.
 *
 * Return: 0; -ECANCELED (code "untrusted-file", or "patching-disabled" when one
 * forbids patching altogether); what policy_parse() returns; -errno.
 */
int policies_load(const char *more, struct policies *ret_policies,
		  struct hf_diag *diag);
void policies_release(struct policies *policies);

/* What became of a patch file's signature. */
struct signature_report {
	enum { SIGNATURE_NONE, SIGNATURE_UNKNOWN_KEY, SIGNATURE_VERIFIED } state;
	char key[SIGNATURE_KEY_ID_TEXT]; /* "" where there is no signature */
	char comment[SIGNATURE_COMMENT_MAX]; /* "" unless verified */
};

/**
 * policies_check_signature() - look for a signature beside a file, and at it
 * @path:  of the patch file; the signature is PATH.minisig
 * @bytes: of the patch file, as they will be used
 *
 * Return: 0; -ECANCELED: "signature-wrong", "signature-missing" where a policy
 * requires one of its own keys, "untrusted-file"; -EBADMSG
 * ("signature-malformed"); -errno.
 */
int policies_check_signature(const struct policies *policies, const char *path,
			     const void *bytes, size_t size,
			     struct signature_report *ret_report,
			     struct hf_diag *diag);

/* May this process be patched? Return: 0; -ECANCELED ("policy-denied"); -errno. */
int policies_permit(const struct policies *policies,
		    const struct process *process, struct hf_diag *diag);
