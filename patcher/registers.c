#include "registers.h"

#include <errno.h>

#include "../lib/capstone_open.h"
#include "../lib/cleanup.h"
#include "array.h"

static const char *const names[NR_GENERAL] = { "rax", "rcx", "rdx",
					       "rsi", "rdi", "r8",
					       "r9",  "r10", "r11" };

const char *register_name(unsigned int index)
{
	static const char *const vectors[NR_VECTOR] = {
		"xmm0",	 "xmm1",  "xmm2",  "xmm3",  "xmm4",  "xmm5",
		"xmm6",	 "xmm7",  "xmm8",  "xmm9",  "xmm10", "xmm11",
		"xmm12", "xmm13", "xmm14", "xmm15",
	};

	if (index < NR_GENERAL)
		return names[index];
	index -= NR_GENERAL;
	return index < NR_VECTOR ? vectors[index] : "avx-512";
}

/* Every width of a register is the same register. */
static register_set set_of(uint16_t reg)
{
	static const uint16_t aliases[NR_GENERAL][5] = {
		{ X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL,
		  X86_REG_AH },
		{ X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL,
		  X86_REG_CH },
		{ X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL,
		  X86_REG_DH },
		{ X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL },
		{ X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL },
		{ X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B },
		{ X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B },
		{ X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B },
		{ X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B },
	};

	for (unsigned int i = 0; i < NR_GENERAL; i++)
		for (size_t k = 0; k < ARRAY_SIZE(aliases[i]); k++)
			if (reg && aliases[i][k] == reg)
				return (register_set)1 << i;
	if (reg >= X86_REG_XMM0 && reg <= X86_REG_XMM15)
		return REGISTER_XMM(reg - X86_REG_XMM0);
	if (reg >= X86_REG_YMM0 && reg <= X86_REG_YMM15)
		return REGISTER_XMM(reg - X86_REG_YMM0);
	if (reg >= X86_REG_ZMM0 && reg <= X86_REG_ZMM15)
		return REGISTER_XMM(reg - X86_REG_ZMM0);
	if ((reg >= X86_REG_XMM16 && reg <= X86_REG_XMM31) ||
	    (reg >= X86_REG_YMM16 && reg <= X86_REG_YMM31) ||
	    (reg >= X86_REG_ZMM16 && reg <= X86_REG_ZMM31) ||
	    (reg >= X86_REG_K0 && reg <= X86_REG_K7))
		return REGISTERS_AVX512;
	return 0;
}

/* What is saved and restored as 128 bits would lose its upper part. */
static bool is_wide(uint16_t reg)
{
	return (reg >= X86_REG_YMM0 && reg <= X86_REG_YMM31) ||
	       (reg >= X86_REG_ZMM0 && reg <= X86_REG_ZMM31) ||
	       (reg >= X86_REG_XMM16 && reg <= X86_REG_XMM31) ||
	       (reg >= X86_REG_K0 && reg <= X86_REG_K7);
}

static void add_operands(const cs_insn *insn, struct register_use *use)
{
	const cs_x86 *x86 = &insn->detail->x86;

	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type != X86_OP_REG)
			continue;
		use->mentioned |= set_of((uint16_t)operand->reg);
		use->wide |= is_wide((uint16_t)operand->reg);
	}
}

/*
 * Capstone takes the first operand of some instructions for written (`test
 * $1,%al`), and knows neither that vzeroupper leaves the lower halves alone nor
 * all that is implied: what it says of these is only mentioned.
 */
static register_set implied_by(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_PCMPESTRI:
	case X86_INS_PCMPISTRI:
	case X86_INS_VPCMPESTRI:
	case X86_INS_VPCMPISTRI:
		return set_of(X86_REG_RCX);
	case X86_INS_PCMPESTRM:
	case X86_INS_PCMPISTRM:
	case X86_INS_VPCMPESTRM:
	case X86_INS_VPCMPISTRM:
		return REGISTER_XMM(0);
	case X86_INS_VZEROALL:
		return REGISTERS_VECTOR;
	default:
		return 0;
	}
}

static bool is_known_badly(const cs_insn *insn)
{
	switch (insn->id) {
	case X86_INS_TEST:
	case X86_INS_VZEROUPPER:
		return true;
	default:
		return implied_by(insn);
	}
}

static void add_written(csh handle, const cs_insn *insn,
			struct register_use *use)
{
	cs_regs read, written;
	uint8_t nr_read, nr_written;

	if (insn->id == X86_INS_SYSCALL)
		use->written |= set_of(X86_REG_RCX) | set_of(X86_REG_R11);
	use->mentioned |= implied_by(insn);
	if (is_known_badly(insn))
		return;
	if (cs_regs_access(handle, insn, read, &nr_read, written, &nr_written))
		return;
	for (uint8_t i = 0; i < nr_written; i++)
		use->written |= set_of(written[i]);
}

static bool in_group(const cs_insn *insn, uint8_t group)
{
	for (uint8_t i = 0; i < insn->detail->groups_count; i++)
		if (insn->detail->groups[i] == group)
			return true;
	return false;
}

static int add_exit(const cs_insn *insn, hf_addr start, hf_addr end,
		    struct register_use *use)
{
	const cs_x86_op *operand = &insn->detail->x86.operands[0];
	struct register_exit *leaves;
	hf_addr target = 0;

	if (!in_group(insn, CS_GRP_CALL) && !in_group(insn, CS_GRP_JUMP))
		return 0;
	if (insn->detail->x86.op_count == 1 && operand->type == X86_OP_IMM)
		target = (hf_addr)operand->imm;
	if (target >= start && target < end)
		return 0;
	leaves = array_append(use->exits, use->nr_exits);
	if (!leaves)
		return -ENOMEM;
	*leaves = (struct register_exit){ target,
					  in_group(insn, CS_GRP_CALL) };
	return 0;
}

/* A push or call writes the stack by no operand: that is no store here. */
static bool is_store(const cs_insn *insn)
{
	const cs_x86 *x86 = &insn->detail->x86;

	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_MEM &&
		    operand->access & CS_AC_WRITE &&
		    operand->mem.base != X86_REG_RSP)
			return true;
	}
	return insn->id == X86_INS_SYSCALL;
}

static int scan(csh handle, cs_insn *insn, const uint8_t *code, size_t size,
		hf_addr address, struct register_use *use)
{
	hf_addr start = address, end = address + size;

	while (size) {
		if (!cs_disasm_iter(handle, &code, &size, &address, insn)) {
			use->unknown = true;
			return 0;
		}
		add_operands(insn, use);
		add_written(handle, insn, use);
		use->stores |= is_store(insn);
		if (add_exit(insn, start, end, use))
			return -ENOMEM;
	}
	use->mentioned |= use->written;
	return 0;
}

int registers_scan(const struct arch *arch, const uint8_t *code, size_t size,
		   hf_addr address, struct register_use *ret_use)
{
	struct register_use use = { 0 };
	cs_insn *insn;
	csh handle;
	int r = capstone_open(arch, true, &handle, &insn);

	if (r)
		return r;
	r = scan(handle, insn, code, size, address, &use);
	capstone_close(&handle, insn);
	if (r)
		registers_release(&use);
	else
		*ret_use = use;
	return r;
}

void registers_release(struct register_use *use)
{
	free(use->exits);
	*use = (struct register_use){ 0 };
}
