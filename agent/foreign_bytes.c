/*
 * What debuggers, probes and hooking libraries write is known by its first
 * bytes. It begins where the first difference is, or at the entry, when the
 * function's own first byte happens to be the same.
 */
#include "foreign_bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/cleanup.h"

enum foreign_kind {
	FOREIGN_BREAKPOINT,
	FOREIGN_TRAP,
	FOREIGN_RELATIVE,  /* leads as far from its end as the operand says */
	FOREIGN_ELSEWHERE, /* leads where memory or a register says */
};

struct foreign_shape {
	uint8_t opcode[2];
	uint8_t opcode_size;
	uint8_t operand_size;
	enum foreign_kind kind;
	const char *name;
};

static const struct foreign_shape shapes[] = {
	{ { 0xcc }, 1, 0, FOREIGN_BREAKPOINT, "int3" },
	{ { 0xcd, 0x03 }, 2, 0, FOREIGN_BREAKPOINT, "int3" },
	{ { 0x0f, 0x0b }, 2, 0, FOREIGN_TRAP, "ud2" },
	{ { 0xf4 }, 1, 0, FOREIGN_TRAP, "hlt" },
	{ { 0xe9 }, 1, 4, FOREIGN_RELATIVE, "a jump" },
	{ { 0xeb }, 1, 1, FOREIGN_RELATIVE, "a jump" },
	{ { 0xe8 }, 1, 4, FOREIGN_RELATIVE, "a call" },
	/* jmp and call through the eight bytes behind them, or elsewhere */
	{ { 0xff, 0x25 }, 2, 4, FOREIGN_ELSEWHERE, "an indirect jump" },
	{ { 0xff, 0x15 }, 2, 4, FOREIGN_ELSEWHERE, "an indirect call" },
	/* mov $ADDRESS,%rax or %r11, and jmp there; push $ADDRESS, and ret */
	{ { 0x48, 0xb8 }, 2, 8, FOREIGN_ELSEWHERE, "an absolute jump" },
	{ { 0x49, 0xbb }, 2, 8, FOREIGN_ELSEWHERE, "an absolute jump" },
	{ { 0x68 }, 1, 4, FOREIGN_ELSEWHERE, "an absolute jump" },
};

static size_t shape_size(const struct foreign_shape *shape)
{
	return shape->opcode_size + shape->operand_size;
}

static const struct foreign_shape *shape_at(const uint8_t *code, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		const struct foreign_shape *shape = &shapes[i];
		size_t wanted = shape->kind == FOREIGN_RELATIVE ?
					shape_size(shape) :
					shape->opcode_size;

		if (wanted <= size &&
		    !memcmp(code, shape->opcode, shape->opcode_size))
			return shape;
	}
	return NULL;
}

static const char *place_name(const struct mappings *mappings, hf_addr address)
{
	const struct mapping *mapping = mappings_find(mappings, address);

	if (!mapping)
		return "unmapped memory";
	return mapping->path[0] ? mapping->path : "anonymous memory";
}

/* Where a relative jump at @address leads. */
static hf_addr relative_target(const struct foreign_shape *shape,
			       hf_addr address, const uint8_t *code)
{
	int32_t distance;

	if (shape->operand_size == 1)
		distance = (int8_t)code[shape->opcode_size];
	else
		memcpy(&distance, code + shape->opcode_size, sizeof(distance));
	return address + shape_size(shape) + (uint64_t)(int64_t)distance;
}

static void shape_describe(const struct mappings *mappings,
			   const struct foreign_shape *shape, hf_addr address,
			   const uint8_t *code, size_t at, char *ret_text,
			   size_t text_size)
{
	hf_addr target;

	switch (shape->kind) {
	case FOREIGN_BREAKPOINT:
		snprintf(ret_text, text_size,
			 "a breakpoint (%s) at +%zu, of a debugger or a uprobe",
			 shape->name, at);
		return;
	case FOREIGN_TRAP:
		snprintf(ret_text, text_size,
			 "a trap (%s) at +%zu, of a debugger or a hook",
			 shape->name, at);
		return;
	case FOREIGN_RELATIVE:
		target = relative_target(shape, address + at, code + at);
		snprintf(ret_text, text_size,
			 "%s to %#" PRIx64
			 " in %s at +%zu (another tool's hook)",
			 shape->name, target, place_name(mappings, target), at);
		return;
	case FOREIGN_ELSEWHERE:
		snprintf(ret_text, text_size, "%s at +%zu (another tool's hook)",
			 shape->name, at);
		return;
	}
}

/* The bytes around the first difference: "+2: 48 89 e5 instead of 0f 1f 00". */
static void difference_describe(const uint8_t *expected, const uint8_t *found,
				size_t at, size_t size, char *ret_text,
				size_t text_size)
{
	char was[3 * 8 + 1] = "", is[3 * 8 + 1] = "";
	size_t nr = size - at < 8 ? size - at : 8;

	for (size_t i = 0; i < nr; i++) {
		snprintf(was + 3 * i, 4, " %02x", expected[at + i]);
		snprintf(is + 3 * i, 4, " %02x", found[at + i]);
	}
	snprintf(ret_text, text_size, "at +%zu:%s instead of%s", at, is, was);
}

void foreign_bytes_describe(const struct mappings *mappings, hf_addr address,
			    const uint8_t *expected, const uint8_t *found,
			    size_t size, char *ret_text, size_t text_size)
{
	const struct foreign_shape *shape, *entry;
	size_t at = 0;

	while (at < size && expected[at] == found[at])
		at++;
	if (at == size) {
		snprintf(ret_text, text_size, "no difference");
		return;
	}
	shape = shape_at(found + at, size - at);
	entry = shape_at(found, size);
	if (!shape && entry && at < shape_size(entry)) {
		shape = entry;
		at = 0;
	}
	if (shape)
		shape_describe(mappings, shape, address, found, at, ret_text,
			       text_size);
	else
		difference_describe(expected, found, at, size, ret_text,
				    text_size);
}
