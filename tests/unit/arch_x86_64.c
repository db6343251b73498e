#include "../../lib/arch/arch.h"

#include <elf.h>
#include <errno.h>

#include "../tap.h"

static const struct arch *const arch = &arch_x86_64;

TEST(found_by_machine)
{
	CHECK(arch_find(EM_X86_64) == arch);
	CHECK(!arch_find(EM_386));
	CHECK(!arch_find(EM_NONE));
}

/* A rel32 jump reaches 2 GiB either way, counted from its own end. */
TEST(jump_range)
{
	static const struct {
		hf_addr from, to;
		int want;
	} cases[] = {
		{ 0x400000, 0x400005u + INT32_MAX, 0 },
		{ 0x400000, 0x400006ull + INT32_MAX, -ERANGE },
		{ 0x80400000, 0x400005, 0 },
		{ 0x80400000, 0x400004, -ERANGE },
		{ 0x7f0000000000, 0x400000, -ERANGE },
	};
	uint8_t bytes[JUMP_SIZE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_EQ(arch->encode_jump(cases[i].from, cases[i].to, bytes),
			 cases[i].want);
}

/* jump_reach is reached in both directions. */
TEST(jump_reach_holds)
{
	const hf_addr from = 0x7f0000000000, reach = (hf_addr)arch->jump_reach;
	uint8_t bytes[JUMP_SIZE_MAX];

	CHECK_EQ(arch->encode_jump(from, from + reach, bytes), 0);
	CHECK_EQ(arch->encode_jump(from, from - reach, bytes), 0);
	CHECK_EQ(arch->encode_jump(from, from - reach - 1, bytes), -ERANGE);
}

TEST(jump_bytes)
{
	static const struct {
		hf_addr from, to;
		uint8_t want[5];
	} cases[] = {
		{ 0x1000, 0x1005, { 0xe9, 0, 0, 0, 0 } },
		{ 0x1000, 0x1000, { 0xe9, 0xfb, 0xff, 0xff, 0xff } },
		{ 0x1000, 0x12345678, { 0xe9, 0x73, 0x46, 0x34, 0x12 } },
	};
	uint8_t bytes[JUMP_SIZE_MAX];

	CHECK_EQ(arch->jump_size, 5);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(arch->encode_jump(cases[i].from, cases[i].to, bytes),
			 0);
		CHECK_BYTES(bytes, cases[i].want, 5);
	}
}

TEST(short_jump)
{
	static const struct {
		hf_addr from, to;
		int want;
		uint8_t bytes[2];
	} cases[] = {
		{ 0x1000, 0x1002, 0, { 0xeb, 0x00 } },
		{ 0x1000, 0x0ffb, 0, { 0xeb, 0xf9 } },
		{ 0x1000, 0x1081, 0, { 0xeb, 0x7f } },
		{ 0x1000, 0x1082, -ERANGE, { 0 } },
		{ 0x1000, 0x0f82, 0, { 0xeb, 0x80 } },
		{ 0x1000, 0x0f81, -ERANGE, { 0 } },
	};
	uint8_t bytes[JUMP_SIZE_MAX];

	CHECK_EQ(arch->short_jump_size, 2);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = arch->encode_short_jump(cases[i].from, cases[i].to,
						bytes);

		CHECK_EQ(r, cases[i].want);
		if (r == 0)
			CHECK_BYTES(bytes, cases[i].bytes, 2);
	}
}

TEST(landing_pad)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const uint8_t endbr32[] = { 0xf3, 0x0f, 0x1e, 0xfb };

	CHECK_EQ(arch->landing_pad_size(endbr64, 4), 4);
	CHECK_EQ(arch->landing_pad_size(endbr64, 3), 0);
	CHECK_EQ(arch->landing_pad_size(endbr32, 4), 0);
}

struct padding_case {
	size_t nop, padding, size;
	uint8_t bytes[16];
};

static const struct padding_case padding_cases[] = {
	{ 1, 1, 1, { 0x90 } },					 /* nop */
	{ 2, 2, 2, { 0x66, 0x90 } },				 /* xchg %ax,%ax */
	{ 3, 3, 3, { 0x0f, 0x1f, 0x00 } },			 /* nopl (%rax) */
	{ 4, 4, 4, { 0x0f, 0x1f, 0x40, 0x00 } },		 /* nopl 0(%rax) */
	{ 5, 5, 5, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },		 /* with SIB */
	{ 6, 6, 6, { 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 } },	 /* nopw */
	{ 7, 7, 7, { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 } },		 /* disp32 */
	{ 8, 8, 8, { 0x0f, 0x1f, 0x84, 0x00, 0, 0, 0, 0 } },
	{ 10, 10, 10, { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 } },
	{ 15, 15, 15, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f,
			0x84, 0, 0, 0, 0, 0 } },
	{ 7, 7, 7, { 0x0f, 0x1f, 0x05, 1, 2, 3, 4 } },		 /* nopl (%rip) */
	{ 8, 8, 8, { 0x0f, 0x1f, 0x04, 0x25, 1, 2, 3, 4 } },	 /* no base */
	{ 3, 3, 3, { 0x0f, 0x1f, 0xc0 } },			 /* nopl %eax */
	{ 0, 1, 1, { 0xcc } },					 /* int3 */
	/* One prefix more than an instruction may have bytes. */
	{ 0, 0, 16, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f,
		      0x1f, 0x84, 0, 0, 0, 0, 0 } },
	{ 0, 0, 2, { 0xf3, 0x90 } },				 /* pause */
	{ 0, 0, 3, { 0x0f, 0x1f, 0x08 } },			 /* reg field 1 */
	{ 0, 0, 4, { 0xf3, 0x0f, 0x1e, 0xfa } },		 /* endbr64 */
	{ 0, 0, 2, { 0x00, 0x00 } },				 /* add %al,(%rax) */
	{ 0, 0, 1, { 0xc3 } },					 /* ret */
	{ 0, 0, 2, { 0x66, 0x66 } },
	{ 0, 0, 0, { 0 } },
};

TEST(padding)
{
	for (size_t i = 0; i < ARRAY_SIZE(padding_cases); i++) {
		const struct padding_case *c = &padding_cases[i];

		CHECK_EQ(arch->nop_size(c->bytes, c->size), c->nop);
		CHECK_EQ(arch->padding_size(c->bytes, c->size), c->padding);
	}
}

/* Cut anywhere, a NOP is no NOP. */
TEST(padding_cut_short)
{
	for (size_t i = 0; i < ARRAY_SIZE(padding_cases); i++) {
		const struct padding_case *c = &padding_cases[i];

		for (size_t size = 0; size < c->padding; size++)
			CHECK_EQ(arch->padding_size(c->bytes, size), 0);
	}
}

TEST(relocations)
{
	static const struct {
		uint32_t type;
		enum reloc_class class;
		size_t size;
		const char *name;
	} cases[] = {
		{ R_X86_64_NONE, RELOC_NONE, 0, "R_X86_64_NONE" },
		{ R_X86_64_RELATIVE, RELOC_RELATIVE, 8, "R_X86_64_RELATIVE" },
		{ R_X86_64_64, RELOC_ABSOLUTE, 8, "R_X86_64_64" },
		{ R_X86_64_GLOB_DAT, RELOC_ABSOLUTE, 8, "R_X86_64_GLOB_DAT" },
		{ R_X86_64_JUMP_SLOT, RELOC_ABSOLUTE, 8, "R_X86_64_JUMP_SLOT" },
		{ R_X86_64_PC32, RELOC_PC_RELATIVE, 4, "R_X86_64_PC32" },
		{ R_X86_64_PLT32, RELOC_PC_RELATIVE, 4, "R_X86_64_PLT32" },
		{ R_X86_64_DTPMOD64, RELOC_TLS_MODULE, 8, "R_X86_64_DTPMOD64" },
		{ R_X86_64_DTPOFF64, RELOC_TLS_OFFSET, 8, "R_X86_64_DTPOFF64" },
		{ R_X86_64_TPOFF64, RELOC_TLS_THREAD_POINTER, 8,
		  "R_X86_64_TPOFF64" },
		{ R_X86_64_IRELATIVE, RELOC_UNSUPPORTED, 0,
		  "R_X86_64_IRELATIVE" },
		{ R_X86_64_COPY, RELOC_UNSUPPORTED, 0, "R_X86_64_COPY" },
		{ R_X86_64_32, RELOC_ABSOLUTE_LOW, 4, "R_X86_64_32" },
		{ R_X86_64_32S, RELOC_ABSOLUTE_LOW_SIGNED, 4, "R_X86_64_32S" },
		{ R_X86_64_DTPOFF32, RELOC_TLS_OFFSET, 4, "R_X86_64_DTPOFF32" },
		{ R_X86_64_TPOFF32, RELOC_TLS_THREAD_POINTER, 4,
		  "R_X86_64_TPOFF32" },
		{ R_X86_64_16, RELOC_UNSUPPORTED, 0, "R_X86_64_16" },
		{ 39, RELOC_UNSUPPORTED, 0, "an unknown relocation type" },
		{ UINT32_MAX, RELOC_UNSUPPORTED, 0,
		  "an unknown relocation type" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CHECK_EQ(arch->reloc_class(cases[i].type), cases[i].class);
		CHECK_EQ(arch->reloc_size(cases[i].type), cases[i].size);
		CHECK_STR(arch->reloc_name(cases[i].type), cases[i].name);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
