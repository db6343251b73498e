/*
 * Check: everything that apply would check, one line each, touching nothing.
 * Goes on after a failure as far as it makes sense, so that one look shows all
 * that is wrong.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "file_code.h"
#include "frozen.h"
#include "lock.h"
#include "policies.h"
#include "staging.h"
#include "verify.h"

struct check {
	const struct patch_file *patch;
	const struct operation_options *options;
	struct check_report *report;
	int worst; /* the first failure's errno */
};

__attribute__((format(printf, 4, 0))) static void
item_add(struct check *check, const char *what, bool ok, const char *format,
	 va_list arguments)
{
	struct check_report *report = check->report;
	struct check_item *grown = reallocarray(report->items, report->nr + 1,
						sizeof(*grown));

	if (!grown) {
		check->worst = check->worst ? check->worst : -ENOMEM;
		return;
	}
	report->items = grown;
	grown += report->nr++;
	grown->ok = ok;
	snprintf(grown->what, sizeof(grown->what), "%s", what);
	vsnprintf(grown->detail, sizeof(grown->detail), format, arguments);
}

/* A check that passed. */
__attribute__((format(printf, 3, 4))) static void
item_ok(struct check *check, const char *what, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	item_add(check, what, true, format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 3, 4))) static void
item_bad(struct check *check, const char *what, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	item_add(check, what, false, format, arguments);
	va_end(arguments);
}

/* A check that failed with @r, for the reason in @why. */
static void item_failed(struct check *check, const char *what, int r,
			const struct hf_diag *why)
{
	item_bad(check, what, "%s", why->message);
	if (!check->worst)
		check->worst = r;
}

static void plan_describe(const struct site_plan *plan, uint64_t size,
			  char text[256])
{
	int used = snprintf(text, 256,
			    "%" PRIu64 " bytes as built; %s, %u bytes at +%u",
			    size, site_strategy_name(plan->strategy),
			    plan->size, plan->entry);

	if (plan->strategy == SITE_SHORT_JUMP)
		snprintf(text + used, 256 - (size_t)used,
			 ", relay in the padding at %+d", plan->relay);
	else if (plan->reentered)
		snprintf(text + used, 256 - (size_t)used,
			 ", jumped back to: quiescent mode only");
}

static void check_functions(struct check *check,
			    const struct code_source *source)
{
	const struct manifest *manifest = check->patch->manifest;

	for (size_t i = 0; i < manifest->nr_functions; i++) {
		const struct manifest_function *function =
			&manifest->functions[i];
		struct hf_diag why = { 0 };
		struct site_plan plan;
		char what[96], text[256];
		int r;

		snprintf(what, sizeof(what), "function %s", function->name);
		r = verify_function(check->patch->arch, source, function, &plan,
				    &why);
		if (r == 0)
			r = verify_mode(function, &plan, check->options->mode,
					&why);
		if (r < 0) {
			item_failed(check, what, r, &why);
			continue;
		}
		plan_describe(&plan, function->size, text);
		item_ok(check, what, "%s", text);
	}
}

static void check_settled(struct check *check, const struct target *target)
{
	struct hf_diag why = { 0 };
	int r = target_require_settled(target, &why);

	if (r < 0)
		item_failed(check, "earlier patches", r, &why);
	else
		item_ok(check, "earlier patches", "%zu, none interrupted",
			target->controls.nr);
}

static void check_access(struct check *check, const struct target *target)
{
	const struct process *process = target->process;
	struct thread_status status;
	struct hf_diag why = { 0 };
	int r;

	r = thread_status_read(process, process->pid, &status, &why);
	if (r == 0 && status.tracer)
		r = hf_refuse(&why, "traced", "it is traced by pid %d",
			      status.tracer);
	if (r == 0)
		r = process_require_thawed(process, &why);
	if (r < 0)
		item_failed(check, "may be traced", r, &why);
	else
		item_ok(check, "may be traced", "no other tracer");
}

static void check_policy(struct check *check, const struct target *target)
{
	const struct policies *policies = check->options->policies;
	struct hf_diag why = { 0 };
	int r = policies_permit(policies, target->process, &why);

	if (r < 0)
		item_failed(check, "policy", r, &why);
	else if (policies && policies->nr)
		item_ok(check, "policy", "permits it");
}

/* What only makes sense once module and functions are right. */
static void check_staging(struct check *check, const struct target *target)
{
	struct hf_diag why = { 0 };
	struct staging staging;
	int r;

	r = staging_plan(target, check->patch, check->options->mode, &staging,
			 &why);
	if (r < 0)
		item_failed(check, "room and neighbours", r, &why);
	else
		item_ok(check, "room and neighbours",
			"%" PRIu64 " bytes at 0x%" PRIx64, staging.total_size,
			staging.base);
	if (r == 0) {
		r = staging_resolve(target, &staging, false, &why);
		if (r < 0)
			item_failed(check, "imports", r, &why);
		else
			item_ok(check, "imports", "%zu, all found",
				check->patch->manifest->nr_imports);
	}
	staging_release(&staging);
}

static void check_part(struct check *check, const struct target *target)
{
	const struct manifest *manifest = check->patch->manifest;
	struct process_code code = { .target = target };
	struct code_source source;
	struct hf_diag why = { 0 };
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	int r;

	r = target_module(target, &manifest->target.build_id,
			  manifest->target.name, &code.module, &why);
	if (r < 0) {
		item_failed(check, "module", r, &why);
		return;
	}
	item_ok(check, "module", "%s, build-id %s", manifest->target.name,
		build_id_format(&manifest->target.build_id, id));
	code_source_of_process(&code, &source);
	check_functions(check, &source);
	if (!check->worst)
		check_staging(check, target);
}

/* A patch for several modules is checked part by part. */
static void check_parts(struct check *check, const struct target *target)
{
	const struct patch_file *patch = check->patch;

	check_policy(check, target);
	check_access(check, target);
	check_settled(check, target);
	for (size_t i = 0; i < patch_nr_parts(patch); i++) {
		check->patch = patch_part(patch, i);
		check_part(check, target);
	}
	check->patch = patch;
}

void check_report_release(struct check_report *report)
{
	free(report->items);
	*report = (struct check_report){ 0 };
}

int operation_check(pid_t pid, const struct patch_file *patch,
		    const struct operation_options *options,
		    struct check_report *report, struct hf_diag *diag)
{
	struct check check = { patch, options, report, 0 };
	struct target target;
	int r;

	memset(report, 0, sizeof(*report));
	r = target_open(pid, false, &target, diag);
	if (r < 0)
		return r;
	check_parts(&check, &target);
	if (check.worst)
		hf_error(diag, check.worst, "check-failed",
			 "%s cannot be applied to pid %d (%s)",
			 patch->manifest->name, pid, target.process->command);
	target_close(&target);
	return check.worst;
}

int operation_check_file(const char *path, const struct patch_file *patch,
			 struct check_report *report, struct hf_diag *diag)
{
	static const struct operation_options options;
	struct check check = { patch, &options, report, 0 };
	const struct build_id *wanted = &patch->manifest->target.build_id;
	char id[HEX_SIZE(BUILD_ID_SIZE_MAX)], other[HEX_SIZE(BUILD_ID_SIZE_MAX)];
	struct code_source source;
	struct file_code *file;
	int r;

	memset(report, 0, sizeof(*report));
	r = file_code_open(path, &file, diag);
	if (r < 0)
		return r;
	check.patch = patch_part_for(patch, file_code_build_id(file));
	if (check.patch) {
		item_ok(&check, "module", "%s, build-id %s", path,
			build_id_format(file_code_build_id(file), id));
		file_code_source(file, &source);
		check_functions(&check, &source);
	} else {
		struct hf_diag why = { 0 };

		r = hf_refuse(&why, "build-id-mismatch",
			      "build-id mismatch: %s is %s, the patch is for %s",
			      path,
			      build_id_format(file_code_build_id(file), other),
			      build_id_format(wanted, id));
		item_failed(&check, "module", r, &why);
	}
	file_code_free(file);
	if (check.worst)
		hf_error(diag, check.worst, "check-failed",
			 "%s is not for %s", patch->manifest->name, path);
	return check.worst;
}
