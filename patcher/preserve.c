#include "preserve.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "command.h"
#include "convention.h"
#include "emit.h"
#include "knowledge.h"
#include "original.h"

/* Functions that are looked at for one replacement. */
#define WALK_MAX 4096

/* Functions that call each other, each looked at once. */
struct walk {
	uint64_t *vaddrs;
	size_t nr;
};

static int walk_add(struct walk *walk, uint64_t vaddr)
{
	uint64_t *entry;

	for (size_t i = 0; i < walk->nr; i++)
		if (walk->vaddrs[i] == vaddr)
			return 0;
	entry = array_append(walk->vaddrs, walk->nr);
	if (!entry)
		return -ENOMEM;
	*entry = vaddr;
	return 0;
}

/* ---- what the original leaves alone ------------------------------------- */

static bool is_in_plt(const struct elf_file *file, uint64_t vaddr)
{
	for (size_t i = 1; i < file->nr_sections; i++) {
		const Elf64_Shdr *section = &file->sections[i];
		const char *name = elf_section_name(file, section);

		if (section->sh_flags & SHF_ALLOC &&
		    vaddr - section->sh_addr < section->sh_size)
			return !strncmp(name, ".plt", 4) ||
			       !strncmp(name, ".iplt", 5);
	}
	return false;
}

/* Where one call or jump leads to. */
static int follow(const struct build *build, const struct symbol *function,
		  const struct register_exit *leaves, struct walk *walk,
		  register_set *written)
{
	const struct symbol *callee;

	if (!leaves->target) {
		/* A jump through a table stays inside. */
		if (leaves->is_call && !knowledge_calls_by_register(build, function))
			*written = REGISTERS_ALL;
		return 0;
	}
	callee = symbols_function_at(&build->symbols, leaves->target);
	if (callee && knowledge_same_source(build, function, callee))
		return walk_add(walk, callee->vaddr);
	/* A function without a name may be of the same source. */
	if (callee || is_in_plt(build->target->file, leaves->target))
		*written = REGISTERS_ALL;
	return 0;
}

static int add_written(const struct build *build, uint64_t vaddr,
		       struct walk *walk, register_set *written)
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
	*written |= use.written;
	for (size_t i = 0; i < use.nr_exits && !r; i++)
		r = follow(build, function, &use.exits[i], walk, written);
	registers_release(&use);
	return r;
}

/*
 * Registers that the compiler may count as written by @function: its own, and
 * all of them where it calls what the compiler did not see. What we are not
 * sure of counts as not written: then more is preserved than need be.
 */
static int written_by(const struct build *build, const struct symbol *function,
		      register_set *ret_written)
{
	struct walk walk = { 0 };
	int r = walk_add(&walk, function->vaddr);

	*ret_written = 0;
	for (size_t i = 0; i < walk.nr && i < WALK_MAX && !r; i++) {
		if (*ret_written == REGISTERS_ALL)
			break;
		r = add_written(build, walk.vaddrs[i], &walk, ret_written);
	}
	free(walk.vaddrs);
	return r;
}

/* ---- what the replacement writes ---------------------------------------- */

static const Elf64_Sym *function_at(const struct elf_file *file, uint64_t vaddr)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	for (size_t i = 1; i < symbols.nr; i++)
		if (ELF64_ST_TYPE(symbols.entries[i].st_info) == STT_FUNC &&
		    symbols.entries[i].st_value == vaddr)
			return &symbols.entries[i];
	return NULL;
}

/* What stands for the original of @replacement, not of another function. */
static bool is_own_original(const struct elf_file *file,
			    const Elf64_Sym *symbol, const char *replacement)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);
	const char *name = elf_symbol_name(
		file, &symbols, (size_t)(symbol - symbols.entries));

	return original_is_symbol(name) &&
	       !strcmp(name + strlen("hotfix.original."), replacement);
}

static int add_clobbered(const struct build *build,
			 const struct elf_file *linked, const char *replacement,
			 uint64_t vaddr, struct walk *walk,
			 register_set *clobbered)
{
	const Elf64_Sym *symbol = function_at(linked, vaddr);
	const uint8_t *code =
		symbol ? elf_bytes_at(linked, vaddr, symbol->st_size) : NULL;
	struct register_use use;
	int r;

	/* It writes what the original writes, no more. */
	if (symbol && is_own_original(linked, symbol, replacement))
		return 0;
	if (!code || !symbol->st_size) {
		*clobbered = REGISTERS_ALL;
		return 0;
	}
	r = registers_scan(build->target->arch, code, symbol->st_size, vaddr,
			   &use);
	if (r)
		return r;
	*clobbered |= use.unknown ? REGISTERS_ALL : use.mentioned;
	for (size_t i = 0; i < use.nr_exits && !r; i++)
		r = walk_add(walk, use.exits[i].target);
	registers_release(&use);
	return r;
}

/* What we are not sure of counts as written. */
static int clobbered_by(const struct build *build,
			const struct elf_file *linked,
			const struct manifest_function *function,
			register_set *ret_clobbered)
{
	struct walk walk = { 0 };
	int r = walk_add(&walk, function->replacement_vaddr);

	*ret_clobbered = 0;
	for (size_t i = 0; i < walk.nr && !r; i++) {
		if (i == WALK_MAX)
			*ret_clobbered = REGISTERS_ALL;
		if (*ret_clobbered == REGISTERS_ALL)
			break;
		r = add_clobbered(build, linked, function->replacement,
				  walk.vaddrs[i], &walk, ret_clobbered);
	}
	free(walk.vaddrs);
	return r;
}

/* ---- who relies on it --------------------------------------------------- */

static bool compiled_without(const struct build *build,
			     const struct symbol *function)
{
	const char *producer = knowledge_producer(build, function);

	return strstr(producer, "clang") || strstr(producer, "-fno-ipa-ra");
}

static int add_mentioned(const struct build *build, uint64_t vaddr,
			 uint64_t size, register_set *set, bool *wide)
{
	const uint8_t *code = elf_bytes_at(build->target->file, vaddr, size);
	struct register_use use;
	int r;

	if (!code)
		return 0;
	r = registers_scan(build->target->arch, code, size, vaddr, &use);
	if (r)
		return r;
	*set |= use.unknown ? REGISTERS_ALL : use.mentioned;
	*wide |= use.wide;
	registers_release(&use);
	return 0;
}

/* Where names are missing, a caller may be anywhere. */
static int add_all_code(const struct build *build, register_set *set,
			bool *wide)
{
	const struct elf_file *file = build->target->file;
	int r = 0;

	*set |= REGISTERS_ALL & ~REGISTERS_AVX512;
	for (size_t i = 1; i < file->nr_sections && !r; i++)
		if (file->sections[i].sh_flags & SHF_EXECINSTR)
			r = add_mentioned(build, file->sections[i].sh_addr,
					  file->sections[i].sh_size, set, wide);
	return r;
}

/*
 * Registers that callers could keep something in at all: those that hold
 * arguments, and those that the source file's code mentions.
 */
static int usable_by_callers(const struct build *build,
			     const struct symbol *function,
			     register_set *ret_set, bool *ret_wide)
{
	register_set set = REGISTERS_ARGUMENTS;
	bool wide = false;
	int r = 0;

	if (!build->symbols.complete)
		r = add_all_code(build, &set, &wide);
	for (size_t i = 0; i < build->symbols.nr_code && !r; i++) {
		const struct symbol *other = build->symbols.code[i];

		if (symbol_class(other) == SYMBOL_FUNCTION &&
		    knowledge_same_source(build, function, other))
			r = add_mentioned(build, other->vaddr, other->size,
					  &set, &wide);
	}
	*ret_set = set;
	*ret_wide = wide;
	return r;
}

/* ---- the entries -------------------------------------------------------- */

static void write_vectors(FILE *file, register_set set, bool save)
{
	unsigned int at = 0;

	for (unsigned int i = 0; i < NR_VECTOR; i++) {
		if (!(set & REGISTER_XMM(i)))
			continue;
		if (save)
			fprintf(file, "\tmovdqu %%xmm%u, %u(%%rsp)\n", i, at);
		else
			fprintf(file, "\tmovdqu %u(%%rsp), %%xmm%u\n", at, i);
		at += 16;
	}
}

/* Moves the stack pointer and leaves the flags alone. */
static void write_move(FILE *file, int size)
{
	if (size)
		fprintf(file,
			"\tlea %d(%%rsp), %%rsp\n"
			"\t.cfi_adjust_cfa_offset %d\n",
			size, -size);
}

static void write_stack_copy(FILE *file, unsigned int nr, unsigned int frame)
{
	/* Each push moves the next argument down to the same place. */
	for (unsigned int i = 0; i < nr; i++)
		fprintf(file, "\tpush %u(%%rsp)\n\t.cfi_adjust_cfa_offset 8\n",
			frame + 8 * nr);
}

static void write_entry(FILE *file, const char *name, register_set set,
			unsigned int nr_stack_words)
{
	int room = 0, frame = 0;

	/*
	 * Arguments on the stack may have to be aligned: all that is pushed,
	 * the return address included, makes a multiple of 16.
	 */
	fprintf(file,
		"\t.globl hotfix.entry.%s, hotfix.call.%s\n"
		"\t.hidden hotfix.entry.%s, hotfix.call.%s\n"
		"\t.type hotfix.entry.%s, @function\n\t.balign 16\n"
		"hotfix.entry.%s:\n\t.cfi_startproc\n",
		name, name, name, name, name, name);
	for (unsigned int i = 0; i < NR_GENERAL; i++) {
		if (!(set & (1u << i)))
			continue;
		fprintf(file, "\tpush %%%s\n\t.cfi_adjust_cfa_offset 8\n",
			register_name(i));
		frame += 8;
	}
	for (unsigned int i = 0; i < NR_VECTOR; i++)
		room += set & REGISTER_XMM(i) ? 16 : 0;
	if ((frame + 8 * (int)nr_stack_words + 8) % 16)
		room += 8;
	write_move(file, -room);
	write_vectors(file, set, true);
	write_stack_copy(file, nr_stack_words, (unsigned int)(frame + room));
	fprintf(file, "hotfix.call.%s:\n\t.byte 0xe8, 0, 0, 0, 0\n", name);
	write_move(file, (int)(8 * nr_stack_words));
	write_vectors(file, set, false);
	write_move(file, room);
	for (unsigned int i = NR_GENERAL; i-- > 0;)
		if (set & (1u << i))
			fprintf(file,
				"\tpop %%%s\n\t.cfi_adjust_cfa_offset -8\n",
				register_name(i));
	fprintf(file,
		"\tret\n\t.cfi_endproc\n\t.size hotfix.entry.%s, . - "
		"hotfix.entry.%s\n",
		name, name);
}

static char *set_text(register_set set)
{
	struct strings words = { 0 };
	char *text;

	for (unsigned int i = 0; i < NR_REGISTERS; i++)
		if (set & (1u << i) && strings_add(&words, register_name(i)))
			break;
	text = strings_join(&words);
	strings_release(&words);
	return text;
}

struct need {
	register_set set; /* empty when nothing need be preserved */
	const char *caller;
	bool wide; /* callers use more than 128 bits of the vector registers */
};

static int find_need(const struct build *build, const struct elf_file *linked,
		     size_t index, struct need *ret_need)
{
	const struct symbol *old = build->replacements[index].old;
	register_set written, clobbered, usable;
	struct need need = { 0 };
	int r;

	*ret_need = need;
	if (compiled_without(build, old))
		return 0;
	r = written_by(build, old, &written);
	if (r || written == REGISTERS_ALL)
		return r;
	r = clobbered_by(build, linked, &build->manifest->functions[index],
			 &clobbered);
	if (r || !(clobbered & ~written))
		return r;
	r = knowledge_find_caller(build, old, true, &need.caller);
	if (r || !need.caller)
		return r;
	r = usable_by_callers(build, old, &usable, &need.wide);
	if (r)
		return r;
	need.set = clobbered & ~written & usable;
	*ret_need = need;
	return 0;
}

static int refuse_entry(const struct symbol *old, const struct need *need,
			const char *registers, const char *why,
			struct hf_diag *diag)
{
	hf_refuse(diag, "registers",
		  "callers of %s(), like %s(), may keep values in registers "
		  "that the original leaves alone and the replacement does "
		  "not (%s), and those cannot be saved: %s",
		  old->name, need->caller, registers, why);
	hf_hint(diag, "replace those callers as well, in the same patch");
	hf_hint(diag, "or let the replacement do its work without calling "
		      "other functions");
	return -ECANCELED;
}

/* What keeps us from saving registers for a replacement; NULL: nothing. */
static const char *obstacle(const struct need *need,
			    const struct convention *convention)
{
	if (convention->unknown_arguments)
		return "its arguments on the stack are variable or too many";
	if (convention->unknown_results && need->set & convention->results)
		return "it is not known which registers carry its result";
	if (need->set & REGISTERS_AVX512 ||
	    (need->wide && need->set & REGISTERS_VECTOR))
		return "its callers use vectors of more than 128 bits";
	return NULL;
}

/* Of the replacement: where the target has types, they are the same. */
static struct convention find_convention(const struct build *build,
					 const struct debuginfo *patch,
					 size_t index)
{
	const struct debug_entity *entity = debuginfo_entity(
		patch, build->manifest->functions[index].replacement_vaddr);
	Dwarf_Die die;

	if (!entity ||
	    !dwarf_offdie(debuginfo_dwarf(patch), entity->die, &die))
		return convention_of(NULL);
	return convention_of(&die);
}

/* Where every caller is replaced, only old activations still rely on it. */
static int do_without(struct build *build, const struct symbol *old,
		      const struct need *need, const char *registers,
		      const char *why, struct hf_diag *diag)
{
	const char *caller;
	int r = knowledge_find_caller(build, old, false, &caller);

	if (!r && caller)
		return refuse_entry(old, need, registers, why, diag);
	if (!r)
		r = strings_addf(&build->warnings,
				 "do not apply it with --mode entry: old code "
				 "of callers of %s() relies on registers that "
				 "the replacement writes",
				 old->name);
	return r ? hf_fail(diag, r, "cannot find callers") : 0;
}

static int add_entry(struct build *build, size_t index,
		     const struct need *need, unsigned int nr_stack_words,
		     FILE *file, char *registers)
{
	struct replacement *replacement = &build->replacements[index];
	const char *name = build->manifest->functions[index].replacement;

	write_entry(file, name, need->set, nr_stack_words);
	free(replacement->saved);
	replacement->saved = registers;
	return build_prove(build,
			   "%s(): entered through hotfix.entry.%s, which keeps "
			   "what callers like %s() may rely on: %s",
			   replacement->old->name, name, need->caller,
			   registers);
}

static int plan_entry(struct build *build, const struct elf_file *linked,
		      const struct debuginfo *patch, size_t index, FILE *file,
		      size_t *nr, struct hf_diag *diag)
{
	struct convention convention = find_convention(build, patch, index);
	owned(free_p) char *text = NULL;
	const char *why;
	struct need need;

	if (find_need(build, linked, index, &need))
		return hf_fail(diag, -ENOMEM, "cannot compare registers");
	if (!convention.unknown_results)
		need.set &= ~convention.results;
	if (!need.set)
		return 0;
	text = set_text(need.set);
	if (!text)
		return hf_fail(diag, -ENOMEM, "cannot compare registers");
	why = obstacle(&need, &convention);
	if (why)
		return do_without(build, build->replacements[index].old, &need,
				  text, why, diag);
	(*nr)++;
	if (add_entry(build, index, &need, convention.nr_stack_words, file,
		      take_ptr(text)))
		return hf_fail(diag, -ENOMEM, "cannot add a proof");
	return 0;
}

static int assemble(const struct build *build, const char *source,
		    const char *object, struct hf_diag *diag)
{
	struct strings command = { 0 };
	int r;

	if (strings_add_all(&command, &build->compiler) ||
	    strings_add(&command, "-c") || strings_add(&command, "-o") ||
	    strings_add(&command, object) || strings_add(&command, source))
		r = hf_fail(diag, -ENOMEM, "cannot build entries");
	else
		r = command_run(&command, diag);
	strings_release(&command);
	return r;
}

static int write_source(struct build *build, const struct elf_file *linked,
			const char *path, size_t *nr, struct hf_diag *diag)
{
	owned(fclose_p) FILE *file = fopen(path, "we");
	owned(debuginfo_close_p) struct debuginfo *patch = NULL;
	int r;

	if (!file)
		return hf_fail(diag, -errno, "cannot write %s", path);
	r = debuginfo_open_file(build->linked, &patch, diag);
	fputs("\t.section .note.GNU-stack,\"\",@progbits\n"
	      "\t.section .text.hotfix.entry,\"ax\",@progbits\n",
	      file);
	for (size_t i = 0; i < build->nr_replacements && !r; i++)
		r = plan_entry(build, linked, patch, i, file, nr, diag);
	if (!r && fflush(file))
		r = hf_fail(diag, -errno, "cannot write %s", path);
	return r;
}

int preserve_plan(struct build *build, const struct elf_file *linked,
		  char **ret_object, struct hf_diag *diag)
{
	owned(free_p) char *source =
		text_format("%s/entries.s", build->directory);
	owned(free_p) char *object =
		text_format("%s/entries.o", build->directory);
	size_t nr = 0;
	int r;

	*ret_object = NULL;
	if (!source || !object)
		return hf_fail(diag, -ENOMEM, "cannot build entries");
	r = write_source(build, linked, source, &nr, diag);
	if (!r && nr)
		r = assemble(build, source, object, diag);
	if (!r && nr)
		*ret_object = take_ptr(object);
	return r;
}

int preserve_connect(struct build *build, struct elf_file *linked,
		     struct hf_diag *diag)
{
	for (size_t i = 0; i < build->manifest->nr_functions; i++) {
		struct manifest_function *function =
			&build->manifest->functions[i];
		const Elf64_Sym *entry, *call;
		uint64_t end;
		int32_t displacement;
		const uint8_t *place;

		if (!emit_find_entry(linked, function->replacement, &entry,
				     &call))
			continue;
		end = call->st_value + 5;
		displacement = (int32_t)(function->replacement_vaddr - end);
		place = elf_bytes_at(linked, call->st_value + 1, 4);
		if (!place)
			return hf_error(diag, -EIO, "link-lost-symbol",
					"the linker's result lacks %s",
					function->replacement);
		memcpy((void *)place, &displacement, sizeof(displacement));
		function->replacement_vaddr = entry->st_value;
		function->replacement_size = entry->st_size;
	}
	return 0;
}
