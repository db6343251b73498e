#include "../../lib/insn.h"

#include <errno.h>

#include "../../lib/cleanup.h"
#include "../tap.h"

DEFINE_CLEANUP(struct insn_decoder, insn_decoder_free)

enum {
	CALL = 1,
	JUMP = 2,
	CONDITIONAL = 4,
	LAST = 8,
	TARGET = 16,
	PC_RELATIVE = 32,
};

static unsigned int traits(const struct insn *insn)
{
	return (insn->is_call ? CALL : 0) | (insn->is_jump ? JUMP : 0) |
	       (insn->is_conditional ? CONDITIONAL : 0) |
	       (insn->falls_through ? 0 : LAST) |
	       (insn->has_target ? TARGET : 0) |
	       (insn->pc_relative ? PC_RELATIVE : 0);
}

/* All at 0x1000. */
static const struct {
	const char *text;
	uint8_t code[16];
	size_t size;
	unsigned int traits;
	hf_addr address; /* target, or what it refers to */
	uint8_t displacement_offset;
} cases[] = {
	{ "push rbp", { 0x55 }, 1, 0, 0, 0 },
	{ "endbr64", { 0xf3, 0x0f, 0x1e, 0xfa }, 4, 0, 0, 0 },
	{ "call", { 0xe8, 1, 0, 0, 0 }, 5, CALL | TARGET, 0x1006, 0 },
	{ "call *%rax", { 0xff, 0xd0 }, 2, CALL, 0, 0 },
	{ "call *1(%rip)", { 0xff, 0x15, 1, 0, 0, 0 }, 6, CALL | PC_RELATIVE,
	  0x1007, 2 },
	{ "data16 rex.W call (TLS)", { 0x66, 0x48, 0xe8, 1, 0, 0, 0 }, 7,
	  CALL | TARGET, 0x1008, 0 },
	{ "jmp rel32", { 0xe9, 1, 0, 0, 0 }, 5, JUMP | LAST | TARGET, 0x1006,
	  0 },
	{ "jmp rel8 back", { 0xeb, 0xfe }, 2, JUMP | LAST | TARGET, 0x1000, 0 },
	{ "jmp *%rax", { 0xff, 0xe0 }, 2, JUMP | LAST, 0, 0 },
	{ "notrack jmp *%rax", { 0x3e, 0xff, 0xe0 }, 3, JUMP | LAST, 0, 0 },
	{ "bnd jmp", { 0xf2, 0xe9, 1, 0, 0, 0 }, 6, JUMP | LAST | TARGET,
	  0x1007, 0 },
	{ "je rel32", { 0x0f, 0x84, 1, 0, 0, 0 }, 6,
	  JUMP | CONDITIONAL | TARGET, 0x1007, 0 },
	{ "jne rel8", { 0x75, 2 }, 2, JUMP | CONDITIONAL | TARGET, 0x1004, 0 },
	{ "loop", { 0xe2, 0xfe }, 2, JUMP | CONDITIONAL | TARGET, 0x1000, 0 },
	{ "jrcxz", { 0xe3, 0xfe }, 2, JUMP | CONDITIONAL | TARGET, 0x1000, 0 },
	{ "xbegin", { 0xc7, 0xf8, 1, 0, 0, 0 }, 6, JUMP | CONDITIONAL | TARGET,
	  0x1007, 0 },
	{ "ret", { 0xc3 }, 1, LAST, 0, 0 },
	{ "rep ret", { 0xf3, 0xc3 }, 2, LAST, 0, 0 },
	{ "ud2", { 0x0f, 0x0b }, 2, LAST, 0, 0 },
	{ "hlt", { 0xf4 }, 1, LAST, 0, 0 },
	{ "lea 1(%rip),%rax", { 0x48, 0x8d, 0x05, 1, 0, 0, 0 }, 7, PC_RELATIVE,
	  0x1008, 3 },
	{ "lea -7(%rip),%rax", { 0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff }, 7,
	  PC_RELATIVE, 0x1000, 3 },
	{ "cmpl $5,1(%rip)", { 0x83, 0x3d, 1, 0, 0, 0, 5 }, 7, PC_RELATIVE,
	  0x1008, 2 },
	{ "mov 1(%rip),%ax", { 0x66, 0x8b, 0x05, 1, 0, 0, 0 }, 7, PC_RELATIVE,
	  0x1008, 3 },
	{ "movw $5,1(%rip)", { 0x66, 0xc7, 0x05, 1, 0, 0, 0, 5, 0 }, 9,
	  PC_RELATIVE, 0x100a, 3 },
	{ "movaps 1(%rip),%xmm0", { 0x0f, 0x28, 0x05, 1, 0, 0, 0 }, 7,
	  PC_RELATIVE, 0x1008, 3 },
	{ "vmovdqu 1(%rip),%ymm0", { 0xc5, 0xfe, 0x6f, 0x05, 1, 0, 0, 0 }, 8,
	  PC_RELATIVE, 0x1009, 4 },
	{ "lock incl 1(%rip)", { 0xf0, 0xff, 0x05, 1, 0, 0, 0 }, 7, PC_RELATIVE,
	  0x1008, 3 },
	{ "mov %fs:0,%rax", { 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0 }, 9, 0,
	  0, 0 },
	{ "movabs", { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 }, 10, 0, 0, 0 },
	{ "nopw", { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 }, 10, 0, 0,
	  0 },
};

TEST(facts)
{
	owned(insn_decoder_free_p) struct insn_decoder *decoder = NULL;

	CHECK_EQ(insn_decoder_new(&arch_x86_64, &decoder, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct insn insn;
		int r = insn_decode(decoder, cases[i].code, cases[i].size,
				    0x1000, &insn);

		if (r || insn.size != cases[i].size ||
		    traits(&insn) != cases[i].traits)
			TAP_FAIL("%s: returned %d, size %d, traits 0x%x",
				 cases[i].text, r, r ? 0 : insn.size,
				 r ? 0 : traits(&insn));
		CHECK_EQ(insn.address, 0x1000);
		if (insn.has_target)
			CHECK_EQ(insn.target, cases[i].address);
		if (!insn.pc_relative)
			continue;
		CHECK_EQ(insn.pc_relative_address, cases[i].address);
		CHECK_EQ(insn.displacement_offset,
			 cases[i].displacement_offset);
		CHECK_EQ(insn.displacement_size, 4);
	}
}

/* An instruction that is cut short never decodes as a shorter one. */
TEST(cut_short)
{
	owned(insn_decoder_free_p) struct insn_decoder *decoder = NULL;
	struct insn insn;

	CHECK_EQ(insn_decoder_new(&arch_x86_64, &decoder, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t size = 0; size < cases[i].size; size++)
			CHECK_EQ(insn_decode(decoder, cases[i].code, size, 0,
					     &insn),
				 -EILSEQ);
}

TEST(undecodable)
{
	static const struct {
		uint8_t code[8];
		size_t size;
	} bad[] = {
		{ { 0x06 }, 1 },		   /* not in 64-bit mode */
		{ { 0x66, 0xe9, 1, 0, 0, 0 }, 6 }, /* length depends on CPU */
		{ { 0x66, 0x0f, 0x84, 1, 0, 0, 0 }, 7 },
		{ { 0x0f, 0xb9, 0xc0 }, 3 },	   /* ud1: capstone says 2 */
		{ { 0x0f, 0x01, 0xe8 }, 3 },	   /* serialize: too new */
	};
	owned(insn_decoder_free_p) struct insn_decoder *decoder = NULL;
	struct insn insn;

	CHECK_EQ(insn_decoder_new(&arch_x86_64, &decoder, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_EQ(insn_decode(decoder, bad[i].code, bad[i].size, 0x1000,
				     &insn),
			 -EILSEQ);
}

/* Text, and facts again afterwards from the same decoder. */
TEST(text)
{
	static const uint8_t lea[] = { 0x48, 0x8d, 0x05, 1, 0, 0, 0 };
	owned(insn_decoder_free_p) struct insn_decoder *decoder = NULL;
	struct insn insn;
	char text[64];
	size_t size;

	CHECK_EQ(insn_decoder_new(&arch_x86_64, &decoder, NULL), 0);
	CHECK_EQ(insn_format(decoder, lea, 7, 0x1000, text, sizeof(text),
			     &size),
		 0);
	CHECK_EQ(size, 7);
	CHECK_STR(text, "leaq 1(%rip), %rax");
	CHECK_EQ(insn_decode(decoder, lea, 7, 0x1000, &insn), 0);
	CHECK_EQ(insn.pc_relative_address, 0x1008);
	CHECK_EQ(insn_format(decoder, (uint8_t[]){ 0xc3 }, 1, 0, text,
			     sizeof(text), &size),
		 0);
	CHECK_STR(text, "retq");
	CHECK_EQ(insn_format(decoder, lea, 6, 0, text, sizeof(text), &size),
		 -EILSEQ);
	CHECK_EQ(insn_format(decoder, lea, 7, 0, text, 4, &size), 0);
	CHECK_STR(text, "lea");
}

TEST(unknown_machine)
{
	struct arch other = arch_x86_64;
	struct insn_decoder *decoder;
	struct hf_diag diag;

	other.name = "other";
	other.capstone_arch = CS_ARCH_ARM64;
	CHECK_EQ(insn_decoder_new(&other, &decoder, &diag), -ENOTSUP);
	CHECK_CONTAINS(diag.message, "cannot decode other instructions");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
