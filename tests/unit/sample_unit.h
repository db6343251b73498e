/*
 * Objects built by hand, for what works on items and never looks at a file.
 *
 *	struct sample *before = sample_new();
 *	struct item *f = sample_function(before, "f", "\xe8\0\0\0\0\xc3", 6);
 *	sample_refer(f, 1, R_X86_64_PLT32, sample_external(before, "g"), 0);
 *	...
 *	sample_free(before);
 */
#pragma once

#include <errno.h>
#include <string.h>

#include "../../patcher/diff/unit.h"

struct sample {
	struct unit unit;
	size_t nr; /* sections given out */
};

static inline struct sample *sample_new(void)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	sample->unit.path = (char *)"sample.o";
	sample->nr = 1;
	return sample;
}

static inline void sample_free(struct sample *sample)
{
	for (size_t i = 0; i < sample->unit.nr_items; i++) {
		free(sample->unit.items[i]->references);
		free(sample->unit.items[i]->detail);
		free(sample->unit.items[i]);
	}
	free(sample->unit.items);
	free(sample);
}

static inline struct item *sample_item(struct sample *sample,
				       enum item_kind kind, const char *name,
				       const void *bytes, size_t size)
{
	struct item **slot =
		array_append(sample->unit.items, sample->unit.nr_items);
	struct item *item = *slot = calloc(1, sizeof(*item));

	item->kind = kind;
	item->name = name;
	item->bytes = bytes;
	item->size = size;
	item->alignment = 1;
	if (kind != ITEM_EXTERNAL)
		item->section = sample->nr++;
	return item;
}

static inline struct item *sample_function(struct sample *sample,
					   const char *name, const void *bytes,
					   size_t size)
{
	struct item *item =
		sample_item(sample, ITEM_FUNCTION, name, bytes, size);

	item->executable = true;
	item->type = STT_FUNC;
	item->binding = STB_GLOBAL;
	return item;
}

/* Local, as the compiler's clones and nested functions are. */
static inline struct item *sample_clone(struct sample *sample,
					const char *name, const void *bytes,
					size_t size)
{
	struct item *item = sample_function(sample, name, bytes, size);

	item->binding = STB_LOCAL;
	return item;
}

static inline struct item *sample_variable(struct sample *sample,
					   const char *name, bool writable,
					   const void *bytes, size_t size)
{
	struct item *item =
		sample_item(sample, ITEM_VARIABLE, name, bytes, size);

	item->writable = writable;
	item->type = STT_OBJECT;
	item->binding = strchr(name, '.') ? STB_LOCAL : STB_GLOBAL;
	return item;
}

static inline struct item *sample_string(struct sample *sample,
					 const char *text)
{
	return sample_item(sample, ITEM_STRING, NULL, text, strlen(text) + 1);
}

static inline struct item *sample_external(struct sample *sample,
					   const char *name)
{
	struct item *item = sample_item(sample, ITEM_EXTERNAL, name, NULL, 0);

	item->binding = STB_GLOBAL;
	return item;
}

static inline void sample_refer(struct item *from, uint64_t offset,
				uint32_t type, struct item *to,
				int64_t to_offset)
{
	struct reference *reference =
		array_append(from->references, from->nr_references);

	*reference = (struct reference){
		.offset = offset,
		.type = type,
		.to = to,
		.to_offset = to_offset,
		.bias = from->executable ? -4 : 0,
	};
}

/* "call to"; @from's code has it at @offset. */
static inline void sample_call(struct item *from, uint64_t offset,
			       struct item *to)
{
	sample_refer(from, offset, R_X86_64_PLT32, to, 0);
}

/* A pointer in data. */
static inline void sample_point(struct item *from, uint64_t offset,
				struct item *to, int64_t to_offset)
{
	sample_refer(from, offset, R_X86_64_64, to, to_offset);
}
