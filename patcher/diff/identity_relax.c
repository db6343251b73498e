#include "identity_relax.h"

#include <elf.h>
#include <string.h>

#ifndef R_X86_64_GOTPCRELX
#define R_X86_64_GOTPCRELX 41
#define R_X86_64_REX_GOTPCRELX 42
#endif

#define REX_W 8
#define REX_R 4
#define REX_B 1

#define MOV_IMM 0xc7
#define LEA 0x8d
#define MOV_LOAD 0x8b

static const struct field_form pc_address = { FIELD_ADDRESS, 4, true, true };

struct field_form relocation_form(uint32_t type)
{
	switch (type) {
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		return pc_address;
	case R_X86_64_32:
		return (struct field_form){ FIELD_ADDRESS, 4, false, false };
	case R_X86_64_32S:
		return (struct field_form){ FIELD_ADDRESS, 4, false, true };
	case R_X86_64_64:
		return (struct field_form){ FIELD_WORD, 8, false, false };
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
		return (struct field_form){ FIELD_SLOT, 4, true, true };
	case R_X86_64_TPOFF32:
		return (struct field_form){ FIELD_TP_OFFSET, 4, false, true };
	case R_X86_64_GOTTPOFF:
		return (struct field_form){ FIELD_TP_SLOT, 4, true, true };
	case R_X86_64_DTPOFF32:
		return (struct field_form){ FIELD_BLOCK_OFFSET, 4, false,
					    true };
	case R_X86_64_TLSGD:
		return (struct field_form){ FIELD_GD_SLOT, 4, true, true };
	case R_X86_64_TLSLD:
		return (struct field_form){ FIELD_LD_SLOT, 4, true, true };
	case R_X86_64_GOTPC32_TLSDESC:
		return (struct field_form){ FIELD_DESC_SLOT, 4, true, true };
	case R_X86_64_TLSDESC_CALL:
		return (struct field_form){ FIELD_NONE, 0, false, false };
	default:
		return (struct field_form){ FIELD_UNKNOWN, 0, false, false };
	}
}

/* ---- one instruction ---------------------------------------------------- */

/* An instruction with an operand at disp32(%rip), taken apart. */
struct rip_operand {
	bool has_rex;
	uint8_t rex; /* its four bits */
	uint8_t opcode;
	uint8_t reg; /* ModRM.reg, without REX.R */
	size_t size; /* up to the end of the field */
};

static bool split(const uint8_t *code, size_t field, struct rip_operand *ret)
{
	if (field != 2 && field != 3)
		return false;
	if (field == 3 && (code[0] & 0xf0) != 0x40)
		return false;
	*ret = (struct rip_operand){
		.has_rex = field == 3,
		.rex = field == 3 ? code[0] & 0xf : 0,
		.opcode = code[field - 2],
		.reg = (code[field - 1] >> 3) & 7,
		.size = field + 4,
	};
	return (code[field - 1] & 0xc7) == 5;
}

/* A register that stood in ModRM.reg stands in ModRM.rm now. */
static uint8_t rex_moved(uint8_t rex)
{
	return (uint8_t)((rex & ~REX_R) | (rex & REX_R ? REX_B : 0));
}

/*
 * [REX] opcode ModRM imm32 with a register as operand. REX.W may have been
 * dropped from a mov: the upper half is zero either way.
 */
static bool is_immediate(const struct rip_operand *object,
			 const uint8_t *target, uint8_t opcode, uint8_t modrm,
			 bool w_may_go)
{
	uint8_t want = rex_moved(object->rex);
	size_t at = object->has_rex;

	if (object->has_rex && (target[0] & 0xf0) != 0x40)
		return false;
	if (object->has_rex && (target[0] & 0xf) != want &&
	    !(w_may_go && (target[0] & 0xf) == (want & ~REX_W)))
		return false;
	return target[at] == opcode &&
	       target[at + 1] == (0xc0 | modrm | object->reg);
}

static void set_immediate(const struct rip_operand *object,
			  const uint8_t *target, enum field_meaning meaning,
			  struct relaxed *relaxed)
{
	bool wide = object->has_rex && target[0] & REX_W;

	relaxed->form = (struct field_form){ meaning, 4, false, wide };
	if (meaning == FIELD_TP_OFFSET)
		relaxed->form.is_signed = true;
}

/* mov foo@GOTPCREL(%rip),%reg -> lea foo(%rip),%reg */
static bool load_to_lea(const struct rip_operand *object, const uint8_t *code,
			const uint8_t *target, struct relaxed *relaxed)
{
	size_t at = object->has_rex;

	if (object->opcode != MOV_LOAD || target[at] != LEA ||
	    target[at + 1] != code[at + 1] || (at && target[0] != code[0]))
		return false;
	relaxed->form = pc_address;
	return true;
}

/*
 *	mov  foo@GOTPCREL(%rip),%reg -> mov  $foo,%reg
 *	test %reg,foo@GOTPCREL(%rip) -> test $foo,%reg
 *	OP   foo@GOTPCREL(%rip),%reg -> OP   $foo,%reg
 */
static bool load_to_immediate(const struct rip_operand *object,
			      const uint8_t *target, struct relaxed *relaxed)
{
	bool matches;

	if (object->opcode == MOV_LOAD)
		matches = is_immediate(object, target, MOV_IMM, 0, true);
	else if (object->opcode == 0x85)
		matches = is_immediate(object, target, 0xf7, 0, false);
	else if ((object->opcode & 0xc7) == 3)
		matches = is_immediate(object, target, 0x81,
				       object->opcode & 0x38, false);
	else
		return false;
	/* The operation stands where the register stood: no room for both. */
	if (matches)
		set_immediate(object, target, FIELD_ADDRESS, relaxed);
	return matches;
}

/* call *foo@GOTPCREL(%rip) -> addr32 call foo, or call foo and a NOP */
static bool indirect_to_direct(const struct rip_operand *object,
			       const uint8_t *target, struct relaxed *relaxed)
{
	bool call = object->reg == 2;
	size_t prefix = call && target[0] == 0x67;

	if (object->has_rex || object->opcode != 0xff ||
	    (object->reg != 2 && object->reg != 4) ||
	    target[prefix] != (call ? 0xe8 : 0xe9))
		return false;
	relaxed->form = pc_address;
	relaxed->field = prefix + 1;
	relaxed->target_size = prefix + 5;
	return true;
}

static bool relax_got(const uint8_t *object, size_t field,
		      const uint8_t *target, struct relaxed *relaxed)
{
	struct rip_operand operand;

	return split(object, field, &operand) &&
	       (load_to_lea(&operand, object, target, relaxed) ||
		load_to_immediate(&operand, target, relaxed) ||
		indirect_to_direct(&operand, target, relaxed));
}

/* ---- thread-local variables --------------------------------------------- */

/* add x@GOTTPOFF(%rip),%reg -> lea x@TPOFF(%reg),%reg */
static bool add_to_lea(const struct rip_operand *object, const uint8_t *target)
{
	uint8_t rex = object->rex;

	rex = (uint8_t)(rex | (rex & REX_R ? REX_B : 0));
	return object->has_rex && target[0] == (0x40 | rex) &&
	       target[1] == LEA &&
	       target[2] == (0x80 | object->reg << 3 | object->reg);
}

/*
 *	mov x@GOTTPOFF(%rip),%reg -> mov $x@TPOFF,%reg
 *	add x@GOTTPOFF(%rip),%reg -> lea x@TPOFF(%reg),%reg
 *	add x@GOTTPOFF(%rip),%rsp -> add $x@TPOFF,%rsp	(and %r12)
 */
static bool relax_initial_exec(const uint8_t *object, size_t field,
			       const uint8_t *target, struct relaxed *relaxed)
{
	struct rip_operand operand;
	bool matches;

	if (!split(object, field, &operand))
		return false;
	if (operand.opcode == MOV_LOAD)
		matches = is_immediate(&operand, target, MOV_IMM, 0, false);
	else if (operand.opcode == 0x03)
		matches = add_to_lea(&operand, target) ||
			  is_immediate(&operand, target, 0x81, 0, false);
	else
		return false;
	if (matches)
		set_immediate(&operand, target, FIELD_TP_OFFSET, relaxed);
	return matches;
}

/*
 *	lea x@TLSDESC(%rip),%reg -> mov $x@TPOFF,%reg
 *				 -> mov x@GOTTPOFF(%rip),%reg
 */
static bool relax_descriptor(const uint8_t *object, size_t field,
			     const uint8_t *target, struct relaxed *relaxed)
{
	struct rip_operand operand;

	if (!split(object, field, &operand) || operand.opcode != LEA)
		return false;
	if (is_immediate(&operand, target, MOV_IMM, 0, false)) {
		set_immediate(&operand, target, FIELD_TP_OFFSET, relaxed);
		return true;
	}
	if (!operand.has_rex || target[0] != object[0] ||
	    target[1] != MOV_LOAD || target[2] != object[2])
		return false;
	relaxed->form = relocation_form(R_X86_64_GOTTPOFF);
	return true;
}

/* call *x@TLSCALL(%reg) -> xchg %ax,%ax */
static bool relax_descriptor_call(const uint8_t *object, size_t object_left,
				  const uint8_t *target, size_t target_left,
				  struct relaxed *relaxed)
{
	if (object_left < 2 || target_left < 2 || object[0] != 0xff ||
	    (object[1] & 0xf8) != 0x10 || target[0] != 0x66 ||
	    target[1] != 0x90)
		return false;
	*relaxed = (struct relaxed){
		.object_size = 2,
		.target_size = 2,
		.nr_references = 1,
		.form = { FIELD_NONE, 0, false, false },
	};
	return true;
}

/* mov %fs:0,%rax */
static const uint8_t load_thread_pointer[] = { 0x64, 0x48, 0x8b, 0x04, 0x25,
					       0,    0,	   0,	 0 };

static bool begins(const uint8_t *code, size_t left, const void *bytes,
		   size_t size)
{
	return left >= size && !memcmp(code, bytes, size);
}

/* The end of `call __tls_get_addr`, direct or through the GOT; 0: it is not. */
static size_t tls_call(const uint8_t *code, size_t left, bool padded)
{
	static const uint8_t direct[] = { 0x66, 0x66, 0x48, 0xe8 };
	static const uint8_t indirect[] = { 0x66, 0x48, 0xff, 0x15 };

	if (padded)
		return left >= 8 && (!memcmp(code, direct, 4) ||
				     !memcmp(code, indirect, 4))
			       ? 8
			       : 0;
	if (left >= 5 && code[0] == 0xe8)
		return 5;
	return left >= 6 && code[0] == 0xff && code[1] == 0x15 ? 6 : 0;
}

/*
 *	data16 lea x@TLSGD(%rip),%rdi		mov %fs:0,%rax
 *	data16 data16 rex.W call __tls_get_addr ->
 *						lea x@TPOFF(%rax),%rax
 *					     or add x@GOTTPOFF(%rip),%rax
 */
static bool relax_general(const uint8_t *object, size_t object_left,
			  const uint8_t *target, size_t target_left,
			  struct relaxed *relaxed)
{
	static const uint8_t lea_rdi[] = { 0x66, 0x48, 0x8d, 0x3d };
	static const uint8_t local[] = { 0x48, 0x8d, 0x80 };
	static const uint8_t initial[] = { 0x48, 0x03, 0x05 };

	if (object_left < 16 || target_left < 16 ||
	    !begins(object, object_left, lea_rdi, sizeof(lea_rdi)) ||
	    !tls_call(object + 8, object_left - 8, true) ||
	    !begins(target, target_left, load_thread_pointer, 9))
		return false;
	*relaxed = (struct relaxed){ 16, 16, 2, 12, { 0 } };
	if (!memcmp(target + 9, local, 3))
		relaxed->form = relocation_form(R_X86_64_TPOFF32);
	else if (!memcmp(target + 9, initial, 3))
		relaxed->form = relocation_form(R_X86_64_GOTTPOFF);
	else
		return false;
	return true;
}

/*
 *	lea x@TLSLD(%rip),%rdi
 *	call __tls_get_addr	-> data16 data16 data16 mov %fs:0,%rax
 */
static bool relax_local(const uint8_t *object, size_t object_left,
			const uint8_t *target, size_t target_left,
			struct relaxed *relaxed)
{
	static const uint8_t lea_rdi[] = { 0x48, 0x8d, 0x3d };
	size_t prefixes = 0, call;

	if (object_left < 7 ||
	    !begins(object, object_left, lea_rdi, sizeof(lea_rdi)))
		return false;
	call = tls_call(object + 7, object_left - 7, false);
	while (prefixes < target_left && target[prefixes] == 0x66)
		prefixes++;
	if (!call || !begins(target + prefixes, target_left - prefixes,
			     load_thread_pointer, 9))
		return false;
	*relaxed = (struct relaxed){
		7 + call, prefixes + 9, 2, 0, { FIELD_NONE, 0, false, false }
	};
	return true;
}

/* ---- all of them -------------------------------------------------------- */

bool relax_match(uint32_t type, size_t field, const uint8_t *object,
		 size_t object_left, const uint8_t *target, size_t target_left,
		 struct relaxed *ret_relaxed)
{
	struct relaxed relaxed = { field + 4, field + 4, 1, field, { 0 } };
	bool matches = false;
	/* Enough of both for one instruction with a field of 4 bytes. */
	bool whole = field + 4 <= object_left && field + 4 <= target_left;

	switch (type) {
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
		/* The direct jump is one byte shorter. */
		matches = whole && relax_got(object, field, target, &relaxed);
		break;
	case R_X86_64_GOTTPOFF:
		matches = whole &&
			  relax_initial_exec(object, field, target, &relaxed);
		break;
	case R_X86_64_GOTPC32_TLSDESC:
		matches = whole &&
			  relax_descriptor(object, field, target, &relaxed);
		break;
	case R_X86_64_TLSDESC_CALL:
		matches = relax_descriptor_call(object, object_left, target,
						target_left, &relaxed);
		break;
	case R_X86_64_TLSGD:
		matches = relax_general(object, object_left, target,
					target_left, &relaxed);
		break;
	case R_X86_64_TLSLD:
		matches = relax_local(object, object_left, target, target_left,
				      &relaxed);
		break;
	}
	if (matches)
		*ret_relaxed = relaxed;
	return matches;
}

/* ---- what assemblers choose --------------------------------------------- */

/* Size of ModRM, SIB and displacement. */
static size_t operand_size(const uint8_t *code, size_t left)
{
	uint8_t mod, rm;
	size_t size = 1;

	if (!left)
		return 0;
	mod = code[0] >> 6;
	rm = code[0] & 7;
	if (mod != 3 && rm == 4) {
		if (left < 2)
			return 0;
		size++;
		if (mod == 0 && (code[1] & 7) == 5)
			size += 4;
	} else if (mod == 0 && rm == 5) {
		size += 4;
	}
	if (mod == 1)
		size += 1;
	if (mod == 2)
		size += 4;
	return size <= left ? size : 0;
}

/*
 *	90			nop
 *	66 90			xchg %ax,%ax
 *	0f 1f /0		nopl, nopw: any prefixes 66 and one 2e
 * But not f3 90, which is `pause`, nor 41 90, which moves registers.
 */
size_t nop_size(const uint8_t *code, size_t left)
{
	size_t at = 0, operand;

	while (at < left && at < 14 && (code[at] == 0x66 || code[at] == 0x2e))
		at++;
	if (at < left && code[at] == 0x90)
		return at + 1;
	if (left - at < 3 || code[at] != 0x0f || code[at + 1] != 0x1f ||
	    code[at + 2] & 0x38)
		return 0;
	operand = operand_size(code + at + 2, left - at - 2);
	return operand ? at + 2 + operand : 0;
}

#define FORM_CALL 0x100u
#define FORM_JUMP 0x200u
#define FORM_CONDITION 0x300u
#define FORM_COUNTER 0x400u

/* One prefix may stand before: `bnd`, or a hint for a conditional branch. */
unsigned int branch_form(const uint8_t *code, size_t size)
{
	unsigned int prefix = 0;

	if (size && (code[0] == 0xf2 || code[0] == 0x2e || code[0] == 0x3e)) {
		prefix = (unsigned int)code[0] << 16;
		code++;
		size--;
	}
	if (size == 5 && code[0] == 0xe8)
		return prefix | FORM_CALL;
	if ((size == 5 && code[0] == 0xe9) || (size == 2 && code[0] == 0xeb))
		return prefix | FORM_JUMP;
	if (size == 2 && (code[0] & 0xf0) == 0x70)
		return prefix | FORM_CONDITION | (code[0] & 0xf);
	if (size == 6 && code[0] == 0x0f && (code[1] & 0xf0) == 0x80)
		return prefix | FORM_CONDITION | (code[1] & 0xf);
	if (size == 2 && code[0] >= 0xe0 && code[0] <= 0xe3)
		return prefix | FORM_COUNTER | code[0];
	return 0;
}
