/*
 * Apply: look, verify, stage, switch.
 *
 *   target_open     lock, mappings, modules, patches      nothing touched
 *   staging_plan    build-id, function bytes, sites, room  nothing touched
 *   staging_map     image mapped, STAGED                   one thread borrowed
 *   PRE_APPLY       may refuse                             one thread borrowed
 *   change_run      joint stop, sites written, ACTIVE      all threads held
 *   POST_APPLY
 *
 * Any failure up to the switch unmaps what was staged.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "change.h"
#include "clock.h"
#include "hooks.h"
#include "operation_report.h"
#include "retire.h"
#include "staging.h"

struct apply {
	const struct patch_file *patch;
	const struct operation_options *options;
	struct operation_report *report;
	struct target target;
	struct staging staging;
};

static struct control *control_at(const struct controls *controls, hf_addr base)
{
	for (size_t i = 0; i < controls->nr; i++)
		if (!controls->entries[i].damaged &&
		    controls->entries[i].block.base == base)
			return &controls->entries[i];
	return NULL;
}

/* Return: 1: this very patch is active; 0: go on; -ECANCELED: name taken. */
static int already_active(const struct apply *apply, struct hf_diag *diag)
{
	const char *name = apply->patch->manifest->name;

	for (size_t i = 0; i < apply->target.controls.nr; i++) {
		const struct control *control =
			&apply->target.controls.entries[i];

		if (control->block.state != CONTROL_ACTIVE ||
		    strcmp(control->block.name, name))
			continue;
		if (!memcmp(control->block.digest, apply->patch->digest,
			    SHA256_SIZE)) {
			int r = report_control(apply->report, control, diag);

			return r < 0 ? r : 1;
		}
		if (apply->options->replace_active)
			continue;
		hf_refuse(diag, "name-taken",
			  "another build of patch %s is active in pid %d", name,
			  apply->target.process->pid);
		hf_hint(diag, "revert it first, or use --replace-active to "
			      "exchange it in one switch");
		return -ECANCELED;
	}
	return 0;
}

/* Whether --replace-active takes this block away. */
static bool is_replaced(const struct apply *apply, const struct control *control)
{
	const struct build_id *id = &apply->patch->manifest->target.build_id;

	return apply->options->replace_active &&
	       control->block.state == CONTROL_ACTIVE &&
	       control->block.build_id_size == id->size &&
	       !memcmp(control->block.build_id, id->bytes, id->size);
}

static int apply_change(struct apply *apply, const struct control *own,
			struct switch_result *ret_result, struct hf_diag *diag)
{
	struct controls *controls = &apply->target.controls;
	owned(free_p) bool *after = calloc(controls->nr, sizeof(*after));

	if (!after)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		after[i] = control == own ||
			   (control->block.state == CONTROL_ACTIVE &&
			    !is_replaced(apply, control));
		if (control != own && is_replaced(apply, control))
			report_replaced(apply->report, control->block.name);
	}
	return change_run(&apply->target, after, apply->options, ret_result,
			  diag);
}

static void apply_unstage(struct apply *apply, const struct control *own)
{
	char reason[256];

	if (retire_image(&apply->target, own, false, reason, sizeof(reason),
			 NULL) &&
	    process_alive(apply->target.process))
		report_note(apply->report,
			    "the image at 0x%" PRIx64 " could not be unmapped: "
			    "run hotfix recover -p %d",
			    own->block.base, apply->target.process->pid);
}

/* Unmaps what --replace-active took away. */
static void apply_retire_replaced(struct apply *apply, bool threads_free)
{
	struct target *target = &apply->target;
	char reason[256];

	for (size_t i = 0; i < target->controls.nr; i++) {
		const struct control *control = &target->controls.entries[i];

		if (control->damaged || control->block.state != CONTROL_RETIRED)
			continue;
		if (retire_image(target, control, threads_free, reason,
				 sizeof(reason), NULL) > 0)
			report_note(apply->report, "%s stays mapped: %s",
				    control->block.name, reason);
	}
}

static void apply_post_hook(struct apply *apply, const struct control *own)
{
	struct hf_diag why = { 0 };

	if (hook_run(apply->target.process, own, HOOK_POST_APPLY, &why))
		report_note(apply->report,
			    "the patch is active, but: %s", why.message);
}

/* With the image mapped and the target looked at again. */
static int apply_staged(struct apply *apply, const struct control *own,
			struct hf_diag *diag)
{
	struct switch_result result = { 0 };
	int r;

	r = hook_run(apply->target.process, own, HOOK_PRE_APPLY, diag);
	if (r == 0)
		r = apply_change(apply, own, &result, diag);
	report_switch(apply->report, &result);
	if (r < 0) {
		apply_unstage(apply, own);
		return r;
	}
	apply->report->outcome = OUTCOME_APPLIED;
	apply_post_hook(apply, own);
	if (apply->options->replace_active)
		apply_retire_replaced(apply, result.leaving_free);
	return 0;
}

static int apply_stage(struct apply *apply, struct hf_diag *diag)
{
	struct staging *staging = &apply->staging;
	const struct control *own;
	int r;

	r = staging_map(&apply->target, staging, apply->options->mode, diag);
	if (r == 0)
		r = target_refresh(&apply->target, diag);
	if (r < 0)
		return r;
	own = control_at(&apply->target.controls, staging->base);
	if (!own)
		return hf_error(diag, -EIO, "image-lost",
				"the image mapped at 0x%" PRIx64
				" cannot be read back",
				staging->base);
	return apply_staged(apply, own, diag);
}

static int apply_report_plan(struct apply *apply, struct hf_diag *diag)
{
	apply->report->mode = apply->options->mode;
	apply->report->image = apply->staging.base;
	apply->report->image_size = apply->staging.total_size;
	return report_sites(apply->report, apply->staging.sites,
			    apply->staging.nr_sites, diag);
}

/*
 * Unmaps what an apply left that did not come to its switch: that of a dead
 * agent, or of the parent that this process was forked from meanwhile.
 */
static int apply_clear_staged(struct apply *apply, struct hf_diag *diag)
{
	const struct controls *controls = &apply->target.controls;
	bool cleared = false;
	char reason[256];

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];
		int r;

		if (control->damaged || control->block.state != CONTROL_STAGED)
			continue;
		r = retire_image(&apply->target, control, false, reason,
				 sizeof(reason), diag);
		if (r < 0)
			return r;
		report_note(apply->report, "%s an image of %s that an "
			    "unfinished apply had left",
			    r ? "could not yet unmap" : "unmapped",
			    control->block.name);
		cleared |= r == 0;
	}
	return cleared ? target_refresh(&apply->target, diag) : 0;
}

static int apply_opened(struct apply *apply, struct hf_diag *diag)
{
	bool dry_run = apply->options->dry_run;
	int r;

	r = target_require_settled(&apply->target, diag);
	if (r == 0)
		r = already_active(apply, diag);
	if (r == 0 && !dry_run)
		r = apply_clear_staged(apply, diag);
	if (r > 0)
		apply->report->outcome = OUTCOME_ALREADY;
	if (r)
		return r < 0 ? r : 0;
	r = staging_plan(&apply->target, apply->patch, apply->options->mode,
			 &apply->staging, diag);
	if (r == 0)
		r = staging_resolve(&apply->target, &apply->staging, !dry_run,
				    diag);
	if (r == 0)
		r = apply_report_plan(apply, diag);
	if (r == 0 && dry_run)
		apply->report->outcome = OUTCOME_WOULD_APPLY;
	else if (r == 0)
		r = apply_stage(apply, diag);
	staging_release(&apply->staging);
	return r;
}

int operation_apply(pid_t pid, const struct patch_file *patch,
		    const struct operation_options *options,
		    struct operation_report *report, struct hf_diag *diag)
{
	struct apply apply = {
		.patch = patch,
		.options = options,
		.report = report,
	};
	uint64_t began_ns = monotonic_ns();
	int r;

	report_begin(report, pid, patch->manifest->name);
	r = target_open(pid, !options->dry_run, &apply.target, diag);
	if (r < 0)
		return r;
	report_process(report, apply.target.process);
	r = apply_opened(&apply, diag);
	target_close(&apply.target);
	report->total_ns = monotonic_ns() - began_ns;
	return r;
}
