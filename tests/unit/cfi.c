/* Reading .eh_frame from bytes. */
#include <errno.h>

#include "../../agent/cfi.h"
#include "../tap.h"

#define BASE   0x10000ull
#define FDE_AT 0x40 /* within a table */
#define CODE   0x20000ull

struct memory {
	const uint8_t *bytes;
	size_t size;
};

static int memory_read(void *context, hf_addr address, void *data, size_t size)
{
	const struct memory *memory = context;

	if (address < BASE || address - BASE > memory->size ||
	    size > memory->size - (address - BASE))
		return -EFAULT;
	memcpy(data, memory->bytes + (address - BASE), size);
	return 0;
}

/*
 * A header with one line, a CIE at 0x18, and an FDE at 0x40 for 0x100 bytes of
 * code. Programs: the CIE's is 6 bytes long, the FDE's 16.
 */
struct tables {
	uint8_t bytes[0x70];
};

static void put32(uint8_t *at, uint64_t value)
{
	uint32_t word = (uint32_t)value;

	memcpy(at, &word, sizeof(word));
}

static void tables_make(struct tables *tables, const uint8_t *program,
			size_t size)
{
	static const uint8_t header[] = {
		0x01, 0x1b, 0x03, 0x3b, /* version; pcrel, udata4, datarel */
	};
	static const uint8_t cie[] = {
		0x01, 'z', 'R', 'S', 0, /* version, augmentation */
		0x01, 0x78, 0x10,	/* code 1, data -8, register 16 */
		0x01, 0x1b,		/* pc-relative, 4 bytes */
		0x0c, 0x07, 0x08,	/* def_cfa r7 + 8 */
		0x90, 0x01,		/* offset r16, 1 */
		0x00,
	};
	uint8_t *bytes = tables->bytes;

	memset(bytes, 0, sizeof(tables->bytes));
	memcpy(bytes, header, sizeof(header));
	put32(bytes + 4, 0x18 - 4);
	put32(bytes + 8, 1);
	put32(bytes + 12, CODE - BASE);
	put32(bytes + 16, FDE_AT);

	put32(bytes + 0x18, 0x24);
	memcpy(bytes + 0x20, cie, sizeof(cie));

	put32(bytes + FDE_AT, 4 + 9 + 16);
	put32(bytes + FDE_AT + 4, FDE_AT + 4 - 0x18);
	put32(bytes + FDE_AT + 8, CODE - (BASE + FDE_AT + 8));
	put32(bytes + FDE_AT + 12, 0x100);
	if (size)
		memcpy(bytes + FDE_AT + 17, program, size);
}

static int find(const struct tables *tables, hf_addr pc,
		struct cfi_entry *ret_entry)
{
	struct memory bytes = { tables->bytes, sizeof(tables->bytes) };
	struct cfi_memory memory = { memory_read, &bytes };

	return cfi_find(&memory, BASE, 20, pc, ret_entry);
}

static int outermost(const struct tables *tables, hf_addr pc, bool *ret)
{
	struct memory bytes = { tables->bytes, sizeof(tables->bytes) };
	struct cfi_memory memory = { memory_read, &bytes };
	struct cfi_entry entry;
	int r;

	r = find(tables, pc, &entry);
	return r < 0 ? r : cfi_is_outermost(&memory, &entry, pc, ret);
}

TEST(entry_of_pc)
{
	struct cfi_entry entry;
	struct tables tables;

	tables_make(&tables, NULL, 0);
	CHECK_EQ(find(&tables, CODE, &entry), 0);
	CHECK_EQ(entry.code.start, CODE);
	CHECK_EQ(entry.code.end, CODE + 0x100);
	CHECK_EQ(entry.table_entry, BASE + 12);
	CHECK_EQ(entry.return_register, 16);
	CHECK(entry.signal_frame);
	CHECK_EQ(entry.program.start, BASE + FDE_AT + 17);
	CHECK_EQ(entry.program.end, BASE + FDE_AT + 17 + 16);

	CHECK_EQ(find(&tables, CODE + 0xff, &entry), 0);
	CHECK_EQ(find(&tables, CODE + 0x100, &entry), -ENOENT);
	CHECK_EQ(find(&tables, CODE - 1, &entry), -ENOENT);
}

/* Each program is asked about CODE + 0x10. */
static int make_header(const struct tables *tables, hf_addr header,
		       uint8_t **ret_header, size_t *ret_size)
{
	struct memory bytes = { tables->bytes, sizeof(tables->bytes) };
	struct cfi_memory memory = { memory_read, &bytes };
	/* From the CIE on; what follows the FDE is zeros. */
	const struct range frames = { BASE + 0x18,
				      BASE + sizeof(tables->bytes) };

	return cfi_make_header(&memory, frames, header, ret_header, ret_size);
}

/* Made from .eh_frame alone, it says what the linker's says. */
TEST(made_header)
{
	struct cfi_entry entry;
	struct tables tables;
	uint8_t *header;
	size_t size;

	tables_make(&tables, NULL, 0);
	CHECK_EQ(make_header(&tables, BASE, &header, &size), 0);
	CHECK_EQ(size, 20);
	CHECK_BYTES(header + 8, tables.bytes + 8, 12);
	memset(tables.bytes, 0, 0x18);
	memcpy(tables.bytes, header, size);
	free(header);
	CHECK_EQ(find(&tables, CODE + 0xff, &entry), 0);
	CHECK_EQ(entry.code.start, CODE);
	CHECK_EQ(find(&tables, CODE + 0x100, &entry), -ENOENT);
}

/* Nothing to index, out of reach, or entries that lead out of the section. */
TEST(made_header_refused)
{
	static const struct { size_t at; uint32_t value; hf_addr header; }
	cases[] = {
		{ 0x40, 0, BASE },
		{ 0x40, 2, BASE },
		{ 0x40, 0x1000, BASE },
		{ 0x40, UINT32_MAX, BASE },
		{ 0x44, 0x1000, BASE },
		{ 0x18, 0x24, BASE + (1ull << 32) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tables tables;
		uint8_t *header = NULL;
		size_t size;

		tables_make(&tables, NULL, 0);
		put32(tables.bytes + cases[i].at, cases[i].value);
		if (!cases[i].value)
			memset(tables.bytes + 0x40, 0, 0x30);
		CHECK(make_header(&tables, cases[i].header, &header, &size) <
		      0);
		CHECK(!header);
	}
}

TEST(undefined_return_address)
{
	static const struct {
		const char *name;
		uint8_t program[16];
		int want; /* 0, 1 or an error */
	} cases[] = {
		{ "nothing said", { 0 }, 0 },
		{ "undefined r16", { 0x07, 0x10 }, 1 },
		{ "undefined r6", { 0x07, 0x06 }, 0 },
		{ "undefined two-byte number", { 0x07, 0x90, 0x00 }, 1 },
		{ "later than asked", { 0x51, 0x07, 0x10 }, 0 },
		{ "exactly there", { 0x50, 0x07, 0x10 }, 1 },
		{ "advance1", { 0x02, 0x11, 0x07, 0x10 }, 0 },
		{ "advance2", { 0x03, 0x10, 0x00, 0x07, 0x10 }, 1 },
		{ "advance4", { 0x04, 0x11, 0, 0, 0, 0x07, 0x10 }, 0 },
		{ "saved after", { 0x07, 0x10, 0x90, 0x01 }, 0 },
		{ "saved far after", { 0x07, 0x10, 0x51, 0x90, 0x01 }, 1 },
		{ "same value after", { 0x07, 0x10, 0x08, 0x10 }, 0 },
		{ "expression after", { 0x07, 0x10, 0x16, 0x10, 1, 7 }, 0 },
		{ "other expression", { 0x07, 0x10, 0x16, 0x06, 2, 7, 7 }, 1 },
		{ "restored", { 0x07, 0x10, 0xd0 }, 0 },
		{ "other restored", { 0x07, 0x10, 0xc6 }, 1 },
		{ "restore_extended", { 0x07, 0x10, 0x06, 0x10 }, 0 },
		{ "remembered", { 0x0a, 0x07, 0x10, 0x0b }, 0 },
		{ "recalled", { 0x07, 0x10, 0x0a, 0x90, 1, 0x0b }, 1 },
		{ "sleb operand", { 0x13, 0xff, 0x7f, 0x07, 0x10 }, 1 },
		{ "CFA block", { 0x0f, 3, 0x07, 0x10, 0, 0 }, 0 },
		{ "nothing remembered", { 0x0b }, -EBADMSG },
		{ "unknown", { 0x3f }, -EBADMSG },
		{ "block too long", { 0x0f, 0x7f }, -EBADMSG },
		{ "cut off", { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			       0x07 }, -EBADMSG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tables tables;
		bool got = false;
		int r;

		tables_make(&tables, cases[i].program, 16);
		r = outermost(&tables, CODE + 0x10, &got);
		if ((r < 0 ? r : got) != cases[i].want)
			TAP_FAIL("%s: %d %d, not %d", cases[i].name, r, got,
				 cases[i].want);
	}
}

/* `restore` means what the CIE says, which may itself be "undefined". */
TEST(restore_to_initial)
{
	static const uint8_t program[] = { 0x90, 0x01, 0xd0 };
	struct tables tables;
	bool got = false;

	tables_make(&tables, program, sizeof(program));
	tables.bytes[0x20 + 13] = 0x07; /* undefined */
	tables.bytes[0x20 + 14] = 0x10;
	CHECK_EQ(outermost(&tables, CODE, &got), 0);
	CHECK(got);
}

TEST(damaged_tables)
{
	static const struct {
		const char *name;
		size_t at;
		uint8_t byte;
	} cases[] = {
		{ "header version", 0, 2 },
		{ "count encoding", 2, 0x04 },
		{ "table encoding", 3, 0x1b },
		{ "more lines than room", 8, 2 },
		{ "CIE length 0", 0x18, 0 },
		{ "CIE id", 0x1c, 1 },
		{ "CIE version", 0x20, 9 },
		{ "unknown letter", 0x22, 'Q' },
		{ "augmentation too long", 0x28, 0x7f },
		{ "augmentation too short", 0x28, 0x00 },
		{ "endless augmentation", 0x24, 'S' },
		{ "strange pointer encoding", 0x29, 0x5b },
		{ "FDE is a CIE", FDE_AT + 4, 0 },
		{ "FDE length 0", FDE_AT, 0 },
		{ "FDE too short", FDE_AT, 6 },
		{ "FDE augmentation too long", FDE_AT + 16, 0x7f },
	};
	struct cfi_entry entry;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tables tables;
		int r;

		tables_make(&tables, NULL, 0);
		tables.bytes[cases[i].at] = cases[i].byte;
		if (cases[i].at == 0x24)
			memset(tables.bytes + 0x24, 'S', 9);
		r = find(&tables, CODE, &entry);
		if (r != -EBADMSG)
			TAP_FAIL("%s: %d", cases[i].name, r);
	}
}

/* Whatever a single byte is, it ends; under the sanitizers, in bounds. */
TEST(any_byte_ends)
{
	static const uint8_t program[] = { 0x50, 0x07, 0x10, 0x0a, 0x0b };

	for (size_t i = 0; i < sizeof(struct tables); i++) {
		for (unsigned int byte = 0; byte < 256; byte++) {
			struct tables tables;
			bool got;

			tables_make(&tables, program, sizeof(program));
			tables.bytes[i] = (uint8_t)byte;
			outermost(&tables, CODE + 0x10, &got);
		}
	}
}

/* Among many lines the right one is met, at both ends and between. */
TEST(table_of_many)
{
	enum { NR = 100 };
	static uint8_t bytes[0x400 + NR * 29];
	struct memory block = { bytes, sizeof(bytes) };
	struct cfi_memory memory = { memory_read, &block };
	struct cfi_entry entry;
	struct tables tables;

	tables_make(&tables, NULL, 0);
	memcpy(bytes, tables.bytes, 0x70);
	put32(bytes + 8, NR);
	memcpy(bytes + 0x380, tables.bytes + 0x18, 0x28); /* CIE */
	for (size_t i = 0; i < NR; i++) {
		size_t fde = 0x400 + i * 29;
		hf_addr at = BASE + fde;

		put32(bytes + 12 + i * 8, CODE + i * 0x200 - BASE);
		put32(bytes + 16 + i * 8, fde);
		put32(bytes + fde, 25);
		put32(bytes + fde + 4, fde + 4 - 0x380);
		put32(bytes + fde + 8, CODE + i * 0x200 - (at + 8));
		put32(bytes + fde + 12, 0x100);
	}
	for (size_t i = 0; i < NR; i++) {
		hf_addr pc = CODE + i * 0x200 + 0x80;

		CHECK_EQ(cfi_find(&memory, BASE, 12 + NR * 8, pc, &entry), 0);
		CHECK_EQ(entry.code.start, CODE + i * 0x200);
		CHECK_EQ(cfi_find(&memory, BASE, 12 + NR * 8, pc + 0x100,
				  &entry), -ENOENT);
	}
	CHECK_EQ(cfi_find(&memory, BASE, 12 + NR * 8, CODE - 1, &entry),
		 -ENOENT);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
