/*
 * x86-64: jumps, landing pads, padding and relocation types.
 */
#include "../arch.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define JUMP_SIZE 5
#define SHORT_JUMP_SIZE 2
#define INSN_SIZE_MAX 15

/* Displacements count from the end of the jump. */
static int64_t displacement(hf_addr from, hf_addr to, unsigned int jump_size)
{
	return (int64_t)(to - from - jump_size);
}

/* e9 rel32	jmp to */
static int encode_jump(hf_addr from, hf_addr to, uint8_t *ret_bytes)
{
	int64_t distance = displacement(from, to, JUMP_SIZE);
	int32_t rel32 = (int32_t)distance;

	if (rel32 != distance)
		return -ERANGE;
	ret_bytes[0] = 0xe9;
	memcpy(ret_bytes + 1, &rel32, sizeof(rel32));
	return 0;
}

/* eb rel8	jmp short to */
static int encode_short_jump(hf_addr from, hf_addr to, uint8_t *ret_bytes)
{
	int64_t distance = displacement(from, to, SHORT_JUMP_SIZE);
	int8_t rel8 = (int8_t)distance;

	if (rel8 != distance)
		return -ERANGE;
	ret_bytes[0] = 0xeb;
	ret_bytes[1] = (uint8_t)rel8;
	return 0;
}

static size_t landing_pad_size(const uint8_t *code, size_t size)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	if (size < sizeof(endbr64) || memcmp(code, endbr64, sizeof(endbr64)))
		return 0;
	return sizeof(endbr64);
}

/* ModRM, SIB and displacement of an operand; 0 unless its reg field is 0. */
static size_t nop_operand_size(const uint8_t *code, size_t size)
{
	uint8_t mod, rm;
	size_t length = 1;

	if (size < 1 || code[0] & 0x38)
		return 0;
	mod = code[0] >> 6;
	rm = code[0] & 7;
	if (mod == 3)
		return 1;
	if (rm == 4) {
		if (size < 2)
			return 0;
		length++;
		if (mod == 0 && (code[1] & 7) == 5)
			length += 4;
	} else if (mod == 0 && rm == 5) {
		length += 4;
	}
	if (mod == 1)
		length += 1;
	else if (mod == 2)
		length += 4;
	return length;
}

/*
 * 66* 90		nop; xchg %ax,%ax
 * [66 2e]* 0f 1f /0	nopl, nopw, cs nopw with any operand
 */
static size_t nop_size(const uint8_t *code, size_t size)
{
	size_t at = 0, operand;

	while (at < size && (code[at] == 0x66 || code[at] == 0x2e))
		at++;
	if (at < size && code[at] == 0x90)
		return at + 1 <= INSN_SIZE_MAX ? at + 1 : 0;
	if (size - at < 3 || code[at] != 0x0f || code[at + 1] != 0x1f)
		return 0;
	at += 2;
	operand = nop_operand_size(code + at, size - at);
	if (!operand || operand > size - at || at + operand > INSN_SIZE_MAX)
		return 0;
	return at + operand;
}

/* lld pads with traps:	cc	int3 */
static size_t padding_size(const uint8_t *code, size_t size)
{
	if (size > 0 && code[0] == 0xcc)
		return 1;
	return nop_size(code, size);
}

static enum reloc_class reloc_class(uint32_t type)
{
	switch (type) {
	case R_X86_64_NONE:
		return RELOC_NONE;
	case R_X86_64_RELATIVE:
		return RELOC_RELATIVE;
	case R_X86_64_64:
	case R_X86_64_GLOB_DAT:
	case R_X86_64_JUMP_SLOT:
		return RELOC_ABSOLUTE;
	case R_X86_64_32:
		return RELOC_ABSOLUTE_LOW;
	case R_X86_64_32S:
		return RELOC_ABSOLUTE_LOW_SIGNED;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		return RELOC_PC_RELATIVE;
	case R_X86_64_DTPMOD64:
		return RELOC_TLS_MODULE;
	case R_X86_64_DTPOFF32:
	case R_X86_64_DTPOFF64:
		return RELOC_TLS_OFFSET;
	case R_X86_64_TPOFF32:
	case R_X86_64_TPOFF64:
		return RELOC_TLS_THREAD_POINTER;
	default:
		return RELOC_UNSUPPORTED;
	}
}

static const char *reloc_name(uint32_t type)
{
#define NAME(type) [type] = #type
	static const char *const names[] = {
		NAME(R_X86_64_NONE),
		NAME(R_X86_64_64),
		NAME(R_X86_64_PC32),
		NAME(R_X86_64_GOT32),
		NAME(R_X86_64_PLT32),
		NAME(R_X86_64_COPY),
		NAME(R_X86_64_GLOB_DAT),
		NAME(R_X86_64_JUMP_SLOT),
		NAME(R_X86_64_RELATIVE),
		NAME(R_X86_64_GOTPCREL),
		NAME(R_X86_64_32),
		NAME(R_X86_64_32S),
		NAME(R_X86_64_16),
		NAME(R_X86_64_PC16),
		NAME(R_X86_64_8),
		NAME(R_X86_64_PC8),
		NAME(R_X86_64_DTPMOD64),
		NAME(R_X86_64_DTPOFF64),
		NAME(R_X86_64_TPOFF64),
		NAME(R_X86_64_TLSGD),
		NAME(R_X86_64_TLSLD),
		NAME(R_X86_64_DTPOFF32),
		NAME(R_X86_64_GOTTPOFF),
		NAME(R_X86_64_TPOFF32),
		NAME(R_X86_64_PC64),
		NAME(R_X86_64_GOTOFF64),
		NAME(R_X86_64_GOTPC32),
		NAME(R_X86_64_SIZE32),
		NAME(R_X86_64_SIZE64),
		NAME(R_X86_64_TLSDESC),
		NAME(R_X86_64_IRELATIVE),
		NAME(R_X86_64_GOTPCRELX),
		NAME(R_X86_64_REX_GOTPCRELX),
	};
#undef NAME
	if (type >= ARRAY_SIZE(names) || !names[type])
		return "an unknown relocation type";
	return names[type];
}

static size_t reloc_size(uint32_t type)
{
	switch (type) {
	case R_X86_64_32:
	case R_X86_64_32S:
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
	case R_X86_64_DTPOFF32:
	case R_X86_64_TPOFF32:
		return 4;
	case R_X86_64_NONE:
		return 0;
	default:
		return reloc_class(type) == RELOC_UNSUPPORTED ? 0 : 8;
	}
}

const struct arch arch_x86_64 = {
	.name = "x86-64",
	.e_machine = EM_X86_64,
	.capstone_arch = CS_ARCH_X86,
	.capstone_mode = CS_MODE_64,
	.jump_size = JUMP_SIZE,
	/* Backwards from its end, the jump's own bytes are lost. */
	.jump_reach = INT32_MAX - (JUMP_SIZE - 1),
	.short_jump_size = SHORT_JUMP_SIZE,
	.encode_jump = encode_jump,
	.encode_short_jump = encode_short_jump,
	.landing_pad_size = landing_pad_size,
	.nop_size = nop_size,
	.padding_size = padding_size,
	.reloc_class = reloc_class,
	.reloc_name = reloc_name,
	.reloc_size = reloc_size,
};
