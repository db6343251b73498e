#include "cmd_patch.h"

static json_t *signature_json(const struct signature_report *report)
{
	static const char *const states[] = {
		[SIGNATURE_NONE] = "none",
		[SIGNATURE_UNKNOWN_KEY] = "unknown-key",
		[SIGNATURE_VERIFIED] = "verified",
	};
	json_t *signature = json_object();

	json_put(signature, "state", json_text(states[report->state]));
	json_put(signature, "key",
		 json_text(*report->key ? report->key : NULL));
	json_put(signature, "comment",
		 json_text(*report->comment ? report->comment : NULL));
	return signature;
}

static void signature_tell(const struct signature_report *report,
			   struct output *output)
{
	char comment[SIGNATURE_COMMENT_MAX];

	if (output->json)
		json_put(output->root, "signature", signature_json(report));
	else if (report->state == SIGNATURE_VERIFIED)
		output_print(output, "signed with key %s: %s\n", report->key,
			     text_line(report->comment, comment,
				       sizeof(comment)));
	else if (report->state == SIGNATURE_UNKNOWN_KEY)
		output_warning(output,
			       "signed with key %s, which no policy here "
			       "knows: the signature was not checked",
			       report->key);
}

int cmd_patch_open(const struct command_line *line, struct output *output,
		   struct cmd_patch *ret_patch, struct hf_diag *diag)
{
	struct signature_report signature;
	int r;

	*ret_patch = (struct cmd_patch){ .options = line->operation };
	ret_patch->options.policies = &ret_patch->policies;
	r = policies_load(line->policy, &ret_patch->policies, diag);
	if (!r)
		r = patch_load(line->arguments[0], &ret_patch->policies,
			       &signature, &ret_patch->patch, diag);
	if (r) {
		cmd_patch_close(ret_patch);
		return r;
	}
	if (output->json)
		json_put(output->root, "patch",
			 json_text(ret_patch->patch->manifest->name));
	signature_tell(&signature, output);
	return 0;
}

void cmd_patch_close(struct cmd_patch *patch)
{
	patch_file_free(patch->patch);
	patch->patch = NULL;
	policies_release(&patch->policies);
}
