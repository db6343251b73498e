/* Policies: what is understood can be asked, and what is not says why. */
#include "../../agent/policy.h"
#include "fuzz.h"

static bool read_policy(const uint8_t *bytes, size_t size)
{
	const struct policy_subject subject = { "/usr/sbin/nginx", { 33, 0 },
						{ 33, 0 } };
	struct policy *policy = NULL;
	struct hf_diag diag = { 0 };

	if (policy_parse("/p", bytes, size, false, &policy, &diag)) {
		PROMISE(!policy && diag.message[0]);
		return false;
	}
	PROMISE(!policy->requires_signature || policy->nr_keys);
	if (policy_decide(policy, &subject, "pid 7", &diag))
		PROMISE(!strcmp(diag.code, "policy-denied"));
	policy_free(policy);
	return true;
}

static void seeds(void)
{
	static const char *const texts[] = {
		"{\"patching\": false, \"comment\": \"x\"}",
		"{\"deny\": [{\"executable\": \"/usr/*/nginx\", \"user\": \"33\","
		" \"group\": \"0\", \"comment\": \"y\"}], \"allow\": [{\"user\": "
		"\"root\"}]}",
		"{\"require_signature\": true, \"keys\": [\"RWTclcy9lk0o/"
		"+wGcYUw0nEj3wsLXuFrX0DtHYb48IjQA38lwgf1JcM/\"]}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		fuzz_seed(texts[i], strlen(texts[i]));
}

const struct fuzz_target fuzz_target = {
	.read = read_policy, .seeds = seeds, .text = true,
};
