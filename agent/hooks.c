#include "hooks.h"

#include <errno.h>
#include <inttypes.h>

#include "borrow.h"

#define HOOK_TIMEOUT_MS 1000

struct hook_call {
	hf_addr function;
	int status;
};

static int hook_call(struct remote *remote, void *context, struct hf_diag *diag)
{
	static const uint64_t no_arguments[6];
	struct hook_call *call = context;
	uint64_t value;
	int r;

	r = remote_call(remote, call->function, no_arguments, HOOK_TIMEOUT_MS,
			&value, diag);
	if (r == 0)
		call->status = (int)value;
	return r;
}

int hook_run(const struct process *process, const struct control *control,
	     enum hook_kind kind, struct hf_diag *diag)
{
	struct hook_call call = { .function = control->block.hooks[kind] };
	int r;

	if (!call.function)
		return 0;
	r = borrow_thread(process, hook_call, &call, diag);
	if (r < 0)
		return hf_context(diag, r, "%s hook of %s",
				  hook_kind_name(kind), control->block.name);
	if (call.status && (kind == HOOK_PRE_APPLY || kind == HOOK_PRE_REVERT))
		return hf_refuse(diag, "hook-failed",
				 "the %s hook of %s returned %d",
				 hook_kind_name(kind), control->block.name,
				 call.status);
	return 0;
}
