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

/* What a change is made of; the arrays have one entry for each control. */
struct change {
	struct target *target;
	bool *is_coming;
	bool *is_going;
	uint32_t *states; /* before the change */
};

/* Gives each block that comes or goes a new state. */
static int states_set(const struct change *change, enum control_state coming_to,
		      enum control_state going_to, struct hf_diag *diag)
{
	struct controls *controls = &change->target->controls;
	int r = 0;

	for (size_t i = 0; r == 0 && i < controls->nr; i++) {
		if (change->is_coming[i] || change->is_going[i])
			r = control_set_state(change->target->process,
					      &controls->entries[i],
					      change->is_coming[i] ? coming_to :
								     going_to,
					      diag);
	}
	return r;
}

/* As they are: the kernel makes the pages writable, which takes a while. */
static void states_rewrite(const struct change *change)
{
	struct controls *controls = &change->target->controls;

	for (size_t i = 0; i < controls->nr; i++)
		if (change->is_coming[i] || change->is_going[i])
			control_set_state(change->target->process,
					  &controls->entries[i],
					  controls->entries[i].block.state,
					  NULL);
}

static void states_restore(const struct change *change)
{
	struct controls *controls = &change->target->controls;

	for (size_t i = 0; i < controls->nr; i++) {
		struct control *control = &controls->entries[i];

		if (!control->damaged &&
		    control->block.state != change->states[i])
			control_set_state(change->target->process, control,
					  change->states[i], NULL);
	}
}

/* The switch's steps, recorded in the blocks while everything is held. */
static int change_tell(void *context, enum switch_step step,
		       struct hf_diag *diag)
{
	const struct change *change = context;

	switch (step) {
	case SWITCH_NEARS:
		states_rewrite(change);
		return 0;
	case SWITCH_BEGINS:
		return states_set(change, CONTROL_SWITCHING, CONTROL_REVERTING,
				  diag);
	case SWITCH_DONE:
		return states_set(change, CONTROL_ACTIVE, CONTROL_RETIRED,
				  diag);
	case SWITCH_UNDONE:
		states_restore(change);
		return 0;
	}
	return -EINVAL;
}

/*
 * Writes into the block itself when it was switched and what it cost. That much
 * is for people: the patch is active without it.
 */
static void switch_record(const struct change *change,
			  const struct switch_result *result,
			  enum switch_mode mode)
{
	struct controls *controls = &change->target->controls;
	int64_t now_ns = (int64_t)clock_ns(CLOCK_REALTIME);

	for (size_t i = 0; i < controls->nr; i++) {
		struct control_block *block = &controls->entries[i].block;

		if (!change->is_coming[i])
			continue;
		block->applied_at_ns = now_ns;
		block->pause_ns = result->pause_ns;
		block->wait_ns = result->wait_ns;
		block->mode = mode;
		process_write(change->target->process, block->base, block,
			      sizeof(*block));
	}
}

static int change_switch(const struct change *change,
			 const struct transition *transition,
			 const struct operation_options *options,
			 struct switch_result *ret_result, struct hf_diag *diag)
{
	const struct controls *controls = &change->target->controls;
	owned(free_p) struct range *leaving =
		calloc(controls->nr + 1, sizeof(*leaving));
	struct change told = *change;
	struct switch_request request = {
		.target = change->target,
		.transition = transition,
		.options = options,
		.leaving = leaving,
		.tell = change_tell,
		.context = &told,
	};

	if (!leaving)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (change->is_going[i])
			leaving[request.nr_leaving++] = control->mapped;
		if (change->is_coming[i] || change->is_going[i])
			request.gates = control_gates(control);
	}
	return switch_run(&request, ret_result, diag);
}

int change_run(struct target *target, const bool *after,
	       const struct operation_options *options,
	       struct switch_result *ret_result, struct hf_diag *diag)
{
	size_t nr = target->controls.nr;
	owned(free_p) bool *flags = calloc(2 * nr + 1, sizeof(*flags));
	owned(free_p) uint32_t *states = calloc(nr + 1, sizeof(*states));
	const struct change change = { target, flags, flags + nr, states };
	struct transition transition;
	int r;

	memset(ret_result, 0, sizeof(*ret_result));
	if (!flags || !states)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < nr; i++) {
		const struct control *control = &target->controls.entries[i];

		states[i] = control->block.state;
		change.is_coming[i] = coming(control, after[i]);
		change.is_going[i] = going(control, after[i]);
	}
	r = transition_plan(&target->controls, after, options->mode,
			    &transition, diag);
	if (r < 0)
		return r;
	r = change_switch(&change, &transition, options, ret_result, diag);
	transition_release(&transition);
	if (r == 0)
		switch_record(&change, ret_result, options->mode);
	return r;
}
