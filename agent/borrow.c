#include "borrow.h"

#define SEIZE_TIMEOUT_MS 5000

int borrow_thread(const struct process *process, borrow_work work,
		  void *context, struct hf_diag *diag)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	struct remote *remote;
	int r, ended;

	r = tracee_seize(process, SEIZE_TIMEOUT_MS, &tracee, diag);
	if (r < 0)
		return r;
	r = remote_begin(tracee, &remote, diag);
	if (r < 0)
		return r;
	r = work(remote, context, diag);
	/* The first reason stands; a second one would only hide it. */
	ended = remote_end(remote, r < 0 ? NULL : diag);
	return r < 0 ? r : ended;
}
