#include "policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/types.h"
#include "trusted_file.h"

#define KEY_FILE_MAX 4096

/* Where we are in the file, for messages. */
struct reader {
	const char *path;
	const char *list; /* "deny", "allow"; NULL: not in a rule */
	size_t index;	  /* of the rule, from 1 */
	bool root_only;
	struct hf_diag *diag;
};

__attribute__((format(printf, 2, 3))) static int
broken(const struct reader *reader, const char *format, ...)
{
	char what[512], where[64] = "";
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (reader->list)
		snprintf(where, sizeof(where), ", rule %zu of \"%s\"",
			 reader->index, reader->list);
	hf_error(reader->diag, -EBADMSG, "policy-broken",
		 "the policy %s cannot be followed%s: %s", reader->path, where,
		 what);
	hf_hint(reader->diag, "no patch is applied while it is so; "
			      "hotfix-policy(5) says what may stand in it");
	return -EBADMSG;
}

/* --- members ------------------------------------------------------------------ */

static int bool_read(const struct reader *reader, const char *name,
		     const json_t *value, bool *ret_value)
{
	if (!json_is_boolean(value))
		return broken(reader, "\"%s\" is neither true nor false", name);
	*ret_value = json_boolean_value(value);
	return 0;
}

static int text_read(const struct reader *reader, const char *name,
		     const json_t *value, char **ret_text)
{
	if (!json_is_string(value) || !json_string_length(value))
		return broken(reader, "\"%s\" is no text", name);
	*ret_text = strdup(json_string_value(value));
	return *ret_text ? 0 :
			   hf_fail(reader->diag, -ENOMEM, "cannot read %s",
				   reader->path);
}

/* Return: whether all of @text is a number. */
static bool number_read(const char *text, unsigned int *ret_number)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || number >= UINT32_MAX)
		return false;
	*ret_number = (unsigned int)number;
	return true;
}

static int user_find(const struct reader *reader, struct policy_rule *rule)
{
	const struct passwd *user;

	if (number_read(rule->user, &rule->uid))
		return 0;
	user = getpwnam(rule->user);
	if (!user)
		return broken(reader, "there is no user \"%s\" here",
			      rule->user);
	rule->uid = user->pw_uid;
	return 0;
}

static int group_find(const struct reader *reader, struct policy_rule *rule)
{
	const struct group *group;

	if (number_read(rule->group, &rule->gid))
		return 0;
	group = getgrnam(rule->group);
	if (!group)
		return broken(reader, "there is no group \"%s\" here",
			      rule->group);
	rule->gid = group->gr_gid;
	return 0;
}

/* --- rules ---------------------------------------------------------------------- */

static int rule_member_read(const struct reader *reader, const char *name,
			    const json_t *value, struct policy_rule *rule)
{
	int r;

	if (!strcmp(name, "executable")) {
		r = text_read(reader, name, value, &rule->executable);
		if (!r && *rule->executable != '/')
			r = broken(reader, "\"executable\" is no whole path");
		return r;
	}
	if (!strcmp(name, "user")) {
		r = text_read(reader, name, value, &rule->user);
		return r ? r : user_find(reader, rule);
	}
	if (!strcmp(name, "group")) {
		r = text_read(reader, name, value, &rule->group);
		return r ? r : group_find(reader, rule);
	}
	if (!strcmp(name, "comment"))
		return text_read(reader, name, value, &rule->comment);
	return broken(reader, "\"%s\" is not known", name);
}

static int rule_read(const struct reader *reader, json_t *value,
		     struct policy_rule *rule)
{
	const char *name;
	json_t *member;
	int r = 0;

	if (!json_is_object(value))
		return broken(reader, "it is no object");
	json_object_foreach(value, name, member) {
		r = rule_member_read(reader, name, member, rule);
		if (r)
			return r;
	}
	if (!rule->executable && !rule->user && !rule->group)
		return broken(reader, "it names neither an executable nor a "
				      "user nor a group");
	return 0;
}

static int rules_read(const struct reader *reader, const char *name,
		      const json_t *value, struct policy_rules *rules)
{
	struct reader inner = *reader;
	size_t nr = json_array_size(value);
	int r = 0;

	if (!json_is_array(value))
		return broken(reader, "\"%s\" is no list", name);
	rules->entries = calloc(nr + 1, sizeof(*rules->entries));
	if (!rules->entries)
		return hf_fail(reader->diag, -ENOMEM, "cannot read %s",
			       reader->path);
	inner.list = name;
	for (; rules->nr < nr && !r; rules->nr++) {
		inner.index = rules->nr + 1;
		r = rule_read(&inner, json_array_get(value, rules->nr),
			      &rules->entries[rules->nr]);
	}
	return r;
}

/* --- keys ----------------------------------------------------------------------- */

/* A key, or the path of a file with one. */
static int key_read(const struct reader *reader, const json_t *value,
		    struct signature_key *key)
{
	const char *text = json_string_value(value);
	owned(buffer_release) struct buffer file = { 0 };
	int r;

	if (!text)
		return broken(reader, "\"keys\" has something that is no text");
	if (*text != '/')
		return signature_key_parse(text, key) ?
			       broken(reader, "\"%s\" is no key of minisign",
				      text) :
			       0;
	r = trusted_file_read(text, "key", reader->root_only, KEY_FILE_MAX,
			      &file, reader->diag);
	if (r)
		return hf_context(reader->diag, r, "a key of the policy %s",
				  reader->path);
	return signature_key_parse((const char *)file.data, key) ?
		       broken(reader, "%s has no key of minisign", text) :
		       0;
}

static int keys_read(const struct reader *reader, const json_t *value,
		     struct policy *policy)
{
	size_t nr = json_array_size(value);
	int r = 0;

	if (!json_is_array(value))
		return broken(reader, "\"keys\" is no list");
	policy->keys = calloc(nr + 1, sizeof(*policy->keys));
	if (!policy->keys)
		return hf_fail(reader->diag, -ENOMEM, "cannot read %s",
			       reader->path);
	for (; policy->nr_keys < nr && !r; policy->nr_keys++)
		r = key_read(reader, json_array_get(value, policy->nr_keys),
			     &policy->keys[policy->nr_keys]);
	return r;
}

/* --- the whole ------------------------------------------------------------------ */

static int member_read(const struct reader *reader, const char *name,
		       const json_t *value, struct policy *policy)
{
	bool patching = false;
	int r;

	if (!strcmp(name, "patching")) {
		r = bool_read(reader, name, value, &patching);
		policy->forbids_patching = !patching;
		return r;
	}
	if (!strcmp(name, "require_signature"))
		return bool_read(reader, name, value,
				 &policy->requires_signature);
	if (!strcmp(name, "keys"))
		return keys_read(reader, value, policy);
	if (!strcmp(name, "deny"))
		return rules_read(reader, name, value, &policy->deny);
	if (!strcmp(name, "allow"))
		return rules_read(reader, name, value, &policy->allow);
	if (!strcmp(name, "comment"))
		return text_read(reader, name, value, &policy->comment);
	return broken(reader, "\"%s\" is not known", name);
}

static int members_read(const struct reader *reader, json_t *root,
			struct policy *policy)
{
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(root))
		return broken(reader, "it is no object");
	json_object_foreach(root, name, value) {
		r = member_read(reader, name, value, policy);
		if (r)
			return r;
	}
	if (policy->requires_signature && !policy->nr_keys)
		return broken(reader, "it requires signatures and has no "
				      "\"keys\"");
	return 0;
}

int policy_parse(const char *path, const void *json, size_t size,
		 bool root_only, struct policy **ret_policy,
		 struct hf_diag *diag)
{
	const struct reader reader = { .path = path, .root_only = root_only,
				       .diag = diag };
	owned(policy_free_p) struct policy *policy = calloc(1, sizeof(*policy));
	json_error_t error;
	json_t *root;
	int r;

	if (policy)
		policy->path = strdup(path);
	if (!policy || !policy->path)
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	root = json_loadb(json, size, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return broken(&reader, "line %d: %s", error.line, error.text);
	r = members_read(&reader, root, policy);
	json_decref(root);
	if (r)
		return r;
	*ret_policy = take_ptr(policy);
	return 0;
}

static void rules_release(struct policy_rules *rules)
{
	for (size_t i = 0; i < rules->nr; i++) {
		free(rules->entries[i].executable);
		free(rules->entries[i].user);
		free(rules->entries[i].group);
		free(rules->entries[i].comment);
	}
	free(rules->entries);
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	rules_release(&policy->deny);
	rules_release(&policy->allow);
	free(policy->keys);
	free(policy->comment);
	free(policy->path);
	free(policy);
}

/* --- deciding --------------------------------------------------------------------- */

static bool rule_is_about(const struct policy_rule *rule,
			  const struct policy_subject *subject)
{
	if (rule->executable &&
	    fnmatch(rule->executable, subject->executable, FNM_PATHNAME))
		return false;
	if (rule->user && rule->uid != subject->uids[0] &&
	    rule->uid != subject->uids[1])
		return false;
	return !rule->group || rule->gid == subject->gids[0] ||
	       rule->gid == subject->gids[1];
}

static const struct policy_rule *
rules_find(const struct policy_rules *rules,
	   const struct policy_subject *subject)
{
	for (size_t i = 0; i < rules->nr; i++)
		if (rule_is_about(&rules->entries[i], subject))
			return &rules->entries[i];
	return NULL;
}

static int deny(const struct policy *policy, const char *who,
		const struct policy_subject *subject, const char *why,
		const char *comment, struct hf_diag *diag)
{
	hf_refuse(diag, "policy-denied",
		  "the policy %s does not let %s be patched: %s%s%s",
		  policy->path, who, why, comment ? ": " : "",
		  comment ? comment : "");
	hf_detail(diag, "it runs %s as user %u, group %u", subject->executable,
		  (unsigned int)subject->uids[1],
		  (unsigned int)subject->gids[1]);
	hf_hint(diag, "talk to who keeps that file; revert and recover are "
		      "possible all the same");
	return -ECANCELED;
}

int policy_decide(const struct policy *policy,
		  const struct policy_subject *subject, const char *who,
		  struct hf_diag *diag)
{
	const struct policy_rule *rule = rules_find(&policy->deny, subject);
	char why[64];

	if (rule) {
		snprintf(why, sizeof(why), "rule %zu of \"deny\"",
			 (size_t)(rule - policy->deny.entries) + 1);
		return deny(policy, who, subject, why, rule->comment, diag);
	}
	if (!policy->allow.nr || rules_find(&policy->allow, subject))
		return 0;
	return deny(policy, who, subject, "no rule of \"allow\" is about it",
		    policy->comment, diag);
}
