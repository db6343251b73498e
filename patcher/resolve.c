#include "resolve.h"

#include <errno.h>
#include <string.h>

#include "inlines.h"
#include "original.h"
#include "static_local.h"

/* An undefined name of one file. */
struct wanted {
	const struct build *build;
	const struct object *object;
	const struct object_import *import;
	const char *name;   /* in the target */
	const char *source; /* "" for any */
};

struct manifest_import *import_find(const struct manifest *manifest,
				    const char *symbol)
{
	for (size_t i = 0; i < manifest->nr_imports; i++)
		if (!strcmp(manifest->imports[i].symbol, symbol))
			return &manifest->imports[i];
	return NULL;
}

struct manifest_import *import_add(struct manifest *manifest)
{
	return array_append(manifest->imports, manifest->nr_imports);
}

void import_release(struct manifest_import *import)
{
	free(import->symbol);
	free(import->name);
	free(import->source);
	free(import->version);
	free(import->library);
	*import = (struct manifest_import){ 0 };
}

/* ---- is it used as what it is? ------------------------------------------ */

static const char *use_name(unsigned int uses)
{
	if (uses & USE_TLS)
		return "a thread-local variable";
	return uses & USE_CALL ? "a function" : "a variable";
}

static int refuse_kind(const struct wanted *wanted, enum symbol_class class,
		       const char *place, struct hf_diag *diag)
{
	hf_refuse(diag, "symbol-kind", "%s uses %s as %s, but in %s it is %s",
		  wanted->object->source, wanted->import->symbol,
		  use_name(wanted->import->uses), place,
		  symbol_class_name(class));
	if (class == SYMBOL_TLS)
		hf_hint(diag, "declare it `extern __thread`");
	else
		hf_hint(diag, "declare it as the target does, or name another "
			      "with HOTFIX_IMPORT_AS(local, source, name)");
	return -ECANCELED;
}

static int check_use(const struct wanted *wanted, enum symbol_class class,
		     const char *place, struct hf_diag *diag)
{
	unsigned int uses = wanted->import->uses;

	if (class == SYMBOL_OTHER)
		return 0;
	if (uses & USE_TLS ? class != SYMBOL_TLS : class == SYMBOL_TLS && uses)
		return refuse_kind(wanted, class, place, diag);
	if (uses & USE_CALL && class == SYMBOL_DATA)
		return refuse_kind(wanted, class, place, diag);
	if (!(uses & USE_DIRECT))
		return 0;
	hf_refuse(diag, "symbol-hidden",
		  "%s: %s is declared with hidden visibility, so the compiler "
		  "took it for a part of the patch",
		  wanted->object->source, wanted->import->symbol);
	hf_hint(diag, "declare it again without the attribute, or compile "
		      "with the macro that sets it defined to nothing "
		      "(-- -DNAME=)");
	return -ECANCELED;
}

/* ---- in the target ------------------------------------------------------ */

static int refuse_ambiguous(const struct wanted *wanted,
			    const struct symbol_matches *matches,
			    struct hf_diag *diag)
{
	const struct symbols *symbols = &wanted->build->symbols;

	hf_refuse(diag, "symbol-ambiguous",
		  "%s: %s is the name of %zu different things in %s",
		  wanted->object->source, wanted->name, matches->nr,
		  symbols->target->name);
	for (size_t i = 0; i < matches->nr; i++) {
		const struct symbol *symbol = matches->entries[i];

		hf_detail(diag, "  %#lx  %s of %s", symbol->vaddr,
			  symbol_class_name(symbol_class(symbol)),
			  symbol_source(symbols, symbol) ?: "unknown source");
	}
	hf_hint(diag, "say which: HOTFIX_IMPORT_FROM(\"file.c\", %s);",
		wanted->name);
	return -ECANCELED;
}

/* The one that a plain name means: a global first, else the only one. */
static int choose(const struct wanted *wanted,
		  const struct symbol_matches *matches,
		  const struct symbol **ret_symbol, struct hf_diag *diag)
{
	for (size_t i = 0; i < matches->nr; i++) {
		if (matches->entries[i]->binding == STB_LOCAL)
			continue;
		*ret_symbol = matches->entries[i];
		return 0;
	}
	if (!matches->nr)
		return -ENOENT;
	if (matches->nr > 1)
		return refuse_ambiguous(wanted, matches, diag);
	*ret_symbol = matches->entries[0];
	return 0;
}

static enum import_kind import_kind(const struct build *build,
				    const struct symbol *symbol)
{
	const Elf64_Shdr *section =
		elf_section_at(build->target->file, symbol->section);

	if (symbol->type == STT_GNU_IFUNC)
		return IMPORT_IFUNC;
	switch (symbol_class(symbol)) {
	case SYMBOL_FUNCTION:
		return IMPORT_FUNCTION;
	case SYMBOL_DATA:
		return IMPORT_OBJECT;
	case SYMBOL_TLS:
		return IMPORT_TLS;
	default:
		return section && section->sh_flags & SHF_EXECINSTR ?
			       IMPORT_FUNCTION :
			       IMPORT_OBJECT;
	}
}

/* How the agent will find a thread-local variable of this target. */
static int place_tls(const struct target *target, enum tls_need need,
		     struct manifest_import *import, struct hf_diag *diag)
{
	if (target->kind == TARGET_EXECUTABLE) {
		import->tls = IMPORT_TLS_EXECUTABLE;
		import->tls_offset =
			target->tls_start + (int64_t)import->vaddr;
		return 0;
	}
	if (target->tls_pointer_slot.vaddr && need != TLS_NEED_MODULE) {
		import->tls = IMPORT_TLS_THREAD_POINTER_SLOT;
		import->tls_slot = target->tls_pointer_slot.vaddr;
		import->tls_slot_offset = target->tls_pointer_slot.offset;
		return 0;
	}
	if (target->tls_module_slot.vaddr && need != TLS_NEED_POINTER_OFFSET) {
		import->tls = IMPORT_TLS_MODULE_SLOT;
		import->tls_slot = target->tls_module_slot.vaddr;
		return 0;
	}
	hf_refuse(diag, "tls-unavailable",
		  "%s is thread-local, and %s reaches its thread-local "
		  "variables in a way that a patch cannot share",
		  import->name, target->name);
	hf_detail(diag, "It has no slot of %s (TLS descriptors cannot be "
			"shared).",
		  need == TLS_NEED_MODULE ? "the kind R_X86_64_DTPMOD64" :
		  need == TLS_NEED_POINTER_OFFSET ?
					    "the kind R_X86_64_TPOFF64" :
					    "the kinds R_X86_64_TPOFF64 or "
					    "R_X86_64_DTPMOD64");
	hf_hint(diag, "call a function of the library that returns the "
		      "variable's address instead");
	return -ECANCELED;
}

/* Of two versions of one name, that of @symbol. */
static bool is_same_symbol(const struct target *target,
			   const struct elf_symbols *symbols, size_t index,
			   const struct symbol *symbol)
{
	return index && index < symbols->nr &&
	       symbols->entries[index].st_value == symbol->vaddr &&
	       !strcmp(elf_symbol_name(target->file, symbols, index),
		       symbol->name);
}

static uint64_t find_slot(const struct target *target,
			  const struct symbol *symbol, uint32_t type)
{
	const struct elf_file *file = target->file;
	struct elf_symbols symbols = elf_symbols(file, SHT_DYNSYM);

	for (size_t i = 1; i < file->nr_sections; i++) {
		const Elf64_Shdr *table = &file->sections[i];
		const Elf64_Rela *relas =
			table->sh_type == SHT_RELA ?
				(const void *)elf_section_data(file, table) :
				NULL;
		size_t nr = relas ? elf_section_entries(table, sizeof(*relas)) :
				    0;

		for (size_t k = 0; k < nr; k++)
			if (ELF64_R_TYPE(relas[k].r_info) == type &&
			    is_same_symbol(target, &symbols,
					   ELF64_R_SYM(relas[k].r_info),
					   symbol))
				return relas[k].r_offset;
	}
	return 0;
}

/* Before its first call, the slot of a function leads to what looks it up. */
static uint64_t own_slot(const struct target *target,
			 const struct symbol *symbol, bool called)
{
	uint64_t slot;

	if (symbol->binding == STB_LOCAL || symbol->type == STT_TLS)
		return 0;
	slot = find_slot(target, symbol, R_X86_64_GLOB_DAT);
	if (!slot && called)
		slot = find_slot(target, symbol, R_X86_64_JUMP_SLOT);
	return slot;
}

int import_of_symbol(const struct build *build, const struct symbol *symbol,
		     enum tls_need need, bool called,
		     struct manifest_import *import, struct hf_diag *diag)
{
	const char *source = symbol_source(&build->symbols, symbol);

	import->kind = import_kind(build, symbol);
	import->in_module = true;
	import->vaddr = symbol->vaddr;
	import->slot = own_slot(build->target, symbol, called);
	import->size = symbol->size;
	import->name = strdup(symbol->name);
	if (!import->name || (source && !(import->source = strdup(source))))
		return hf_fail(diag, -ENOMEM, "cannot resolve %s",
			       symbol->name);
	if (import->kind == IMPORT_TLS)
		return place_tls(build->target, need, import, diag);
	return 0;
}

static enum tls_need tls_need_of(const struct wanted *wanted)
{
	return wanted->import->uses & USE_TLS_MODULE ? TLS_NEED_MODULE :
						       TLS_NEED_ANY;
}

static int find_in_module(const struct wanted *wanted,
			  struct manifest_import *import, struct hf_diag *diag)
{
	const struct build *build = wanted->build;
	struct symbol_matches matches = { 0 };
	const struct symbol *symbol = NULL;
	int r = symbols_find(&build->symbols, wanted->name, wanted->source,
			     &matches);

	if (!r && !matches.nr && strchr(wanted->name, '.'))
		r = static_local_find(build, wanted->name, wanted->source,
				      &matches);
	if (r)
		return hf_fail(diag, r, "cannot resolve %s", wanted->name);
	r = choose(wanted, &matches, &symbol, diag);
	symbol_matches_release(&matches);
	if (!r)
		r = check_use(wanted, symbol_class(symbol),
			      build->target->name, diag);
	if (!r)
		r = import_of_symbol(build, symbol, tls_need_of(wanted),
				     wanted->import->uses == USE_CALL, import,
				     diag);
	return r;
}

/* ---- in its libraries --------------------------------------------------- */

static enum symbol_class exported_class(const struct exported *exported)
{
	struct symbol symbol = { .type = exported->type };

	return symbol_class(&symbol);
}

static enum import_kind exported_kind(const struct exported *exported,
				      bool called)
{
	if (exported->type == STT_GNU_IFUNC)
		return IMPORT_IFUNC;
	switch (exported_class(exported)) {
	case SYMBOL_FUNCTION:
		return IMPORT_FUNCTION;
	case SYMBOL_DATA:
		return IMPORT_OBJECT;
	default:
		return called ? IMPORT_FUNCTION : IMPORT_OBJECT;
	}
}

int import_of_exported(const char *name, const struct exported *exported,
		       bool called, struct manifest_import *import)
{
	import->kind = exported_kind(exported, called);
	import->size = exported->size;
	import->name = strdup(name);
	import->version = exported->version ? strdup(exported->version) : NULL;
	import->library = exported->library ? strdup(exported->library) : NULL;
	return !import->name || (exported->version && !import->version) ||
			       (exported->library && !import->library) ?
		       -ENOMEM :
		       0;
}

static int find_in_libraries(const struct wanted *wanted,
			     struct manifest_import *import,
			     struct hf_diag *diag)
{
	struct exported exported = { 0 };
	int r;

	/* A static name was asked for by its file. */
	if (*wanted->source)
		return -ENOENT;
	r = libraries_find(&wanted->build->libraries, wanted->build->target,
			   wanted->name, &exported);
	if (r)
		return r;
	if (exported.type == STT_TLS)
		return hf_refuse(diag, "tls-unavailable",
				 "%s: %s is a thread-local variable of %s; a "
				 "patch reaches only those of the module that "
				 "it is for",
				 wanted->object->source, wanted->name,
				 exported.library);
	r = check_use(wanted, exported_class(&exported),
		      exported.library ?: "the library", diag);
	if (r)
		return r;
	if (import_of_exported(wanted->name, &exported,
			       wanted->import->uses & USE_CALL, import))
		return hf_fail(diag, -ENOMEM, "cannot resolve %s",
			       wanted->name);
	return 0;
}

/* ---- one name, one meaning ---------------------------------------------- */

static bool same_thing(const struct manifest_import *a,
		       const struct manifest_import *b)
{
	return a->in_module == b->in_module && a->kind == b->kind &&
	       a->slot == b->slot && a->tls == b->tls &&
	       (a->in_module ? a->vaddr == b->vaddr : !strcmp(a->name, b->name));
}

static bool name_is_free(const struct build *build, const char *name)
{
	for (size_t i = 0; i < build->nr_objects; i++)
		if (object_definition(&build->objects[i], name))
			return false;
	return !import_find(build->manifest, name);
}

/*
 * The name under which the linker will know it: its own, unless that is taken
 * by something else, of another file or defined by the patch itself.
 */
static int settle(struct build *build, struct object *object,
		  const struct object_import *import,
		  struct manifest_import *resolved, struct hf_diag *diag)
{
	owned(free_p) char *name = strdup(import->symbol);
	struct manifest_import *entry;

	for (unsigned int i = 2; name && !name_is_free(build, name); i++) {
		entry = import_find(build->manifest, name);
		if (entry && same_thing(entry, resolved)) {
			import_release(resolved);
			goto rename;
		}
		free(name);
		name = text_format("%s.hotfix.%u", import->symbol, i);
	}
	entry = name ? import_add(build->manifest) : NULL;
	if (!entry)
		return hf_fail(diag, -ENOMEM, "cannot add an import");
	*entry = *resolved;
	*resolved = (struct manifest_import){ 0 };
	entry->symbol = strdup(name);
	if (!entry->symbol)
		return hf_fail(diag, -ENOMEM, "cannot add an import");
rename:
	if (strcmp(name, import->symbol) &&
	    object_rename(object, import->index, name))
		return hf_fail(diag, -ENOMEM, "cannot rename %s", name);
	return 0;
}

static const struct record *import_record(const struct object *object,
					  const char *symbol)
{
	for (size_t i = 0; i < object->nr_records; i++)
		if (object->records[i].kind == HOTFIX_RECORD_IMPORT &&
		    !strcmp(object->records[i].local, symbol))
			return &object->records[i];
	return NULL;
}

/* Whether a file of the patch defines it for all others. */
static bool defined_by_patch(const struct build *build, const char *name)
{
	for (size_t i = 0; i < build->nr_objects; i++) {
		const Elf64_Sym *symbol =
			object_definition(&build->objects[i], name);

		if (symbol && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL)
			return true;
	}
	return false;
}

static int resolve_import(struct build *build, struct object *object,
			  const struct object_import *import,
			  struct hf_diag *diag)
{
	const struct record *record = import_record(object, import->symbol);
	struct manifest_import resolved = { 0 };
	const struct wanted wanted = {
		.build = build,
		.object = object,
		.import = import,
		.name = record ? record->name : import->symbol,
		.source = record ? record->source : "",
	};
	int r;

	if (original_is_symbol(import->symbol) ||
	    (!record && defined_by_patch(build, import->symbol)))
		return 0;
	r = find_in_module(&wanted, &resolved, diag);
	if (r == -ENOENT)
		r = find_in_libraries(&wanted, &resolved, diag);
	if (!r)
		r = settle(build, object, import, &resolved, diag);
	import_release(&resolved);
	/* What nobody has may still be the compiler's own. */
	return r == -ENOENT ? 0 : r;
}

int resolve_imports(struct build *build, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < build->nr_objects && !r; i++) {
		struct object *object = &build->objects[i];

		for (size_t k = 0; k < object->nr_imports && !r; k++)
			r = resolve_import(build, object, &object->imports[k],
					   diag);
	}
	return r;
}

/* ---- after the link ----------------------------------------------------- */

static const struct object *user_of(const struct build *build,
				    const char *symbol)
{
	for (size_t i = 0; i < build->nr_objects; i++)
		for (size_t k = 0; k < build->objects[i].nr_imports; k++)
			if (!strcmp(build->objects[i].imports[k].symbol,
				    symbol))
				return &build->objects[i];
	return NULL;
}

/* What may be done differs by who wrote the code that asks for it. */
static void hint_missing(const struct build *build, const char *name,
			 struct hf_diag *diag)
{
	if (build->options->source_directory)
		hf_hint(diag, "is the target built from this source, with "
			      "these options? If %s belongs to the compiler or "
			      "to a library that the target does not load, let "
			      "the diff do without it",
			name);
	else
		hf_hint(diag, "define it in the replacement source, or, where a "
			      "header of the target should, give the -D of the "
			      "target's build after --");
}

static void refuse_missing(const struct build *build, const char *symbol,
			  struct hf_diag *diag)
{
	const struct object *object = user_of(build, symbol);
	const struct record *record =
		object ? import_record(object, symbol) : NULL;
	const char *name = record ? record->name : symbol;
	struct strings near = { 0 };
	bool explained;

	hf_refuse(diag, "symbol-missing",
		  "%s uses %s, which neither %s nor its libraries have",
		  object ? object->source : "the patch", name,
		  build->target->name);
	if (record && *record->source)
		hf_detail(diag, "(looked for in source files called %s)",
			  record->source);
	explained = !build->options->source_directory &&
		    inlines_explain_missing(build, name, diag);
	if (!explained && !symbols_near(&build->symbols, name, &near))
		for (size_t i = 0; i < near.nr; i++)
			hf_detail(diag, "  did you mean %s?", near.items[i]);
	if (!build->symbols.complete)
		hf_hint(diag, "%s is stripped: give its debug file with "
			      "--debuginfo to reach what is static",
			build->target->name);
	for (size_t i = 0; i < build->libraries.missing.nr; i++)
		hf_hint(diag, "%s is not on this machine and could not be "
			      "asked; --sysroot DIR names another root",
			build->libraries.missing.items[i]);
	if (!explained && !near.nr && build->symbols.complete &&
	    !build->libraries.missing.nr)
		hint_missing(build, name, diag);
	strings_release(&near);
}

/* All of them at once: each would cost another run. */
static void name_others(const struct build *build, const struct elf_file *linked,
			const struct elf_symbols *symbols, size_t first,
			struct hf_diag *diag)
{
	for (size_t i = first; i < symbols->nr; i++) {
		const char *name = elf_symbol_name(linked, symbols, i);

		if (symbols->entries[i].st_shndx == SHN_UNDEF &&
		    !import_find(build->manifest, name))
			hf_detail(diag, "missing as well: %s", name);
	}
}

static bool is_undefined_in(const struct elf_file *linked,
			    const struct elf_symbols *symbols, const char *name)
{
	for (size_t i = 1; i < symbols->nr; i++)
		if (symbols->entries[i].st_shndx == SHN_UNDEF &&
		    !strcmp(elf_symbol_name(linked, symbols, i), name))
			return true;
	return false;
}

static void drop_unused(struct manifest *manifest, const struct elf_file *linked,
			const struct elf_symbols *symbols)
{
	size_t kept = 0;

	for (size_t i = 0; i < manifest->nr_imports; i++) {
		if (is_undefined_in(linked, symbols,
				    manifest->imports[i].symbol))
			manifest->imports[kept++] = manifest->imports[i];
		else
			import_release(&manifest->imports[i]);
	}
	manifest->nr_imports = kept;
}

int resolve_check_complete(struct build *build, const struct elf_file *linked,
			   struct hf_diag *diag)
{
	struct elf_symbols symbols = elf_symbols(linked, SHT_DYNSYM);

	for (size_t i = 1; i < symbols.nr; i++) {
		const char *name = elf_symbol_name(linked, &symbols, i);

		if (symbols.entries[i].st_shndx != SHN_UNDEF ||
		    import_find(build->manifest, name))
			continue;
		refuse_missing(build, name, diag);
		name_others(build, linked, &symbols, i + 1, diag);
		return -ECANCELED;
	}
	drop_unused(build->manifest, linked, &symbols);
	return 0;
}
