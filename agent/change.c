#include "change.h"

#include <errno.h>
#include <string.h>

#include "clock.h"

static bool going(const struct control *control, bool after)
{
	return !after && !control->damaged &&
	       (control->block.state == CONTROL_ACTIVE ||
		control->block.state == CONTROL_SWITCHING ||
		control->block.state == CONTROL_REVERTING);
}

static bool coming(const struct control *control, bool after)
{
	return after && control->block.state != CONTROL_ACTIVE;
}

/* Declares what is about to happen. */
static int states_begin(struct target *target, const bool *is_coming,
			const bool *is_going, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < target->controls.nr; i++) {
		struct control *control = &target->controls.entries[i];

		if (is_coming[i])
			r = control_set_state(target->process, control,
					      CONTROL_SWITCHING, diag);
		else if (is_going[i])
			r = control_set_state(target->process, control,
					      CONTROL_REVERTING, diag);
	}
	return r;
}

static void states_restore(struct target *target, const uint32_t *states)
{
	for (size_t i = 0; i < target->controls.nr; i++) {
		struct control *control = &target->controls.entries[i];

		if (!control->damaged && control->block.state != states[i])
			control_set_state(target->process, control, states[i],
					  NULL);
	}
}

/* Writes when it was switched and what it cost, into the block itself. */
static int switch_record(const struct target *target, struct control *control,
			 const struct switch_result *result,
			 enum switch_mode mode, struct hf_diag *diag)
{
	struct control_block *block = &control->block;
	int r;

	block->applied_at_ns = (int64_t)clock_ns(CLOCK_REALTIME);
	block->pause_ns = result->pause_ns;
	block->wait_ns = result->wait_ns;
	block->mode = mode;
	r = process_write(target->process, block->base, block, sizeof(*block));
	if (r < 0)
		return hf_fail(diag, r, "cannot record that %s is active",
			       block->name);
	return 0;
}

static int states_finish(struct target *target, const bool *is_coming,
			 const bool *is_going,
			 const struct switch_result *result,
			 enum switch_mode mode, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < target->controls.nr; i++) {
		struct control *control = &target->controls.entries[i];

		if (is_coming[i]) {
			r = switch_record(target, control, result, mode, diag);
			if (r == 0)
				r = control_set_state(target->process, control,
						      CONTROL_ACTIVE, diag);
		} else if (is_going[i]) {
			r = control_set_state(target->process, control,
					      CONTROL_RETIRED, diag);
		}
	}
	return r;
}

static int change_switch(struct target *target,
			 const struct transition *transition,
			 const bool *is_going,
			 const struct operation_options *options,
			 struct switch_result *ret_result, struct hf_diag *diag)
{
	owned(free_p) struct range *leaving =
		calloc(target->controls.nr + 1, sizeof(*leaving));
	struct switch_request request = {
		.target = target,
		.transition = transition,
		.options = options,
		.leaving = leaving,
	};

	if (!leaving)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < target->controls.nr; i++)
		if (is_going[i])
			leaving[request.nr_leaving++] =
				target->controls.entries[i].mapped;
	return switch_run(&request, ret_result, diag);
}

int change_run(struct target *target, const bool *after,
	       const struct operation_options *options,
	       struct switch_result *ret_result, struct hf_diag *diag)
{
	size_t nr = target->controls.nr;
	owned(free_p) bool *flags = calloc(2 * nr + 1, sizeof(*flags));
	owned(free_p) uint32_t *states = calloc(nr + 1, sizeof(*states));
	struct transition transition;
	bool *is_coming = flags, *is_going = flags + nr;
	int r;

	memset(ret_result, 0, sizeof(*ret_result));
	if (!flags || !states)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < nr; i++) {
		const struct control *control = &target->controls.entries[i];

		states[i] = control->block.state;
		is_coming[i] = coming(control, after[i]);
		is_going[i] = going(control, after[i]);
	}
	r = transition_plan(&target->controls, after, options->mode,
			    &transition, diag);
	if (r < 0)
		return r;
	r = states_begin(target, is_coming, is_going, diag);
	if (r == 0)
		r = change_switch(target, &transition, is_going, options,
				  ret_result, diag);
	transition_release(&transition);
	if (r < 0)
		states_restore(target, states);
	else
		r = states_finish(target, is_coming, is_going, ret_result,
				  options->mode, diag);
	return r;
}
