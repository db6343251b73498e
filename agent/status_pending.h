/*
 * What waits to be confirmed, as `hotfix status` tells it.
 */
#pragma once

#include "output.h"

/* Of this user's state, which may not be there. */
void status_pending(struct output *output);
