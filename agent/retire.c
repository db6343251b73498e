#include "retire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "gate.h"
#include "staging.h"
#include "stack.h"
#include "switch.h"

/* Words on a stack that merely look like references pass soon, and so does what
 * keeps a thread from stopping. */
#define LOOKS_MAX 4
#define FIRST_GAP_NS (5 * NS_PER_MS)

/* Functions that keep an address where no scan of memory sees it. */
static const char *const keepers[] = {
	"sigaction", "signal",	 "bsd_signal", "sysv_signal", "atexit",
	"on_exit",   "__cxa_atexit", "__cxa_at_quick_exit", "at_quick_exit",
	"timer_create", "clone", "pthread_create", "thrd_create", "mq_notify",
	"syscall", "setjmp", "_setjmp", "__sigsetjmp", "setcontext",
	"makecontext",
};

static const char *keeper_used(const struct control *control)
{
	const struct manifest *manifest = control->manifest;

	for (size_t i = 0; manifest && i < manifest->nr_imports; i++)
		for (size_t k = 0; k < ARRAY_SIZE(keepers); k++)
			if (!strcmp(manifest->imports[i].name, keepers[k]))
				return keepers[k];
	return NULL;
}

/* A joint stop that writes nothing: does any thread refer to the image? */
static int threads_look(struct target *target, struct range image,
			bool *ret_free, struct hf_diag *diag)
{
	static const struct operation_options options;
	const struct transition nothing = { 0 };
	const struct switch_request request = {
		.target = target,
		.transition = &nothing,
		.options = &options,
		.leaving = &image,
		.nr_leaving = 1,
	};
	struct switch_result result;
	int r;

	r = switch_run(&request, &result, diag);
	if (r == 0)
		*ret_free = result.leaving_free;
	return r;
}

static int threads_wait(struct target *target, struct range image,
			bool *ret_free, struct hf_diag *diag)
{
	uint64_t gap_ns = FIRST_GAP_NS;
	int r;

	for (unsigned int i = 0;; i++, gap_ns *= 2) {
		r = threads_look(target, image, ret_free, diag);
		if ((r < 0 && r != -ETIMEDOUT) || *ret_free || i == LOOKS_MAX)
			return r;
		sleep_ns(gap_ns);
	}
}

static int memory_look(const struct target *target, struct range image,
		       char *ret_reason, size_t reason_size,
		       struct hf_diag *diag)
{
	owned(free_p) struct range *skips = NULL;
	struct memory_pointers found;
	const struct mapping *mapping;
	int r;

	skips = calloc(target->nr_stacks + 1, sizeof(*skips));
	if (!skips)
		return hf_fail(diag, -ENOMEM, "cannot look through memory");
	for (size_t i = 0; i < target->nr_stacks; i++)
		skips[i] = target->stacks[i];
	skips[target->nr_stacks] = image;
	r = memory_scan_pointers_except(target->process, &target->mappings,
					image, skips, target->nr_stacks + 1,
					&found, diag);
	if (r < 0)
		return r;
	if (found.nr_unreadable) {
		snprintf(ret_reason, reason_size,
			 "%zu pages of memory could not be searched for words "
			 "that point into it",
			 found.nr_unreadable);
		return 1;
	}
	if (!found.nr_found)
		return 0;
	mapping = mappings_find(&target->mappings, found.first_where);
	snprintf(ret_reason, reason_size,
		 "%zu words in memory still point into it, the first at 0x%llx "
		 "(%s)",
		 found.nr_found, (unsigned long long)found.first_where,
		 mapping && mapping->path[0] ? mapping->path : "anonymous");
	return 1;
}

/* A thread inside a busy function may be about to return through it. */
static bool gates_in_use(const struct process *process,
			 const struct control *control)
{
	hf_addr base = control_gates(control);
	struct gates gates;

	return base && (gates_read(process, base, &gates) < 0 ||
			gates_used(&gates));
}

/* Hooks and gates are the only code that runs before a site leads there. */
static bool never_entered(const struct process *process,
			  const struct control *control)
{
	return control->block.state == CONTROL_STAGED &&
	       !control->block.hooks[HOOK_PRE_APPLY] &&
	       !gates_in_use(process, control);
}

int retire_image(struct target *target, const struct control *control,
		 bool threads_free, char *ret_reason, size_t reason_size,
		 struct hf_diag *diag)
{
	const struct range image = control->mapped;
	const char *keeper = keeper_used(control);
	int r = 0;

	ret_reason[0] = '\0';
	if (never_entered(target->process, control))
		return staging_unmap(target->process, image, diag);
	if (keeper) {
		snprintf(ret_reason, reason_size,
			 "it calls %s(), which may have kept an address in it",
			 keeper);
		return 1;
	}
	/* Threads first: what none of them holds can only come from memory. */
	if (!threads_free)
		r = threads_wait(target, image, &threads_free, diag);
	if (r < 0)
		return r;
	if (!threads_free) {
		snprintf(ret_reason, reason_size,
			 "a thread still runs in it or refers to it");
		return 1;
	}
	r = target_refresh_mappings(target, diag);
	if (r == 0)
		r = memory_look(target, image, ret_reason, reason_size, diag);
	if (r)
		return r;
	return staging_unmap(target->process, image, diag);
}
