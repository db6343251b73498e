/*
 * Registers that code writes, and where it leaves to.
 */
#include "../tap.h"

#include "../../patcher/registers.h"

#define VADDR 0x401000ull

static register_set set(unsigned int index)
{
	return (register_set)1 << index;
}

enum { RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, XMM0 };

TEST(what_is_written)
{
	static const struct {
		const char *text;
		uint8_t code[12];
		size_t size;
		unsigned int written[4];
		size_t nr;
	} cases[] = {
		{ "mov %edi,%eax", { 0x89, 0xf8 }, 2, { RAX }, 1 },
		{ "mov $1,%cl", { 0xb1, 1 }, 2, { RCX }, 1 },
		{ "xor %r10d,%r10d", { 0x45, 0x31, 0xd2 }, 3, { R10 }, 1 },
		{ "lea 4(%rdi),%rsi", { 0x48, 0x8d, 0x77, 4 }, 4, { RSI }, 1 },
		{ "mul %rcx", { 0x48, 0xf7, 0xe1 }, 3, { RAX, RDX }, 2 },
		{ "rep movsb", { 0xf3, 0xa4 }, 2, { RCX, RSI, RDI }, 3 },
		{ "syscall", { 0x0f, 0x05 }, 2, { RCX, R11 }, 2 },
		{ "mov %rsi,(%rdi)", { 0x48, 0x89, 0x37 }, 3, { 0 }, 0 },
		{ "push %rbx; pop %rbx", { 0x53, 0x5b }, 2, { 0 }, 0 },
		{ "cmp %rdx,%rcx", { 0x48, 0x39, 0xd1 }, 3, { 0 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct register_use use;
		register_set want = 0;

		for (size_t k = 0; k < cases[i].nr; k++)
			want |= set(cases[i].written[k]);
		CHECK_EQ(registers_scan(&arch_x86_64, cases[i].code,
					cases[i].size, VADDR, &use),
			 0);
		if (use.written != want)
			TAP_FAIL("%s: %x, not %x", cases[i].text, use.written,
				 want);
		CHECK(!use.unknown && !use.wide);
		/* Whatever is written counts as mentioned as well. */
		CHECK_EQ(use.written & ~use.mentioned, 0);
		registers_release(&use);
	}
}

/* Where capstone does not know that it is written, it is at least mentioned. */
TEST(vectors_are_mentioned)
{
	static const uint8_t code[] = {
		0xf2, 0x0f, 0x58, 0xc1,	      /* addsd %xmm1,%xmm0 */
		0x66, 0x44, 0x0f, 0x6f, 0xfb, /* movdqa %xmm3,%xmm15 */
	};
	static const uint8_t wide[] = { 0xc5, 0xfd, 0x6f, 0xc1 };
				      /* vmovdqa %ymm1,%ymm0 */
	struct register_use use;

	CHECK_EQ(registers_scan(&arch_x86_64, code, sizeof(code), VADDR, &use),
		 0);
	CHECK_EQ(use.mentioned, REGISTER_XMM(0) | REGISTER_XMM(1) |
					REGISTER_XMM(3) | REGISTER_XMM(15));
	CHECK(!use.wide);
	registers_release(&use);
	CHECK_EQ(registers_scan(&arch_x86_64, wide, sizeof(wide), VADDR, &use),
		 0);
	CHECK(use.wide);
	registers_release(&use);
}

TEST(exits)
{
	static const uint8_t code[] = {
		0xe8, 0xfb, 0x0f, 0, 0, /* call +0x1000: 0x402000 */
		0x74, 0x02,		/* je over the next: stays inside */
		0xff, 0xd0,		/* call *%rax */
		0xff, 0xe1,		/* jmp *%rcx */
		0xe9, 0, 0, 0, 0,	/* jmp to the end: outside */
	};
	struct register_use use;

	CHECK_EQ(registers_scan(&arch_x86_64, code, sizeof(code), VADDR, &use),
		 0);
	CHECK_EQ(use.nr_exits, 4);
	CHECK_EQ(use.exits[0].target, 0x402000);
	CHECK(use.exits[0].is_call);
	CHECK_EQ(use.exits[1].target, 0);
	CHECK(use.exits[1].is_call);
	CHECK_EQ(use.exits[2].target, 0);
	CHECK(!use.exits[2].is_call);
	CHECK_EQ(use.exits[3].target, VADDR + sizeof(code));
	registers_release(&use);
}

TEST(undecodable_is_unknown)
{
	static const uint8_t code[] = { 0x90, 0x06, 0x90 }; /* no 64-bit insn */
	struct register_use use;

	CHECK_EQ(registers_scan(&arch_x86_64, code, sizeof(code), VADDR, &use),
		 0);
	CHECK(use.unknown);
	registers_release(&use);
}

TEST(sets)
{
	CHECK_EQ(REGISTERS_ARGUMENTS & set(RAX), 0);
	CHECK_EQ(REGISTERS_ARGUMENTS & set(R10), 0);
	CHECK(REGISTERS_ARGUMENTS & set(RCX));
	CHECK(REGISTERS_ARGUMENTS & set(R9));
	CHECK(REGISTERS_ARGUMENTS & REGISTER_XMM(7));
	CHECK_EQ(REGISTERS_ARGUMENTS & REGISTER_XMM(8), 0);
	CHECK_EQ(REGISTERS_VECTOR & set(R11), 0);
	CHECK_EQ(REGISTERS_VECTOR | 0x1ff, REGISTERS_ALL);
	CHECK_STR(register_name(RCX), "rcx");
	CHECK_STR(register_name(XMM0 + 15), "xmm15");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
