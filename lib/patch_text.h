/*
 * What a patch was written as, kept in the patch file for whoever asks later what
 * was changed: each diff, or each replacement source. Nothing is done with it but
 * showing it.
 *
 * .note.hotfix.source has one note each, owner "hotfix", type 3:
 *
 *   [ kind ][ whole size ][ name, NUL ][ text, up to the end of the note ]
 *      4          4          1..256      as it is in the file, any bytes
 *
 * numbers little-endian. A text is cut where the limit of all of them is reached:
 * it is shorter than the whole size then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATCH_NOTE_TYPE_TEXT 3
#define PATCH_TEXTS_MAX 64
#define PATCH_TEXTS_SIZE_MAX (256u << 10) /* of all of a patch, names not counted */
#define PATCH_TEXT_NAME_MAX 255

enum patch_text_kind {
	PATCH_TEXT_DIFF = 1,
	PATCH_TEXT_SOURCE = 2, /* a replacement source */
};

struct patch_text {
	enum patch_text_kind kind;
	const char *name; /* base name of the file; no control characters */
	const char *text; /* not terminated; may hold anything */
	size_t size;
	size_t whole_size; /* of the file; above `size`: the text was cut */
};

/* "diff", "source" */
const char *patch_text_kind_name(enum patch_text_kind kind);

/* Whether such a name may stand in a note. */
bool patch_text_name_valid(const char *name);

/**
 * patch_text_read() - read what stands in one note
 * @ret_text: points into @bytes
 *
 * Return: 0; -EBADMSG.
 */
int patch_text_read(const uint8_t *bytes, size_t size,
		    struct patch_text *ret_text);

/**
 * patch_text_cut() - how much of a text to keep
 *
 * Whole lines, at most @room bytes; if the first line is longer, the room.
 */
size_t patch_text_cut(const char *text, size_t size, size_t room);
