/*
 * What linkers and assemblers write in the place of what compilers asked for.
 */
#include "../tap.h"

#include <elf.h>

#include "../../patcher/diff/identity_relax.h"

#define GOTPCREL 9
#define GOTPCRELX 41
#define REX_GOTPCRELX 42

struct sample {
	const char *name;
	uint32_t type;
	uint8_t field;
	uint8_t object[17], object_size;
	uint8_t target[17], target_size;
	/* FIELD_UNKNOWN: no match. */
	enum field_meaning meaning;
	uint8_t at; /* of the field in the target */
	bool pc_relative, is_signed;
	uint8_t consumed; /* of the target; 0: all */
};

/* clang-format off */
static const struct sample samples[] = {
	{ "mov foo@GOT(%rip),%rax -> lea foo(%rip),%rax", REX_GOTPCRELX, 3,
	  { 0x48, 0x8b, 0x05 }, 7, { 0x48, 0x8d, 0x05, 1, 2, 3, 4 }, 7,
	  FIELD_ADDRESS, 3, true, true, 0 },
	{ "mov foo@GOT(%rip),%rax -> lea foo(%rip),%rcx", REX_GOTPCRELX, 3,
	  { 0x48, 0x8b, 0x05 }, 7, { 0x48, 0x8d, 0x0d, 1, 2, 3, 4 }, 7,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "mov foo@GOT(%rip),%r9 -> mov $foo,%r9", REX_GOTPCRELX, 3,
	  { 0x4c, 0x8b, 0x0d }, 7, { 0x49, 0xc7, 0xc1, 1, 2, 3, 4 }, 7,
	  FIELD_ADDRESS, 3, false, true, 0 },
	{ "mov foo@GOT(%rip),%r9 -> mov $foo,%r9d", REX_GOTPCRELX, 3,
	  { 0x4c, 0x8b, 0x0d }, 7, { 0x41, 0xc7, 0xc1, 1, 2, 3, 4 }, 7,
	  FIELD_ADDRESS, 3, false, false, 0 },
	{ "mov foo@GOT(%rip),%r9 -> mov $foo,%rcx", REX_GOTPCRELX, 3,
	  { 0x4c, 0x8b, 0x0d }, 7, { 0x48, 0xc7, 0xc1, 1, 2, 3, 4 }, 7,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "mov foo@GOT(%rip),%eax -> mov $foo,%eax", GOTPCRELX, 2,
	  { 0x8b, 0x05 }, 6, { 0xc7, 0xc0, 1, 2, 3, 4 }, 6,
	  FIELD_ADDRESS, 2, false, false, 0 },
	{ "cmp foo@GOT(%rip),%rdx -> cmp $foo,%rdx", REX_GOTPCRELX, 3,
	  { 0x48, 0x3b, 0x15 }, 7, { 0x48, 0x81, 0xfa, 1, 2, 3, 4 }, 7,
	  FIELD_ADDRESS, 3, false, true, 0 },
	{ "cmp foo@GOT(%rip),%rdx -> sub $foo,%rdx", REX_GOTPCRELX, 3,
	  { 0x48, 0x3b, 0x15 }, 7, { 0x48, 0x81, 0xea, 1, 2, 3, 4 }, 7,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "test %rbx,foo@GOT(%rip) -> test $foo,%rbx", REX_GOTPCRELX, 3,
	  { 0x48, 0x85, 0x1d }, 7, { 0x48, 0xf7, 0xc3, 1, 2, 3, 4 }, 7,
	  FIELD_ADDRESS, 3, false, true, 0 },
	{ "call *foo@GOT(%rip) -> addr32 call foo", GOTPCRELX, 2,
	  { 0xff, 0x15 }, 6, { 0x67, 0xe8, 1, 2, 3, 4 }, 6,
	  FIELD_ADDRESS, 2, true, true, 0 },
	{ "call *foo@GOT(%rip) -> call foo; nop", GOTPCRELX, 2,
	  { 0xff, 0x15 }, 6, { 0xe8, 1, 2, 3, 4, 0x90 }, 6,
	  FIELD_ADDRESS, 1, true, true, 5 },
	{ "jmp *foo@GOT(%rip) -> jmp foo; nop", GOTPCRELX, 2,
	  { 0xff, 0x25 }, 6, { 0xe9, 1, 2, 3, 4, 0x90 }, 6,
	  FIELD_ADDRESS, 1, true, true, 5 },
	{ "call *foo@GOT(%rip) -> jmp foo; nop", GOTPCRELX, 2,
	  { 0xff, 0x15 }, 6, { 0xe9, 1, 2, 3, 4, 0x90 }, 6,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "jmp *foo(%rip), no GOT -> jmp foo; nop", R_X86_64_PC32, 2,
	  { 0xff, 0x25 }, 6, { 0xe9, 1, 2, 3, 4, 0x90 }, 6,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "mov foo(%rip),%rax, no GOT -> lea foo(%rip),%rax", R_X86_64_PC32, 3,
	  { 0x48, 0x8b, 0x05 }, 7, { 0x48, 0x8d, 0x05, 1, 2, 3, 4 }, 7,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "mov x@GOTTPOFF(%rip),%rax -> mov $x@TPOFF,%rax", R_X86_64_GOTTPOFF,
	  3, { 0x48, 0x8b, 0x05 }, 7, { 0x48, 0xc7, 0xc0, 1, 2, 3, 4 }, 7,
	  FIELD_TP_OFFSET, 3, false, true, 0 },
	{ "add x@GOTTPOFF(%rip),%r8 -> lea x@TPOFF(%r8),%r8",
	  R_X86_64_GOTTPOFF, 3, { 0x4c, 0x03, 0x05 }, 7,
	  { 0x4d, 0x8d, 0x80, 1, 2, 3, 4 }, 7,
	  FIELD_TP_OFFSET, 3, false, true, 0 },
	{ "add x@GOTTPOFF(%rip),%r12 -> add $x@TPOFF,%r12",
	  R_X86_64_GOTTPOFF, 3, { 0x4c, 0x03, 0x25 }, 7,
	  { 0x49, 0x81, 0xc4, 1, 2, 3, 4 }, 7,
	  FIELD_TP_OFFSET, 3, false, true, 0 },
	{ "add x@GOTTPOFF(%rip),%rax -> mov $x@TPOFF,%rax",
	  R_X86_64_GOTTPOFF, 3, { 0x48, 0x03, 0x05 }, 7,
	  { 0x48, 0xc7, 0xc0, 1, 2, 3, 4 }, 7,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "lea x@TLSDESC(%rip),%rax -> mov $x@TPOFF,%rax",
	  R_X86_64_GOTPC32_TLSDESC, 3, { 0x48, 0x8d, 0x05 }, 7,
	  { 0x48, 0xc7, 0xc0, 1, 2, 3, 4 }, 7,
	  FIELD_TP_OFFSET, 3, false, true, 0 },
	{ "lea x@TLSDESC(%rip),%rax -> mov x@GOTTPOFF(%rip),%rax",
	  R_X86_64_GOTPC32_TLSDESC, 3, { 0x48, 0x8d, 0x05 }, 7,
	  { 0x48, 0x8b, 0x05, 1, 2, 3, 4 }, 7,
	  FIELD_TP_SLOT, 3, true, true, 0 },
	{ "call *x@TLSCALL(%rax) -> xchg %ax,%ax", R_X86_64_TLSDESC_CALL, 0,
	  { 0xff, 0x10 }, 2, { 0x66, 0x90 }, 2,
	  FIELD_NONE, 0, false, false, 0 },
	{ "call *(%rax) elsewhere -> xchg %ax,%ax", R_X86_64_PC32, 0,
	  { 0xff, 0x10 }, 2, { 0x66, 0x90 }, 2,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "data16 lea x@TLSGD(%rip),%rdi; call -> mov %fs:0,%rax; lea",
	  R_X86_64_TLSGD, 4,
	  { 0x66, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x66, 0x66, 0x48, 0xe8 }, 16,
	  { 0x64, 0x48, 0x8b, 4, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80 }, 16,
	  FIELD_TP_OFFSET, 12, false, true, 0 },
	{ "the same, call *__tls_get_addr@GOT -> mov; add", R_X86_64_TLSGD, 4,
	  { 0x66, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x66, 0x48, 0xff, 0x15 }, 16,
	  { 0x64, 0x48, 0x8b, 4, 0x25, 0, 0, 0, 0, 0x48, 0x03, 0x05 }, 16,
	  FIELD_TP_SLOT, 12, true, true, 0 },
	{ "the same -> mov %fs:0,%rax; sub", R_X86_64_TLSGD, 4,
	  { 0x66, 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0x66, 0x66, 0x48, 0xe8 }, 16,
	  { 0x64, 0x48, 0x8b, 4, 0x25, 0, 0, 0, 0, 0x48, 0x2b, 0x05 }, 16,
	  FIELD_UNKNOWN, 0, false, false, 0 },
	{ "lea x@TLSLD(%rip),%rdi; call -> data16 * 3 mov %fs:0,%rax",
	  R_X86_64_TLSLD, 3,
	  { 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0 }, 12,
	  { 0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 4, 0x25, 0, 0, 0, 0 }, 12,
	  FIELD_NONE, 0, false, false, 0 },
	{ "the same -> mov %fs:8,%rax", R_X86_64_TLSLD, 3,
	  { 0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0 }, 12,
	  { 0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 4, 0x25, 8, 0, 0, 0 }, 12,
	  FIELD_UNKNOWN, 0, false, false, 0 },
};
/* clang-format on */

TEST(linker_relaxations)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *sample = &samples[i];
		struct relaxed relaxed = { 0 };
		bool matches = relax_match(sample->type, sample->field,
					   sample->object, sample->object_size,
					   sample->target, sample->target_size,
					   &relaxed);

		printf("# %s\n", sample->name);
		CHECK_EQ(matches, sample->meaning != FIELD_UNKNOWN);
		if (!matches)
			continue;
		CHECK_EQ(relaxed.form.meaning, sample->meaning);
		CHECK_EQ(relaxed.object_size, sample->object_size);
		CHECK_EQ(relaxed.target_size,
			 sample->consumed ?: sample->target_size);
		if (sample->meaning == FIELD_NONE)
			continue;
		CHECK_EQ(relaxed.field, sample->at);
		CHECK_EQ(relaxed.form.pc_relative, sample->pc_relative);
		CHECK_EQ(relaxed.form.is_signed, sample->is_signed);
	}
}

/* Nothing is read behind the end of either, which sanitizers see. */
TEST(truncated_code_never_matches)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *sample = &samples[i];

		for (size_t left = 0; left < sample->target_size; left++) {
			uint8_t *target = malloc(left + !left);
			struct relaxed relaxed;

			memcpy(target, sample->target, left);
			CHECK(!relax_match(sample->type, sample->field,
					   sample->object, sample->object_size,
					   target, left, &relaxed));
			free(target);
		}
	}
}

TEST(nops)
{
	static const struct {
		const char *name;
		uint8_t code[16], left;
		size_t want;
	} cases[] = {
		{ "nop", { 0x90 }, 1, 1 },
		{ "xchg %ax,%ax", { 0x66, 0x90 }, 2, 2 },
		{ "nopl (%rax)", { 0x0f, 0x1f, 0x00 }, 3, 3 },
		{ "nopl 0(%rax)", { 0x0f, 0x1f, 0x40, 0 }, 4, 4 },
		{ "nopl 0(%rax,%rax,1)", { 0x0f, 0x1f, 0x44, 0, 0 }, 5, 5 },
		{ "nopl 0L(%rax)", { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, 7, 7 },
		{ "cs nopw 0L(%rax,%rax,1)",
		  { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 }, 10, 10 },
		{ "data16 * 5 cs nopw",
		  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84 }, 15,
		  14 },
		{ "cut off", { 0x0f, 0x1f, 0x84, 0, 0, 0 }, 6, 0 },
		{ "pause", { 0xf3, 0x90 }, 2, 0 },
		{ "xchg %r8,%rax", { 0x49, 0x90 }, 2, 0 },
		{ "endbr64", { 0xf3, 0x0f, 0x1e, 0xfa }, 4, 0 },
		{ "lea 0(%rsi),%rsi", { 0x48, 0x8d, 0x76, 0 }, 4, 0 },
		{ "ret", { 0xc3 }, 1, 0 },
		{ "nothing", { 0 }, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printf("# %s\n", cases[i].name);
		CHECK_EQ(nop_size(cases[i].code, cases[i].left),
			 cases[i].want);
	}
}

TEST(branches)
{
	static const uint8_t jne8[] = { 0x75, 1 };
	static const uint8_t jne32[] = { 0x0f, 0x85, 1, 0, 0, 0 };
	static const uint8_t je8[] = { 0x74, 1 };
	static const uint8_t jmp8[] = { 0xeb, 1 };
	static const uint8_t jmp32[] = { 0xe9, 1, 0, 0, 0 };
	static const uint8_t call[] = { 0xe8, 1, 0, 0, 0 };
	static const uint8_t jrcxz[] = { 0xe3, 1 };
	static const uint8_t loop[] = { 0xe2, 1 };
	static const uint8_t bnd_jmp[] = { 0xf2, 0xe9, 1, 0, 0, 0 };
	static const uint8_t indirect[] = { 0xff, 0xe0 };

	CHECK_EQ(branch_form(jne8, 2), branch_form(jne32, 6));
	CHECK(branch_form(jne8, 2) != branch_form(je8, 2));
	CHECK_EQ(branch_form(jmp8, 2), branch_form(jmp32, 5));
	CHECK(branch_form(jmp32, 5) != branch_form(call, 5));
	CHECK(branch_form(jrcxz, 2) != branch_form(loop, 2));
	CHECK(branch_form(bnd_jmp, 6) != branch_form(jmp32, 5));
	CHECK_EQ(branch_form(indirect, 2), 0);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
