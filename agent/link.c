/*
 * First every import becomes a number (an address, a thread-pointer offset, a
 * module number), by asking the running process; then the relocations, which
 * need nothing but those numbers and the place where the image will stand.
 */
#include "link.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The first module with thread-local data is the main program: number 1. */
#define TLS_MODULE_EXECUTABLE 1
#define TLS_MODULE_MAX 65536

static int refuse_missing(const struct manifest_import *import,
			  struct hf_diag *diag)
{
	hf_refuse(diag, "symbol-missing",
		  "the process has nothing that is called %s%s%s", import->name,
		  import->version ? "@" : "",
		  import->version ? import->version : "");
	if (import->library)
		hf_detail(diag, "at build time it was in %s", import->library);
	hf_hint(diag, "the library that exports it is not loaded in this process, or is another version of it");
	return -ECANCELED;
}

static int refuse_ifunc(const struct manifest_import *import,
			struct hf_diag *diag)
{
	hf_refuse(diag, "ifunc-unresolved",
		  "%s is chosen at run time (IFUNC), and this process has not chosen yet",
		  import->name);
	return -ECANCELED;
}

static int refuse_tls(const struct manifest_import *import, const char *why,
		      struct hf_diag *diag)
{
	hf_refuse(diag, "tls-unavailable",
		  "thread-local variable %s cannot be reached: %s",
		  import->name, why);
	return -ECANCELED;
}

static int refuse_slot(const struct manifest_import *import, const char *why,
		       struct hf_diag *diag)
{
	if (import->kind == IMPORT_TLS)
		return refuse_tls(import, why, diag);
	hf_refuse(diag, "slot-unresolved", "%s cannot be reached: %s",
		  import->name, why);
	return -ECANCELED;
}

/*
 * @module: holds the resolver, or NULL when unknown. What the process itself
 * uses comes first; the resolver is run only when nobody has used it yet.
 */
static int ifunc_find(const struct link_target *target,
		      const struct manifest_import *import,
		      const struct module *module, hf_addr resolver,
		      uint64_t *ret_value, struct hf_diag *diag)
{
	if (module && !module_resolved_ifunc(target->process, module, resolver,
					     ret_value))
		return 0;
	if (!import->in_module &&
	    !modules_resolved_slot(target->process, target->modules,
				   import->name, import->version, ret_value,
				   NULL))
		return 0;
	if (!target->resolve_ifunc)
		return refuse_ifunc(import, diag);
	return target->resolve_ifunc(target->resolve_context, resolver,
				     ret_value, diag);
}

/* What the loader put into a slot of the target module. */
static int slot_read(const struct link_target *target,
		     const struct manifest_import *import, uint64_t vaddr,
		     uint64_t *ret_value, struct hf_diag *diag)
{
	const struct range *range = &target->module->range;
	hf_addr slot = target->module->bias + vaddr;
	int r;

	if (slot % 8 || !range_contains(range, slot) ||
	    !range_contains(range, slot + 7))
		return refuse_slot(import, "its slot is outside of the module",
				   diag);
	r = process_read(target->process, slot, ret_value, sizeof(*ret_value));
	if (r)
		return hf_fail(diag, r, "cannot read the slot of %s",
			       import->name);
	if (!*ret_value)
		return refuse_slot(import,
				   "the loader has left its slot empty", diag);
	return 0;
}

static int own_address(const struct link_target *target,
		       const struct manifest_import *import,
		       uint64_t *ret_value, struct hf_diag *diag)
{
	const struct module *module = target->module;
	hf_addr address = module->bias + import->vaddr;

	/* One past the end is a valid address of an array's end. */
	if (address < module->range.start || address > module->range.end) {
		hf_refuse(diag, "patch-malformed",
			  "%s is said to be at %#" PRIx64 ", outside of %s",
			  import->name, import->vaddr, module->path);
		return -ECANCELED;
	}
	if (import->slot)
		return slot_read(target, import, import->slot, ret_value, diag);
	if (import->kind == IMPORT_IFUNC)
		return ifunc_find(target, import, module, address, ret_value,
				  diag);
	*ret_value = address;
	return 0;
}

static int exported_address(const struct link_target *target,
			    const struct manifest_import *import,
			    uint64_t *ret_value, struct hf_diag *diag)
{
	const struct module *module;
	struct module_symbol symbol;

	if (modules_lookup(target->process, target->modules, import->name,
			   import->version, &symbol, &module, NULL))
		return refuse_missing(import, diag);
	if (symbol.type == STT_TLS)
		return refuse_tls(import, "the patch takes it for an ordinary one",
				  diag);
	if (symbol.type == STT_GNU_IFUNC)
		return ifunc_find(target, import, module, symbol.address,
				  ret_value, diag);
	*ret_value = symbol.address;
	return 0;
}

static int tls_value(const struct link_target *target,
		     const struct manifest_import *import, uint64_t *ret_value,
		     struct hf_diag *diag)
{
	uint64_t value;
	int r;

	if (import->tls == IMPORT_TLS_EXECUTABLE) {
		if (!target->module->is_executable)
			return refuse_tls(import,
					  "its module is not the main program here",
					  diag);
		*ret_value = (uint64_t)import->tls_offset;
		return 0;
	}
	r = slot_read(target, import, import->tls_slot, &value, diag);
	if (r)
		return r;
	if (import->tls == IMPORT_TLS_MODULE_SLOT) {
		if (value > TLS_MODULE_MAX)
			return refuse_tls(import,
					  "its slot holds no module number",
					  diag);
		*ret_value = value;
		return 0;
	}
	*ret_value = value - (uint64_t)import->tls_slot_offset + import->vaddr;
	return 0;
}

static int import_resolve(const struct link_target *target,
			  const struct manifest_import *import,
			  uint64_t *ret_value, struct hf_diag *diag)
{
	if (import->kind == IMPORT_TLS)
		return tls_value(target, import, ret_value, diag);
	if (import->in_module)
		return own_address(target, import, ret_value, diag);
	return exported_address(target, import, ret_value, diag);
}

int link_resolve(const struct patch_file *patch,
		 const struct link_target *target, struct link_values *ret_values,
		 struct hf_diag *diag)
{
	const struct manifest *manifest = patch->manifest;
	owned(free_p) uint64_t *values = NULL;

	values = calloc(manifest->nr_imports + 1, sizeof(*values));
	if (!values)
		return hf_fail(diag, -ENOMEM, "cannot resolve the imports of %s",
			       manifest->name);
	for (size_t i = 0; i < manifest->nr_imports; i++) {
		int r = import_resolve(target, &manifest->imports[i],
				       &values[i], diag);

		if (r)
			return r;
	}
	ret_values->values = take_ptr(values);
	ret_values->nr = manifest->nr_imports;
	return 0;
}

void link_values_release(struct link_values *values)
{
	free(values->values);
	*values = (struct link_values){ 0 };
}

/* --- relocation: pure -------------------------------------------------------- */

struct relocation {
	const struct patch_file *patch;
	const struct link_values *values;
	hf_addr base;
	const struct patch_reloc *reloc;
};

static const struct manifest_import *
relocation_import(const struct relocation *at)
{
	return at->reloc->import < 0 ?
		       NULL :
		       &at->patch->manifest->imports[at->reloc->import];
}

/* The symbol's value: what the import stands for, or the patch itself. */
static uint64_t relocation_symbol(const struct relocation *at)
{
	return at->reloc->import < 0 ? at->base :
				       at->values->values[at->reloc->import];
}

static int refuse_malformed(const struct relocation *at, const char *why,
			    struct hf_diag *diag)
{
	return hf_error(diag, -EBADMSG, "patch-malformed",
			"patch %s: relocation %s at %#" PRIx64 ": %s",
			at->patch->manifest->name,
			at->patch->arch->reloc_name(at->reloc->type),
			at->reloc->vaddr, why);
}

static int refuse_reach(const struct relocation *at, enum reloc_class class,
			uint64_t value, struct hf_diag *diag)
{
	const struct manifest_import *import = relocation_import(at);
	const char *name = import ? import->name : "itself";

	if (class == RELOC_PC_RELATIVE)
		return hf_refuse(diag, "out-of-reach",
				 "patch %s refers to %s by 32 bits, but it is %lld MiB away",
				 at->patch->manifest->name, name,
				 (long long)value / (1 << 20));
	return hf_refuse(diag, "out-of-reach",
			 "patch %s refers to %s by an address of 32 bits, but that is %#" PRIx64,
			 at->patch->manifest->name, name, value);
}

static bool fits_low(enum reloc_class class, uint64_t value)
{
	if (class == RELOC_ABSOLUTE_LOW)
		return value == (uint32_t)value;
	return (int64_t)value == (int32_t)value;
}

/* @ret_value: to be stored at the relocation's place. */
static int tls_relocation(const struct relocation *at, enum reloc_class class,
			  uint64_t *ret_value, struct hf_diag *diag)
{
	const struct manifest_import *import = relocation_import(at);
	uint64_t addend = (uint64_t)at->reloc->addend;

	if (!import || import->kind != IMPORT_TLS)
		return refuse_malformed(at, "its symbol is not thread-local",
					diag);
	switch (class) {
	case RELOC_TLS_OFFSET:
		*ret_value = import->vaddr + addend;
		return 0;
	case RELOC_TLS_MODULE:
		if (import->tls == IMPORT_TLS_EXECUTABLE)
			*ret_value = TLS_MODULE_EXECUTABLE;
		else if (import->tls == IMPORT_TLS_MODULE_SLOT)
			*ret_value = relocation_symbol(at);
		else
			return refuse_tls(import, "the number of its module is unknown",
					  diag);
		return 0;
	default:
		if (import->tls == IMPORT_TLS_MODULE_SLOT)
			return refuse_tls(import, "its offset from the thread pointer is unknown",
					  diag);
		*ret_value = relocation_symbol(at) + addend;
		return 0;
	}
}

static int relocation_value(const struct relocation *at,
			    enum reloc_class class, uint64_t *ret_value,
			    struct hf_diag *diag)
{
	uint64_t addend = (uint64_t)at->reloc->addend;

	switch (class) {
	case RELOC_RELATIVE:
		*ret_value = at->base + addend;
		return 0;
	case RELOC_ABSOLUTE:
	case RELOC_ABSOLUTE_LOW:
	case RELOC_ABSOLUTE_LOW_SIGNED:
		*ret_value = relocation_symbol(at) + addend;
		return 0;
	case RELOC_PC_RELATIVE:
		*ret_value = relocation_symbol(at) + addend -
			     (at->base + at->reloc->vaddr);
		return 0;
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_THREAD_POINTER:
		return tls_relocation(at, class, ret_value, diag);
	default:
		return refuse_malformed(at, "not supported", diag);
	}
}

static int relocation_store(const struct relocation *at, enum reloc_class class,
			    uint64_t value, uint8_t *image,
			    struct hf_diag *diag)
{
	size_t size = at->patch->arch->reloc_size(at->reloc->type);
	uint64_t image_size = at->patch->image_size;

	if (size != 4 && size != 8)
		return refuse_malformed(at, "not supported", diag);
	if (at->reloc->vaddr > image_size ||
	    size > image_size - at->reloc->vaddr)
		return refuse_malformed(at, "outside of the image", diag);
	if (size == 4 && !fits_low(class, value))
		return refuse_reach(at, class, value, diag);
	/* Little-endian, as every machine that we know. */
	memcpy(image + at->reloc->vaddr, &value, size);
	return 0;
}

static int relocation_apply(const struct relocation *at, uint8_t *image,
			    struct hf_diag *diag)
{
	enum reloc_class class = at->patch->arch->reloc_class(at->reloc->type);
	uint64_t value = 0;
	int r;

	if (class == RELOC_NONE)
		return 0;
	if (at->reloc->import >= 0 &&
	    ((size_t)at->reloc->import >= at->values->nr ||
	     (size_t)at->reloc->import >= at->patch->manifest->nr_imports))
		return refuse_malformed(at, "it names no import", diag);
	r = relocation_value(at, class, &value, diag);
	if (r)
		return r;
	return relocation_store(at, class, value, image, diag);
}

static int segments_load(const struct patch_file *patch, uint8_t *image,
			 struct hf_diag *diag)
{
	memset(image, 0, patch->image_size);
	for (size_t i = 0; i < patch->nr_segments; i++) {
		const struct patch_segment *segment = &patch->segments[i];

		if (segment->file_offset > patch->bytes.size ||
		    segment->file_size >
			    patch->bytes.size - segment->file_offset ||
		    segment->vaddr > patch->image_size ||
		    segment->file_size > patch->image_size - segment->vaddr)
			return hf_error(diag, -EBADMSG, "patch-malformed",
					"patch %s: segment %zu is outside of the file",
					patch->manifest->name, i);
		if (segment->file_size)
			memcpy(image + segment->vaddr,
			       patch->bytes.data + segment->file_offset,
			       segment->file_size);
	}
	return 0;
}

hf_addr link_highest_end(const struct patch_file *patch)
{
	for (size_t i = 0; i < patch->nr_relocs; i++) {
		enum reloc_class class =
			patch->arch->reloc_class(patch->relocs[i].type);

		if (class == RELOC_ABSOLUTE_LOW ||
		    class == RELOC_ABSOLUTE_LOW_SIGNED)
			return 1ull << 31;
	}
	return UINT64_MAX;
}

int link_relocate(const struct patch_file *patch,
		  const struct link_values *values, hf_addr base,
		  uint8_t *image, struct hf_diag *diag)
{
	int r;

	r = segments_load(patch, image, diag);
	for (size_t i = 0; !r && i < patch->nr_relocs; i++) {
		const struct relocation at = {
			.patch = patch,
			.values = values,
			.base = base,
			.reloc = &patch->relocs[i],
		};

		r = relocation_apply(&at, image, diag);
	}
	return r;
}
