/*
 * The first difference, for a person who has to find out which compiler, which
 * flag or which source was another.
 */
#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "../../lib/insn.h"
#include "identity_check.h"

#define STRING_SHOWN 40
#define BYTES_SHOWN 8
#define PLACE_SIZE 256

/* ---- places ------------------------------------------------------------- */

/* The printable text at the start of some bytes; false: there is none. */
static bool text_of(const uint8_t *bytes, uint64_t left, char *text,
		    size_t size)
{
	size_t nr = 0;

	while (nr < left && nr < size - 1 && bytes[nr]) {
		if (!isprint(bytes[nr]) && !isspace(bytes[nr]))
			return false;
		text[nr] = isspace(bytes[nr]) ? ' ' : (char)bytes[nr];
		nr++;
	}
	text[nr] = '\0';
	return nr > 0 && nr < left;
}

/* Without optimisation, literals stand in one section without names. */
static bool is_text_in_table(const struct item *item, int64_t offset,
			     char *text, size_t size)
{
	return item->kind == ITEM_TABLE && item->bytes && offset >= 0 &&
	       (uint64_t)offset < item->size &&
	       text_of(item->bytes + offset, item->size - (uint64_t)offset,
		       text, size);
}

const char *describe_place(const struct item *item, int64_t offset,
			   char *buffer, size_t size)
{
	char text[STRING_SHOWN + 1];
	size_t used;

	if (is_text_in_table(item, offset, text, sizeof(text))) {
		snprintf(buffer, size, "the literal \"%s\"", text);
		return buffer;
	}
	item_describe(item, buffer, size);
	used = strlen(buffer);
	if (offset && used < size)
		snprintf(buffer + used, size - used, "%+ld", offset);
	return buffer;
}

static bool covers(const struct symbol *symbol, uint64_t vaddr)
{
	return symbol->type != STT_TLS && symbol->type != STT_NOTYPE &&
	       vaddr >= symbol->vaddr &&
	       (vaddr - symbol->vaddr < symbol->size || vaddr == symbol->vaddr);
}

/* Only for messages: one pass is fast enough. */
static const struct symbol *symbol_at(const struct symbols *symbols,
				      uint64_t vaddr)
{
	for (size_t i = 0; i < symbols->nr; i++)
		if (covers(&symbols->entries[i], vaddr))
			return &symbols->entries[i];
	return NULL;
}

static void describe_symbol(const struct symbol *symbol, uint64_t vaddr,
			    char *buffer, size_t size)
{
	bool function = symbol_class(symbol) == SYMBOL_FUNCTION;
	uint64_t offset = vaddr - symbol->vaddr;

	if (offset)
		snprintf(buffer, size, "%s%s+%#lx", symbol->name,
			 function ? "()" : "", offset);
	else
		snprintf(buffer, size, "%s%s%s", function ? "" : "variable ",
			 symbol->name, function ? "()" : "");
}

/* What a slot is filled with. */
static bool describe_word(const struct build *build, uint64_t slot,
			  char *buffer, size_t size)
{
	struct target_word word;
	const struct symbol *symbol;

	if (target_word(build, slot, &word))
		return false;
	if (word.name && *word.name) {
		snprintf(buffer, size, "%s", word.name);
		return true;
	}
	symbol = word.value ? symbol_at(&build->symbols, word.value) : NULL;
	if (symbol)
		describe_symbol(symbol, word.value, buffer, size);
	return symbol != NULL;
}

static bool describe_string(const struct build *build, uint64_t vaddr,
			    char *buffer, size_t size)
{
	uint8_t bytes[STRING_SHOWN + 1] = { 0 };
	char text[STRING_SHOWN + 1];
	size_t nr = 0;

	while (nr < STRING_SHOWN) {
		const uint8_t *byte =
			elf_bytes_at(build->target->file, vaddr + nr, 1);

		if (!byte || !*byte)
			break;
		bytes[nr++] = *byte;
	}
	if (!text_of(bytes, sizeof(bytes), text, sizeof(text)))
		return false;
	snprintf(buffer, size, "the literal \"%s\"%s", text,
		 nr == STRING_SHOWN ? "..." : "");
	return true;
}

static bool is_writable(const struct build *build, uint64_t vaddr)
{
	const struct elf_file *file = build->target->file;

	for (size_t i = 0; i < file->nr_segments; i++) {
		const Elf64_Phdr *segment = &file->segments[i];

		if (segment->p_type == PT_LOAD && vaddr >= segment->p_vaddr &&
		    vaddr - segment->p_vaddr < segment->p_memsz)
			return segment->p_flags & PF_W;
	}
	return true;
}

const char *describe_address(const struct build *build, uint64_t vaddr,
			     char *buffer, size_t size)
{
	const struct symbol *symbol = symbol_at(&build->symbols, vaddr);
	uint64_t slot;

	if (symbol)
		describe_symbol(symbol, vaddr, buffer, size);
	else if (target_plt_slot(build, vaddr, &slot) ||
		 !describe_word(build, slot, buffer, size))
		if (!describe_word(build, vaddr, buffer, size) &&
		    (is_writable(build, vaddr) ||
		     !describe_string(build, vaddr, buffer, size)))
			snprintf(buffer, size, "what is at %#lx", vaddr);
	return buffer;
}

/* ---- instructions ------------------------------------------------------- */

static void format_bytes(const uint8_t *code, size_t left, char *buffer,
			 size_t size)
{
	size_t used = 0;

	if (left > BYTES_SHOWN)
		left = BYTES_SHOWN;
	*buffer = '\0';
	for (size_t i = 0; i < left && used + 4 < size; i++)
		used += (size_t)snprintf(buffer + used, size - used, "%s%02x",
					 i ? " " : "bytes ", code[i]);
}

static void format_insn(const struct check *check, const uint8_t *code,
			size_t left, uint64_t address, char *buffer,
			size_t size)
{
	size_t insn_size;

	if (!left)
		snprintf(buffer, size, "(its end)");
	else if (insn_format(check->build->decoder, code, left, address, buffer,
			     size, &insn_size))
		format_bytes(code, left, buffer, size);
}

/* The object's instruction holds zeros where a reference stands: name it. */
static void add_reference(const struct walk *part, uint32_t at, char *buffer,
			  size_t size)
{
	const struct item *item = part->item;
	char place[PLACE_SIZE];
	size_t used = strlen(buffer);

	for (size_t i = 0; i < item->nr_references; i++) {
		const struct reference *reference = &item->references[i];

		if (reference->offset < at || reference->offset >= at + 15 ||
		    (reference->offset > at &&
		     part->object_numbers[reference->offset] != WALK_NOWHERE))
			continue;
		snprintf(buffer + used, size - used, "  -> %s",
			 describe_place(reference->to, reference->to_offset,
					place, sizeof(place)));
		return;
	}
}

static const char *symbol_name_at(const struct check *check, uint64_t vaddr)
{
	const struct symbol *symbol =
		symbols_function_at(&check->build->symbols, vaddr);

	return symbol ? symbol->name : check->target->name;
}

char *describe_difference(const struct check *check, const struct walk *part,
			  uint32_t object_at, uint32_t target_at,
			  const char *reason)
{
	char ours[512], theirs[256];

	format_insn(check, part->item->bytes + object_at,
		    part->item->size - object_at, object_at, ours,
		    sizeof(ours) / 2);
	add_reference(part, object_at, ours, sizeof(ours));
	format_insn(check, part->code + target_at, part->size - target_at,
		    part->vaddr + target_at, theirs, sizeof(theirs));
	return text_format("%s\n"
			   "rebuilt %s+%#x: %s\n"
			   "running %s+%#x: %s",
			   reason, part->item->name ?: "?", object_at, ours,
			   symbol_name_at(check, part->vaddr), target_at,
			   theirs);
}
