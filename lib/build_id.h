/*
 * Build-ids: found in notes, compared, spelled.
 */
#pragma once

#include <stdbool.h>

#include "diag.h"
#include "digest.h"
#include "types.h"

/**
 * build_id_from_notes() - the GNU build-id in the bytes of a PT_NOTE segment
 * @alignment: p_align of the segment; 8 pads to 8, everything else to 4
 *
 * It may stand behind other notes. Never reads beyond @size.
 *
 * Return: 0; -ENOENT when there is none.
 */
int build_id_from_notes(const uint8_t *notes, size_t size, uint64_t alignment,
			struct build_id *ret_id);

bool build_id_equal(const struct build_id *a, const struct build_id *b);

/* Hexadecimal, into room for HEX_SIZE(BUILD_ID_SIZE_MAX) characters. */
const char *build_id_format(const struct build_id *id,
			    char text[HEX_SIZE(BUILD_ID_SIZE_MAX)]);
