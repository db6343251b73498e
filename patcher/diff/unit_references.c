/*
 * Relocations, led to items.
 *
 * A PC-relative field holds  target - address of the field + addend, and the
 * processor adds it to the end of the instruction: the addend is short by the
 * bytes between, which only decoding can tell.
 *
 *	83 3d [........] 01      cmpl $1, x(%rip)     x - 5
 *	      ^ field      ^ end
 *
 * Functions whose fields are all those of branches need not be decoded. Where
 * bytes do not decode, decoding goes on behind them, and a field that no
 * instruction claims is taken for the last of its instruction.
 */
#include "unit_read.h"

#include <errno.h>
#include <string.h>

#include "../../lib/insn.h"

#define FIELD_SIZE 4

/* A relocation and the section that it is applied to. */
struct located {
	size_t section;
	Elf64_Rela *rela;
};

struct reader {
	struct unit *unit;
	struct insn_decoder *decoder;
	struct located *relas; /* by section, offset */
	size_t nr_relas;
};

bool relocation_is_pc_relative(uint32_t type)
{
	switch (type) {
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
	case R_X86_64_GOTPCREL:
	case R_X86_64_GOTPCRELX:
	case R_X86_64_REX_GOTPCRELX:
	case R_X86_64_GOTTPOFF:
	case R_X86_64_TLSGD:
	case R_X86_64_TLSLD:
	case R_X86_64_GOTPC32_TLSDESC:
	case R_X86_64_GOTPC32:
		return true;
	default:
		return false;
	}
}

size_t relocation_size(uint32_t type)
{
	switch (type) {
	case R_X86_64_NONE:
	case R_X86_64_TLSDESC_CALL:
		return 0;
	case R_X86_64_8:
	case R_X86_64_PC8:
		return 1;
	case R_X86_64_16:
	case R_X86_64_PC16:
		return 2;
	case R_X86_64_64:
	case R_X86_64_PC64:
	case R_X86_64_GOT64:
	case R_X86_64_GOTOFF64:
	case R_X86_64_GOTPC64:
	case R_X86_64_GOTPCREL64:
	case R_X86_64_GOTPLT64:
	case R_X86_64_PLTOFF64:
	case R_X86_64_SIZE64:
	case R_X86_64_DTPMOD64:
	case R_X86_64_DTPOFF64:
	case R_X86_64_TPOFF64:
		return 8;
	default:
		return FIELD_SIZE;
	}
}

static int by_location(const void *a, const void *b)
{
	const struct located *left = a, *right = b;

	if (left->section != right->section)
		return left->section < right->section ? -1 : 1;
	if (left->rela->r_offset != right->rela->r_offset)
		return left->rela->r_offset < right->rela->r_offset ? -1 : 1;
	/* TLS sequences may have two at one place: as the file has them. */
	return left->rela < right->rela ? -1 : left->rela > right->rela;
}

static int check_rela(const struct unit *unit, const Elf64_Shdr *section,
		      const Elf64_Rela *rela, struct hf_diag *diag)
{
	size_t size = relocation_size((uint32_t)ELF64_R_TYPE(rela->r_info));

	if (rela->r_offset > section->sh_size ||
	    size > section->sh_size - rela->r_offset)
		return unit_fail_damaged(unit, diag,
					 "a relocation lies outside its "
					 "section");
	if (ELF64_R_SYM(rela->r_info) >= unit->symbols.nr)
		return unit_fail_damaged(unit, diag,
					 "a relocation has no symbol");
	return 0;
}

static int collect_table(struct reader *reader, const Elf64_Shdr *table,
			 struct hf_diag *diag)
{
	struct unit *unit = reader->unit;
	const Elf64_Shdr *section = unit_relocated_section(unit, table);
	Elf64_Rela *relas = (void *)elf_section_data(unit->file, table);
	size_t nr = elf_section_entries(table, sizeof(*relas));
	int r = 0;

	if (table->sh_link != unit->symbols.section)
		return unit_fail_damaged(unit, diag,
					 "relocations have no symbol table");
	for (size_t i = 0; i < nr && !r; i++) {
		struct located *located;

		if (ELF64_R_TYPE(relas[i].r_info) == R_X86_64_NONE)
			continue;
		r = check_rela(unit, section, &relas[i], diag);
		if (r)
			break;
		located = array_append(reader->relas, reader->nr_relas);
		if (!located)
			return hf_fail(diag, -ENOMEM, "cannot read %s",
				       unit->path);
		*located = (struct located){ table->sh_info, &relas[i] };
	}
	return r;
}

/* Relocations that keep their addend in the field are not for this machine. */
static bool is_strange(const struct unit *unit, const Elf64_Shdr *table)
{
	const Elf64_Shdr *section = elf_section_at(unit->file, table->sh_info);

	return table->sh_type == SHT_REL && section &&
	       unit_section_is_modelled(unit->file, section);
}

static int collect_relas(struct reader *reader, struct hf_diag *diag)
{
	const struct elf_file *file = reader->unit->file;
	int r = 0;

	for (size_t i = 1; i < file->nr_sections && !r; i++) {
		const Elf64_Shdr *table = &file->sections[i];

		if (is_strange(reader->unit, table))
			r = unit_fail_damaged(reader->unit, diag,
					      "relocations of a kind that "
					      "x86-64 does not have");
		else if (unit_relocated_section(reader->unit, table))
			r = collect_table(reader, table, diag);
	}
	if (reader->nr_relas)
		qsort(reader->relas, reader->nr_relas, sizeof(*reader->relas),
		      by_location);
	return r;
}

/* @bias must be known. */
static void lead(const struct unit *unit, struct reference *reference)
{
	const Elf64_Rela *rela = reference->rela;
	size_t index = ELF64_R_SYM(rela->r_info);
	const Elf64_Sym *symbol = &unit->symbols.entries[index];
	int64_t place = (int64_t)((uint64_t)rela->r_addend -
				  (uint64_t)reference->bias);

	reference->to_offset = place;
	reference->to = unit->symbol_items[index];
	if (!symbol_section(symbol))
		return;
	place = (int64_t)((uint64_t)place + symbol->st_value);
	/* A section symbol's place is anything in it. */
	if (!reference->to)
		reference->to =
			unit_item_near(unit, symbol->st_shndx, place);
	if (reference->to)
		reference->to_offset =
			(int64_t)((uint64_t)place - reference->to->offset);
}

static bool needs_bias(const struct item *item,
		       const struct reference *reference)
{
	return item->executable && relocation_is_pc_relative(reference->type);
}

/* e8 call, e9 jmp, 0f 8x jcc: nothing follows the field. */
static bool is_branch(const struct item *item,
		      const struct reference *reference)
{
	const uint8_t *bytes = item->bytes;
	uint64_t field = reference->offset;

	return reference->type == R_X86_64_PLT32 && bytes && field > 0 &&
	       ((bytes[field - 1] & 0xfe) == 0xe8 ||
		(field > 1 && bytes[field - 2] == 0x0f &&
		 (bytes[field - 1] & 0xf0) == 0x80));
}

static size_t to_decode(const struct item *item)
{
	size_t nr = 0;

	for (size_t i = 0; i < item->nr_references; i++)
		nr += needs_bias(item, &item->references[i]) &&
		      !is_branch(item, &item->references[i]);
	return item->bytes ? nr : 0;
}

/* The bias of a field in [start, start + insn->size), if it is one. */
static bool claims(const struct insn *insn, uint64_t start, uint64_t field,
		   int64_t *ret_bias)
{
	uint64_t end = start + insn->size;

	if (field + FIELD_SIZE > end)
		return false;
	if (insn->pc_relative ?
		    field != start + insn->displacement_offset :
		    !insn->has_target || field + FIELD_SIZE != end)
		return false;
	*ret_bias = -(int64_t)(end - field);
	return true;
}

/* Goes through the code up to the last field. */
static void find_biases(struct reader *reader, struct item *item)
{
	size_t nr = item->nr_references, next = 0;
	uint64_t offset = 0;
	struct insn insn;

	while (next < nr && offset < item->size) {
		bool ok = !insn_decode(reader->decoder, item->bytes + offset,
				       item->size - offset, offset, &insn);
		uint64_t end = offset + (ok ? insn.size : 1);

		for (; next < nr && item->references[next].offset < end;
		     next++) {
			struct reference *reference = &item->references[next];

			if (ok && needs_bias(item, reference))
				claims(&insn, offset, reference->offset,
				       &reference->bias);
		}
		offset = end;
	}
}

static void read_item(struct reader *reader, struct item *item)
{
	for (size_t i = 0; i < item->nr_references; i++)
		if (needs_bias(item, &item->references[i]))
			item->references[i].bias = -FIELD_SIZE;
	if (to_decode(item))
		find_biases(reader, item);
	for (size_t i = 0; i < item->nr_references; i++)
		lead(reader->unit, &item->references[i]);
}

/* Both items and relocations are in order: each item's are consecutive. */
static int deal_out(struct reader *reader, struct hf_diag *diag)
{
	struct unit *unit = reader->unit;

	for (size_t i = 0; i < reader->nr_relas; i++) {
		const struct located *located = &reader->relas[i];
		struct reference *reference = &unit->reference_block[i];
		struct item *item = unit_item_near(
			unit, located->section,
			(int64_t)located->rela->r_offset);

		if (!item || located->rela->r_offset < item->offset)
			return unit_fail_damaged(unit, diag,
						 "a relocation changes what "
						 "is not there");
		reference->rela = located->rela;
		reference->type =
			(uint32_t)ELF64_R_TYPE(located->rela->r_info);
		reference->offset = located->rela->r_offset - item->offset;
		if (!item->nr_references++)
			item->references = reference;
	}
	return 0;
}

static int read_all(struct reader *reader, struct hf_diag *diag)
{
	struct unit *unit = reader->unit;
	int r = collect_relas(reader, diag);

	if (r)
		return r;
	unit->reference_block =
		calloc(reader->nr_relas + 1, sizeof(*unit->reference_block));
	if (!unit->reference_block)
		return hf_fail(diag, -ENOMEM, "cannot read %s", unit->path);
	r = deal_out(reader, diag);
	for (size_t i = 0; i < unit->nr_items && !r; i++)
		read_item(reader, unit->items[i]);
	for (size_t i = 0; i < reader->nr_relas && !r; i++)
		if (!unit->reference_block[i].to)
			r = unit_fail_damaged(unit, diag,
					      "a relocation leads to what is "
					      "not there");
	return r;
}

int unit_read_references(struct unit *unit, struct hf_diag *diag)
{
	struct reader reader = { .unit = unit };
	int r = insn_decoder_new(&arch_x86_64, &reader.decoder, diag);

	if (!r)
		r = read_all(&reader, diag);
	insn_decoder_free(reader.decoder);
	free(reader.relas);
	return r;
}
