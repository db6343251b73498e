#include "borrow.h"

#include <errno.h>

#define SEIZE_TIMEOUT_MS 5000
#define HOLD_TIMEOUT_MS 20
#define CANDIDATES_MAX 4

/*
 * One thread that sleeps, traced and held alone: to trace the others as well
 * would interrupt each of them when that ends.
 */
static int seize_sleeper(const struct process *process,
			 struct tracee **ret_tracee)
{
	owned(free_p) pid_t *tids = NULL;
	size_t nr, nr_tried = 0;
	int r = threads_read(process, &tids, &nr, NULL);

	for (size_t i = 0; !r && i < nr && nr_tried < CANDIDATES_MAX; i++) {
		owned(tracee_free_p) struct tracee *tracee = NULL;
		struct thread *thread;

		if (thread_state_char(process, tids[i]) != 'S')
			continue;
		nr_tried++;
		if (tracee_seize_thread(process, tids[i], &tracee) ||
		    tracee_hold_one(tracee, HOLD_TIMEOUT_MS, &thread, NULL))
			continue;
		*ret_tracee = take_ptr(tracee);
		return 0;
	}
	return -ESRCH;
}

/* Any other way gives the words for why not. */
static int begin_with_sleeper(const struct process *process,
			      struct tracee **ret_tracee,
			      struct remote **ret_remote)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	int r = seize_sleeper(process, &tracee);

	if (r == 0)
		r = remote_begin(tracee, ret_remote, NULL);
	if (r == 0)
		*ret_tracee = take_ptr(tracee);
	return r;
}

static int begin_with_any(const struct process *process,
			  struct tracee **ret_tracee,
			  struct remote **ret_remote, struct hf_diag *diag)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	int r = tracee_seize(process, SEIZE_TIMEOUT_MS, &tracee, diag);

	if (r == 0)
		r = remote_begin(tracee, ret_remote, diag);
	if (r == 0)
		*ret_tracee = take_ptr(tracee);
	return r;
}

int borrow_thread(const struct process *process, borrow_work work,
		  void *context, struct hf_diag *diag)
{
	owned(tracee_free_p) struct tracee *tracee = NULL;
	struct remote *remote;
	int r, ended;

	r = begin_with_sleeper(process, &tracee, &remote);
	if (r < 0)
		r = begin_with_any(process, &tracee, &remote, diag);
	if (r < 0)
		return r;
	r = work(remote, context, diag);
	/* The first reason stands; a second one would only hide it. */
	ended = remote_end(remote, r < 0 ? NULL : diag);
	return r < 0 ? r : ended;
}
