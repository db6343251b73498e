/*
 * One look at a process: its mappings, its modules, the patches it carries.
 * Taken while it runs; whatever must hold at the switch is looked at again
 * there.
 */
#pragma once

#include "control.h"
#include "module.h"
#include "process.h"
#include "procfs.h"

struct target {
	struct process *process;
	struct mappings mappings;
	struct modules modules;	  /* the loader's, and our images */
	struct controls controls;
	/*
	 * Stacks that their threads stood on when the switch last found that
	 * none refers to a leaving image: whatever lies there is no reference.
	 */
	struct range *stacks;
	size_t nr_stacks;
};

/**
 * target_open() - take hold of a process and look at it
 * @exclusive: keep other agents away until target_close()
 *
 * Return: 0; -EBUSY another agent is at work; -ECANCELED (exclusive, code
 * "frozen") it cannot run; what process_open() returns.
 */
int target_open(pid_t pid, bool exclusive, struct target *ret_target,
		struct hf_diag *diag);

/* Looks again; nothing that pointed into the old look is valid afterwards. */
int target_refresh(struct target *target, struct hf_diag *diag);

/* Looks again at mappings and modules only; the controls stay valid. */
int target_refresh_mappings(struct target *target, struct hf_diag *diag);

void target_close(struct target *target);

static inline void target_close_p(struct target *target)
{
	target_close(target);
}

/*
 * The first block whose sites may be half written, or that cannot be read; NULL
 * when there is none. One that is merely STAGED is not among them: nothing
 * leads to it, and a process that was forked during an apply inherits it.
 */
const struct control *target_interrupted(const struct target *target);

/* The first block that is not believed, or NULL. */
const struct control *target_damaged(const struct target *target);

/**
 * target_module() - the module that a patch is for, whose code runs
 *
 * Return: 0; -ECANCELED: what modules_match() refuses, or (code "emulated")
 * valgrind and its like run another code in its place.
 */
int target_module(const struct target *target, const struct build_id *id,
		  const char *name, const struct module **ret_module,
		  struct hf_diag *diag);

/**
 * target_require_settled() - refuse to build on what a dead agent left
 *
 * Return: 0; -EUCLEAN (code "interrupted") with the advice to recover.
 */
int target_require_settled(const struct target *target, struct hf_diag *diag);
