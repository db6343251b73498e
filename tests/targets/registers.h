/*
 * All registers of a thread, loaded with known values, held and compared.
 *
 *   struct registers registers = { .spins = 100 };
 *
 *   registers_fill(&registers, 1);
 *   registers_hold(&registers)     false: something came back changed
 *
 * General registers, flags, x87, vectors and the red zone. They are held for so
 * many turns of a loop; with `sleeps`, for a nap in the kernel before it, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct registers {
	uint8_t vectors[16][32];
	long double x87[6];
	uint8_t wide[16][64]; /* zmm16 to zmm31, where there are such */
	struct timespec nap;
	long sleeps;
	long spins;
	long flags; /* as found */
};

_Static_assert(offsetof(struct registers, x87) == 512, "see PUSHX87");
_Static_assert(offsetof(struct registers, wide) == 608, "see LOADWIDE");

/* CF, PF, AF, ZF, SF, DF, OF: all set. */
#define REGISTERS_FLAGS 0xcd5

#define LOAD(n) "vmovdqu " #n "*32(%%rdi), %%ymm" #n "\n\t"
/* ymm15 is the scratch register of the comparison. */
#define SAME(n)                                                                \
	"vpxor " #n "*32(%%rdi), %%ymm" #n ", %%ymm15\n\t"                     \
	"vptest %%ymm15, %%ymm15\n\t"                                          \
	"jnz 9f\n\t"
#define VALUE(reg, value) "mov $" value ", %%" reg "\n\t"
#define EQUAL(reg, value) "cmp $" value ", %%" reg "\n\tjne 9f\n\t"
#define PUSHX87(n) "fldt 512+16*" #n "(%%rdi)\n\t"
/* A copy of st(n) against memory; equal sets ZF and clears PF. */
#define SAMEX87(n, st)                                                         \
	"fld %%st(" #st ")\n\t"                                                \
	"fldt 512+16*" #n "(%%rdi)\n\t"                                        \
	"fucomip %%st(1), %%st\n\t"                                            \
	"fstp %%st(0)\n\t"                                                     \
	"jne 9f\n\tjp 9f\n\t"
#define LOADWIDE(n, zmm) "vmovdqu64 608+64*" #n "(%%rdi), %%zmm" #zmm "\n\t"
#define SAMEWIDE(n, zmm)                                                       \
	"vpcmpeqq 608+64*" #n "(%%rdi), %%zmm" #zmm ", %%k1\n\t"               \
	"kmovw %%k1, %%eax\n\t"                                                \
	"cmp $0xff, %%eax\n\tjne 9f\n\t"
#define LOADMASK(k, value) "mov $" #value ", %%eax\n\tkmovw %%eax, %%k" #k "\n\t"
#define SAMEMASK(k, value)                                                     \
	"kmovw %%k" #k ", %%eax\n\tcmp $" #value ", %%eax\n\tjne 9f\n\t"

/* The frame pointer and the red zone hold values too. */
__attribute__((noinline)) static bool
registers_hold_most(struct registers *registers)
{
	long result;

	__asm__ volatile(
		"lea -128(%%rsp), %%rsp\n\t" /* the compiler's red zone */
		"push %%rbp\n\t"
		LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6) LOAD(7)
		LOAD(8) LOAD(9) LOAD(10) LOAD(11) LOAD(12) LOAD(13) LOAD(14)
		PUSHX87(0) PUSHX87(1) PUSHX87(2) PUSHX87(3) PUSHX87(4)
		PUSHX87(5)
		VALUE("rbx", "0x11111111") VALUE("rcx", "0x22222222")
		VALUE("rdx", "0x33333333") VALUE("rsi", "0x44444444")
		VALUE("rbp", "0x55555555") VALUE("r8", "-0x66666666")
		VALUE("r9", "-0x77777777") VALUE("r10", "0x12121212")
		VALUE("r11", "0x23232323") VALUE("r12", "0x34343434")
		VALUE("r13", "0x45454545") VALUE("r14", "0x56565656")
		VALUE("r15", "0x67676767") VALUE("rax", "0x71717171")
		"movq $0x1234567, -16(%%rsp)\n\t"
		"movq $0x7654321, -128(%%rsp)\n\t"
		"cmpq $0, %c[sleeps](%%rdi)\n\t"
		"je 1f\n\t"
		/* nanosleep(&nap, NULL) with everything loaded */
		"mov %%rdi, %%r14\n\t"
		"lea %c[nap](%%rdi), %%rdi\n\t"
		"xor %%esi, %%esi\n\t"
		"mov $35, %%eax\n\t"
		"syscall\n\t"
		"mov %%r14, %%rdi\n\t"
		"test %%rax, %%rax\n\t"
		"jnz 9f\n\t"
		VALUE("r11", "0x23232323") VALUE("rsi", "0x44444444")
		VALUE("r14", "0x56565656") VALUE("rax", "0x71717171")
		"1: mov %c[spins](%%rdi), %%rcx\n\t"
		/* Neither push, pop nor loop changes a flag. */
		"push $0x202 + %c[all_flags]\n\t"
		"popfq\n\t"
		"2: jnc 8f\n\t"
		"loop 2b\n\t"
		"8: pushfq\n\t"
		"popq %c[flags](%%rdi)\n\t"
		"cld\n\t"
		EQUAL("rbx", "0x11111111") EQUAL("rcx", "0")
		EQUAL("rdx", "0x33333333") EQUAL("rsi", "0x44444444")
		EQUAL("rbp", "0x55555555") EQUAL("r8", "-0x66666666")
		EQUAL("r9", "-0x77777777") EQUAL("r10", "0x12121212")
		EQUAL("r11", "0x23232323") EQUAL("r12", "0x34343434")
		EQUAL("r13", "0x45454545") EQUAL("r14", "0x56565656")
		EQUAL("r15", "0x67676767") EQUAL("rax", "0x71717171")
		"cmpq $0x1234567, -16(%%rsp)\n\tjne 9f\n\t"
		"cmpq $0x7654321, -128(%%rsp)\n\tjne 9f\n\t"
		SAME(0) SAME(1) SAME(2) SAME(3) SAME(4) SAME(5) SAME(6) SAME(7)
		SAME(8) SAME(9) SAME(10) SAME(11) SAME(12) SAME(13) SAME(14)
		SAMEX87(0, 5) SAMEX87(1, 4) SAMEX87(2, 3) SAMEX87(3, 2)
		SAMEX87(4, 1) SAMEX87(5, 0)
		"xor %%eax, %%eax\n\t"
		"jmp 7f\n\t"
		"9: mov $1, %%eax\n\t"
		"7: fninit\n\t"
		"vzeroupper\n\t"
		"pop %%rbp\n\t"
		"lea 128(%%rsp), %%rsp\n\t"
		: "=a"(result), "+D"(registers)
		: [nap] "i"(offsetof(struct registers, nap)),
		  [sleeps] "i"(offsetof(struct registers, sleeps)),
		  [spins] "i"(offsetof(struct registers, spins)),
		  [flags] "i"(offsetof(struct registers, flags)),
		  [all_flags] "i"(REGISTERS_FLAGS)
		: "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12",
		  "r13", "r14", "r15", "memory", "cc", "xmm0", "xmm1", "xmm2",
		  "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return !result && (registers->flags & REGISTERS_FLAGS) ==
				  REGISTERS_FLAGS;
}

/* What AVX-512 adds: the compiler uses none of it here. */
__attribute__((noinline)) static bool
registers_hold_wide(struct registers *registers)
{
	long result;

	__asm__ volatile(
		LOADWIDE(0, 16) LOADWIDE(1, 17) LOADWIDE(2, 18) LOADWIDE(3, 19)
		LOADWIDE(4, 20) LOADWIDE(5, 21) LOADWIDE(6, 22) LOADWIDE(7, 23)
		LOADWIDE(8, 24) LOADWIDE(9, 25) LOADWIDE(10, 26)
		LOADWIDE(11, 27) LOADWIDE(12, 28) LOADWIDE(13, 29)
		LOADWIDE(14, 30) LOADWIDE(15, 31)
		LOADMASK(1, 0x1234) LOADMASK(2, 0x2345) LOADMASK(3, 0x3456)
		LOADMASK(4, 0x4567) LOADMASK(5, 0x5678) LOADMASK(6, 0x6789)
		LOADMASK(7, 0x789a)
		"mov %c[spins](%%rdi), %%rcx\n\t"
		"2: loop 2b\n\t"
		SAMEMASK(1, 0x1234) SAMEMASK(2, 0x2345) SAMEMASK(3, 0x3456)
		SAMEMASK(4, 0x4567) SAMEMASK(5, 0x5678) SAMEMASK(6, 0x6789)
		SAMEMASK(7, 0x789a)
		SAMEWIDE(0, 16) SAMEWIDE(1, 17) SAMEWIDE(2, 18) SAMEWIDE(3, 19)
		SAMEWIDE(4, 20) SAMEWIDE(5, 21) SAMEWIDE(6, 22) SAMEWIDE(7, 23)
		SAMEWIDE(8, 24) SAMEWIDE(9, 25) SAMEWIDE(10, 26)
		SAMEWIDE(11, 27) SAMEWIDE(12, 28) SAMEWIDE(13, 29)
		SAMEWIDE(14, 30) SAMEWIDE(15, 31)
		"xor %%eax, %%eax\n\t"
		"jmp 7f\n\t"
		"9: mov $1, %%eax\n\t"
		"7: vzeroupper\n\t"
		: "=&a"(result)
		: "D"(registers), [spins] "i"(offsetof(struct registers, spins))
		: "rcx", "memory", "cc");
	return !result;
}

static inline bool registers_supported(void)
{
	return __builtin_cpu_supports("avx2");
}

static inline void registers_fill(struct registers *registers, int seed)
{
	for (size_t i = 0; i < sizeof(registers->vectors); i++)
		((uint8_t *)registers->vectors)[i] =
			(uint8_t)(i * 7 + (size_t)seed);
	for (size_t i = 0; i < sizeof(registers->wide); i++)
		((uint8_t *)registers->wide)[i] =
			(uint8_t)(i * 11 + (size_t)seed);
	for (int i = 0; i < 6; i++)
		registers->x87[i] = 1.25L * (i + 1) + seed;
}

static inline bool registers_hold(struct registers *registers)
{
	return registers_hold_most(registers) &&
	       (!__builtin_cpu_supports("avx512f") ||
		registers_hold_wide(registers));
}
