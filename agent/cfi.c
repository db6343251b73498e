/*
 * Reading .eh_frame_hdr and .eh_frame, and following the program of one entry.
 *
 * A cursor walks bytes of the target between two addresses. A read past the end
 * or a failed one sets its error, after which it yields zeros and its position
 * no longer moves: callers check once, at the end of a piece.
 */
#include "cfi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENCODING_FORMAT 0x0f
#define ENCODING_BASE	0x70
#define ENCODING_OMIT	0xff
#define BASE_PC		0x10
#define HEADER_VERSION	1
#define COUNT_UDATA4	0x03
#define TABLE_DATAREL_SDATA4 0x3b

#define AUGMENTATION_MAX 8
#define REMEMBER_MAX	32
#define ENTRY_SIZE_MAX	(1u << 20)

struct cursor {
	const struct cfi_memory *memory;
	hf_addr at;
	hf_addr end;
	int error;
};

static void cursor_get(struct cursor *cursor, void *data, size_t size)
{
	memset(data, 0, size);
	if (cursor->error)
		return;
	if (cursor->at > cursor->end || size > cursor->end - cursor->at) {
		cursor->error = -EBADMSG;
		return;
	}
	cursor->error = cursor->memory->read(cursor->memory->context,
					     cursor->at, data, size);
	if (!cursor->error)
		cursor->at += size;
}

/* Little-endian, as every machine of ours. */
static uint64_t cursor_unsigned(struct cursor *cursor, size_t size)
{
	uint64_t value = 0;

	cursor_get(cursor, &value, size);
	return value;
}

static uint8_t cursor_u8(struct cursor *cursor)
{
	return (uint8_t)cursor_unsigned(cursor, 1);
}

static int64_t cursor_signed(struct cursor *cursor, size_t size)
{
	unsigned int shift = (unsigned int)(64 - 8 * size);

	return (int64_t)(cursor_unsigned(cursor, size) << shift) >> shift;
}

static uint64_t cursor_leb(struct cursor *cursor, bool is_signed)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(cursor);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);

	if (is_signed && shift < 64 && (byte & 0x40))
		value |= ~0ull << shift;
	return value;
}

static void cursor_skip(struct cursor *cursor, uint64_t size)
{
	if (cursor->error)
		return;
	if (cursor->at > cursor->end || size > cursor->end - cursor->at)
		cursor->error = -EBADMSG;
	else
		cursor->at += size;
}

/* A number in one of DW_EH_PE's formats, without its base. */
static uint64_t cursor_number(struct cursor *cursor, uint8_t encoding)
{
	switch (encoding & ENCODING_FORMAT) {
	case 0x01:
	case 0x09:
		return cursor_leb(cursor, encoding & 0x08);
	case 0x02:
		return cursor_unsigned(cursor, 2);
	case 0x03:
		return cursor_unsigned(cursor, 4);
	case 0x00:
	case 0x04:
	case 0x0c:
		return cursor_unsigned(cursor, 8);
	case 0x0a:
		return (uint64_t)cursor_signed(cursor, 2);
	case 0x0b:
		return (uint64_t)cursor_signed(cursor, 4);
	}
	if (!cursor->error)
		cursor->error = -EBADMSG;
	return 0;
}

/* A code address: absolute or relative to itself; nothing else is in use. */
static hf_addr cursor_address(struct cursor *cursor, uint8_t encoding)
{
	hf_addr base = cursor->at;
	uint64_t value = cursor_number(cursor, encoding);

	if ((encoding & ~ENCODING_FORMAT) == BASE_PC)
		return base + value;
	if ((encoding & ~ENCODING_FORMAT) && !cursor->error)
		cursor->error = -EBADMSG;
	return value;
}

/*
 * Narrows @cursor, which stands at an entry, to that entry's contents. 64-bit
 * lengths (0xffffffff) and the end mark (0) are errors: no linker lets the
 * table lead to either; nor does any compiler write a program that long.
 */
static void cursor_open_entry(struct cursor *cursor)
{
	uint64_t length = cursor_unsigned(cursor, 4);

	if (!cursor->error && (length == 0 || length > ENTRY_SIZE_MAX))
		cursor->error = -EBADMSG;
	if (!cursor->error)
		cursor->end = cursor->at + length;
}

/* What the letters of an augmentation say; true when all are understood. */
static bool augmentation_parse(struct cursor *cursor, const char *letters,
			       struct cfi_entry *entry)
{
	for (; *letters; letters++) {
		uint8_t encoding;

		switch (*letters) {
		case 'R':
			entry->pointer_encoding = cursor_u8(cursor);
			break;
		case 'P':
			encoding = cursor_u8(cursor);
			entry->has_handler = true;
			if (encoding != ENCODING_OMIT)
				cursor_number(cursor, encoding);
			break;
		case 'L':
			cursor_u8(cursor);
			break;
		case 'S':
			entry->signal_frame = true;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* The string at the cursor, with its NUL; @letters has room for one. */
static void cursor_letters(struct cursor *cursor, char *letters)
{
	size_t nr = 0;

	do {
		if (nr == AUGMENTATION_MAX)
			cursor->error = -EBADMSG;
		letters[nr] = cursor->error ? '\0' : (char)cursor_u8(cursor);
	} while (letters[nr++]);
}

static int cie_parse(const struct cfi_memory *memory, hf_addr address,
		     struct cfi_entry *entry, bool *ret_augmented)
{
	struct cursor cursor = { memory, address, UINT64_MAX, 0 };
	char letters[AUGMENTATION_MAX + 1];
	uint64_t id, size;
	uint8_t version;

	cursor_open_entry(&cursor);
	id = cursor_unsigned(&cursor, 4);
	version = cursor_u8(&cursor);
	if (!cursor.error && (id != 0 || (version != 1 && version != 3)))
		return -EBADMSG;

	cursor_letters(&cursor, letters);
	entry->code_alignment = cursor_leb(&cursor, false);
	cursor_leb(&cursor, true);
	entry->return_register = version == 1 ? cursor_u8(&cursor) :
						cursor_leb(&cursor, false);
	if (letters[0] == 'z') {
		size = cursor_leb(&cursor, false);
		entry->initial.start = cursor.at + size;
		if (!augmentation_parse(&cursor, letters + 1, entry) ||
		    cursor.at > entry->initial.start ||
		    entry->initial.start > cursor.end)
			cursor.error = cursor.error ? cursor.error : -EBADMSG;
	} else {
		entry->initial.start = cursor.at;
		if (letters[0])
			cursor.error = cursor.error ? cursor.error : -EBADMSG;
	}
	entry->initial.end = cursor.end;
	*ret_augmented = letters[0] == 'z';
	return cursor.error;
}

static int fde_parse(const struct cfi_memory *memory, hf_addr address,
		     struct cfi_entry *entry)
{
	struct cursor cursor = { memory, address, UINT64_MAX, 0 };
	hf_addr back_from;
	uint64_t back, size;
	bool augmented;
	int r;

	cursor_open_entry(&cursor);
	back_from = cursor.at;
	back = cursor_unsigned(&cursor, 4);
	if (cursor.error || !back)
		return cursor.error ? cursor.error : -EBADMSG;

	r = cie_parse(memory, back_from - back, entry, &augmented);
	if (r < 0)
		return r;
	entry->code.start = cursor_address(&cursor, entry->pointer_encoding);
	size = cursor_number(&cursor, entry->pointer_encoding);
	entry->code.end = entry->code.start + size;
	if (augmented)
		cursor_skip(&cursor, cursor_leb(&cursor, false));
	entry->program = (struct range){ cursor.at, cursor.end };
	return cursor.error;
}

/* Lines of the table and where they start. */
static int header_parse(const struct cfi_memory *memory, hf_addr header,
			size_t size, hf_addr *ret_table, size_t *ret_nr)
{
	struct cursor cursor = { memory, header, header + size, 0 };
	uint8_t version, frame, count, table;
	uint64_t nr;

	version = cursor_u8(&cursor);
	frame = cursor_u8(&cursor);
	count = cursor_u8(&cursor);
	table = cursor_u8(&cursor);
	cursor_number(&cursor, frame & ENCODING_FORMAT);
	nr = cursor_unsigned(&cursor, 4);
	if (cursor.error)
		return cursor.error;
	if (version != HEADER_VERSION || count != COUNT_UDATA4 ||
	    table != TABLE_DATAREL_SDATA4 || nr > (cursor.end - cursor.at) / 8)
		return -EBADMSG;
	*ret_table = cursor.at;
	*ret_nr = nr;
	return 0;
}

struct table_line {
	int32_t code; /* both relative to the header */
	int32_t fde;
};

/* The last line that does not start above @pc; -ENOENT. */
static int table_search(const struct cfi_memory *memory, hf_addr header,
			hf_addr table, size_t nr, hf_addr pc,
			hf_addr *ret_address, struct table_line *ret_line)
{
	int64_t wanted = (int64_t)(pc - header);
	size_t low = 0, high = nr;
	struct table_line line;
	int r = -ENOENT;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		hf_addr address = table + middle * sizeof(line);

		r = memory->read(memory->context, address, &line, sizeof(line));
		if (r < 0)
			return r;
		if (line.code > wanted) {
			high = middle;
			continue;
		}
		*ret_address = address;
		*ret_line = line;
		low = middle + 1;
	}
	return low ? 0 : -ENOENT;
}

int cfi_find(const struct cfi_memory *memory, hf_addr header,
	     size_t header_size, hf_addr pc, struct cfi_entry *ret_entry)
{
	struct cfi_entry entry = { 0 };
	struct table_line line;
	hf_addr table = 0;
	size_t nr = 0;
	int r;

	r = header_parse(memory, header, header_size, &table, &nr);
	if (r < 0)
		return r;
	r = table_search(memory, header, table, nr, pc, &entry.table_entry,
			 &line);
	if (r < 0)
		return r;
	r = fde_parse(memory, header + (hf_addr)(int64_t)line.fde, &entry);
	if (r < 0)
		return r;
	if (!range_contains(&entry.code, pc))
		return -ENOENT;
	*ret_entry = entry;
	return 0;
}

/* --- a table for those who have none ---------------------------------------- */

struct table_builder {
	struct table_line *lines;
	size_t nr, capacity;
};

static int builder_add(struct table_builder *builder, int64_t code, int64_t fde)
{
	if (code != (int32_t)code || fde != (int32_t)fde)
		return -EBADMSG;
	if (builder->nr == builder->capacity) {
		size_t capacity = builder->capacity ? 2 * builder->capacity :
						      1024;
		struct table_line *lines = reallocarray(builder->lines, capacity,
							sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		builder->lines = lines;
		builder->capacity = capacity;
	}
	builder->lines[builder->nr++] =
		(struct table_line){ (int32_t)code, (int32_t)fde };
	return 0;
}

/* Every FDE between two addresses. Zero lengths are padding between files. */
static int builder_scan(struct table_builder *builder,
			const struct cfi_memory *memory, struct range frames,
			hf_addr header)
{
	struct cursor cursor = { memory, frames.start, frames.end, 0 };

	while (!cursor.error && cursor.end - cursor.at >= 4) {
		hf_addr at = cursor.at;
		uint64_t length = cursor_unsigned(&cursor, 4);
		struct cfi_entry entry = { 0 };
		int r;

		if (cursor.error || !length)
			continue;
		if (length < 4 || length > ENTRY_SIZE_MAX)
			return -EBADMSG;
		if (cursor_unsigned(&cursor, 4)) {
			r = fde_parse(memory, at, &entry);
			if (!r)
				r = builder_add(builder,
						(int64_t)(entry.code.start -
							  header),
						(int64_t)(at - header));
			if (r < 0)
				return r;
		}
		cursor_skip(&cursor, length - 4);
	}
	return cursor.error;
}

static int line_compare(const void *a, const void *b)
{
	const struct table_line *left = a, *right = b;

	return (left->code > right->code) - (left->code < right->code);
}

int cfi_make_header(const struct cfi_memory *memory, struct range frames,
		    hf_addr header, uint8_t **ret_header, size_t *ret_size)
{
	/* The pointer to .eh_frame is of no use to us: it may be anything. */
	uint8_t start[12] = { HEADER_VERSION, 0x0b, COUNT_UDATA4,
			      TABLE_DATAREL_SDATA4 };
	struct table_builder builder = { 0 };
	uint32_t nr;
	size_t size;
	int r;

	r = builder_scan(&builder, memory, frames, header);
	if (!r && !builder.nr)
		r = -EBADMSG;
	if (r < 0) {
		free(builder.lines);
		return r;
	}
	qsort(builder.lines, builder.nr, sizeof(*builder.lines), line_compare);
	nr = (uint32_t)builder.nr;
	memcpy(start + 8, &nr, sizeof(nr));
	size = builder.nr * sizeof(*builder.lines);
	*ret_header = malloc(sizeof(start) + size);
	if (*ret_header) {
		memcpy(*ret_header, start, sizeof(start));
		memcpy(*ret_header + sizeof(start), builder.lines, size);
		*ret_size = sizeof(start) + size;
	}
	free(builder.lines);
	return *ret_header ? 0 : -ENOMEM;
}

/*
 * Operands of the instructions below 0x40: u, s: LEB128; b: a block with its
 * length; 1, 2, 4: so many bytes; a: an encoded address. NULL: unknown.
 */
static const char *const operands[0x40] = {
	[0x00] = "",   /* nop */
	[0x01] = "a",  /* set_loc */
	[0x02] = "1",  /* advance_loc1 */
	[0x03] = "2",  /* advance_loc2 */
	[0x04] = "4",  /* advance_loc4 */
	[0x05] = "uu", /* offset_extended */
	[0x06] = "u",  /* restore_extended */
	[0x07] = "u",  /* undefined */
	[0x08] = "u",  /* same_value */
	[0x09] = "uu", /* register */
	[0x0a] = "",   /* remember_state */
	[0x0b] = "",   /* restore_state */
	[0x0c] = "uu", /* def_cfa */
	[0x0d] = "u",  /* def_cfa_register */
	[0x0e] = "u",  /* def_cfa_offset */
	[0x0f] = "b",  /* def_cfa_expression */
	[0x10] = "ub", /* expression */
	[0x11] = "us", /* offset_extended_sf */
	[0x12] = "us", /* def_cfa_sf */
	[0x13] = "s",  /* def_cfa_offset_sf */
	[0x14] = "uu", /* val_offset */
	[0x15] = "us", /* val_offset_sf */
	[0x16] = "ub", /* val_expression */
	[0x2e] = "u",  /* GNU_args_size */
	[0x2f] = "uu", /* GNU_negative_offset_extended */
};

struct instruction {
	uint8_t opcode;	  /* the three short forms as 0x40, 0x80, 0xc0 */
	uint64_t operand; /* the first one */
};

static uint64_t operand_read(struct cursor *cursor, char kind, uint8_t encoding)
{
	uint64_t size;

	switch (kind) {
	case 'a':
		return cursor_address(cursor, encoding);
	case 'b':
		size = cursor_leb(cursor, false);
		cursor_skip(cursor, size);
		return size;
	case 'u':
	case 's':
		return cursor_leb(cursor, kind == 's');
	}
	return cursor_unsigned(cursor, (size_t)(kind - '0'));
}

static struct instruction instruction_read(struct cursor *cursor,
					   uint8_t encoding)
{
	uint8_t byte = cursor_u8(cursor);
	struct instruction insn = { byte, 0 };
	const char *kinds = byte < 0x40 ? operands[byte] : NULL;

	if (byte >= 0x40) {
		insn.opcode = byte & 0xc0;
		insn.operand = byte & 0x3f;
		if (insn.opcode == 0x80) /* offset */
			cursor_leb(cursor, false);
		return insn;
	}
	if (!kinds) {
		cursor->error = cursor->error ? cursor->error : -EBADMSG;
		return insn;
	}
	for (size_t i = 0; kinds[i]; i++) {
		uint64_t value = operand_read(cursor, kinds[i], encoding);

		if (i == 0)
			insn.operand = value;
	}
	return insn;
}

/* The rule for one register, all that we follow of a row. */
struct rule {
	bool undefined;
	bool initial; /* what the CIE says; for restore */
	bool remembered[REMEMBER_MAX];
	size_t nr_remembered;
	hf_addr location;
};

/* true: @insn moved the location, to @rule->location. */
static bool rule_advance(struct rule *rule, const struct cfi_entry *entry,
			 const struct instruction *insn)
{
	switch (insn->opcode) {
	case 0x01:
		rule->location = insn->operand;
		return true;
	case 0x02:
	case 0x03:
	case 0x04:
	case 0x40:
		rule->location += insn->operand * entry->code_alignment;
		return true;
	}
	return false;
}

static int rule_remember(struct rule *rule, bool restore)
{
	if (restore) {
		if (!rule->nr_remembered)
			return -EBADMSG;
		rule->undefined = rule->remembered[--rule->nr_remembered];
		return 0;
	}
	if (rule->nr_remembered == REMEMBER_MAX)
		return -EBADMSG;
	rule->remembered[rule->nr_remembered++] = rule->undefined;
	return 0;
}

static int rule_apply(struct rule *rule, uint64_t reg,
		      const struct instruction *insn)
{
	switch (insn->opcode) {
	case 0x0a:
	case 0x0b:
		return rule_remember(rule, insn->opcode == 0x0b);
	case 0x07: /* undefined */
		if (insn->operand == reg)
			rule->undefined = true;
		return 0;
	case 0x06: /* restore */
	case 0xc0:
		if (insn->operand == reg)
			rule->undefined = rule->initial;
		return 0;
	case 0x05: /* each of these gives the register some value */
	case 0x08:
	case 0x09:
	case 0x10:
	case 0x11:
	case 0x14:
	case 0x15:
	case 0x16:
	case 0x2f:
	case 0x80:
		if (insn->operand == reg)
			rule->undefined = false;
		return 0;
	}
	return 0;
}

/* Follows @program up to the row of @pc. */
static int program_run(const struct cfi_memory *memory,
		       const struct cfi_entry *entry,
		       const struct range *program, hf_addr pc,
		       struct rule *rule)
{
	struct cursor cursor = { memory, program->start, program->end, 0 };

	while (cursor.at < cursor.end) {
		struct instruction insn =
			instruction_read(&cursor, entry->pointer_encoding);
		int r = cursor.error;

		if (r < 0)
			return r;
		if (rule_advance(rule, entry, &insn)) {
			if (rule->location > pc)
				return 0;
			continue;
		}
		r = rule_apply(rule, entry->return_register, &insn);
		if (r < 0)
			return r;
	}
	return 0;
}

int cfi_is_outermost(const struct cfi_memory *memory,
		     const struct cfi_entry *entry, hf_addr pc,
		     bool *ret_outermost)
{
	struct rule rule = { .location = entry->code.start };
	int r;

	r = program_run(memory, entry, &entry->initial, pc, &rule);
	if (r < 0)
		return r;
	rule.initial = rule.undefined;
	rule.location = entry->code.start;
	rule.nr_remembered = 0;
	r = program_run(memory, entry, &entry->program, pc, &rule);
	if (r < 0)
		return r;
	*ret_outermost = rule.undefined;
	return 0;
}
