/*
 * What kind of file a linker was given.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum object_kind {
	OBJECT_OTHER,	/* shared library, script, archive, anything */
	OBJECT_MACHINE, /* ET_REL with code or data */
	OBJECT_LTO,	/* the compiler's intermediate form alone */
};

enum object_kind object_kind(const uint8_t *data, size_t size);

/* Whether it holds gcc's intermediate form, perhaps with code besides
   (-ffat-lto-objects): a linker's plugin takes it from the linker. */
bool object_is_intermediate(const uint8_t *data, size_t size);
