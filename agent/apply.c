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
 * Any failure up to the switch unmaps what was staged. A patch for several
 * modules has an image for each; all are staged, then switched as one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/digest.h"
#include "change.h"
#include "clock.h"
#include "hooks.h"
#include "operation_report.h"
#include "policies.h"
#include "retire.h"
#include "staging.h"

struct apply {
	const struct patch_file *patch;
	const struct operation_options *options;
	struct operation_report *report;
	struct target target;
	hf_addr bases[PATCH_PARTS_MAX]; /* of the images that are staged */
	uint8_t sites[PATCH_PARTS_MAX][SHA256_SIZE]; /* of their sites */
	size_t nr_bases;
};

static bool is_own(const struct apply *apply, const struct control *control)
{
	for (size_t i = 0; i < apply->nr_bases; i++)
		if (!control->damaged &&
		    control->block.base == apply->bases[i])
			return true;
	return false;
}

/* The part of the patch for the module that a block is for; NULL: none. */
static const struct patch_file *part_of(const struct apply *apply,
					const struct control *control)
{
	struct build_id id = { .size = control->block.build_id_size };

	memcpy(id.bytes, control->block.build_id, id.size);
	return patch_part_for(apply->patch, &id);
}

static int refuse_name_taken(const struct apply *apply, struct hf_diag *diag)
{
	hf_refuse(diag, "name-taken",
		  "another build of patch %s is active in pid %d",
		  apply->patch->manifest->name, apply->target.process->pid);
	hf_hint(diag, "revert it first, or use --replace-active to "
		      "exchange it in one switch");
	return -ECANCELED;
}

/* Return: 1: this very patch is active; 0: go on; -ECANCELED: name taken. */
static int already_active(const struct apply *apply, struct hf_diag *diag)
{
	const char *name = apply->patch->manifest->name;
	const struct controls *controls = &apply->target.controls;
	size_t nr_same = 0, nr_other = 0;
	int r = 0;

	for (size_t i = 0; i < controls->nr && !r; i++) {
		const struct control *control = &controls->entries[i];
		const struct patch_file *part;

		if (control->block.state != CONTROL_ACTIVE ||
		    strcmp(control->block.name, name))
			continue;
		part = part_of(apply, control);
		if (!part || memcmp(control->block.digest, part->digest,
				    SHA256_SIZE)) {
			nr_other++;
			continue;
		}
		nr_same++;
		r = report_control(apply->report, control, diag);
	}
	if (r)
		return r;
	if (!nr_other && nr_same == patch_nr_parts(apply->patch))
		return 1;
	if ((nr_other || nr_same) && !apply->options->replace_active)
		return refuse_name_taken(apply, diag);
	return 0;
}

/* Whether --replace-active takes this block away. */
static bool is_replaced(const struct apply *apply, const struct control *control)
{
	return apply->options->replace_active &&
	       control->block.state == CONTROL_ACTIVE &&
	       !is_own(apply, control) && part_of(apply, control);
}

static int apply_change(struct apply *apply, struct switch_result *ret_result,
			struct hf_diag *diag)
{
	struct controls *controls = &apply->target.controls;
	owned(free_p) bool *after = calloc(controls->nr, sizeof(*after));

	if (!after)
		return hf_fail(diag, -ENOMEM, "cannot switch");
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		after[i] = is_own(apply, control) ||
			   (control->block.state == CONTROL_ACTIVE &&
			    !is_replaced(apply, control));
		if (is_replaced(apply, control))
			report_replaced(apply->report, control->block.name);
	}
	return change_run(&apply->target, after, apply->options, ret_result,
			  diag);
}

static void unstage_image(struct apply *apply, const struct control *own)
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

static bool base_is_known(const struct apply *apply, hf_addr base)
{
	const struct controls *controls = &apply->target.controls;

	for (size_t i = 0; i < controls->nr; i++)
		if (!controls->entries[i].damaged &&
		    controls->entries[i].block.base == base)
			return true;
	return false;
}

/*
 * The last look may have been before an image was mapped, or may have failed:
 * another one.
 */
static int apply_find_own(struct apply *apply)
{
	for (size_t i = 0; i < apply->nr_bases; i++)
		if (!base_is_known(apply, apply->bases[i]))
			return target_refresh(&apply->target, NULL);
	return 0;
}

static void apply_unstage(struct apply *apply)
{
	const struct controls *controls = &apply->target.controls;

	if (apply_find_own(apply) && process_alive(apply->target.process))
		report_note(apply->report,
			    "an image may still be mapped: run hotfix recover "
			    "-p %d",
			    apply->target.process->pid);
	for (size_t i = 0; i < controls->nr; i++)
		if (is_own(apply, &controls->entries[i]))
			unstage_image(apply, &controls->entries[i]);
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

static int apply_pre_hooks(const struct apply *apply, struct hf_diag *diag)
{
	const struct controls *controls = &apply->target.controls;
	int r = 0;

	for (size_t i = 0; i < controls->nr && !r; i++)
		if (is_own(apply, &controls->entries[i]))
			r = hook_run(apply->target.process,
				     &controls->entries[i], HOOK_PRE_APPLY,
				     diag);
	return r;
}

static void apply_post_hooks(struct apply *apply)
{
	const struct controls *controls = &apply->target.controls;

	for (size_t i = 0; i < controls->nr; i++) {
		struct hf_diag why = { 0 };

		if (is_own(apply, &controls->entries[i]) &&
		    hook_run(apply->target.process, &controls->entries[i],
			     HOOK_POST_APPLY, &why))
			report_note(apply->report,
				    "the patch is active, but: %s",
				    why.message);
	}
}

/* By which the ledger knows it again. */
static void note_time(struct apply *apply)
{
	const struct controls *controls = &apply->target.controls;

	for (size_t i = 0; i < controls->nr; i++)
		if (is_own(apply, &controls->entries[i]))
			apply->report->subject.applied_at_ns =
				controls->entries[i].block.applied_at_ns;
}

/* With every image mapped and the target looked at again. */
static int apply_staged(struct apply *apply, struct hf_diag *diag)
{
	struct switch_result result = { 0 };
	int r;

	r = apply_pre_hooks(apply, diag);
	if (r == 0)
		r = apply_change(apply, &result, diag);
	report_switch(apply->report, &result);
	if (r < 0)
		return r;
	apply->report->outcome = OUTCOME_APPLIED;
	note_time(apply);
	apply_post_hooks(apply);
	if (apply->options->replace_active)
		apply_retire_replaced(apply, result.leaving_free);
	return 0;
}

static void sites_digest(const struct control_site *sites, size_t nr,
			 uint8_t ret_digest[SHA256_SIZE])
{
	sha256(sites, nr * sizeof(*sites), ret_digest);
}

/* What the target has made of it since is its own business, but no patch. */
static bool is_as_staged(const struct control *control, const uint8_t *sites)
{
	uint8_t found[SHA256_SIZE];

	sites_digest(control->sites, control->block.nr_sites, found);
	return !memcmp(found, sites, SHA256_SIZE);
}

static int image_check(const struct apply *apply, size_t index,
		       struct hf_diag *diag)
{
	const struct controls *controls = &apply->target.controls;
	hf_addr base = apply->bases[index];

	for (size_t i = 0; i < controls->nr; i++)
		if (!controls->entries[i].damaged &&
		    controls->entries[i].block.base == base &&
		    is_as_staged(&controls->entries[i], apply->sites[index]))
			return 0;
	return hf_error(diag, -EIO, "image-lost",
			"the image mapped at 0x%" PRIx64
			" is not there any more as it was written: the process "
			"has unmapped or changed it, or has started another "
			"program (exec)",
			base);
}

static int images_check(const struct apply *apply, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < apply->nr_bases && !r; i++)
		r = image_check(apply, i, diag);
	return r;
}

static int part_report(struct apply *apply, const struct staging *staging,
		       struct hf_diag *diag)
{
	report_image(apply->report, staging->base, staging->total_size);
	return report_sites(apply->report, staging->sites, staging->nr_sites,
			    diag);
}

/*
 * @touch: not for a mere look. Where the next part can stand is known only when
 * this one is mapped, so that each is planned on what is mapped by then.
 */
static int part_plan(struct apply *apply, const struct patch_file *part,
		     bool touch, struct staging *staging, struct hf_diag *diag)
{
	int r = staging_plan(&apply->target, part, apply->options->mode,
			     staging, diag);

	if (r == 0)
		r = staging_resolve(&apply->target, staging, touch, diag);
	if (r < 0 && patch_nr_parts(apply->patch) > 1)
		hf_context(diag, r, "%s", part->manifest->target.name);
	return r;
}

static int part_stage(struct apply *apply, const struct patch_file *part,
		      struct hf_diag *diag)
{
	struct staging staging;
	int r = part_plan(apply, part, true, &staging, diag);

	if (r == 0)
		r = part_report(apply, &staging, diag);
	if (r == 0) {
		/* Before: it may be mapped, and what follows fail. */
		sites_digest(staging.sites, staging.nr_sites,
			     apply->sites[apply->nr_bases]);
		apply->bases[apply->nr_bases++] = staging.base;
		r = staging_map(&apply->target, &staging, apply->options->mode,
				diag);
	}
	if (r == 0)
		r = target_refresh(&apply->target, diag);
	if (r == 0)
		r = images_check(apply, diag);
	staging_release(&staging);
	return r;
}

static int apply_stage(struct apply *apply, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < patch_nr_parts(apply->patch) && !r; i++)
		r = part_stage(apply, patch_part(apply->patch, i), diag);
	if (r == 0)
		r = apply_staged(apply, diag);
	if (r < 0)
		apply_unstage(apply);
	return r;
}

/* All parts, before the first of them is staged. */
static int apply_look(struct apply *apply, struct hf_diag *diag)
{
	bool dry_run = apply->options->dry_run;
	int r = 0;

	for (size_t i = 0; i < patch_nr_parts(apply->patch) && !r; i++) {
		struct staging staging;

		r = part_plan(apply, patch_part(apply->patch, i), false,
			      &staging, diag);
		if (r == 0 && dry_run)
			r = part_report(apply, &staging, diag);
		staging_release(&staging);
	}
	return r;
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

	r = policies_permit(apply->options->policies, apply->target.process,
			    diag);
	if (r == 0)
		r = target_require_settled(&apply->target, diag);
	if (r == 0)
		r = already_active(apply, diag);
	if (r == 0 && !dry_run)
		r = apply_clear_staged(apply, diag);
	if (r > 0)
		apply->report->outcome = OUTCOME_ALREADY;
	if (r)
		return r < 0 ? r : 0;
	apply->report->mode = apply->options->mode;
	if (dry_run || patch_nr_parts(apply->patch) > 1)
		r = apply_look(apply, diag);
	if (r == 0 && dry_run)
		apply->report->outcome = OUTCOME_WOULD_APPLY;
	else if (r == 0)
		r = apply_stage(apply, diag);
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
