/*
 * Imports: one for each thing of the target, however many objects use it.
 *
 * A function of a library has two addresses in an executable for a fixed
 * address: its own, and that of the executable's own PLT entry, which all
 * pointers of the program have. Where such an entry is, pointers of the patch
 * are the same, so that they compare equal.
 *
 * What a library exports itself may live elsewhere, see import_of_symbol().
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

static enum tls_need tls_need_of(enum import_way way)
{
	return way == WAY_TLS_POINTER ? TLS_NEED_POINTER_OFFSET :
	       way == WAY_TLS_MODULE  ? TLS_NEED_MODULE :
					TLS_NEED_ANY;
}

/* The target's PLT entry that stands for a library's function; 0: none. */
static uint64_t canonical_address(const struct target *target, const char *name)
{
	struct elf_symbols symbols = elf_symbols(target->file, SHT_DYNSYM);

	for (size_t i = 1; i < symbols.nr; i++) {
		const Elf64_Sym *symbol = &symbols.entries[i];

		if (symbol->st_shndx == SHN_UNDEF && symbol->st_value &&
		    ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
		    !strcmp(elf_symbol_name(target->file, &symbols, i), name))
			return symbol->st_value;
	}
	return 0;
}

static int refuse_library_tls(const char *name, const struct exported *exported,
			      struct hf_diag *diag)
{
	return hf_refuse(diag, "tls-unavailable",
			 "%s is a thread-local variable of %s; a patch reaches "
			 "only those of the module that it is for",
			 name, exported->library ?: "a library");
}

static int describe_exported(const struct extract *extract,
			     const struct fate *fate, enum import_way way,
			     struct manifest_import *import,
			     struct hf_diag *diag)
{
	const struct exported *exported = &fate->binding.exported;
	const char *name = fate->name;
	uint64_t canonical = 0;

	if (exported->type == STT_TLS)
		return refuse_library_tls(name, exported, diag);
	if (import_of_exported(name, exported, way == WAY_CALL, import))
		return hf_fail(diag, -ENOMEM, "cannot import %s", name);
	if (way == WAY_ADDRESS)
		canonical = canonical_address(extract->build->target, name);
	if (canonical) {
		import->kind = IMPORT_FUNCTION;
		import->in_module = true;
		import->vaddr = canonical;
		import->size = 0;
	}
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_import(const struct manifest_import *a,
			const struct manifest_import *b)
{
	if (a->in_module != b->in_module || a->kind != b->kind ||
	    a->slot != b->slot ||
	    (a->kind == IMPORT_TLS && a->tls != b->tls))
		return false;
	if (a->in_module)
		return a->vaddr == b->vaddr;
	return same_text(a->name, b->name) && same_text(a->version, b->version);
}

/* Takes over what @import owns. */
static int settle(struct extract *extract, struct manifest_import *import,
		  size_t *ret_index, struct hf_diag *diag)
{
	struct manifest *manifest = extract->build->manifest;
	struct manifest_import *entry;

	for (size_t i = extract->first_import; i < manifest->nr_imports; i++)
		if (same_import(&manifest->imports[i], import)) {
			import_release(import);
			*ret_index = i;
			return 0;
		}
	entry = import_add(manifest);
	if (!entry)
		return hf_fail(diag, -ENOMEM, "cannot import %s", import->name);
	*entry = *import;
	*import = (struct manifest_import){ 0 };
	entry->symbol = extract_unique_name(extract, entry->name);
	if (!entry->symbol)
		return hf_fail(diag, -ENOMEM, "cannot import %s", entry->name);
	*ret_index = manifest->nr_imports - 1;
	return 0;
}

int extract_import(struct extract *extract, struct fate *fate,
		   enum import_way way, const struct manifest_import **ret_import,
		   struct hf_diag *diag)
{
	struct manifest_import import = { 0 };
	int r = 0;

	if (!fate->imported[way]) {
		if (fate->binding.kind == BINDING_TARGET)
			r = import_of_symbol(extract->build,
					     fate->binding.symbol,
					     tls_need_of(way), way == WAY_CALL,
					     &import, diag);
		else
			r = describe_exported(extract, fate, way, &import,
					      diag);
		if (!r)
			r = settle(extract, &import, &fate->imports[way], diag);
		import_release(&import);
		fate->imported[way] = !r;
	}
	if (!r)
		*ret_import = &extract->build->manifest
				       ->imports[fate->imports[way]];
	return r;
}

int extract_import_symbol(struct extract *extract, struct extract_unit *unit,
			  const struct manifest_import *import,
			  size_t *ret_symbol)
{
	size_t index = (size_t)(import - extract->build->manifest->imports);
	const Elf64_Sym symbol = {
		.st_info = ELF64_ST_INFO(STB_GLOBAL, import->kind == IMPORT_TLS ?
							     STT_TLS :
							     STT_NOTYPE),
	};
	struct import_use *use;

	for (size_t i = 0; i < unit->nr_uses; i++)
		if (unit->uses[i].import == index) {
			*ret_symbol = unit->uses[i].symbol;
			return 0;
		}
	use = array_append(unit->uses, unit->nr_uses);
	if (!use ||
	    edit_add_symbol(&unit->edit, import->symbol, &symbol, &use->symbol))
		return -ENOMEM;
	use->import = index;
	*ret_symbol = use->symbol;
	return 0;
}
