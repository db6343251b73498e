/*
 * What outlives the command that did it, as `hotfix status` tells it: patches that
 * wait to be confirmed, and standing fixes.
 */
#pragma once

#include "output.h"

/* Of this user's state, which may not be there. */
void status_pending(struct output *output);
void status_standing(struct output *output);
