/*
 * One policy file: what may be patched on this host, and by whose patches. See
 * hotfix-policy(5). A file that is not understood to the last member permits
 * nothing: a misspelt "deny" must not allow.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/cleanup.h"
#include "signature.h"

/* What a rule asks for; all of it must be so. NULL: it does not ask. */
struct policy_rule {
	char *executable; /* a pattern as for fnmatch(3) */
	char *user, *group; /* as they are written */
	uid_t uid;
	gid_t gid;
	char *comment;
};

struct policy_rules {
	struct policy_rule *entries;
	size_t nr;
};

struct policy {
	char *path; /* for messages */
	char *comment;
	bool forbids_patching;
	bool requires_signature;
	struct signature_key *keys;
	size_t nr_keys;
	struct policy_rules deny, allow;
};

/* What rules are about. */
struct policy_subject {
	const char *executable;
	uid_t uids[2]; /* real and effective */
	gid_t gids[2];
};

/**
 * policy_parse() - understand a policy
 * @path:      for messages
 * @root_only: files with keys must be root's, too
 *
 * Return: 0; -EBADMSG (code "policy-broken") with the member or the line;
 * what trusted_file_read() returns of a file with a key; -ENOMEM.
 */
int policy_parse(const char *path, const void *json, size_t size,
		 bool root_only, struct policy **ret_policy,
		 struct hf_diag *diag);
void policy_free(struct policy *policy);
DEFINE_CLEANUP(struct policy, policy_free)

/**
 * policy_decide() - may this process be patched?
 * @who: for the message: "pid 77 (nginx)"
 *
 * Any rule of `deny` forbids; so does an `allow` that has rules, when none of
 * them is about it.
 *
 * Return: 0; -ECANCELED (code "policy-denied").
 */
int policy_decide(const struct policy *policy,
		  const struct policy_subject *subject, const char *who,
		  struct hf_diag *diag);
