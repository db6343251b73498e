/*
 * Which caller-saved registers code writes, and whether it writes memory.
 */
#pragma once

#include "../lib/arch/arch.h"

/*
 * One bit each: rax rcx rdx rsi rdi r8 r9 r10 r11, then xmm0 to xmm15, and one
 * for all that AVX-512 adds to them (xmm16 to xmm31, k0 to k7). x87 and MMX
 * have none: gcc keeps nothing in them over a call.
 */
typedef uint32_t register_set;

#define NR_GENERAL 9
#define NR_VECTOR 16
#define NR_REGISTERS (NR_GENERAL + NR_VECTOR + 1)
#define REGISTERS_ALL ((register_set)((1u << NR_REGISTERS) - 1))
#define REGISTERS_AVX512 ((register_set)1 << (NR_GENERAL + NR_VECTOR))
#define REGISTER_RAX ((register_set)1 << 0)
#define REGISTER_RDX ((register_set)1 << 2)
#define REGISTER_XMM(nr) ((register_set)1 << (NR_GENERAL + (nr)))
#define REGISTERS_VECTOR                                                       \
	((register_set)((1u << NR_VECTOR) - 1) << NR_GENERAL)
/* rdi rsi rdx rcx r8 r9, xmm0 to xmm7: may hold arguments unmentioned. */
#define REGISTERS_ARGUMENTS ((register_set)(0x7e | 0xffu << NR_GENERAL))

/* "rcx", "xmm3", "avx-512". @index: of a bit. */
const char *register_name(unsigned int index);

/* A call or jump out of the code. @target: 0 when it is not direct. */
struct register_exit {
	hf_addr target;
	bool is_call;
};

struct register_use {
	/*
	 * Never more than what is written; never less than what may be: every
	 * register that is mentioned.
	 */
	register_set written, mentioned;
	struct register_exit *exits;
	size_t nr_exits;
	bool stores;  /* memory other than by the stack pointer, or the kernel */
	bool wide;    /* ymm, zmm, mask registers are in use */
	bool unknown; /* something could not be decoded */
};

/* Return: 0; -ENOMEM; -ENOTSUP. Release with registers_release(). */
int registers_scan(const struct arch *arch, const uint8_t *code, size_t size,
		   hf_addr address, struct register_use *ret_use);
void registers_release(struct register_use *use);
