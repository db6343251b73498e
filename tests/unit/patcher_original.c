/*
 * Displaced instructions: what is copied, what is rewritten, what is refused.
 */
#include "../tap.h"

#include <errno.h>

#include "../../patcher/original.h"

#define VADDR 0x401000ull

static struct insn_decoder *decoder(void)
{
	static struct insn_decoder *one;

	if (!one)
		insn_decoder_new(&arch_x86_64, &one, NULL);
	return one;
}

static int displace(const uint8_t *code, size_t size,
		    struct original_code *ret_code, struct hf_diag *diag)
{
	return original_displace(decoder(), code, size, VADDR, ret_code, diag);
}

/* What the relocation @index makes of its field, when the code stands at
 * @place and the target at @bias: the address that it then leads to, as a
 * virtual address of the target. @tail: bytes between field and next insn. */
static hf_addr leads_to(const struct original_code *code, size_t index,
			size_t size, size_t tail, hf_addr place, hf_addr bias)
{
	const struct original_reloc *reloc = &code->relocs[index];
	hf_addr resume = bias + VADDR + size;
	int32_t field = (int32_t)(resume + (hf_addr)reloc->addend -
				  (place + reloc->offset));

	return place + reloc->offset + 4 + tail + (hf_addr)(int64_t)field -
	       bias;
}

TEST(plain_instructions_are_copied)
{
	static const uint8_t code[] = {
		0xf3, 0x0f, 0x1e, 0xfa, /* endbr64 */
		0x55,			/* push %rbp */
		0x48, 0x89, 0xe5,	/* mov %rsp,%rbp */
		0x31, 0xc0,		/* xor %eax,%eax */
	};
	struct original_code result;

	CHECK_EQ(displace(code, sizeof(code), &result, NULL), 0);
	CHECK_EQ(result.size, sizeof(code));
	CHECK_EQ(result.nr_relocs, 0);
	CHECK_BYTES(result.bytes, code, sizeof(code));
}

/* Wherever both stand, the field leads to what the original meant. */
TEST(rip_relative_operands)
{
	static const struct {
		const char *text;
		uint8_t code[12];
		size_t size;
		uint32_t field;
		size_t tail;
		hf_addr means;
	} cases[] = {
		{ "lea 0x100(%rip),%rax",
		  { 0x48, 0x8d, 0x05, 0x00, 0x01, 0, 0 }, 7, 3, 0,
		  VADDR + 7 + 0x100 },
		{ "cmpl $5,-0x20(%rip)",
		  { 0x83, 0x3d, 0xe0, 0xff, 0xff, 0xff, 0x05 }, 7, 2, 1,
		  VADDR + 7 - 0x20 },
		{ "movl $0x12345678,0x40(%rip)",
		  { 0xc7, 0x05, 0x40, 0, 0, 0, 0x78, 0x56, 0x34, 0x12 }, 10, 2,
		  4, VADDR + 10 + 0x40 },
		{ "jmp *0x8(%rip)", { 0xff, 0x25, 0x08, 0, 0, 0 }, 6, 2, 0,
		  VADDR + 6 + 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct original_code result;

		CHECK_EQ(displace(cases[i].code, cases[i].size, &result, NULL),
			 0);
		CHECK_EQ(result.size, cases[i].size);
		CHECK_EQ(result.nr_relocs, 1);
		CHECK_EQ(result.relocs[0].offset, cases[i].field);
		CHECK_BYTES(result.bytes, cases[i].code, cases[i].field);
		/* What stands behind the field is the instruction's own. */
		CHECK_BYTES(result.bytes + cases[i].field + 4,
			    cases[i].code + cases[i].field + 4, cases[i].tail);
		CHECK_EQ(leads_to(&result, 0, cases[i].size, cases[i].tail,
				  0x7f0000001000, 0x7f0000100000),
			 cases[i].means);
	}
}

TEST(branches_become_long)
{
	static const struct {
		const char *text;
		uint8_t code[8];
		size_t size;
		uint8_t opcode[3];
		size_t opcode_size;
		hf_addr means;
	} cases[] = {
		{ "je +0x10", { 0x74, 0x10 }, 2, { 0x0f, 0x84 }, 2,
		  VADDR + 0x12 },
		{ "jg -2", { 0x7f, 0xfe }, 2, { 0x0f, 0x8f }, 2, VADDR },
		{ "jmp +0x7f", { 0xeb, 0x7f }, 2, { 0xe9 }, 1, VADDR + 0x81 },
		{ "jmp rel32", { 0xe9, 0, 0x10, 0, 0 }, 5, { 0xe9 }, 1,
		  VADDR + 0x1005 },
		{ "call rel32", { 0xe8, 0xfb, 0xff, 0xff, 0xff }, 5, { 0xe8 },
		  1, VADDR },
		{ "js rel32", { 0x0f, 0x88, 0, 1, 0, 0 }, 6, { 0x0f, 0x88 }, 2,
		  VADDR + 0x106 },
		{ "bnd jmp rel32", { 0xf2, 0xe9, 0, 1, 0, 0 }, 6,
		  { 0xf2, 0xe9 }, 2, VADDR + 0x106 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct original_code result;

		CHECK_EQ(displace(cases[i].code, cases[i].size, &result, NULL),
			 0);
		CHECK_EQ(result.size, cases[i].opcode_size + 4);
		CHECK_BYTES(result.bytes, cases[i].opcode,
			    cases[i].opcode_size);
		CHECK_EQ(result.nr_relocs, 1);
		CHECK_EQ(result.relocs[0].offset, cases[i].opcode_size);
		CHECK_EQ(leads_to(&result, 0, cases[i].size, 0, 0x10000000,
				  0x20000000),
			 cases[i].means);
	}
}

/* Offsets of later relocations count what earlier branches grew. */
TEST(growth_moves_what_follows)
{
	static const uint8_t code[] = {
		0x74, 0x10,			    /* je +0x10 */
		0x48, 0x8d, 0x05, 0x00, 0x01, 0, 0, /* lea 0x100(%rip),%rax */
	};
	struct original_code result;

	CHECK_EQ(displace(code, sizeof(code), &result, NULL), 0);
	CHECK_EQ(result.size, 6 + 7);
	CHECK_EQ(result.nr_relocs, 2);
	CHECK_EQ(result.relocs[1].offset, 6 + 3);
	CHECK_EQ(leads_to(&result, 1, sizeof(code), 0, 0x5000, 0x90000),
		 VADDR + 9 + 0x100);
}

TEST(refused)
{
	static const struct {
		uint8_t code[4];
		size_t size;
		const char *code_word;
	} cases[] = {
		{ { 0xe2, 0x10 }, 2, "original-short-branch" }, /* loop */
		{ { 0xe3, 0x10 }, 2, "original-short-branch" }, /* jrcxz */
		{ { 0x48, 0x8d }, 2, "original-undecodable" },	/* half a lea */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct original_code result;
		struct hf_diag diag;

		CHECK_EQ(displace(cases[i].code, cases[i].size, &result, &diag),
			 -ECANCELED);
		CHECK_STR(diag.code, cases[i].code_word);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
