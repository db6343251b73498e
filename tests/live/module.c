/*
 * Modules and symbols of real processes against what their own loader says.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "../../agent/module.h"
#include "../tap.h"
#include "program.h"

static int lookup(const struct program *program, const char *name,
		  const char *version, struct module_symbol *symbol,
		  const struct module **module)
{
	return modules_lookup(program->process, &program->modules, name,
			      version, symbol, module, NULL);
}

static const struct module *executable(const struct program *program)
{
	for (size_t i = 0; i < program->modules.nr; i++)
		if (program->modules.entries[i].is_executable)
			return &program->modules.entries[i];
	return NULL;
}

/* What the process says of a symbol is what we find, in the same module. */
static void check_symbol(const struct program *program, const char *name,
			 const char *version, unsigned char type)
{
	const struct module *module = NULL;
	struct module_symbol symbol = { 0 };

	CHECK_EQ(lookup(program, name, version, &symbol, &module), 0);
	CHECK_EQ(symbol.type, type);
	if (type != STT_GNU_IFUNC)
		CHECK_EQ(symbol.address, answer_of(program, name));
	CHECK(range_contains(&module->range, symbol.address));
}

/* The slots that the loader filled hold what dlsym() answers. */
static void check_ifunc(const struct program *program, const char *name)
{
	const struct module *module = NULL;
	struct module_symbol symbol = { 0 };
	hf_addr slot = 0, own = 0;

	CHECK_EQ(lookup(program, name, NULL, &symbol, &module), 0);
	CHECK_EQ(symbol.type, STT_GNU_IFUNC);
	CHECK_EQ(modules_resolved_slot(program->process, &program->modules,
				       name, NULL, &slot, NULL), 0);
	CHECK_EQ(slot, answer_of(program, name));
	CHECK_EQ(module_resolved_ifunc(program->process, module,
				       symbol.address, &own), 0);
	CHECK_EQ(own, slot);
}

static void check_glibc(const char *name)
{
	struct program program;
	const struct module *exe;
	struct module_symbol symbol;
	hf_addr slot;

	if (!program_start(&program, name))
		TAP_FAIL("cannot start %s", name);
	exe = executable(&program);
	check_symbol(&program, "printf", "GLIBC_2.2.5", STT_FUNC);
	check_symbol(&program, "printf", NULL, STT_FUNC);
	check_symbol(&program, "malloc", "GLIBC_2.2.5", STT_FUNC);
	check_symbol(&program, "qsort", NULL, STT_FUNC);
	check_symbol(&program, "stdout", "GLIBC_2.2.5", STT_OBJECT);
	check_ifunc(&program, "memcpy");
	check_ifunc(&program, "strlen");
	if (!exe || !range_contains(&exe->text, answer_of(&program, "main")))
		tap_failed = true;
	if (!lookup(&program, "printf", "GLIBC_9.9", &symbol, NULL) ||
	    !lookup(&program, "no_such_symbol", NULL, &symbol, NULL) ||
	    !modules_resolved_slot(program.process, &program.modules,
				   "no_such_symbol", NULL, &slot, NULL))
		tap_failed = true;
	program_stop(&program);
}

TEST(pie)
{
	check_glibc("modules");
}

/* Lazy binding: slots that were never used lead back into the PLT. */
TEST(non_pie_lazy)
{
	check_glibc("modules_lazy");
}

/* The program's own copy of a library's variable is found before the
 * library's. */
TEST(copy_relocation)
{
	struct program program;
	const struct module *module = NULL;
	struct module_symbol symbol = { 0 };

	CHECK(program_start(&program, "modules_lazy"));
	CHECK_EQ(lookup(&program, "stdout", "GLIBC_2.2.5", &symbol, &module),
		 0);
	CHECK(module->is_executable);
	program_stop(&program);
}

/* The program, the vdso, the loader and three libraries; one of them last. */
TEST(module_list)
{
	struct program program;
	const struct module *exe, *last;
	struct module vdso = { 0 };
	size_t nr_with_id = 0;

	CHECK(program_start(&program, "modules"));
	exe = executable(&program);
	last = &program.modules.entries
			[program.modules.search[program.modules.nr_search - 1]];
	CHECK(exe && exe == &program.modules.entries[program.modules.search[0]]);
	CHECK_STR(last->soname, "libm.so.6");
	CHECK(exe->has_tls);
	CHECK_EQ(exe->type, ET_DYN);
	CHECK_EQ(exe->machine, EM_X86_64);
	CHECK(exe->eh_frame_hdr && exe->dynamic && exe->entry);
	CHECK(modules_find(&program.modules, answer_of(&program, "main")) ==
	      exe);
	CHECK(!modules_find(&program.modules, 0));
	for (size_t i = 0; i < program.modules.nr; i++) {
		nr_with_id += program.modules.entries[i].build_id.size == 20;
		if (!strcmp(program.modules.entries[i].path, "[vdso]"))
			vdso = program.modules.entries[i];
	}
	CHECK_EQ(program.modules.nr, 5);
	CHECK_EQ(program.modules.nr_search, 4);
	CHECK(nr_with_id >= 4);
	CHECK(vdso.tables.symbols != 0);
	program_stop(&program);
}

TEST(match)
{
	struct program program;
	struct build_id other = { .size = 20, .bytes = { 1, 2, 3 } };
	const struct module *module = NULL;
	struct hf_diag diag = { 0 };

	CHECK(program_start(&program, "modules"));
	CHECK_EQ(modules_match(&program.modules,
			       &executable(&program)->build_id, "modules",
			       &module, NULL), 0);
	CHECK(module == executable(&program));
	CHECK_EQ(modules_match(&program.modules, &other, "modules", &module,
			       &diag), -ECANCELED);
	CHECK_STR(diag.code, "build-id-mismatch");
	CHECK_CONTAINS(diag.message, "0102030000");
	CHECK_EQ(modules_match(&program.modules, &other, "libm.so.6", &module,
			       &diag), -ECANCELED);
	CHECK_STR(diag.code, "build-id-mismatch");
	CHECK_EQ(modules_match(&program.modules, &other, "nginx", &module,
			       &diag), -ECANCELED);
	CHECK_STR(diag.code, "module-absent");
	program_stop(&program);
}

TEST(musl)
{
	struct program program;

	CHECK(program_start(&program, "modules_musl"));
	check_symbol(&program, "printf", NULL, STT_FUNC);
	check_symbol(&program, "malloc", NULL, STT_FUNC);
	check_symbol(&program, "memcpy", NULL, STT_FUNC);
	check_symbol(&program, "stdout", NULL, STT_OBJECT);
	program_stop(&program);
}

/* Nothing exports anything, and nothing goes wrong over it. */
TEST(static_program)
{
	struct program program;
	struct module_symbol symbol;
	const struct module *exe;

	CHECK(program_start(&program, "modules_static"));
	exe = executable(&program);
	CHECK(exe != NULL);
	CHECK_EQ(exe->bias, 0);
	CHECK_EQ(exe->type, ET_EXEC);
	CHECK(range_contains(&exe->text, answer_of(&program, "main")));
	CHECK_EQ(lookup(&program, "printf", NULL, &symbol, NULL), -ENOENT);
	program_stop(&program);
}

/* A program that reads a library is not one that runs it. */
TEST(read_only_mapping_is_no_module)
{
	struct program program;
	hf_addr mapped;

	CHECK(program_start(&program, "modules"));
	mapped = answer_of(&program, "mapped");
	CHECK(mapped && mappings_find(&program.mappings, mapped));
	CHECK(!modules_find(&program.modules, mapped));
	program_stop(&program);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

TEST(find_all)
{
	struct program first, second, other;
	size_t nr = 0, nr_unreadable = 0;
	pid_t *pids = NULL;
	double start = now_ms();
	bool right;

	CHECK(program_start(&first, "modules"));
	CHECK(program_start(&second, "modules"));
	CHECK(program_start(&other, "modules_lazy"));
	CHECK_EQ(process_find_all(&executable(&first)->build_id, &pids, &nr,
				  &nr_unreadable, NULL), 0);
	printf("# looked through all processes in %.1f ms\n", now_ms() - start);
	right = nr == 2 && pids[0] == first.pid && pids[1] == second.pid;
	if (!right && nr == 2)
		right = pids[0] == second.pid && pids[1] == first.pid;
	free(pids);
	program_stop(&first);
	program_stop(&second);
	program_stop(&other);
	CHECK(right);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	return tap_main(argc, argv);
}
