/*
 * What kind of file a linker was given.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum object_kind {
	OBJECT_OTHER,	/* shared library, script, archive, anything */
	OBJECT_MACHINE, /* ET_REL with code or data */
	OBJECT_LTO,	/* the compiler's intermediate form alone */
};

enum object_kind object_kind(const uint8_t *data, size_t size);
