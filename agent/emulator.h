/*
 * Programs that interpret another one: its file is mapped as if it ran, and the
 * processor executes a translation that is kept elsewhere. A patch would be in
 * memory, and change nothing.
 */
#pragma once

#include "module.h"
#include "procfs.h"

/*
 * Which of them runs the code of @module (NULL: of what is no module here, as
 * it is not mapped to be executed), for the message; NULL: the processor does.
 */
const char *emulator_of(const struct mappings *mappings,
			const struct module *module);
