#include "purity.h"

#include <errno.h>

#include "knowledge.h"
#include "registers.h"

/* Functions that are looked at for one replacement. */
#define WALK_MAX 256

struct walk {
	uint64_t vaddrs[WALK_MAX]; /* of one source file, each once */
	size_t nr;
};

/* Return: false when there are too many. */
static bool walk_add(struct walk *walk, uint64_t vaddr)
{
	for (size_t i = 0; i < walk->nr; i++)
		if (walk->vaddrs[i] == vaddr)
			return true;
	if (walk->nr == WALK_MAX)
		return false;
	walk->vaddrs[walk->nr++] = vaddr;
	return true;
}

/* Whether what a pure function calls may leave it pure; then it is visited. */
static bool exit_is_known(const struct build *build,
			  const struct symbol *function,
			  const struct register_exit *leaves, struct walk *walk)
{
	const struct symbol *callee;

	/* A jump through a table stays inside. */
	if (!leaves->target)
		return !leaves->is_call;
	callee = symbols_function_at(&build->symbols, leaves->target);
	return callee && knowledge_same_source(build, function, callee) &&
	       walk_add(walk, callee->vaddr);
}

/* Return: 1: it alone changes no memory; 0: it may; -errno. */
static int visit(const struct build *build, uint64_t vaddr, struct walk *walk)
{
	const struct symbol *function =
		symbols_function_at(&build->symbols, vaddr);
	const uint8_t *code = function ? elf_bytes_at(build->target->file,
						      vaddr, function->size) :
					 NULL;
	struct register_use use;
	int r;

	if (!code)
		return 0;
	r = registers_scan(build->target->arch, code, function->size, vaddr,
			   &use);
	if (r)
		return r;
	r = !use.unknown && !use.stores;
	for (size_t i = 0; i < use.nr_exits && r; i++)
		r = exit_is_known(build, function, &use.exits[i], walk);
	registers_release(&use);
	return r;
}

/* Return: 1 when the compiler may have taken it for pure; 0; -errno. */
static int was_pure(const struct build *build, const struct symbol *function)
{
	struct walk walk = { .vaddrs = { function->vaddr }, .nr = 1 };
	int r = 1;

	for (size_t i = 0; i < walk.nr && r > 0; i++)
		r = visit(build, walk.vaddrs[i], &walk);
	return r;
}

/* Return: 1 when the new code writes memory or calls what may; 0; -errno. */
static int changes_memory(const struct build *build,
			  const struct elf_file *linked,
			  const struct manifest_function *function)
{
	const uint8_t *code = elf_bytes_at(linked, function->replacement_vaddr,
					   function->replacement_size);
	struct register_use use;
	int r;

	if (!code)
		return 1;
	r = registers_scan(build->target->arch, code,
			   function->replacement_size,
			   function->replacement_vaddr, &use);
	if (r)
		return r;
	r = use.unknown || use.stores || use.nr_exits;
	registers_release(&use);
	return r;
}

static int warn(struct build *build, const struct symbol *old)
{
	const char *caller;
	int r = knowledge_find_caller(build, old, true, &caller);

	if (r || !caller)
		return r;
	return strings_addf(&build->warnings,
			    "%s() changed no memory and the replacement may: "
			    "%s() and others of its source file may have been "
			    "compiled to rely on that, and use values that "
			    "they read before the call; replace them too if "
			    "they read what the replacement writes",
			    old->name, caller);
}

int purity_check(struct build *build, const struct elf_file *linked,
		 struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < build->nr_replacements && r >= 0; i++) {
		r = was_pure(build, build->replacements[i].old);
		if (r > 0)
			r = changes_memory(build, linked,
					   &build->manifest->functions[i]);
		if (r > 0)
			r = warn(build, build->replacements[i].old);
	}
	return r < 0 ? hf_fail(diag, r, "cannot compare what the functions "
				       "write") :
		       0;
}
