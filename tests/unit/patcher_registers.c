/*
 * Which registers code writes: never too many as `written`, never too few as
 * `mentioned`.
 */
#include "../tap.h"

#include "../../patcher/registers.h"

#define RAX REGISTER_RAX
#define RCX ((register_set)1 << 1)
#define RDX REGISTER_RDX
#define RSI ((register_set)1 << 3)
#define RDI ((register_set)1 << 4)
#define R8 ((register_set)1 << 5)
#define R11 ((register_set)1 << 8)
#define XMM(nr) REGISTER_XMM(nr)

#define VADDR 0x401000ull

struct sample {
	const char *name;
	uint8_t code[12];
	size_t size;
	register_set written, mentioned;
	bool wide;
};

/* clang-format off */
static const struct sample samples[] = {
	{ "mov %edi,%eax", { 0x89, 0xf8 }, 2, RAX, RAX | RDI, false },
	{ "mov $1,%cl", { 0xb1, 1 }, 2, RCX, RCX, false },
	{ "mov $1,%r8b", { 0x41, 0xb0, 1 }, 3, R8, R8, false },
	{ "mov $1,%ah", { 0xb4, 1 }, 2, RAX, RAX, false },
	/* only read */
	{ "test $1,%al", { 0xa8, 1 }, 2, 0, RAX, false },
	{ "test $1,%eax", { 0xa9, 1, 0, 0, 0 }, 5, 0, RAX, false },
	{ "test $1,%sil", { 0x40, 0xf6, 0xc6, 1 }, 4, 0, RSI, false },
	{ "test %ecx,%ecx", { 0x85, 0xc9 }, 2, 0, RCX, false },
	{ "cmp %esi,%edi", { 0x39, 0xf7 }, 2, 0, RSI | RDI, false },
	{ "bt %esi,%edi", { 0x0f, 0xa3, 0xf7 }, 3, 0, RSI | RDI, false },
	{ "push %rsi", { 0x56 }, 1, 0, RSI, false },
	{ "ucomisd %xmm3,%xmm2", { 0x66, 0x0f, 0x2e, 0xd3 }, 4, 0,
	  XMM(2) | XMM(3), false },
	/* implied */
	{ "mul %rdx", { 0x48, 0xf7, 0xe2 }, 3, RAX | RDX, RAX | RDX, false },
	{ "cqo", { 0x48, 0x99 }, 2, RAX | RDX, RAX | RDX, false },
	{ "rep stos", { 0xf3, 0x48, 0xab }, 3, RCX | RDI, RAX | RCX | RDI,
	  false },
	{ "syscall", { 0x0f, 0x05 }, 2, RCX | R11, RCX | R11, false },
	{ "pcmpistri $0,%xmm1,%xmm0", { 0x66, 0x0f, 0x3a, 0x63, 0xc1, 0 }, 6,
	  0, RCX | XMM(0) | XMM(1), false },
	{ "pcmpistrm $0,%xmm2,%xmm1", { 0x66, 0x0f, 0x3a, 0x62, 0xca, 0 }, 6,
	  0, XMM(0) | XMM(1) | XMM(2), false },
	/* vectors */
	{ "movaps %xmm1,%xmm9", { 0x44, 0x0f, 0x28, 0xc9 }, 4, XMM(9),
	  XMM(1) | XMM(9), false },
	{ "vmovaps %ymm1,%ymm2", { 0xc5, 0xfc, 0x28, 0xd1 }, 4, XMM(2),
	  XMM(1) | XMM(2), true },
	{ "vzeroupper", { 0xc5, 0xf8, 0x77 }, 3, 0, 0, false },
	{ "vmovdqa64 %zmm1,%zmm16",
	  { 0x62, 0xe1, 0xfd, 0x48, 0x6f, 0xc1 }, 6, REGISTERS_AVX512,
	  REGISTERS_AVX512 | XMM(1), true },
	{ "kmovw %eax,%k1", { 0xc5, 0xf8, 0x92, 0xc8 }, 4, REGISTERS_AVX512,
	  REGISTERS_AVX512 | RAX, true },
};
/* clang-format on */

TEST(written_and_mentioned)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *sample = &samples[i];
		struct register_use use;

		printf("# %s\n", sample->name);
		CHECK_EQ(registers_scan(&arch_x86_64, sample->code,
					sample->size, VADDR, &use),
			 0);
		CHECK(!use.unknown);
		CHECK_EQ(use.written, sample->written);
		CHECK_EQ(use.mentioned & sample->mentioned, sample->mentioned);
		CHECK_EQ(use.wide, sample->wide);
		CHECK_EQ(use.nr_exits, 0);
		registers_release(&use);
	}
}

TEST(exits)
{
	static const uint8_t code[] = {
		0xeb, 0x00,		      /* jmp .+2: inside */
		0x0f, 0x85, 0x00, 0x01, 0, 0, /* jne beyond the end */
		0xff, 0xd0,		      /* call *%rax */
		0xff, 0xe2,		      /* jmp *%rdx */
		0xe8, 0xef, 0xff, 0xff, 0xff, /* call the start: itself */
		0xe9, 0x00, 0x10, 0, 0,	      /* jmp rel32 */
	};
	static const struct register_exit want[] = {
		{ VADDR + 8 + 0x100, false },
		{ 0, true },
		{ 0, false },
		{ VADDR + sizeof(code) + 0x1000, false },
	};
	struct register_use use;

	CHECK_EQ(registers_scan(&arch_x86_64, code, sizeof(code), VADDR, &use),
		 0);
	CHECK_EQ(use.nr_exits, 4);
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ(use.exits[i].target, want[i].target);
		CHECK_EQ(use.exits[i].is_call, want[i].is_call);
	}
	registers_release(&use);
}

TEST(undecodable)
{
	/* mov %edi,%eax; bad; mov $1,%cl */
	static const uint8_t code[] = { 0x89, 0xf8, 0x06, 0xb1, 1 };
	struct register_use use;

	CHECK_EQ(registers_scan(&arch_x86_64, code, sizeof(code), VADDR, &use),
		 0);
	CHECK(use.unknown);
	CHECK_EQ(use.written, RAX);
	registers_release(&use);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
