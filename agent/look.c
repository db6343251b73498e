#include "look.h"

int look_unwinder(const struct target *target, struct unwinder **ret_unwinder,
		  struct hf_diag *diag)
{
	owned(unwinder_free_p) struct unwinder *unwinder = NULL;
	int r;

	r = unwinder_new(target->process, &target->modules, &unwinder, diag);
	if (r < 0)
		return r;
	for (size_t i = 0; i < target->controls.nr; i++) {
		const struct control *control = &target->controls.entries[i];

		/* Without tables an unwind ends there: unproven, not wrong. */
		if (!control->damaged)
			unwinder_add_image(unwinder,
					   control->block.base +
						   control->block.control_size,
					   NULL);
	}
	*ret_unwinder = take_ptr(unwinder);
	return 0;
}

int look_begin(struct look *look, const struct target *target,
	       const struct range *ranges, size_t nr_ranges,
	       const struct range *leaving, size_t nr_leaving, bool scan_all,
	       struct hf_diag *diag)
{
	struct unwinder *unwinder;
	int r;

	*look = (struct look){ 0 };
	r = look_unwinder(target, &unwinder, diag);
	if (r < 0)
		return r;
	look->inside = (struct stack_query){
		.process = target->process,
		.mappings = &target->mappings,
		.modules = &target->modules,
		.ranges = ranges,
		.nr_ranges = nr_ranges,
		.return_probes = stack_return_probes(&target->mappings),
		.scan_all = scan_all,
		.unwinder = unwinder,
	};
	look->leaving = look->inside;
	look->leaving.ranges = leaving;
	look->leaving.nr_ranges = nr_leaving;
	look->leaving.conservative = true;
	return 0;
}

void look_end(struct look *look)
{
	unwinder_free(look->inside.unwinder);
	*look = (struct look){ 0 };
}

int look_at(void *context, const struct thread *thread, struct hf_diag *diag)
{
	struct look *look = context;
	struct stack_hit unused;
	int r = stack_check(&look->inside, thread, &look->hit, diag);

	if (r < 0)
		return r;
	if (r > 0)
		return LOOK_INSIDE;
	if (look->leaving.nr_ranges &&
	    stack_check(&look->leaving, thread, &unused, NULL))
		return LOOK_REFERS;
	return 0;
}
