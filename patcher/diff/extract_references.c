/*
 * References, led to where they shall go.
 *
 *	the patch's own		as it is; 32-bit addresses are held back, and
 *				64-bit ones where the linker cannot write
 *	target, through GOT	the linker's, to an import
 *	target, directly	held back: it is within reach of the image
 *	library, called		the linker's PLT
 *	library, directly	too far away: the target's own copy or PLT
 *				entry, through the GOT after all, a thunk of the
 *				patch, or refused
 *	thread-local		32-bit offsets are held back; local-dynamic code
 *				asks for the target's module, not the patch's
 *
 * "Held back" leaves R_X86_64_NONE in the object and an entry in build->held.
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

/* One reference of included content, and its relocation in the edit. */
struct field {
	struct extract *extract;
	struct extract_unit *unit;
	const struct item *item;
	const struct reference *reference;
	size_t section;	 /* in the edit */
	uint64_t offset; /* there */
	Elf64_Rela *rela;
	struct hf_diag *diag;
};

static int fail_memory(const struct field *field)
{
	return hf_fail(field->diag, -ENOMEM, "cannot extract %s",
		       field->unit->pair->name);
}

static const char *describe(const struct item *item)
{
	static _Thread_local char text[256];

	return item_describe(item, text, sizeof(text));
}

/* ---- what a relocation is ----------------------------------------------- */

static bool is_through_got(uint32_t type)
{
	return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX ||
	       type == R_X86_64_REX_GOTPCRELX;
}

static bool is_low_address(uint32_t type)
{
	return type == R_X86_64_32 || type == R_X86_64_32S;
}

/* e8 call, e9 jmp, 0f 8x jcc: the linker may put a PLT entry between. */
static bool is_branch(const struct field *field)
{
	const uint8_t *bytes = field->item->bytes;
	uint64_t at = field->reference->offset;

	if (field->reference->type == R_X86_64_PLT32)
		return true;
	if (field->reference->type != R_X86_64_PC32 ||
	    !field->item->executable || !bytes || !at ||
	    field->reference->bias != -4)
		return false;
	return (bytes[at - 1] & 0xfe) == 0xe8 ||
	       (at > 1 && bytes[at - 2] == 0x0f &&
		(bytes[at - 1] & 0xf0) == 0x80);
}

static bool linker_can_write(const struct field *field)
{
	return edit_section(&field->unit->edit, field->section)->sh_flags &
	       SHF_WRITE;
}

static int64_t addend_of(const struct reference *reference)
{
	return (int64_t)((uint64_t)reference->to_offset +
			 (uint64_t)reference->bias);
}

/* ---- holding back ------------------------------------------------------- */

/* A name for the start of a section, by which it is found after the link. */
static const char *marker_of(struct extract *extract, struct extract_unit *unit,
			     size_t section)
{
	const Elf64_Sym symbol = {
		.st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
		.st_shndx = (Elf64_Half)section,
	};
	struct marker *marker;
	size_t unused;

	for (size_t i = 0; i < unit->nr_markers; i++)
		if (unit->markers[i].section == section)
			return unit->markers[i].name;
	marker = array_append(unit->markers, unit->nr_markers);
	if (!marker)
		return NULL;
	marker->section = section;
	marker->name = text_format("hotfix.place.%zu", ++extract->nr_markers);
	if (!marker->name || edit_add_symbol(&unit->edit, marker->name, &symbol,
					     &unused))
		return NULL;
	return marker->name;
}

/* Exactly one of @import and @to. */
static int hold(const struct field *field, uint32_t type, const char *import,
		const char *to, int64_t addend)
{
	struct build *build = field->extract->build;
	const char *place =
		marker_of(field->extract, field->unit, field->section);
	struct held_reloc *held = array_append(build->held, build->nr_held);

	if (!place || !held)
		return fail_memory(field);
	*held = (struct held_reloc){
		.place = strdup(place),
		.offset = field->offset,
		.type = type,
		.import = import ? strdup(import) : NULL,
		.to = to ? strdup(to) : NULL,
		.addend = addend,
	};
	if (!held->place || (import && !held->import) || (to && !held->to))
		return fail_memory(field);
	field->rela->r_info = ELF64_R_INFO(0, R_X86_64_NONE);
	field->rela->r_addend = 0;
	return 0;
}

static void set_symbol(const struct field *field, size_t symbol, uint32_t type)
{
	field->rela->r_info = ELF64_R_INFO(symbol, type);
}

/* ---- the patch's own ---------------------------------------------------- */

static size_t section_of(const struct extract_unit *unit,
			 const struct item *item, uint64_t *ret_offset)
{
	const struct fate *fate = fate_of(unit, item);

	*ret_offset = fate->copy_section ? fate->copy_offset : item->offset;
	return fate->copy_section ?: item->section;
}

static bool is_symbol_of(const struct item *item, size_t symbol)
{
	if (symbol == item->symbol)
		return true;
	for (size_t i = 0; i < item->nr_aliases; i++)
		if (item->aliases[i] == symbol)
			return true;
	return false;
}

/* A copy's symbols moved with it; what was led by its section did not. */
static int follow_copy(const struct field *field)
{
	const struct item *to = field->reference->to;
	const struct fate *fate = fate_of(field->unit, to);
	size_t symbol;

	if (!fate->copy_section ||
	    is_symbol_of(to, ELF64_R_SYM(field->rela->r_info)))
		return 0;
	if (edit_section_symbol(&field->unit->edit, fate->copy_section,
				&symbol))
		return fail_memory(field);
	set_symbol(field, symbol, field->reference->type);
	field->rela->r_addend = (int64_t)(fate->copy_offset +
					  (uint64_t)addend_of(field->reference));
	return 0;
}

static int refuse_type(const struct field *field)
{
	hf_refuse(field->diag, "relocation-unsupported",
		  "%s: %s refers to %s in a way (%s, type %u) that a patch "
		  "cannot have",
		  field->unit->pair->name, describe(field->item),
		  field->reference->to->name ?: "data without a name",
		  field->extract->build->target->arch->reloc_name(
			  field->reference->type),
		  field->reference->type);
	hf_hint(field->diag, "compile the target with the usual code model, "
			     "without -mcmodel");
	return -ECANCELED;
}

static int hold_own(const struct field *field, uint32_t type)
{
	const struct item *to = field->reference->to;
	const char *marker;
	uint64_t offset;
	size_t section;

	/* A common one's place is the linker's to choose. */
	if (to->section >= SHN_LORESERVE)
		return hold(field, type, NULL,
			    edit_symbol_name(&field->unit->edit, to->symbol),
			    addend_of(field->reference));
	section = section_of(field->unit, to, &offset);
	marker = marker_of(field->extract, field->unit, section);
	if (!marker)
		return fail_memory(field);
	return hold(field, type, NULL, marker,
		    (int64_t)(offset + (uint64_t)addend_of(field->reference)));
}

static int lead_to_own(const struct field *field)
{
	uint32_t type = field->reference->type;

	if (is_low_address(type))
		return hold_own(field, type);
	if (type == R_X86_64_64 && !linker_can_write(field))
		return hold_own(field, R_X86_64_RELATIVE);
	return follow_copy(field);
}

/* ---- what the linker finds ---------------------------------------------- */

static int lead_to_linker(const struct field *field)
{
	size_t symbol = ELF64_R_SYM(field->rela->r_info);
	uint32_t type = field->reference->type;
	const char *name = field->reference->to->name;

	if (symbol)
		field->unit->linker_finds[symbol] = true;
	if (is_low_address(type))
		return hold(field, type, NULL, name,
			    addend_of(field->reference));
	if (type == R_X86_64_64 && !linker_can_write(field))
		return hold(field, R_X86_64_RELATIVE, NULL, name,
			    addend_of(field->reference));
	return 0;
}

/* ---- weak, and nobody has it -------------------------------------------- */

static int refuse_absent(const struct field *field)
{
	hf_refuse(field->diag, "symbol-missing",
		  "%s: %s takes the address of %s, which is weak and which "
		  "nobody has, in a way that cannot tell so",
		  field->unit->pair->name, describe(field->item),
		  field->reference->to->name);
	hf_hint(field->diag, "compile the target with -fPIC or with "
			     "-mno-direct-extern-access");
	return -ECANCELED;
}

/* An undefined symbol of ours in this object, found by the linker. */
static int stub_symbol(const struct field *field, const char *name,
		       size_t *ret_symbol)
{
	const Elf64_Sym symbol = {
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE),
		.st_other = STV_HIDDEN,
	};

	return edit_add_symbol(&field->unit->edit, name, &symbol, ret_symbol) ?
		       fail_memory(field) :
		       0;
}

/*
 * Its address is 0, so code that asks will not call it; should it, nothing good
 * can follow, and it ends at an illegal instruction.
 */
static int lead_to_nothing(const struct field *field)
{
	Elf64_Rela *rela = field->rela;
	uint32_t type = field->reference->type;
	size_t symbol;
	int r;

	if (is_branch(field)) {
		r = stub_symbol(field, STUB_ABSENT, &symbol);
		if (!r)
			set_symbol(field, symbol, R_X86_64_PC32);
		field->extract->needs_absent = true;
		return r;
	}
	if (is_through_got(type)) {
		/* Hidden, so that the linker knows that it stays 0. */
		size_t weak = ELF64_R_SYM(rela->r_info);

		field->unit->linker_finds[weak] = true;
		field->unit->edit.symbols[weak].symbol.st_other = STV_HIDDEN;
		return 0;
	}
	if ((type != R_X86_64_64 && !is_low_address(type)) ||
	    field->reference->to_offset)
		return refuse_absent(field);
	rela->r_info = ELF64_R_INFO(0, R_X86_64_NONE);
	return 0;
}

/* ---- the target's and its libraries' ------------------------------------ */

static int refuse_reach(const struct field *field,
			const struct manifest_import *import)
{
	hf_refuse(field->diag, "symbol-reach",
		  "%s: %s addresses %s of %s directly, and a library may be "
		  "too far away for that",
		  field->unit->pair->name, describe(field->item), import->name,
		  import->library ?: "a library");
	hf_detail(field->diag, "The code was compiled to be linked into an "
			       "executable that has a copy of it, and %s has "
			       "none.",
		  field->extract->build->target->name);
	hf_hint(field->diag, "ask a function of the library instead, where it "
			     "has one; or write the fix as a replacement "
			     "source, which reaches any place: hotfix-build "
			     "--target BIN -o OUT.hotfix.so fix.c");
	hf_hint(field->diag, "a target that is built with -fPIC, or with "
			     "-mno-direct-extern-access, needs neither");
	return -ECANCELED;
}

static int use_import(const struct field *field, enum import_way way,
		      const struct manifest_import **ret_import,
		      size_t *ret_symbol)
{
	struct fate *fate = fate_of(field->unit, field->reference->to);
	int r = extract_import(field->extract, fate, way, ret_import,
			       field->diag);

	if (!r && extract_import_symbol(field->extract, field->unit,
					*ret_import, ret_symbol))
		r = fail_memory(field);
	return r ? hf_context(field->diag, r, "%s: %s",
			      field->unit->pair->name, describe(field->item)) :
		   0;
}

/* Through the GOT, the PLT, or by a dynamic relocation. */
static int leave_to_linker(const struct field *field, enum import_way way,
			   uint32_t type)
{
	const struct manifest_import *import;
	size_t symbol;
	int r = use_import(field, way, &import, &symbol);

	if (r)
		return r;
	set_symbol(field, symbol, type);
	field->rela->r_addend = addend_of(field->reference);
	return 0;
}

static int hold_import(const struct field *field,
		       const struct manifest_import *import, uint32_t type)
{
	return hold(field, type, import->symbol, NULL,
		    addend_of(field->reference));
}

/* Where it is, is known when the target is: the image is within reach. */
static bool is_near(const struct manifest_import *import)
{
	return import->in_module && !import->slot &&
	       import->kind != IMPORT_IFUNC;
}

static int lead_call(const struct field *field)
{
	const struct manifest_import *import;
	size_t symbol;
	int r = use_import(field, WAY_CALL, &import, &symbol);

	if (r)
		return r;
	if (is_near(import))
		return hold_import(field, import, field->reference->type);
	set_symbol(field, symbol, R_X86_64_PLT32);
	field->rela->r_addend = addend_of(field->reference);
	return 0;
}

/*
 *	48 8d 3d [....]	lea f(%rip), %rdi	becomes
 *	48 8b 3d [....]	mov f@GOTPCREL(%rip), %rdi
 *
 * the opposite of what linkers do when they find that they can. Return: whether
 * it is such an instruction.
 */
static bool load_from_got(const struct field *field)
{
	const struct reference *reference = field->reference;
	const uint8_t *bytes = field->item->bytes;
	uint64_t at = reference->offset;

	if (reference->type != R_X86_64_PC32 || !field->item->executable ||
	    !bytes || at < 3 || reference->bias != -4 ||
	    reference->to_offset || (bytes[at - 3] & 0xf8) != 0x48 ||
	    bytes[at - 2] != 0x8d || (bytes[at - 1] & 0xc7) != 0x05)
		return false;
	*(uint8_t *)edit_place(&field->unit->edit, bytes + at - 2) = 0x8b;
	return true;
}

static int add_thunk(struct extract *extract,
		     const struct manifest_import *import)
{
	struct strings *thunks = &extract->thunks;
	int r;

	for (size_t i = 0; i < thunks->nr; i++)
		if (!strcmp(thunks->items[i], import->symbol))
			return 0;
	r = strings_add(thunks, import->symbol);
	return r ?: strings_addf(&extract->build->warnings,
				 "%s() of %s has another address in the patch, "
				 "that of a jump to it: pointers to it call the "
				 "same, but are not equal",
				 import->name, import->library ?: "a library");
}

/* An address that is needed in 32 bits, from the place or from 0. */
static int lead_near(const struct field *field)
{
	const struct manifest_import *import;
	uint32_t type = field->reference->type;
	owned(free_p) char *thunk = NULL;
	size_t symbol;
	int r = use_import(field, WAY_ADDRESS, &import, &symbol);

	if (r)
		return r;
	if (is_near(import))
		return hold_import(field, import, type);
	if (load_from_got(field))
		return leave_to_linker(field, WAY_ADDRESS, R_X86_64_GOTPCREL);
	if (import->kind != IMPORT_FUNCTION && import->kind != IMPORT_IFUNC)
		return refuse_reach(field, import);
	thunk = text_format(STUB_THUNK "%s", import->symbol);
	if (!thunk || add_thunk(field->extract, import))
		return fail_memory(field);
	if (is_low_address(type))
		return hold(field, type, NULL, thunk,
			    addend_of(field->reference));
	r = stub_symbol(field, thunk, &symbol);
	if (r)
		return r;
	set_symbol(field, symbol, R_X86_64_PC32);
	field->rela->r_addend = addend_of(field->reference);
	return 0;
}

static int lead_wide(const struct field *field)
{
	const struct manifest_import *import;
	size_t symbol;
	int r;

	if (linker_can_write(field))
		return leave_to_linker(field, WAY_ADDRESS, R_X86_64_64);
	r = use_import(field, WAY_ADDRESS, &import, &symbol);
	return r ?: hold_import(field, import, R_X86_64_64);
}

static int hold_tls(const struct field *field, enum import_way way)
{
	const struct manifest_import *import;
	size_t symbol;
	int r = use_import(field, way, &import, &symbol);

	if (r)
		return r;
	if (import->kind != IMPORT_TLS)
		return refuse_type(field);
	return hold_import(field, import, field->reference->type);
}

/*
 *	lea x@tlsld(%rip),%rdi		the linker would make a GOT entry with
 *	call __tls_get_addr		the number of its own result's module
 */
static int lead_tls_module(const struct field *field)
{
	struct extract *extract = field->extract;
	const struct manifest_import *import;
	size_t symbol;
	int r = use_import(field, WAY_TLS_MODULE, &import, &symbol);

	if (!r && import->kind != IMPORT_TLS)
		r = refuse_type(field);
	if (!r && !extract->tls_import &&
	    !(extract->tls_import = strdup(import->symbol)))
		r = fail_memory(field);
	if (!r)
		r = stub_symbol(field, STUB_TLS, &symbol);
	if (r)
		return r;
	set_symbol(field, symbol, R_X86_64_PC32);
	field->rela->r_addend = field->reference->bias;
	return 0;
}

static int refuse_tls_descriptor(const struct field *field)
{
	hf_refuse(field->diag, "tls-unavailable",
		  "%s: %s reaches the thread-local variable %s by a TLS "
		  "descriptor, which a patch cannot have",
		  field->unit->pair->name, describe(field->item),
		  field->reference->to->name ?: "without a name");
	hf_hint(field->diag, "build both with -mtls-dialect=gnu");
	return -ECANCELED;
}

static int lead_to_target(const struct field *field)
{
	uint32_t type = field->reference->type;

	if (is_branch(field))
		return lead_call(field);
	switch (type) {
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
		return leave_to_linker(field, WAY_ADDRESS, type);
	case R_X86_64_PC32:
	case R_X86_64_32:
	case R_X86_64_32S:
		return lead_near(field);
	case R_X86_64_64:
		return lead_wide(field);
	case R_X86_64_TPOFF32:
		return hold_tls(field, WAY_TLS_POINTER);
	case R_X86_64_DTPOFF32:
		return hold_tls(field, WAY_TLS_MODULE);
	case R_X86_64_GOTTPOFF:
		return leave_to_linker(field, WAY_TLS_POINTER, type);
	case R_X86_64_TLSGD:
		return leave_to_linker(field, WAY_TLS_MODULE, type);
	case R_X86_64_TLSLD:
		return lead_tls_module(field);
	case R_X86_64_GOTPC32_TLSDESC:
	case R_X86_64_TLSDESC_CALL:
		return refuse_tls_descriptor(field);
	default:
		return refuse_type(field);
	}
}

/* ---- all of them -------------------------------------------------------- */

/* Inside, a replacement is itself; its entry is that of what it replaces. */
static bool leads_to_entry(const struct field *field, const struct fate *fate)
{
	return fate->change && !field->reference->to_offset;
}

static int lead(const struct field *field)
{
	const struct fate *fate =
		fate_of(field->unit, field->reference->to);

	switch (fate->kind) {
	case FATE_KEPT:
		return leads_to_entry(field, fate) ? lead_to_target(field) :
						     lead_to_own(field);
	case FATE_TARGET:
		return lead_to_target(field);
	case FATE_LINKER:
		return lead_to_linker(field);
	case FATE_ABSENT:
		return lead_to_nothing(field);
	case FATE_UNKNOWN:
		break;
	}
	return hf_error(field->diag, -EINVAL, "object-edit",
			"%s: a reference of %s was not followed",
			field->unit->pair->name, describe(field->item));
}

static int lead_in_place(struct field *field, size_t index)
{
	const struct reference *reference = &field->item->references[index];

	field->reference = reference;
	field->section = field->item->section;
	field->offset = field->item->offset + reference->offset;
	field->rela = edit_place(&field->unit->edit, reference->rela);
	return lead(field);
}

/* The relocations of a section of ours, made when the first one comes. */
static int table_of(struct object_edit *edit, size_t section,
		    size_t *ret_table)
{
	const Elf64_Shdr header = {
		.sh_type = SHT_RELA,
		.sh_flags = SHF_INFO_LINK,
		.sh_link = (Elf64_Word)edit->symtab,
		.sh_info = (Elf64_Word)section,
		.sh_addralign = 8,
		.sh_entsize = sizeof(Elf64_Rela),
	};

	for (size_t i = edit->file->nr_sections; i < edit->nr_sections; i++)
		if (edit->sections[i].header.sh_type == SHT_RELA &&
		    edit->sections[i].header.sh_info == section) {
			*ret_table = i;
			return 0;
		}
	return edit_add_section(edit, ".rela.hotfix.copies", &header,
				ret_table);
}

static int lead_in_copy(struct field *field, const struct fate *fate,
			size_t index)
{
	struct object_edit *edit = &field->unit->edit;
	const struct reference *reference = &field->item->references[index];
	Elf64_Rela rela = *reference->rela;
	uint64_t unused;
	size_t table;
	int r;

	field->reference = reference;
	field->section = fate->copy_section;
	field->offset = fate->copy_offset + reference->offset;
	field->rela = &rela;
	rela.r_offset = field->offset;
	r = lead(field);
	if (r || ELF64_R_TYPE(rela.r_info) == R_X86_64_NONE)
		return r;
	if (table_of(edit, field->section, &table) ||
	    edit_append(edit, table, &rela, sizeof(rela), 8, &unused))
		return fail_memory(field);
	return 0;
}

static int lead_item(struct field *field)
{
	const struct fate *fate = fate_of(field->unit, field->item);
	int r = 0;

	for (size_t i = 0; i < field->item->nr_references && !r; i++)
		r = fate->copy_section ? lead_in_copy(field, fate, i) :
					 lead_in_place(field, i);
	return r;
}

int extract_references(struct extract *extract, struct extract_unit *unit,
		       struct hf_diag *diag)
{
	const struct unit *patched = unit->pair->patched;
	int r = 0;

	for (size_t i = 0; i < patched->nr_items && !r; i++) {
		struct field field = {
			.extract = extract,
			.unit = unit,
			.item = patched->items[i],
			.diag = diag,
		};

		if (fate_of(unit, field.item)->included)
			r = lead_item(&field);
	}
	return r;
}
