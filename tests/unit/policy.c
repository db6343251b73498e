/*
 * Policies: what is understood, what is refused to be, and whom they let.
 */
#include "../../agent/policy.h"

#include <errno.h>

#include "../tap.h"

#define KEY "RWTclcy9lk0o/+wGcYUw0nEj3wsLXuFrX0DtHYb48IjQA38lwgf1JcM/"

static int parse(const char *json, struct policy **ret_policy,
		 struct hf_diag *diag)
{
	return policy_parse("/p", json, strlen(json), false, ret_policy, diag);
}

TEST(understood)
{
	struct policy *policy = NULL;

	CHECK_EQ(parse("{}", &policy, NULL), 0);
	CHECK(!policy->forbids_patching && !policy->requires_signature);
	policy_free(policy);
	CHECK_EQ(parse("{\"patching\": false, \"comment\": \"freeze\"}",
		       &policy, NULL), 0);
	CHECK(policy->forbids_patching);
	CHECK_STR(policy->comment, "freeze");
	policy_free(policy);
	CHECK_EQ(parse("{\"require_signature\": true, \"keys\": [\"" KEY
		       "\"], \"deny\": [{\"user\": \"root\"}], \"allow\": "
		       "[{\"executable\": \"/usr/sbin/*\", \"group\": \"65534\","
		       " \"comment\": \"web\"}]}", &policy, NULL), 0);
	CHECK(policy->requires_signature && !policy->forbids_patching);
	CHECK_EQ(policy->nr_keys, 1);
	CHECK_EQ(policy->deny.nr, 1);
	CHECK_EQ(policy->deny.entries[0].uid, 0);
	CHECK_EQ(policy->allow.entries[0].gid, 65534);
	policy_free(policy);
}

/* Whatever is not understood would be ignored by somebody less careful. */
TEST(not_understood)
{
	static const struct { const char *json, *words; } cases[] = {
		{ "", "line 1" },
		{ "{\"deny\": []", "line 1" },
		{ "{\n\"deny\": [],\n\"deny\": []}", "line 3" },
		{ "[]", "no object" },
		{ "{\"denny\": []}", "\"denny\" is not known" },
		{ "{\"patching\": \"no\"}", "neither true nor false" },
		{ "{\"patching\": 0}", "neither true nor false" },
		{ "{\"require_signature\": true}", "no \"keys\"" },
		{ "{\"require_signature\": 1}", "neither true nor false" },
		{ "{\"keys\": \"" KEY "\"}", "\"keys\" is no list" },
		{ "{\"keys\": [\"RWTclcy9\"]}", "no key of minisign" },
		{ "{\"keys\": [1]}", "no text" },
		{ "{\"keys\": [\"/nowhere/x.pub\"]}", "/nowhere/x.pub" },
		{ "{\"deny\": {}}", "\"deny\" is no list" },
		{ "{\"deny\": [1]}", "rule 1 of \"deny\": it is no object" },
		{ "{\"allow\": [{}]}", "rule 1 of \"allow\": it names neither" },
		{ "{\"allow\": [{\"comment\": \"x\"}]}", "names neither" },
		{ "{\"deny\": [{\"user\": \"0\"}, {\"usr\": \"0\"}]}",
		  "rule 2 of \"deny\": \"usr\" is not known" },
		{ "{\"deny\": [{\"user\": \"\"}]}", "\"user\" is no text" },
		{ "{\"deny\": [{\"user\": 0}]}", "\"user\" is no text" },
		{ "{\"deny\": [{\"user\": \"no such user\"}]}",
		  "no user \"no such user\"" },
		{ "{\"deny\": [{\"user\": \"4294967295\"}]}", "no user" },
		{ "{\"deny\": [{\"user\": \"0x0\"}]}", "no user" },
		{ "{\"deny\": [{\"group\": \"no such group\"}]}", "no group" },
		{ "{\"deny\": [{\"executable\": \"nginx\"}]}", "no whole path" },
		{ "{\"comment\": []}", "\"comment\" is no text" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct hf_diag diag = { 0 };
		struct policy *policy = NULL;
		int r = parse(cases[i].json, &policy, &diag);

		if (!r || policy || !strstr(diag.message, cases[i].words))
			TAP_FAIL("%s: %d, %s", cases[i].json, r, diag.message);
	}
}

TEST(decisions)
{
	static const struct {
		const char *json;
		bool permitted;
	} cases[] = {
		{ "{}", true },
		{ "{\"deny\": []}", true },
		{ "{\"allow\": []}", true },
		{ "{\"deny\": [{\"user\": \"33\"}]}", false },
		{ "{\"deny\": [{\"user\": \"34\"}]}", false },
		{ "{\"deny\": [{\"user\": \"35\"}]}", true },
		{ "{\"deny\": [{\"group\": \"50\"}]}", false },
		{ "{\"deny\": [{\"group\": \"51\"}]}", false },
		{ "{\"deny\": [{\"group\": \"52\"}]}", true },
		{ "{\"deny\": [{\"executable\": \"/usr/sbin/nginx\"}]}", false },
		{ "{\"deny\": [{\"executable\": \"/usr/sbin/ngin\"}]}", true },
		{ "{\"deny\": [{\"executable\": \"/usr/*/nginx\"}]}", false },
		{ "{\"deny\": [{\"executable\": \"/usr/*\"}]}", true },
		{ "{\"deny\": [{\"executable\": \"/*/*/n[a-h]inx\"}]}", false },
		/* All of a rule must be so. */
		{ "{\"deny\": [{\"executable\": \"/usr/sbin/nginx\", "
		  "\"user\": \"0\"}]}", true },
		{ "{\"deny\": [{\"executable\": \"/usr/sbin/nginx\", "
		  "\"user\": \"33\", \"group\": \"50\"}]}", false },
		/* One of the rules is enough. */
		{ "{\"deny\": [{\"user\": \"0\"}, {\"user\": \"33\"}]}", false },
		{ "{\"allow\": [{\"user\": \"0\"}]}", false },
		{ "{\"allow\": [{\"user\": \"0\"}, {\"user\": \"33\"}]}", true },
		/* Who is denied is not allowed. */
		{ "{\"allow\": [{\"user\": \"33\"}], "
		  "\"deny\": [{\"group\": \"50\"}]}", false },
	};
	const struct policy_subject subject = {
		"/usr/sbin/nginx", { 33, 34 }, { 50, 51 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct policy *policy = NULL;
		int r = -1;

		if (!parse(cases[i].json, &policy, NULL))
			r = policy_decide(policy, &subject, "pid 7", NULL);
		policy_free(policy);
		if (r != (cases[i].permitted ? 0 : -ECANCELED))
			TAP_FAIL("%s: %d", cases[i].json, r);
	}
}

TEST(words)
{
	const struct policy_subject subject = { "/bin/x", { 1, 1 }, { 2, 2 } };
	struct policy *policy = NULL;
	struct hf_diag diag = { 0 };

	CHECK_EQ(parse("{\"deny\": [{\"user\": \"9\"}, {\"user\": \"1\", "
		       "\"comment\": \"payments are frozen\"}]}",
		       &policy, NULL), 0);
	CHECK_EQ(policy_decide(policy, &subject, "pid 7 (x)", &diag),
		 -ECANCELED);
	policy_free(policy);
	CHECK_STR(diag.code, "policy-denied");
	CHECK_CONTAINS(diag.message, "/p does not let pid 7 (x) be patched");
	CHECK_CONTAINS(diag.message, "rule 2 of \"deny\": payments are frozen");
	CHECK_CONTAINS(diag.message, "/bin/x as user 1, group 2");
	CHECK(*diag.hint);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
