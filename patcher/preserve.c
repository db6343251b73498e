#include "preserve.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>

#include "callers.h"
#include "command.h"
#include "emit.h"
#include "original.h"
#include "types.h"

#define DEPTH_MAX 6
#define STACK_WORDS 16
#define GENERAL_ARGUMENTS 6
#define VECTOR_ARGUMENTS 8

/* ---- what the original leaves alone ------------------------------------- */

/* Whether the compiler may have seen both together. */
static bool same_source(const struct build *build, const struct symbol *a,
			const struct symbol *b)
{
	const char *left = symbol_source(&build->symbols, a);
	const char *right = symbol_source(&build->symbols, b);
	const char *producer = build->flags[0].producer;

	/* Link-time optimisation sees everything. */
	if (producer && strstr(producer, "-flto"))
		return true;
	if (!left || !right)
		return left == right;
	return source_matches(left, right) || source_matches(right, left);
}

/*
 * Registers that the compiler may count as written by @function: its own, and
 * all of them where it calls what the compiler did not see. What we are not
 * sure of counts as not written: then more is preserved than need be.
 */
static int written_by(const struct build *build, const struct symbol *function,
		      unsigned int depth, register_set *written)
{
	const uint8_t *code = elf_bytes_at(build->target->file,
					   function->vaddr, function->size);
	struct register_use use;
	int r;

	if (!code || depth > DEPTH_MAX)
		return 0;
	r = registers_scan(build->target->arch, code, function->size,
			   function->vaddr, &use);
	if (r)
		return r;
	*written |= use.written;
	for (size_t i = 0; i < use.nr_exits && !r; i++) {
		hf_addr to = use.exits[i].target;
		const struct symbol *callee =
			to ? symbols_function_at(&build->symbols, to) : NULL;

		/* A jump through a table stays inside. */
		if (!to && !use.exits[i].is_call)
			continue;
		if (callee && same_source(build, function, callee))
			r = written_by(build, callee, depth + 1, written);
		else
			*written = REGISTERS_ALL;
	}
	registers_release(&use);
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

static bool is_original(const struct elf_file *file, const Elf64_Sym *symbol)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_SYMTAB);

	return original_is_symbol(elf_symbol_name(
		file, &symbols, (size_t)(symbol - symbols.entries)));
}

/* What we are not sure of counts as written. */
static int clobbered_by(const struct build *build, const struct elf_file *linked,
			uint64_t vaddr, unsigned int depth,
			register_set *clobbered)
{
	const Elf64_Sym *symbol = function_at(linked, vaddr);
	const uint8_t *code =
		symbol ? elf_bytes_at(linked, vaddr, symbol->st_size) : NULL;
	struct register_use use;
	int r;

	/* It writes what the original writes, no more. */
	if (symbol && is_original(linked, symbol))
		return 0;
	if (!code || !symbol->st_size || depth > DEPTH_MAX) {
		*clobbered = REGISTERS_ALL;
		return 0;
	}
	r = registers_scan(build->target->arch, code, symbol->st_size, vaddr,
			   &use);
	if (r)
		return r;
	*clobbered |= use.unknown ? REGISTERS_ALL : use.mentioned;
	for (size_t i = 0; i < use.nr_exits && !r; i++)
		r = clobbered_by(build, linked, use.exits[i].target, depth + 1,
				 clobbered);
	registers_release(&use);
	return r;
}

/* ---- who relies on it --------------------------------------------------- */

static bool compiled_without(const struct build *build,
			     const struct replacement *replacement)
{
	size_t index = (size_t)(replacement->object - build->objects);
	const char *producer = build->flags[index].producer;

	return producer && (strstr(producer, "clang") ||
			    strstr(producer, "-fno-ipa-ra"));
}

/*
 * Registers that callers could keep something in at all: those that hold
 * arguments, and those that the source file's code mentions.
 */
static int usable_by_callers(const struct build *build,
			     const struct symbol *function,
			     register_set *ret_set, bool *ret_wide)
{
	register_set set = build->symbols.complete ? REGISTERS_ARGUMENTS :
						     REGISTERS_ALL;
	int r = 0;

	*ret_wide = false;
	for (size_t i = 0; i < build->symbols.nr_code && !r; i++) {
		const struct symbol *other = build->symbols.code[i];
		struct register_use use;
		const uint8_t *code;

		if (symbol_class(other) != SYMBOL_FUNCTION ||
		    !same_source(build, function, other))
			continue;
		code = elf_bytes_at(build->target->file, other->vaddr,
				    other->size);
		if (!code)
			continue;
		r = registers_scan(build->target->arch, code, other->size,
				   other->vaddr, &use);
		if (r)
			break;
		set |= use.unknown ? REGISTERS_ALL : use.mentioned;
		*ret_wide |= use.wide;
		registers_release(&use);
	}
	*ret_set = set;
	return r;
}

struct caller_search {
	const struct build *build;
	const struct symbol *function;
	const char *name; /* of a caller that may rely; NULL: none */
};

/* One that is replaced itself is compiled anew. Return: 1 to stop. */
static int check_caller(void *context, const struct symbol *caller)
{
	struct caller_search *search = context;

	if (caller && (caller == search->function ||
		       build_replacement_at(search->build, caller->vaddr) ||
		       !same_source(search->build, search->function, caller)))
		return 0;
	search->name = caller ? caller->name : "unnamed code";
	return 1;
}

/* A direct call of the old function, in the same source file. */
static const char *find_caller(const struct build *build,
			       const struct symbol *function)
{
	struct caller_search search = { build, function, NULL };

	callers_each(build, function->vaddr, check_caller, &search);
	return search.name;
}

/* ---- arguments and results ---------------------------------------------- */

struct convention {
	register_set results;
	unsigned int nr_stack_words; /* to be copied for the replacement */
	bool unknown; /* too many or variable arguments */
};

static void count_argument(Dwarf_Die *type, unsigned int *general,
			   unsigned int *vector, unsigned int *words)
{
	Dwarf_Word size = 8;
	Dwarf_Attribute attribute;
	Dwarf_Word encoding = 0;
	Dwarf_Die peeled;

	dwarf_aggregate_size(type, &size);
	if (dwarf_peel_type(type, &peeled))
		peeled = *type;
	dwarf_formudata(dwarf_attr(&peeled, DW_AT_encoding, &attribute),
			&encoding);
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		/* In registers or on the stack: room for the latter. */
		*words += (unsigned int)((size + 15) / 8);
		return;
	}
	if (size > 8)
		*words += (unsigned int)((size + 15) / 8);
	else if (encoding == DW_ATE_float)
		++*vector;
	else
		++*general;
}

static void count_arguments(Dwarf_Die *function, struct convention *convention)
{
	unsigned int general = 1, vector = 0, words = 0;
	Dwarf_Die die, type;

	/* One more, for a result in memory. */
	if (!dwarf_child(function, &die))
		do {
			if (dwarf_tag(&die) == DW_TAG_unspecified_parameters)
				convention->unknown = true;
			if (dwarf_tag(&die) == DW_TAG_formal_parameter &&
			    type_of(&die, &type))
				count_argument(&type, &general, &vector,
					       &words);
		} while (!dwarf_siblingof(&die, &die));
	if (words || general > GENERAL_ARGUMENTS || vector > VECTOR_ARGUMENTS)
		convention->nr_stack_words = STACK_WORDS;
	if (words + general + vector >
	    GENERAL_ARGUMENTS + VECTOR_ARGUMENTS + STACK_WORDS)
		convention->unknown = true;
}

/* Registers that carry the result cannot be kept, and need not be. */
static register_set results_of(Dwarf_Die *function)
{
	Dwarf_Attribute attribute;
	Dwarf_Word encoding = 0;
	Dwarf_Die type, peeled;

	if (!type_of(function, &type))
		return 0;
	if (dwarf_peel_type(&type, &peeled))
		peeled = type;
	dwarf_formudata(dwarf_attr(&peeled, DW_AT_encoding, &attribute),
			&encoding);
	switch (dwarf_tag(&peeled)) {
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return REGISTER_RAX | REGISTER_RDX | REGISTER_XMM(0) |
		       REGISTER_XMM(1);
	}
	switch (encoding) {
	case DW_ATE_float:
		return REGISTER_XMM(0);
	case DW_ATE_complex_float:
		return REGISTER_XMM(0) | REGISTER_XMM(1);
	default:
		return dwarf_bytesize(&peeled) > 8 ?
			       REGISTER_RAX | REGISTER_RDX :
			       REGISTER_RAX;
	}
}

/* Of the replacement: where the target has types, they are the same. */
static struct convention convention_of(const struct debuginfo *patch,
				       const struct manifest_function *function)
{
	struct convention convention = { 0 };
	const struct debug_entity *entity =
		debuginfo_entity(patch, function->replacement_vaddr);
	Dwarf_Attribute attribute;
	Dwarf_Die die, origin;

	if (!entity ||
	    !dwarf_offdie(debuginfo_dwarf(patch), entity->die, &die)) {
		convention.results = REGISTER_RAX | REGISTER_RDX |
				     REGISTER_XMM(0) | REGISTER_XMM(1);
		convention.nr_stack_words = STACK_WORDS;
		return convention;
	}
	if (dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
	    dwarf_formref_die(&attribute, &origin))
		die = origin;
	convention.results = results_of(&die);
	count_arguments(&die, &convention);
	return convention;
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

	for (unsigned int i = 0; i < NR_GENERAL + NR_VECTOR; i++)
		if (set & (1u << i) && strings_add(&words, register_name(i)))
			break;
	text = strings_join(&words);
	strings_release(&words);
	return text;
}

/* @ret_set: empty when nothing need be preserved. */
static int find_needed(const struct build *build,
		       const struct elf_file *linked, size_t index,
		       const char **ret_caller, register_set *ret_set,
		       bool *ret_wide)
{
	const struct replacement *replacement = &build->replacements[index];
	const struct manifest_function *function =
		&build->manifest->functions[index];
	register_set written = 0, clobbered = 0, usable;
	int r;

	*ret_set = 0;
	if (compiled_without(build, replacement))
		return 0;
	r = written_by(build, replacement->old, 0, &written);
	if (r || written == REGISTERS_ALL)
		return r;
	r = clobbered_by(build, linked, function->replacement_vaddr, 0,
			 &clobbered);
	if (r || !(clobbered & ~written))
		return r;
	*ret_caller = find_caller(build, replacement->old);
	if (!*ret_caller)
		return 0;
	r = usable_by_callers(build, replacement->old, &usable, ret_wide);
	if (!r)
		*ret_set = clobbered & ~written & usable;
	return r;
}

static int refuse_entry(const struct symbol *old, const char *caller,
			const char *registers, struct hf_diag *diag)
{
	hf_refuse(diag, "registers",
		  "callers of %s(), like %s(), may keep values in registers "
		  "that the original leaves alone and the replacement does "
		  "not (%s)",
		  old->name, caller, registers);
	hf_hint(diag, "replace those callers as well, in the same patch");
	hf_hint(diag, "or let the replacement do its work without calling "
		      "other functions");
	return -ECANCELED;
}

static int plan_entry(struct build *build, const struct elf_file *linked,
		      const struct debuginfo *patch, size_t index, FILE *file,
		      size_t *nr, struct hf_diag *diag)
{
	const struct symbol *old = build->replacements[index].old;
	const struct manifest_function *function =
		&build->manifest->functions[index];
	const char *name = function->replacement;
	struct convention convention = convention_of(patch, function);
	owned(free_p) char *text = NULL;
	const char *caller = NULL;
	register_set set;
	bool wide = false;

	if (find_needed(build, linked, index, &caller, &set, &wide))
		return hf_fail(diag, -ENOMEM, "cannot compare registers");
	set &= ~convention.results;
	if (!set)
		return 0;
	text = set_text(set);
	if (!text)
		return hf_fail(diag, -ENOMEM, "cannot compare registers");
	if (convention.unknown || (wide && set & REGISTERS_VECTOR))
		return refuse_entry(old, caller, text, diag);
	write_entry(file, name, set, convention.nr_stack_words);
	(*nr)++;
	if (build_prove(build,
			"%s(): entered through hotfix.entry.%s, which keeps "
			"what callers like %s() may rely on: %s",
			old->name, name, caller, text))
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
