/*
 * Names that the link gave another meaning (--wrap=NAME):
 *
 *	undefined NAME		is __wrap_NAME
 *	undefined __real_NAME	is NAME
 */
#pragma once

#include "../record/recording.h"

/* Whether an undefined @name of an object is __wrap_@name. @link: may be NULL. */
bool link_wraps(const struct link_step *link, const char *name);
/* NAME of "__real_NAME" where that is wrapped; else @name itself. */
const char *link_unwrapped(const struct link_step *link, const char *name);
