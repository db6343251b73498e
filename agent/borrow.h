/*
 * Work that needs a thread of the target for a moment: trace, borrow one
 * thread, work, give it back, untrace. The other threads run all the while.
 */
#pragma once

#include "remote.h"

typedef int (*borrow_work)(struct remote *remote, void *context,
			   struct hf_diag *diag);

/**
 * borrow_thread() - do @work with a borrowed thread
 *
 * Return: what @work returned, or why no thread could be borrowed, or why it
 * could not be given back.
 */
int borrow_thread(const struct process *process, borrow_work work,
		  void *context, struct hf_diag *diag);
