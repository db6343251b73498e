/*
 * Two capstone handles: one with full detail for facts, one in AT&T syntax for
 * text, as gdb, perf and objdump show it (capstone's detail is less reliable
 * in that syntax).
 *
 * Capstone 4 does not know every instruction. What it gets wrong or what
 * processors disagree about is reported as undecodable, which callers take for
 * unsafe.
 */
#include "insn.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capstone_open.h"
#include "cleanup.h"

struct insn_decoder {
	const struct arch *arch;
	csh facts;
	csh text;
	cs_insn *scratch;
	cs_insn *text_scratch;
};

void insn_decoder_free(struct insn_decoder *decoder)
{
	if (!decoder)
		return;
	capstone_close(&decoder->facts, decoder->scratch);
	capstone_close(&decoder->text, decoder->text_scratch);
	free(decoder);
}
DEFINE_CLEANUP(struct insn_decoder, insn_decoder_free)

static int decoder_open(struct insn_decoder *decoder)
{
	const struct arch *arch = decoder->arch;
	int r = capstone_open(arch, true, &decoder->facts, &decoder->scratch);

	if (r == 0)
		r = capstone_open(arch, false, &decoder->text,
				  &decoder->text_scratch);
	if (r == 0 &&
	    cs_option(decoder->text, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT))
		r = -ENOTSUP;
	return r;
}

int insn_decoder_new(const struct arch *arch, struct insn_decoder **ret_decoder,
		     struct hf_diag *diag)
{
	owned(insn_decoder_free_p) struct insn_decoder *decoder = NULL;
	int r;

	/* Facts are read from machine-specific detail, see insn_facts(). */
	if (arch->capstone_arch != CS_ARCH_X86)
		return hf_fail(diag, -ENOTSUP, "cannot decode %s instructions",
			       arch->name);
	decoder = calloc(1, sizeof(*decoder));
	if (!decoder)
		return hf_fail(diag, -ENOMEM, "cannot start the disassembler");
	decoder->arch = arch;
	r = decoder_open(decoder);
	if (r < 0)
		return hf_fail(diag, r,
			       "cannot start capstone's %s disassembler",
			       arch->name);
	*ret_decoder = take_ptr(decoder);
	return 0;
}

static bool in_group(const cs_insn *raw, uint8_t group)
{
	for (uint8_t i = 0; i < raw->detail->groups_count; i++)
		if (raw->detail->groups[i] == group)
			return true;
	return false;
}

/*
 * ud0 and ud1 have an operand that capstone does not count. A relative branch
 * with an operand-size prefix has a 16-bit displacement on some processors and
 * a 32-bit one on others; REX.W makes it certain (TLS calls use that).
 */
static bool is_ambiguous(const cs_insn *raw)
{
	const cs_x86 *x86 = &raw->detail->x86;

	if (raw->id == X86_INS_UD0 || raw->id == X86_INS_UD2B)
		return true;
	return in_group(raw, CS_GRP_BRANCH_RELATIVE) &&
	       x86->prefix[2] == X86_PREFIX_OPSIZE && !(x86->rex & 8);
}

static bool is_last(const cs_insn *raw)
{
	switch (raw->id) {
	case X86_INS_JMP:
	case X86_INS_LJMP:
	case X86_INS_UD2:
	case X86_INS_HLT:
		return true;
	default:
		return in_group(raw, CS_GRP_RET) || in_group(raw, CS_GRP_IRET);
	}
}

/* An operand at disp32(%rip) or disp32(%eip). */
static void pc_relative_facts(const cs_insn *raw, struct insn *insn)
{
	const cs_x86 *x86 = &raw->detail->x86;

	for (uint8_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type != X86_OP_MEM ||
		    (operand->mem.base != X86_REG_RIP &&
		     operand->mem.base != X86_REG_EIP))
			continue;
		insn->pc_relative = true;
		insn->displacement_offset = x86->encoding.disp_offset;
		insn->displacement_size = 4;
		insn->pc_relative_address =
			raw->address + raw->size + (uint64_t)operand->mem.disp;
		if (operand->mem.base == X86_REG_EIP)
			insn->pc_relative_address &= UINT32_MAX;
	}
}

static void insn_facts(const cs_insn *raw, struct insn *insn)
{
	const cs_x86 *x86 = &raw->detail->x86;
	bool relative = in_group(raw, CS_GRP_BRANCH_RELATIVE);

	*insn = (struct insn){
		.address = raw->address,
		.size = (uint8_t)raw->size,
		.is_call = in_group(raw, CS_GRP_CALL),
		.falls_through = !is_last(raw),
	};
	/* Capstone does not count `loop` among the jumps. */
	insn->is_jump =
		!insn->is_call && (relative || in_group(raw, CS_GRP_JUMP));
	insn->is_conditional = insn->is_jump && insn->falls_through;
	if (relative && x86->op_count > 0 &&
	    x86->operands[0].type == X86_OP_IMM) {
		insn->has_target = true;
		insn->target = (hf_addr)x86->operands[0].imm;
	}
	pc_relative_facts(raw, insn);
}

int insn_decode(struct insn_decoder *decoder, const uint8_t *code, size_t size,
		hf_addr address, struct insn *ret_insn)
{
	cs_insn *raw = decoder->scratch;

	if (!cs_disasm_iter(decoder->facts, &code, &size, &address, raw) ||
	    is_ambiguous(raw))
		return -EILSEQ;
	insn_facts(raw, ret_insn);
	return 0;
}

int insn_format(struct insn_decoder *decoder, const uint8_t *code, size_t size,
		hf_addr address, char *ret_text, size_t text_size,
		size_t *ret_insn_size)
{
	cs_insn *raw;
	struct insn insn;
	int r;

	/* What the other handle cannot vouch for is not shown either. */
	r = insn_decode(decoder, code, size, address, &insn);
	if (r < 0)
		return r;
	raw = decoder->text_scratch;
	if (!cs_disasm_iter(decoder->text, &code, &size, &address, raw) ||
	    raw->size != insn.size)
		return -EILSEQ;
	snprintf(ret_text, text_size, "%s%s%s", raw->mnemonic,
		 raw->op_str[0] ? " " : "", raw->op_str);
	*ret_insn_size = insn.size;
	return 0;
}
