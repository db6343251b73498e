#include "target.h"

#include <errno.h>
#include <string.h>

#include "emulator.h"
#include "frozen.h"
#include "lock.h"
#include "remote.h"
#include "unwind.h"
#include "vouch.h"

/* How long another agent may keep us waiting, in ms. */
#define LOCK_TIMEOUT_MS 2000

static int target_look_at_mappings(struct target *target, struct hf_diag *diag)
{
	int r;

	r = mappings_read(target->process, &target->mappings, diag);
	if (r < 0)
		return r;
	return modules_read(target->process, &target->mappings,
			    &target->modules, diag);
}

/* The modules borrow from the mappings: both go together. */
static void target_forget_mappings(struct target *target)
{
	modules_release(&target->modules);
	mappings_release(&target->mappings);
}

static int target_look(struct target *target, struct hf_diag *diag)
{
	int r;

	r = target_look_at_mappings(target, diag);
	if (r < 0)
		return r;
	r = controls_read(target->process, &target->mappings,
			  &target->controls, diag);
	if (r < 0)
		return r;
	controls_vouch(target);
	return 0;
}

/* Else mappings of one program were compared with the memory of another. */
static int target_look_at_one_program(struct target *target,
				      struct hf_diag *diag)
{
	const struct process *process = target->process;
	int r = target_look(target, diag);

	if (!process_alive(process) || process_same_program(process))
		return r;
	hf_error(diag, -ESRCH, "process-replaced",
		 "process %d (%s) has meanwhile started another program (exec)",
		 process->pid, process->command);
	hf_hint(diag, "see what it is now: hotfix status -p %d", process->pid);
	return -ESRCH;
}

int target_refresh_mappings(struct target *target, struct hf_diag *diag)
{
	target_forget_mappings(target);
	return target_look_at_mappings(target, diag);
}

int target_refresh(struct target *target, struct hf_diag *diag)
{
	controls_release(&target->controls);
	target_forget_mappings(target);
	return target_look_at_one_program(target, diag);
}

int target_open(pid_t pid, bool exclusive, struct target *ret_target,
		struct hf_diag *diag)
{
	struct target target = { 0 };
	int r;

	r = process_open(pid, &target.process, diag);
	if (r < 0)
		return r;
	if (exclusive)
		r = process_lock(target.process, LOCK_TIMEOUT_MS, diag);
	if (r == 0 && exclusive)
		r = process_require_thawed(target.process, diag);
	if (r == 0)
		r = target_look_at_one_program(&target, diag);
	if (r < 0) {
		target_close(&target);
		return r;
	}
	*ret_target = target;
	return 0;
}

void target_close(struct target *target)
{
	controls_release(&target->controls);
	target_forget_mappings(target);
	free(target->stacks);
	if (target->process)
		process_free(target->process);
	memset(target, 0, sizeof(*target));
}

int target_module(const struct target *target, const struct build_id *id,
		  const char *name, const struct module **ret_module,
		  struct hf_diag *diag)
{
	const struct module *module = NULL;
	struct hf_diag why = { 0 };
	int r = modules_match(&target->modules, id, name, &module, &why);
	const char *emulator = emulator_of(&target->mappings, module);

	if (emulator) {
		hf_refuse(diag, "emulated",
			  "process %d (%s) runs under %s: the code of %s in "
			  "its memory is not what the processor executes",
			  target->process->pid, target->process->command,
			  emulator, name);
		hf_hint(diag, "a patch would have no effect: start the program "
			      "without %s", emulator);
		return -ECANCELED;
	}
	if (r == 0)
		*ret_module = module;
	else if (diag)
		*diag = why;
	return r;
}

/* STAGED is no obstacle: nothing leads to such an image. */
static bool state_is_passing(enum control_state state)
{
	return state == CONTROL_SWITCHING || state == CONTROL_REVERTING;
}

const struct control *target_interrupted(const struct target *target)
{
	for (size_t i = 0; i < target->controls.nr; i++) {
		const struct control *control = &target->controls.entries[i];

		if (control->damaged || state_is_passing(control->block.state))
			return control;
	}
	return NULL;
}

const struct control *target_damaged(const struct target *target)
{
	for (size_t i = 0; i < target->controls.nr; i++)
		if (target->controls.entries[i].damaged)
			return &target->controls.entries[i];
	return NULL;
}

int target_require_settled(const struct target *target, struct hf_diag *diag)
{
	const struct process *process = target->process;
	const struct control *control = target_interrupted(target);
	bool stub = false;

	if (target_damaged(target))
		return control_explain_damage(target_damaged(target), diag);
	if (control)
		hf_error(diag, -EUCLEAN, "interrupted",
			 "pid %d (%s) carries patch %s in state %s: an earlier "
			 "hotfix was interrupted",
			 process->pid, process->command,
			 control->block.name,
			 control_state_name(control->block.state));
	else if (!remote_stub_present(process, &stub, NULL) && stub)
		hf_error(diag, -EUCLEAN, "interrupted",
			 "pid %d (%s) still has the code of an interrupted "
			 "hotfix at its entry point",
			 process->pid, process->command);
	else
		return 0;
	hf_hint(diag, "run: hotfix recover -p %d", process->pid);
	return -EUCLEAN;
}
