#include "staging.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "borrow.h"
#include "clock.h"
#include "gate.h"
#include "place.h"
#include "verify.h"

/* rel32 reaches 2 GiB; the margin is for addends. */
#define REACH (UINT64_C(0x80000000) - (1 << 20))

static bool overlap(hf_addr a, uint64_t a_size, hf_addr b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* Relays: two functions may want the same padding between them. */
static bool writes_overlap(const struct control_site *a,
			   const struct control_site *b)
{
	for (size_t i = 0; i < a->nr_writes; i++)
		for (size_t k = 0; k < b->nr_writes; k++)
			if (overlap(a->writes[i].address, a->writes[i].size,
				    b->writes[k].address, b->writes[k].size))
				return true;
	return false;
}

/*
 * Sites of the same function share their stores, and whoever is on top leads.
 * Anything else that two sites have in common would be overwritten.
 */
static int site_conflict(const struct control_site *site,
			 const struct control_site *other, const char *patch,
			 struct hf_diag *diag)
{
	bool same = site->function == other->function &&
		    site->function_size == other->function_size;

	if (same ||
	    (!overlap(site->function, site->function_size, other->function,
		      other->function_size) &&
	     !writes_overlap(site, other)))
		return 0;
	return hf_refuse(diag, "site-overlap",
			 "%s() and %s() of patch %s would overwrite the same "
			 "bytes",
			 site->name, other->name, patch);
}

static int conflicts_check(const struct target *target,
			   const struct staging *staging,
			   const struct control_site *site,
			   struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < staging->nr_sites; i++)
		r = site_conflict(site, &staging->sites[i],
				  staging->patch->manifest->name, diag);
	for (size_t i = 0; i < target->controls.nr; i++) {
		const struct control *control = &target->controls.entries[i];

		if (control->damaged || control->block.state == CONTROL_RETIRED)
			continue;
		for (size_t s = 0; r == 0 && s < control->block.nr_sites; s++)
			r = site_conflict(site, &control->sites[s],
					  control->block.name, diag);
	}
	return r;
}

static int site_fill_writes(const struct staging *staging,
			    const struct code_source *source,
			    const struct site_plan *plan,
			    struct control_site *site, struct hf_diag *diag)
{
	struct site_write writes[SITE_WRITES_MAX];
	size_t nr_writes;
	int r;

	r = site_plan_encode(staging->patch->arch, plan, site->function,
			     site->replacement, writes, &nr_writes, diag);
	if (r < 0)
		return r;
	site->nr_writes = (uint32_t)nr_writes;
	for (size_t i = 0; i < nr_writes; i++) {
		struct control_write *write = &site->writes[i];

		write->address = writes[i].address;
		write->size = writes[i].size;
		memcpy(write->new_bytes, writes[i].bytes, writes[i].size);
		r = source->read(source, write->address - source->bias,
				 write->old_bytes, write->size);
		if (r < 0)
			return hf_fail(diag, r, "cannot read %s()", site->name);
	}
	return 0;
}

static void site_add_parts(struct staging *staging,
			   const struct manifest_function *function,
			   uint32_t index)
{
	for (size_t i = 0; i < function->nr_parts; i++) {
		const struct manifest_part *part = &function->parts[i];
		hf_addr start = staging->module->bias + part->vaddr;

		staging->ranges[staging->nr_ranges++] = (struct control_range){
			.start = start,
			.end = start + part->size,
			.site = index,
		};
	}
}

static int site_stage(struct staging *staging, const struct target *target,
		      const struct code_source *source,
		      const struct manifest_function *function,
		      enum switch_mode mode, struct hf_diag *diag)
{
	const struct patch_file *patch = staging->patch;
	hf_addr elf_base = staging->base + control_size(patch);
	struct control_site *site = &staging->sites[staging->nr_sites];
	struct site_plan plan;
	int r;

	r = verify_function(patch->arch, source, function, &plan, diag);
	if (r == 0)
		r = verify_mode(function, &plan, mode, diag);
	if (r < 0)
		return r;
	*site = (struct control_site){
		.function = source->bias + function->vaddr,
		.function_size = function->size,
		.replacement = elf_base + function->replacement_vaddr,
		.replacement_size = function->replacement_size,
		.strategy = plan.strategy,
	};
	snprintf(site->name, sizeof(site->name), "%s", function->name);
	r = site_fill_writes(staging, source, &plan, site, diag);
	if (r == 0)
		r = conflicts_check(target, staging, site, diag);
	if (r == 0)
		site_add_parts(staging, function,
			       (uint32_t)staging->nr_sites++);
	return r;
}

static int sites_stage(struct staging *staging, const struct target *target,
		       enum switch_mode mode, struct hf_diag *diag)
{
	const struct manifest *manifest = staging->patch->manifest;
	const struct process_code code = { target, staging->module };
	struct code_source source;
	size_t nr_parts = 0;
	int r = 0;

	for (size_t i = 0; i < manifest->nr_functions; i++)
		nr_parts += manifest->functions[i].nr_parts;
	staging->sites = calloc(manifest->nr_functions, sizeof(*staging->sites));
	staging->ranges = calloc(nr_parts + 1, sizeof(*staging->ranges));
	if (!staging->sites || !staging->ranges)
		return hf_fail(diag, -ENOMEM, "cannot plan %s", manifest->name);
	code_source_of_process(&code, &source);
	for (size_t i = 0; r == 0 && i < manifest->nr_functions; i++)
		r = site_stage(staging, target, &source,
			       &manifest->functions[i], mode, diag);
	return r;
}

int staging_plan(const struct target *target, const struct patch_file *patch,
		 enum switch_mode mode, struct staging *ret_staging,
		 struct hf_diag *diag)
{
	const struct manifest *manifest = patch->manifest;
	struct staging *staging = ret_staging;
	int r;

	*staging = (struct staging){ .patch = patch };
	if (target->process->machine != manifest->target.machine)
		return hf_refuse(diag, "wrong-machine",
				 "pid %d runs code for machine %u, the patch "
				 "is for machine %u",
				 target->process->pid, target->process->machine,
				 manifest->target.machine);
	r = target_module(target, &manifest->target.build_id,
			  manifest->target.name, &staging->module, diag);
	if (r < 0)
		return r;
	staging->total_size = control_total_size(patch);
	r = place_find(&target->mappings, staging->module->range, REACH,
		       staging->total_size, link_highest_end(patch),
		       &staging->base, diag);
	if (r < 0)
		return r;
	return sites_stage(staging, target, mode, diag);
}

void staging_release(struct staging *staging)
{
	link_values_release(&staging->values);
	free(staging->sites);
	free(staging->ranges);
	memset(staging, 0, sizeof(*staging));
}

/* Runs an IFUNC's resolver in the target. It only looks at the processor. */
static int resolver_run(void *context, hf_addr resolver, hf_addr *ret_address,
			struct hf_diag *diag)
{
	static const uint64_t no_arguments[6];

	return remote_call(context, resolver, no_arguments, 1000, ret_address,
			   diag);
}

struct resolve_work {
	const struct target *target;
	struct staging *staging;
};

/* @remote is NULL while no thread is borrowed. */
static int imports_resolve(struct remote *remote, void *context,
			   struct hf_diag *diag)
{
	const struct resolve_work *work = context;
	const struct link_target link = {
		.process = work->target->process,
		.modules = &work->target->modules,
		.module = work->staging->module,
		.resolve_ifunc = remote ? resolver_run : NULL,
		.resolve_context = remote,
	};

	return link_resolve(work->staging->patch, &link, &work->staging->values,
			    diag);
}

int staging_resolve(const struct target *target, struct staging *staging,
		    bool touch, struct hf_diag *diag)
{
	struct resolve_work work = { target, staging };
	struct hf_diag why = { 0 };
	int r;

	r = imports_resolve(NULL, &work, &why);
	if (r < 0 && !strcmp(why.code, "ifunc-unresolved"))
		return touch ? borrow_thread(target->process, imports_resolve,
					     &work, diag) :
			       0;
	if (r < 0 && diag)
		*diag = why;
	return r;
}

static int image_fill(const struct target *target,
		      const struct staging *staging, enum switch_mode mode,
		      struct image *image, struct hf_diag *diag)
{
	const struct control_block block = {
		.state = CONTROL_STAGED,
		.sequence = controls_last_sequence(&target->controls) + 1,
		.module_bias = staging->module->bias,
		/* Of the switch, when it is noted; an agent may die before. */
		.applied_at_ns = (int64_t)clock_ns(CLOCK_REALTIME),
		.mode = mode,
		.agent_uid = getuid(),
		.agent_pid = (uint32_t)getpid(),
	};
	int r;

	r = link_relocate(staging->patch, &staging->values,
			  image->base + image->control_size,
			  image->bytes + image->control_size, diag);
	if (r < 0)
		return r;
	gates_encode(image->bytes + image->total_size - image->gates_size);
	return control_encode(staging->patch, image->base, &block,
			      staging->sites, staging->nr_sites,
			      staging->ranges, staging->nr_ranges, image->bytes,
			      diag);
}

static int map(struct remote *remote, void *context, struct hf_diag *diag)
{
	return image_map(remote, context, diag);
}

int staging_map(const struct target *target, const struct staging *staging,
		enum switch_mode mode, struct hf_diag *diag)
{
	struct image image = {
		.base = staging->base,
		.control_size = control_size(staging->patch),
		.total_size = staging->total_size,
		.gates_size = GATES_SIZE,
		.patch = staging->patch,
	};
	owned(free_p) void *bytes = calloc(1, image.total_size);
	int r;

	if (!bytes)
		return hf_fail(diag, -ENOMEM, "cannot build the image");
	image.bytes = bytes;
	r = image_fill(target, staging, mode, &image, diag);
	if (r < 0)
		return r;
	return borrow_thread(target->process, map, &image, diag);
}

static int unmap(struct remote *remote, void *context, struct hf_diag *diag)
{
	const struct range *range = context;

	return image_unmap(remote, *range, diag);
}

int staging_unmap(const struct process *process, struct range range,
		  struct hf_diag *diag)
{
	return borrow_thread(process, unmap, &range, diag);
}
