/*
 * Pairs of code, decoded side by side.
 */
#include "../tap.h"

#include "../../lib/cleanup.h"
#include "../../patcher/diff/identity_paths.h"
#include "../../patcher/diff/identity_walk.h"

#define VADDR 0x401000ull

static struct insn_decoder *decoder;

static struct walk walk(const struct item *item, const uint8_t *code,
			size_t size)
{
	struct walk result = { .stopped = "it failed" };

	if (!decoder)
		insn_decoder_new(&arch_x86_64, &decoder, NULL);
	identity_walk(decoder, NULL, item, code, size, VADDR, &result);
	return result;
}

/* A conditional tail call is short there; what follows is aligned again. */
TEST(short_branches_and_padding)
{
	static const uint8_t ours[] = {
		0x85, 0xff,		  /* 00 test %edi,%edi */
		0x0f, 0x84, 0, 0, 0, 0,	  /* 02 je other */
		0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, /* 08 nopl */
		0xff, 0xcf,		  /* 10 dec %edi */
		0x75, 0xfc,		  /* 12 jne 10 */
		0xc3,			  /* 14 ret */
	};
	static const uint8_t theirs[] = {
		0x85, 0xff,		/* 00 test %edi,%edi */
		0x74, 0x3c,		/* 02 je 40, other */
		0x66, 0x90, 0x66, 0x90, /* 04 xchg %ax,%ax */
		0xff, 0xcf,		/* 08 dec %edi */
		0x75, 0xfc,		/* 0a jne 08 */
		0xc3,			/* 0c ret */
		0x90,			/* 0d nop */
	};
	struct item other = { .kind = ITEM_FUNCTION, .name = "other" };
	struct reference reference = { .offset = 4, .type = R_X86_64_PLT32,
				       .to = &other, .bias = -4 };
	struct item item = { .kind = ITEM_FUNCTION, .bytes = ours,
			     .size = sizeof(ours), .references = &reference,
			     .nr_references = 1 };
	struct walk w = walk(&item, theirs, sizeof(theirs));

	CHECK(!w.stopped);
	CHECK_EQ(w.nr_instructions, 5);
	CHECK_EQ(w.nr_uses, 2);
	CHECK(w.uses[0].to == &other);
	CHECK_EQ(w.uses[0].value, VADDR + 0x40);
	CHECK(w.uses[1].to == &item);
	CHECK_EQ(w.uses[1].to_offset, 0x10);
	CHECK_EQ(w.uses[1].value, VADDR + 8);
	CHECK(walk_same_place(&w, 0x10, VADDR + 8));
	/* The padding before it is the same place, another jump is not. */
	CHECK(walk_same_place(&w, 8, VADDR + 8));
	CHECK(walk_same_place(&w, 0x10, VADDR + 6));
	CHECK(!walk_same_place(&w, 0x12, VADDR + 8));
	/* Into an instruction, before or behind the code. */
	CHECK(!walk_same_place(&w, 0x11, VADDR + 9));
	CHECK(!walk_same_place(&w, -1, VADDR - 1));
	CHECK(!walk_same_place(&w, 0x16, VADDR + 0xf));
	walk_release(&w);
}

/* Fields are read as their relocations say, also two in one instruction. */
TEST(fields)
{
	static const uint8_t ours[] = {
		0x48, 0x8d, 0x3d, 0, 0, 0, 0,	/* lea x(%rip),%rdi */
		0x83, 0x3d, 0, 0, 0, 0, 1,	/* cmpl $1,x(%rip) */
		0x48, 0xc7, 0x05, 0, 0, 0, 0, 0, 0, 0, 0, /* movq $y,x(%rip) */
		0x8b, 0x04, 0xbd, 0, 0, 0, 0,	/* mov x(,%rdi,4),%eax */
		0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, /* movabs $x,%rax */
	};
	static const uint8_t theirs[] = {
		0x48, 0x8d, 0x3d, 0xf9, 0x0f, 0, 0,
		0x83, 0x3d, 0xf2, 0x0f, 0, 0, 1,
		0x48, 0xc7, 0x05, 0xe7, 0x0f, 0, 0, 0x78, 0x56, 0x34, 0x80,
		0x8b, 0x04, 0xbd, 0x00, 0x20, 0x40, 0,
		0x48, 0xb8, 0, 0x20, 0x40, 0, 0, 0, 0, 0,
	};
	struct item x = { .kind = ITEM_VARIABLE, .name = "x" };
	struct item y = { .kind = ITEM_VARIABLE, .name = "y" };
	struct reference references[] = {
		{ .offset = 3, .type = R_X86_64_PC32, .to = &x, .bias = -4 },
		{ .offset = 9, .type = R_X86_64_PC32, .to = &x, .bias = -5 },
		{ .offset = 17, .type = R_X86_64_PC32, .to = &x, .bias = -8 },
		{ .offset = 21, .type = R_X86_64_32S, .to = &y },
		{ .offset = 28, .type = R_X86_64_32S, .to = &x },
		{ .offset = 34, .type = R_X86_64_64, .to = &x },
	};
	struct item item = { .kind = ITEM_FUNCTION, .bytes = ours,
			     .size = sizeof(ours), .references = references,
			     .nr_references = 6 };
	struct walk w = walk(&item, theirs, sizeof(theirs));

	CHECK(!w.stopped);
	CHECK_EQ(w.nr_uses, 6);
	CHECK_EQ(w.uses[0].value, 0x402000);
	CHECK_EQ(w.uses[1].value, 0x402000);
	CHECK_EQ(w.uses[2].value, 0x402000);
	CHECK_EQ(w.uses[3].value, (uint64_t)(int32_t)0x80345678);
	CHECK_EQ(w.uses[4].value, 0x402000);
	CHECK_EQ(w.uses[5].meaning, FIELD_WORD);
	CHECK_EQ(w.uses[5].place, VADDR + 34);
	walk_release(&w);
}

/* Each of these stops there. */
TEST(differences)
{
	static const struct {
		const char *name;
		uint8_t ours[8], ours_size, theirs[8], theirs_size, at;
	} cases[] = {
		{ "mov $5,%eax; mov $6,%eax", { 0xb8, 5, 0, 0, 0, 0xc3 }, 6,
		  { 0xb8, 6, 0, 0, 0, 0xc3 }, 6, 0 },
		{ "mov %edi,%eax; mov %edi,%ecx", { 0x90, 0x89, 0xf8 }, 3,
		  { 0x90, 0x89, 0xf9 }, 3, 1 },
		{ "je .+2; jne .+2", { 0x74, 0, 0xc3 }, 3,
		  { 0x75, 0, 0xc3 }, 3, 0 },
		{ "ret; ret, ret", { 0xc3 }, 1, { 0xc3, 0xc3 }, 2, 1 },
		{ "ret, ret; ret", { 0xc3, 0xc3 }, 2, { 0xc3 }, 1, 1 },
		{ "pause; nop", { 0xf3, 0x90, 0xc3 }, 3, { 0x90, 0xc3 }, 2,
		  0 },
		{ "no instruction", { 0x06, 0xc3 }, 2, { 0x06, 0xc3 }, 2, 0 },
		{ "cut off", { 0xc3, 0xe9, 0 }, 3, { 0xc3, 0xe9, 0 }, 3, 1 },
		{ "lock inc; inc", { 0xf0, 0xff, 0x07 }, 3, { 0xff, 0x07 }, 2,
		  0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct item item = { .kind = ITEM_FUNCTION,
				     .bytes = cases[i].ours,
				     .size = cases[i].ours_size };
		struct walk w =
			walk(&item, cases[i].theirs, cases[i].theirs_size);

		printf("# %s\n", cases[i].name);
		CHECK(w.stopped);
		CHECK_EQ(w.object_at, cases[i].at);
		walk_release(&w);
	}
}

/* A field of a kind that nobody understands proves nothing. */
TEST(unknown_relocation)
{
	static const uint8_t code[] = { 0x48, 0x8d, 0x3d, 0, 0, 0, 0 };
	struct item x = { .kind = ITEM_VARIABLE, .name = "x" };
	struct reference reference = { .offset = 3, .to = &x,
				       .type = R_X86_64_SIZE32 };
	struct item item = { .kind = ITEM_FUNCTION, .bytes = code,
			     .size = sizeof(code), .references = &reference,
			     .nr_references = 1 };
	struct walk w = walk(&item, code, sizeof(code));

	CHECK(w.stopped);
	walk_release(&w);
}

/* A label that the assembler could fill in by itself: lea 2f(%rip),%rax */
TEST(own_operand)
{
	static const uint8_t ours[] = {
		0x48, 0x8d, 0x05, 2, 0, 0, 0, /* lea 9(%rip) */
		0xff, 0xe0,		      /* jmp *%rax */
		0xc3,			      /* 9: ret */
	};
	static const uint8_t theirs[] = {
		0x48, 0x8d, 0x05, 4, 0, 0, 0, 0xff, 0xe0, 0x66, 0x90, 0xc3,
	};
	struct item item = { .kind = ITEM_FUNCTION, .bytes = ours,
			     .size = sizeof(ours) };
	struct walk w = walk(&item, theirs, sizeof(theirs));

	CHECK(!w.stopped);
	CHECK_EQ(w.nr_uses, 1);
	CHECK_EQ(w.uses[0].to_offset, 9);
	CHECK_EQ(w.uses[0].value, VADDR + 11);
	CHECK(walk_same_place(&w, 9, VADDR + 11));
	walk_release(&w);
}

/* lea x@TLSDESC, call *x@TLSCALL made a mov and a NOP, which is no padding. */
TEST(descriptor_call)
{
	static const uint8_t ours[] = {
		0x48, 0x8d, 0x05, 0, 0, 0, 0, 0xff, 0x10, 0xc3,
	};
	static const uint8_t theirs[] = {
		0x48, 0xc7, 0xc0, 0xfc, 0xff, 0xff, 0xff, 0x66, 0x90, 0xc3,
	};
	struct item x = { .kind = ITEM_VARIABLE, .name = "x",
			  .thread_local = true };
	struct reference references[] = {
		{ .offset = 3, .type = R_X86_64_GOTPC32_TLSDESC, .to = &x,
		  .bias = -4 },
		{ .offset = 7, .type = R_X86_64_TLSDESC_CALL, .to = &x },
	};
	struct item item = { .kind = ITEM_FUNCTION, .bytes = ours,
			     .size = sizeof(ours), .references = references,
			     .nr_references = 2 };
	struct walk w = walk(&item, theirs, sizeof(theirs));

	CHECK(!w.stopped);
	CHECK_EQ(w.nr_instructions, 3);
	CHECK_EQ(w.nr_uses, 1);
	CHECK_EQ(w.uses[0].meaning, FIELD_TP_OFFSET);
	CHECK_EQ((int64_t)w.uses[0].value, -4);
	walk_release(&w);
}

/* Only a call of __tls_get_addr may be gone. */
TEST(local_dynamic)
{
	static const uint8_t ours[] = {
		0x48, 0x8d, 0x3d, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0, 0xc3,
	};
	static const uint8_t theirs[] = {
		0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 4, 0x25, 0, 0, 0, 0, 0xc3,
	};
	struct item x = { .kind = ITEM_VARIABLE, .thread_local = true };
	struct item call = { .kind = ITEM_EXTERNAL, .name = "__tls_get_addr" };
	struct reference references[] = {
		{ .offset = 3, .type = R_X86_64_TLSLD, .to = &x, .bias = -4 },
		{ .offset = 8, .type = R_X86_64_PLT32, .to = &call,
		  .bias = -4 },
	};
	struct item item = { .kind = ITEM_FUNCTION, .bytes = ours,
			     .size = sizeof(ours), .references = references,
			     .nr_references = 2 };
	struct walk w = walk(&item, theirs, sizeof(theirs));

	CHECK(!w.stopped);
	CHECK(w.local_dynamic_relaxed);
	walk_release(&w);
	call.name = "evil";
	w = walk(&item, theirs, sizeof(theirs));
	CHECK(w.stopped);
	walk_release(&w);
}

TEST(build_directories)
{
	static const struct {
		const char *ours, *directory, *theirs;
		bool want;
	} cases[] = {
		{ "/src/x/a.c", "/src/x", "/build/x-1/a.c", true },
		{ "/src/x/a.c", "/src/x", "/build/x-1/b.c", false },
		{ "/src/x/a.c", "/src/x", "x-1/a.c", false },
		{ "/src/x/a.c", "/src/x", "a.c", false },
		{ "/usr/lib/a", "/src/x", "/opt/lib/a", false },
		{ "/src/xy/a.c", "/src/x", "/b/xy/a.c", false },
		{ "-I/src/x -L/src/x/l", "/src/x", "-I/b/yy -L/b/yy/l", true },
		{ "-I/src/x -L/src/x/l", "/src/x", "-I/b/yy -L/b/zz/l",
		  false },
		{ "/src/x/a.c", "/src/x", "/b d/a.c", false },
		{ "/src/x/a.c", "/src/x", "", false },
		{ "at /src/x/a.c:1", "/src/x", "at /b/a.c:1", true },
		{ "at /src/x/a.c:1", "/src/x", "in /b/a.c:1", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printf("# %s, %s\n", cases[i].ours, cases[i].theirs);
		CHECK_EQ(paths_differ_by_directory(cases[i].ours,
						   cases[i].directory,
						   cases[i].theirs),
			 cases[i].want);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
