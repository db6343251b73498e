/*
 * Objects of real compilers, read as items that refer to items.
 *
 * What must hold for every object holds in all combinations of compiler,
 * optimisation and code model; exact places are checked on what the assembler
 * was told byte by byte.
 */
#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "../../lib/io.h"
#include "../../patcher/diff/unit.h"

static char directory[] = "/tmp/hotfix-unit.XXXXXX";

static int remove_entry(const char *path, const struct stat *status, int kind,
			struct FTW *level)
{
	(void)status, (void)kind, (void)level;
	return remove(path);
}

static void clean_up(void)
{
	nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* "NAME\nTEXT" */
static void write_source(const char *name_and_text)
{
	const char *text = strchr(name_and_text, '\n') + 1;
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.*s", directory,
		 (int)(text - 1 - name_and_text), name_and_text);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
}

static bool __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char words[800], line[1000];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "cd %s && %s", directory, words);
	return system(line) == 0;
}

static bool have(const char *program)
{
	return run("command -v %s >/dev/null", program);
}

static int open_in(const char *name, struct unit **ret_unit,
		   struct hf_diag *diag)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return unit_open(path, ret_unit, diag);
}

/* The only one is released when the next is opened. */
static struct unit *unit_of(const char *name)
{
	static struct unit *unit;
	struct hf_diag diag = { 0 };

	if (unit)
		unit_close(unit);
	unit = NULL;
	if (name && open_in(name, &unit, &diag))
		printf("# %s\n", diag.message);
	return unit;
}

static struct unit *assemble(void)
{
	return run("gcc -c a.s -o a.o") ? unit_of("a.o") : NULL;
}

static const char program[] = "prog.c\n"
	"#include <assert.h>\n"
	"#include <stdio.h>\n"
	"#include <string.h>\n"
	"static __thread int tls_static = 3;\n"
	"__thread int tls_global;\n"
	"extern __thread int tls_elsewhere;\n"
	"int flag; extern int elsewhere;\n"
	"const char *const names[] = { \"first\", \"second\" };\n"
	"__attribute__((noinline)) static int count(int a)\n"
	"{\n"
	"	static int counter = 5;\n"
	"	counter += a;\n"
	"	if (a > 100) { static int counter; flag = ++counter; }\n"
	"	return counter;\n"
	"}\n"
	"__attribute__((noinline, cold)) void die(const char *s)\n"
	"{ puts(s); __builtin_trap(); }\n"
	"static inline int gone(void) { static int calls; return ++calls; }\n"
	"void (*handlers[2])(const char *) = { die, 0 };\n"
	"int lookup(int a)\n"
	"{\n"
	"	switch (a) {\n"
	"	case 0: return 5; case 1: return 9; case 2: return 22;\n"
	"	case 3: return -4; case 4: return 17; case 5: return 0; }\n"
	"	return gone();\n"
	"}\n"
	"int work(int a, const char *s)\n"
	"{\n"
	"	flag = 1; tls_static++; tls_global += tls_elsewhere;\n"
	"	assert(a != 77);\n"
	"	switch (a) {\n"
	"	case 0: puts(\"zero\"); break;\n"
	"	case 1: puts(s); count(2); break;\n"
	"	case 2: printf(\"%d\\n\", a); break;\n"
	"	case 3: count(1); break;\n"
	"	case 4: die(\"four\"); break;\n"
	"	case 5: flag = 7; break;\n"
	"	case 6: puts(\"no memory\"); gone(); }\n"
	"	if (elsewhere == 1) count(200);\n"
	"	if (!strcmp(s, __func__)) die(\"unlikely\");\n"
	"	return (int)(a * 3.25 * 2.5);\n"
	"}\n"
	"extern int alias(int, const char *)\n"
	"	__attribute__((alias(\"work\")));\n";

#define FLAGS "-g -ffunction-sections -fdata-sections"

static const char *const compilers[] = { "gcc", "clang" };
static const char *const levels[] = { "-O2", "-O3" };
static const char *const models[] = { "-fPIE", "-fno-pie", "-fPIC" };

/* Calls @check for the program in every combination. */
static void in_all_combinations(void (*check)(struct unit *unit))
{
	write_source(program);
	for (size_t c = 0; c < ARRAY_SIZE(compilers); c++)
		for (size_t l = 0; l < ARRAY_SIZE(levels); l++)
			for (size_t m = 0; m < ARRAY_SIZE(models); m++) {
				struct unit *unit;

				if (tap_failed || !have(compilers[c]))
					continue;
				printf("# %s %s %s\n", compilers[c], levels[l],
				       models[m]);
				CHECK(run("%s " FLAGS
					  " %s %s -c prog.c -o prog.o",
					  compilers[c], levels[l], models[m]));
				unit = unit_of("prog.o");
				CHECK(unit);
				check(unit);
			}
}

static void check_order(struct unit *unit)
{
	for (size_t i = 1; i < unit->nr_items; i++) {
		const struct item *a = unit->items[i - 1], *b = unit->items[i];

		if (!b->section || b->section == SHN_COMMON)
			break;
		CHECK(a->section < b->section ||
		      (a->section == b->section &&
		       a->offset + a->size <= b->offset));
	}
}

/* symbol + r_addend == address of `to` + to_offset + bias */
static void check_reference(struct unit *unit, const struct item *item,
			    const struct reference *reference)
{
	const Elf64_Rela *rela = reference->rela;
	const Elf64_Sym *symbol =
		&unit->symbols.entries[ELF64_R_SYM(rela->r_info)];
	const struct item *to = reference->to;

	CHECK_EQ(rela->r_offset, item->offset + reference->offset);
	CHECK(to);
	CHECK_EQ((int64_t)symbol->st_value + rela->r_addend,
		 (int64_t)to->offset + reference->to_offset +
			 reference->bias);
	if (symbol->st_shndx && symbol->st_shndx < SHN_LORESERVE)
		CHECK_EQ(to->section, symbol->st_shndx);
	/*
	 * The program has no address that points outside of anything; entries
	 * of switch tables count from the table, though.
	 */
	if (reference->type == R_X86_64_PC32 && !item->executable)
		return;
	CHECK(reference->to_offset >= 0);
	if (to->section)
		CHECK(reference->to_offset < (int64_t)to->size);
}

static void check_references(struct unit *unit)
{
	size_t nr = 0, nr_relas = 0;

	for (size_t i = 0; i < unit->nr_items && !tap_failed; i++) {
		const struct item *item = unit->items[i];

		nr += item->nr_references;
		for (size_t k = 0; k < item->nr_references; k++)
			check_reference(unit, item, &item->references[k]);
	}
	for (size_t i = 1; i < unit->file->nr_sections; i++) {
		const Elf64_Shdr *table = &unit->file->sections[i];
		const Elf64_Shdr *section =
			elf_section_at(unit->file, table->sh_info);

		if (table->sh_type == SHT_RELA &&
		    section->sh_flags & SHF_ALLOC &&
		    strcmp(elf_section_name(unit->file, section), ".eh_frame"))
			nr_relas += elf_section_entries(table,
							sizeof(Elf64_Rela));
	}
	CHECK_EQ(nr, nr_relas);
}

TEST(every_relocation_is_a_reference)
{
	in_all_combinations(check_order);
	in_all_combinations(check_references);
}

static const struct item *literal(const struct unit *unit, const char *text)
{
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *item = unit->items[i];

		if (item->kind == ITEM_STRING &&
		    item->size == strlen(text) + 1 &&
		    !memcmp(item->bytes, text, item->size))
			return item;
	}
	return NULL;
}

static bool refers(const struct item *from, const struct item *to)
{
	for (size_t i = 0; from && i < from->nr_references; i++)
		if (from->references[i].to == to &&
		    !from->references[i].to_offset)
			return true;
	return false;
}

static const struct item *cold_of(const struct unit *unit,
				  const struct item *function)
{
	for (size_t i = 0; i < unit->nr_items; i++)
		if (unit->items[i]->kind == ITEM_COLD &&
		    unit->items[i]->parent == function)
			return unit->items[i];
	return NULL;
}

static void check_literals(struct unit *unit)
{
	static const char *const texts[] = { "no memory", "unlikely", "%d\n",
					     "four" };
	const struct item *work = unit_find(unit, "work");
	const struct item *names = unit_find(unit, "names");
	const struct item *cold = cold_of(unit, work);

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct item *item = literal(unit, texts[i]);

		CHECK(item);
		CHECK(refers(work, item) || refers(cold, item));
	}
	CHECK(refers(names, literal(unit, "first")));
	CHECK(refers(names, literal(unit, "second")));
	CHECK_EQ(names->kind, ITEM_VARIABLE);
	CHECK(item_is_read_only_data(names));
	CHECK_EQ(names->size, 16);
	CHECK(!item_is_read_only_data(unit_find(unit, "handlers")));
}

TEST(literals)
{
	in_all_combinations(check_literals);
}

static size_t nr_of_scope(const struct unit *unit, const char *scope)
{
	size_t nr = 0;

	for (size_t i = 0; i < unit->nr_items; i++)
		nr += unit->items[i]->writable && unit->items[i]->scope &&
		      !strcmp(unit->items[i]->scope, scope);
	return nr;
}

static void check_scopes(struct unit *unit)
{
	CHECK_EQ(nr_of_scope(unit, "count"), 2);
	/* It is nowhere but inlined into several. */
	CHECK_EQ(nr_of_scope(unit, "gone"), 1);
	CHECK(!unit_find(unit, "tls_static")->scope);
	CHECK(!unit_find(unit, "flag")->scope);
	CHECK(!unit_find(unit, "handlers")->scope);
}

TEST(scopes_of_static_locals)
{
	in_all_combinations(check_scopes);
}

static void check_scopes_of_stripped(struct unit *unit)
{
	CHECK(unit->debuginfo);
	CHECK(run("strip -g prog.o"));
	unit = unit_of("prog.o");
	CHECK(unit);
	CHECK(!debuginfo_dwarf(unit->debuginfo));
	/* By the only clone that refers to it, where clones are. */
	CHECK_EQ(nr_of_scope(unit, "count") +
			 nr_of_scope(unit, "count.isra.0") +
			 nr_of_scope(unit, "work"),
		 2);
}

TEST(scopes_without_dwarf)
{
	in_all_combinations(check_scopes_of_stripped);
}

static void check_kinds(struct unit *unit)
{
	const struct item *work = unit_find(unit, "work");
	const struct item *tls = unit_find(unit, "tls_static");
	size_t nr_tables = 0;

	CHECK_EQ(work->kind, ITEM_FUNCTION);
	CHECK_EQ(work->binding, STB_GLOBAL);
	CHECK(work->executable && work->bytes);
	CHECK_EQ(work->nr_aliases, 1);
	CHECK(unit_find(unit, "alias") == work);
	CHECK(unit_item_of_symbol(unit, work->aliases[0]) == work);
	CHECK(tls->thread_local && tls->type == STT_TLS);
	CHECK_EQ(unit_find(unit, "tls_elsewhere")->kind, ITEM_EXTERNAL);
	CHECK_EQ(unit_find(unit, "elsewhere")->kind, ITEM_EXTERNAL);
	CHECK(!unit_find(unit, "count") ||
	      unit_find(unit, "count")->binding == STB_LOCAL);
	CHECK(!unit_find(unit, "nowhere"));
	for (size_t i = 0; i < unit->nr_items; i++)
		nr_tables += unit->items[i]->kind == ITEM_TABLE &&
			     unit->items[i]->parent == work;
	CHECK_EQ(nr_tables, 1);
	CHECK_STR(unit->source, "prog.c");
}

TEST(kinds_and_owners)
{
	in_all_combinations(check_kinds);
}

TEST(cold_parts)
{
	struct unit *unit;
	const struct item *work;

	write_source(program);
	CHECK(run("gcc " FLAGS " -O2 -fPIE -c prog.c -o prog.o"));
	unit = unit_of("prog.o");
	CHECK(unit);
	work = unit_find(unit, "work");
	CHECK_STR(cold_of(unit, work)->name, "work.cold");
	CHECK(refers(cold_of(unit, work), unit_find(unit, "die")));
}

/* By name before ".cold"; by reference when there is none of that name. */
TEST(parents_of_cold_parts)
{
	struct unit *unit;

	write_source("a.s\n"
		     ".macro part name, callee\n"
		     ".section .text.\\name, \"ax\"\n"
		     ".type \\name, @function\n"
		     "\\name: jmp \\callee\n"
		     ".size \\name, .-\\name\n"
		     ".endm\n"
		     "part f.part.0, g.cold.7\n"
		     "part f.part.0.cold, out\n"
		     "part g, out\n"
		     "part g.cold.7, out\n"
		     "part caller, lost.cold\n"
		     "part lost.cold, out\n"
		     "part .cold, out\n");
	unit = assemble();
	CHECK(unit);
	CHECK_EQ(unit_find(unit, "f.part.0.cold")->kind, ITEM_COLD);
	CHECK(unit_find(unit, "f.part.0.cold")->parent ==
	      unit_find(unit, "f.part.0"));
	CHECK(unit_find(unit, "g.cold.7")->parent == unit_find(unit, "g"));
	CHECK(unit_find(unit, "lost.cold")->parent ==
	      unit_find(unit, "caller"));
	CHECK_EQ(unit_find(unit, ".cold")->kind, ITEM_FUNCTION);
}

/* Each reference of `f`, in order: what and where. */
static void check_list(const struct item *f, const struct reference *want,
		       const char *const *names, size_t nr)
{
	char name[100];

	CHECK(f);
	for (size_t i = 0; i < nr && i < f->nr_references; i++) {
		const struct reference *got = &f->references[i];

		printf("# reference %zu\n", i);
		CHECK_STR(item_describe(got->to, name, sizeof(name)),
			  names[i]);
		CHECK_EQ(got->offset, want[i].offset);
		CHECK_EQ(got->to_offset, want[i].to_offset);
		CHECK_EQ(got->bias, want[i].bias);
	}
	CHECK_EQ(f->nr_references, nr);
}

/* What stands between a field and the end of its instruction. */
TEST(bias_of_fields)
{
	static const struct reference want[] = {
		{ .offset = 2, .to_offset = 0, .bias = -8 },
		{ .offset = 12, .to_offset = 0, .bias = -5 },
		{ .offset = 20, .to_offset = 8, .bias = -8 },
		{ .offset = 31, .to_offset = 1, .bias = -4 },
		{ .offset = 38, .to_offset = 4, .bias = -6 },
		{ .offset = 48, .to_offset = 4, .bias = -5 },
		{ .offset = 54, .to_offset = 0, .bias = -4 },
		{ .offset = 61, .to_offset = 4, .bias = 0 },
		{ .offset = 66, .to_offset = 6, .bias = 0 },
		{ .offset = 74, .to_offset = 0, .bias = -4 },
		{ .offset = 80, .to_offset = -4, .bias = -4 },
		{ .offset = 85, .to_offset = 0, .bias = -4 },
		{ .offset = 90, .to_offset = 4, .bias = -4 },
	};
	static const char *const names[] = {
		"variable flag", "the literal \"hello\"", "variable flag",
		"variable flag", "variable flag", "variable flag", "out",
		"variable flag", "variable flag", "variable flag",
		"variable flag", "out", "variable flag",
	};
	struct unit *unit;

	write_source(
		"a.s\n"
		".section .text.f, \"ax\"\n"
		".globl f\n"
		".type f, @function\n"
		"f:	movl $1, flag(%rip)\n"		  /*  0 c7 05 */
		"	cmpb $0, .LC0(%rip)\n"		  /* 10 80 3d */
		"	movq $0x12345, flag+8(%rip)\n"	  /* 17 48 c7 05 */
		"	leaq flag+1(%rip), %rax\n"	  /* 28 48 8d 05 */
		"	movw $7, flag+4(%rip)\n"	  /* 35 66 c7 05 */
		"	.byte 0xc5, 0xf9, 0x70, 0x0d\n"	  /* 44 vpshufd */
		"	.reloc ., R_X86_64_PC32, flag+4-5\n"
		"	.long 0\n"
		"	.byte 0x4e\n"			  /* its immediate */
		"	jmp out\n"			  /* 53 e9 */
		"	movl flag+4, %eax\n"		  /* 58 8b 04 25 */
		"	movl $flag+6, %eax\n"		  /* 65 b8 */
		"	.byte 0x06, 0x06\n"		  /* 70: nothing */
		"	.byte 0x8b, 0x05\n"
		"	.long flag - . - 4\n"
		"	.byte 0x8b, 0x05\n"
		"	.long flag - 4 - . - 4\n"
		"	call out\n"
		/* Not that of an address: taken for the last one. */
		"	.byte 0xb8\n"
		"	.long flag - .\n"
		".size f, .-f\n"
		".section .rodata.str1.1, \"aMS\", @progbits, 1\n"
		".LC0: .string \"hello\"\n"
		".comm flag, 16, 8\n");
	unit = assemble();
	CHECK(unit);
	check_list(unit_find(unit, "f"), want, names, ARRAY_SIZE(want));
}

/* The same field by a section symbol. */
TEST(section_symbols)
{
	struct unit *unit;
	const struct item *f;

	write_source("a.s\n"
		     ".section .text.f, \"ax\"\n"
		     ".type f, @function\n"
		     "f:	movl $1, .data.x+4(%rip)\n"
		     "	leaq .rodata.str1.1+8(%rip), %rax\n"
		     "	movl $.rodata.str1.1+6, %eax\n"
		     ".size f, .-f\n"
		     ".section .data.x, \"aw\"\n"
		     ".type x, @object\n"
		     "x: .quad .data.x+8\n"
		     "   .long .rodata.str1.1+6-.\n"
		     ".size x, .-x\n"
		     ".section .rodata.str1.1, \"aMS\", @progbits, 1\n"
		     ".string \"hello\"\n"
		     ".string \"world\"\n");
	unit = assemble();
	CHECK(unit);
	f = unit_find(unit, "f");
	CHECK(f->references[0].to == unit_find(unit, "x"));
	CHECK_EQ(f->references[0].to_offset, 4);
	CHECK_EQ(f->references[0].bias, -8);
	CHECK(f->references[1].to == literal(unit, "world"));
	CHECK_EQ(f->references[1].to_offset, 2);
	CHECK(f->references[2].to == literal(unit, "world"));
	CHECK_EQ(f->references[2].to_offset, 0);
	f = unit_find(unit, "x");
	CHECK(f->references[0].to == f);
	CHECK_EQ(f->references[0].to_offset, 8);
	CHECK(f->references[1].to == literal(unit, "world"));
	CHECK_EQ(f->references[1].to_offset, 0);
}

TEST(thread_local_references)
{
	struct unit *unit;
	const struct item *f;

	write_source("a.s\n"
		     ".section .text.f, \"ax\"\n"
		     "f:	leaq t@tlsgd(%rip), %rdi\n"
		     "	leaq t@tlsld(%rip), %rdi\n"
		     "	leaq t@dtpoff(%rax), %rax\n"
		     "	movabs $t@dtpoff, %rax\n"
		     "	movq t@gottpoff(%rip), %rax\n"
		     "	addq %fs:t@tpoff, %rax\n"
		     "	leaq t@tlsdesc(%rip), %rax\n"
		     "	call *t@tlscall(%rax)\n"
		     ".section .tdata, \"awT\"\n"
		     ".globl t\n"
		     ".type t, @object\n"
		     "t: .quad 5\n"
		     ".size t, 8\n");
	unit = assemble();
	CHECK(unit);
	f = unit_find(unit, "f");
	CHECK_EQ(f->nr_references, 8);
	for (size_t i = 0; i < f->nr_references; i++) {
		CHECK(f->references[i].to == unit_find(unit, "t"));
		CHECK_EQ(f->references[i].to_offset, 0);
	}
	CHECK_EQ(f->references[0].type, R_X86_64_TLSGD);
	CHECK_EQ(f->references[7].type, R_X86_64_TLSDESC_CALL);
}

/* Symbols without size, several in one section, several at one place. */
TEST(cutting_at_symbols)
{
	struct unit *unit;

	write_source("a.s\n"
		     ".text\n"
		     ".type sized, @function\n"
		     "sized: nop\n"
		     "label_inside: nop\n"
		     ".size sized, .-sized\n"
		     ".p2align 4\n"
		     "second: nop\n"
		     "1: nop\n"
		     "third: nop; nop\n"
		     ".globl fourth\n"
		     ".type fourth, @function\n"
		     ".local other_name\n"
		     "other_name:\n"
		     "fourth: nop; nop; nop; nop\n"
		     ".type overlapping, @function\n"
		     "overlapping: nop; nop\n"
		     ".size overlapping, .-overlapping\n"
		     "nop\n"
		     ".size fourth, .-fourth\n"
		     ".globl global_label\n"
		     "global_label:\n"
		     ".type sized_local, @function\n"
		     "sized_local: nop\n"
		     ".size sized_local, .-sized_local\n"
		     ".data\n"
		     ".quad sized\n"
		     "x: .byte 1\n"
		     "y: .byte 2, 3\n"
		     "end_label:\n"
		     "absolute = 0x1234\n"
		     ".globl absolute\n"
		     ".section .data.rel, \"aw\"\n"
		     ".quad absolute, common+4\n"
		     ".comm common, 24, 8\n");
	unit = assemble();
	CHECK(unit);
	CHECK_EQ(unit_find(unit, "sized")->size, 2);
	CHECK(unit_find(unit, "label_inside") == unit_find(unit, "sized"));
	CHECK_EQ(unit_find(unit, "second")->offset, 16);
	CHECK_EQ(unit_find(unit, "second")->size, 2);
	CHECK_EQ(unit_find(unit, "second")->alignment, 16);
	CHECK_EQ(unit_find(unit, "third")->size, 2);
	CHECK_EQ(unit_find(unit, "third")->alignment, 2);
	CHECK(unit_find(unit, "other_name") == unit_find(unit, "fourth"));
	CHECK_STR(unit_find(unit, "other_name")->name, "fourth");
	CHECK_EQ(unit_find(unit, "fourth")->size, 4);
	CHECK_STR(unit_find(unit, "global_label")->name, "sized_local");
	CHECK_EQ(unit_find(unit, "overlapping")->size, 2);
	CHECK_EQ(unit_find(unit, "x")->size, 1);
	CHECK_EQ(unit_find(unit, "y")->size, 2);
	CHECK_EQ(unit_find(unit, "end_label")->size, 0);
	CHECK_EQ(unit_find(unit, "absolute")->kind, ITEM_EXTERNAL);
	CHECK_EQ(unit_find(unit, "common")->section, SHN_COMMON);
	CHECK_EQ(unit_find(unit, "common")->size, 24);
	CHECK_EQ(unit_find(unit, "common")->alignment, 8);
	CHECK(!unit_find(unit, "common")->bytes);
}

/* The place between, before and behind items. */
TEST(items_at_places)
{
	const struct item *table, *x;
	struct unit *unit;
	size_t section;

	write_source("a.s\n"
		     ".data\n"
		     ".p2align 3\n"
		     ".byte 1, 2\n"
		     ".globl x\n"
		     ".type x, @object\n"
		     "x: .byte 1\n"
		     ".size x, 1\n"
		     ".p2align 3\n"
		     ".globl y\n"
		     ".type y, @object\n"
		     "y: .byte 2\n"
		     ".size y, 1\n"
		     ".quad 5\n"
		     ".section .debug_x, \"\"\n"
		     ".quad x\n");
	unit = assemble();
	CHECK(unit);
	x = unit_find(unit, "x");
	section = x->section;
	table = unit_item_at(unit, section, 0);
	CHECK_EQ(table->kind, ITEM_TABLE);
	CHECK_EQ(table->size, 2);
	CHECK(unit_item_at(unit, section, 1) == table);
	CHECK(unit_item_at(unit, section, 2) == x);
	CHECK(unit_item_at(unit, section, 3) == x); /* one past its end */
	CHECK(!unit_item_at(unit, section, 4));	    /* padding */
	CHECK(unit_item_at(unit, section, 8) == unit_find(unit, "y"));
	CHECK_EQ(unit_item_at(unit, section, 9)->kind, ITEM_TABLE);
	CHECK_EQ(unit_item_at(unit, section, 17)->size, 8);
	CHECK(!unit_item_at(unit, section, 18));
	CHECK(!unit_item_at(unit, section, UINT64_MAX));
	CHECK(!unit_item_at(unit, 0, 0));
	CHECK(!unit_item_at(unit, 9999, 0));
	for (size_t i = 0; i < unit->nr_items; i++)
		CHECK(unit->items[i]->section <= section);
}

TEST(mergeable_sections)
{
	struct unit *unit;

	write_source("a.s\n"
		     ".section .rodata.str2.2, \"aMS\", @progbits, 2\n"
		     ".p2align 1\n"
		     ".short 'a', 'b', 0, 'c', 0\n"
		     ".section .rodata.str4.4, \"aMS\", @progbits, 4\n"
		     ".long 0x100, 0, 5, 6, 0\n"
		     ".section .rodata.str1.8, \"aMS\", @progbits, 1\n"
		     ".p2align 3\n"
		     ".string \"abc\"\n"
		     ".p2align 3\n"
		     ".string \"no end\"\n"
		     ".ascii \"rest\"\n"
		     ".section .rodata.cst8, \"aM\", @progbits, 8\n"
		     ".quad 1, 2\n"
		     ".section .rodata.cst16, \"aM\", @progbits, 16\n"
		     ".quad 1, 2, 3\n"
		     ".section .rodata.cst4, \"aM\", @progbits, 4\n"
		     ".long 1\n"
		     ".type pair, @object\n"
		     "pair: .long 2, 3\n"
		     ".size pair, 8\n"
		     ".long 4\n");
	static const struct {
		uint64_t offset, size;
		enum item_kind kind;
	} want[] = {
		{ 0, 6, ITEM_STRING },	  { 6, 4, ITEM_STRING },
		{ 0, 8, ITEM_STRING },	  { 8, 12, ITEM_STRING },
		{ 0, 4, ITEM_STRING },	  { 8, 7, ITEM_STRING },
		{ 15, 4, ITEM_STRING },	  { 0, 8, ITEM_CONSTANT },
		{ 8, 8, ITEM_CONSTANT },  { 0, 16, ITEM_CONSTANT },
		{ 16, 16, ITEM_CONSTANT }, /* padded by the assembler */
		{ 0, 4, ITEM_CONSTANT },  { 4, 8, ITEM_VARIABLE },
		{ 12, 4, ITEM_CONSTANT },
	};

	unit = assemble();
	CHECK(unit);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		printf("# item %zu\n", i);
		CHECK_EQ(unit->items[i]->offset, want[i].offset);
		CHECK_EQ(unit->items[i]->size, want[i].size);
		CHECK_EQ(unit->items[i]->kind, want[i].kind);
	}
}

TEST(sections_that_count)
{
	static const char *const not[] = { ".eh_frame", ".note.gnu.property",
					   ".comment", ".debug_info" };
	struct unit *unit;
	size_t nr = 0;

	write_source("ctor.c\n"
		     "int ready;\n"
		     "__attribute__((constructor)) void init(void)"
		     "{ ready = 1; }\n"
		     "static int mine __attribute__((section(\"my_data\"),"
		     " used)) = 3;\n");
	CHECK(run("gcc -g -O2 -c ctor.c -o ctor.o"));
	unit = unit_of("ctor.o");
	CHECK(unit);
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *item = unit->items[i];
		const char *name;

		if (!item->section)
			continue;
		name = elf_section_name(unit->file,
					&unit->file->sections[item->section]);
		nr += !strcmp(name, ".init_array") &&
		      refers(item, unit_find(unit, "init"));
		nr += !strcmp(name, "my_data") && item->writable;
		for (size_t k = 0; k < ARRAY_SIZE(not); k++)
			CHECK(strcmp(name, not[k]));
	}
	CHECK_EQ(nr, 2);
}

static void check_refused(const char *name, int error, const char *code)
{
	struct unit *unit = NULL;
	struct hf_diag diag = { 0 };

	CHECK_EQ(open_in(name, &unit, &diag), error);
	CHECK(!unit);
	CHECK_STR(diag.code, code);
	CHECK(*diag.message);
}

TEST(link_time_optimisation)
{
	write_source("l.c\nint f(void) { return 1; }\n");
	CHECK(run("gcc -O2 -flto -c l.c -o l.o"));
	check_refused("l.o", -ECANCELED, "object-lto");
	CHECK(run("gcc -O2 -flto -ffat-lto-objects -c l.c -o l.o"));
	CHECK(unit_of("l.o"));
	if (!have("clang"))
		SKIP("no clang");
	CHECK(run("clang -O2 -flto -c l.c -o l.o"));
	check_refused("l.o", -ECANCELED, "object-lto");
	CHECK(run("clang -O2 -flto=thin -c l.c -o l.o"));
	check_refused("l.o", -ECANCELED, "object-lto");
}

TEST(other_files)
{
	write_source("l.c\nint main(void) { return 1; }\n");
	CHECK(run("gcc l.c -o l"));
	check_refused("l", -ENOEXEC, "not-elf");
	check_refused("l.c", -ENOEXEC, "not-elf");
	CHECK(run(": >empty"));
	check_refused("empty", -ENOEXEC, "not-elf");
	check_refused("missing", -ENOENT, "");
	CHECK(run("echo nop >t.s && as --32 t.s -o t.o"));
	check_refused("t.o", -ENOEXEC, "not-elf");
	/* e_machine: EM_AARCH64 */
	CHECK(run("as t.s -o t.o && printf '\\267' | "
		  "dd of=t.o bs=1 seek=18 conv=notrunc status=none"));
	check_refused("t.o", -ECANCELED, "machine-unsupported");
}

TEST(relocation_beyond_its_section)
{
	write_source("a.s\n"
		     ".section short, \"aw\"\n"
		     ".long 0\n"
		     ".reloc 0, R_X86_64_64, x\n");
	CHECK(run("as a.s -o a.o"));
	check_refused("a.o", -ENOEXEC, "not-elf");
}

TEST(too_many_sections)
{
	write_source("a.s\n"
		     ".altmacro\n"
		     ".macro one n\n"
		     ".section .text.f\\n, \"ax\"\n"
		     "nop\n"
		     ".endm\n"
		     ".set i, 0\n"
		     ".rept 65300\n"
		     "one %i\n"
		     ".set i, i+1\n"
		     ".endr\n");
	CHECK(run("as a.s -o a.o"));
	check_refused("a.o", -ECANCELED, "object-too-large");
}

static void write_bytes(const char *name, const uint8_t *bytes, size_t size)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(write_full_at(fd, bytes, size, 0), 0);
	close(fd);
}

/* Whatever it says, it comes back, and what was read can be used. */
static void open_damaged(const uint8_t *bytes, size_t size, size_t *nr_opened)
{
	struct unit *unit = NULL;
	struct hf_diag diag = { 0 };
	char name[300];

	write_bytes("damaged.o", bytes, size);
	if (open_in("damaged.o", &unit, &diag)) {
		CHECK(*diag.message);
		return;
	}
	(*nr_opened)++;
	for (size_t i = 0; i < unit->nr_items; i++) {
		const struct item *item = unit->items[i];
		unsigned int sum = 0;

		item_describe(item, name, sizeof(name));
		for (uint64_t k = 0; item->bytes && k < item->size; k++)
			sum += item->bytes[k];
		for (size_t k = 0; k < item->nr_references; k++)
			sum += item->references[k].to->kind;
		if (sum == 12345)
			printf("#\n"); /* keeps the loops */
	}
	unit_close(unit);
}

static size_t slurp(const char *name, uint8_t *bytes, size_t room)
{
	char path[200];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	size = file ? fread(bytes, 1, room, file) : 0;
	if (file)
		fclose(file);
	return size;
}

/* Every byte of headers and tables, one in some of the rest. */
static void damage(const char *name, unsigned int step)
{
	static uint8_t bytes[1 << 20], copy[1 << 20];
	static const uint8_t values[] = { 0, 0xff, 0x80, 1 };
	size_t size = slurp(name, bytes, sizeof(bytes)), nr_opened = 0;

	CHECK(size > 1000 && size < sizeof(bytes));
	for (size_t i = 0; i < size; i += 1 + (i > 64) * step) {
		memcpy(copy, bytes, size);
		copy[i] = values[(i / (step + 1)) % sizeof(values)];
		open_damaged(copy, size, &nr_opened);
	}
	for (size_t i = 0; i < size; i += size / 97)
		open_damaged(bytes, i, &nr_opened);
	CHECK(nr_opened > 0);
}

TEST(damaged_objects)
{
	write_source(program);
	CHECK(run("gcc -ffunction-sections -fdata-sections -O2 -c prog.c "
		  "-o plain.o"));
	damage("plain.o", 3);
	CHECK(run("gcc " FLAGS " -O2 -c prog.c -o prog.o"));
	damage("prog.o", 40);
}

int main(int argc, char **argv)
{
	int status;

	if (!mkdtemp(directory))
		return 1;
	status = tap_main(argc, argv);
	unit_of(NULL);
	clean_up();
	return status;
}
