/*
 * One directory in the place of another, for one process and its children
 * alone: a bind mount in a mount namespace of their own. Who is not root gets
 * one inside a user namespace, where his own user keeps his number, so that
 * files belong to whom they always did.
 */
#pragma once

#include <stdbool.h>

/**
 * namespace_enter() - in the calling process, let @place show @directory
 *
 * For a child between fork() and exec: no memory is allocated, nothing is
 * undone.
 *
 * Return: 0; -EPERM, -ENOSYS, … where this is not allowed.
 */
int namespace_enter(const char *directory, const char *place);

/* Whether namespace_enter() works here: tried in a child. */
bool namespace_is_allowed(const char *directory, const char *place);
