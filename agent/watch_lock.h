/*
 * One watcher for each state directory: a lock that ends with it.
 */
#pragma once

#include <stdbool.h>

#include "../lib/diag.h"

/* @ret_fd: holds it until it is closed. Return: 0; -EBUSY another one watches. */
int watch_lock_take(int *ret_fd, struct hf_diag *diag);

/* Whether a watcher of this user's state runs. */
bool watch_is_running(void);
