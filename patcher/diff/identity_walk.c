#include "identity_walk.h"

#include <errno.h>
#include <string.h>

struct walker {
	struct insn_decoder *decoder;
	const struct unit *unit;
	struct walk *walk;
	size_t object_at, target_at;
	size_t next_reference;
};

/* One instruction of the object, with the references in it. */
struct step {
	const uint8_t *object, *target;
	size_t object_left, target_left;
	struct insn insn;
	const struct reference *references;
	size_t nr_references;
};

/* ---- fields ------------------------------------------------------------- */

static uint64_t read_field(const uint8_t *bytes, const struct field_form *form)
{
	uint64_t value = 0;

	memcpy(&value, bytes, form->size);
	if (form->size == 4 && form->is_signed)
		value = (uint64_t)(int64_t)(int32_t)(uint32_t)value;
	return value;
}

static struct field_use *add_use(struct walker *walker, const struct item *to,
				 int64_t to_offset)
{
	struct walk *walk = walker->walk;
	struct field_use *use = array_append(walk->uses, walk->nr_uses);

	if (!use)
		return NULL;
	use->to = to;
	use->to_offset = to_offset;
	use->object_at = (uint32_t)walker->object_at;
	use->target_at = (uint32_t)walker->target_at;
	return use;
}

/*
 * @field: offset in the target's instruction; @base: what a PC-relative field
 * counts from, as offset from the field.
 */
static int use_field(struct walker *walker, const struct reference *reference,
		     const struct field_form *form, size_t field, int64_t base)
{
	struct walk *walk = walker->walk;
	struct field_use *use =
		add_use(walker, reference->to, reference->to_offset);
	const uint8_t *bytes = walk->code + walker->target_at + field;

	if (!use)
		return -ENOMEM;
	use->type = reference->type;
	use->meaning = form->meaning;
	use->place = walk->vaddr + walker->target_at + field;
	use->value = read_field(bytes, form);
	if (form->pc_relative)
		use->value += use->place + (uint64_t)base;
	return 0;
}

/* What lies @offset bytes from the item's start, in the same section. */
static const struct item *item_near(const struct walker *walker, int64_t offset,
				    int64_t *ret_offset)
{
	const struct item *item = walker->walk->item, *other = NULL;
	int64_t place = (int64_t)item->offset + offset;

	*ret_offset = offset;
	if (offset >= 0 && (uint64_t)offset < item->size)
		return item;
	if (walker->unit && place >= 0)
		other = unit_item_at(walker->unit, item->section,
				     (uint64_t)place);
	if (!other || other == item)
		return item;
	*ret_offset = place - (int64_t)other->offset;
	return other;
}

/* A place in the same section that the assembler has filled in by itself. */
static int use_place(struct walker *walker, hf_addr object_target,
		     hf_addr target)
{
	int64_t offset;
	const struct item *to =
		item_near(walker, (int64_t)object_target, &offset);
	struct field_use *use = add_use(walker, to, offset);

	if (!use)
		return -ENOMEM;
	use->meaning = FIELD_ADDRESS;
	use->value = target;
	return 0;
}

/* ---- one instruction ---------------------------------------------------- */

static void stop(struct walker *walker, const char *reason)
{
	walker->walk->stopped = reason;
	walker->walk->object_at = (uint32_t)walker->object_at;
	walker->walk->target_at = (uint32_t)walker->target_at;
}

static void advance(struct walker *walker, size_t object_size,
		    size_t target_size)
{
	struct walk *walk = walker->walk;

	walk->object_numbers[walker->object_at] = walk->nr_instructions;
	walk->target_numbers[walker->target_at] = walk->nr_instructions;
	walk->nr_instructions++;
	walker->object_at += object_size;
	walker->target_at += target_size;
}

/* NOPs on either side have the number of what comes next. */
static void skip_nops(struct walker *walker)
{
	struct walk *walk = walker->walk;
	size_t size;

	while ((size = nop_size(walk->item->bytes + walker->object_at,
				walk->item->size - walker->object_at))) {
		walk->object_numbers[walker->object_at] = walk->nr_instructions;
		walker->object_at += size;
	}
	while ((size = nop_size(walk->code + walker->target_at,
				walk->size - walker->target_at))) {
		walk->target_numbers[walker->target_at] = walk->nr_instructions;
		walker->target_at += size;
	}
}

static void find_references(struct walker *walker, struct step *step)
{
	const struct item *item = walker->walk->item;
	size_t i = walker->next_reference;

	while (i < item->nr_references &&
	       item->references[i].offset < walker->object_at)
		i++;
	walker->next_reference = i;
	step->references = item->references + i;
	while (i < item->nr_references &&
	       item->references[i].offset < walker->object_at + step->insn.size)
		i++;
	step->nr_references = i - walker->next_reference;
}

/* Fields that may differ, by offset in the instruction. */
struct holes {
	struct {
		size_t start, size;
	} items[4];
	size_t nr;
};

static bool same_but_for(const struct step *step, const struct holes *holes)
{
	size_t at = 0;

	for (size_t i = 0; i < holes->nr; i++) {
		size_t start = holes->items[i].start;

		if (start < at ||
		    start + holes->items[i].size > step->insn.size)
			return false;
		if (memcmp(step->object + at, step->target + at, start - at))
			return false;
		at = start + holes->items[i].size;
	}
	return !memcmp(step->object + at, step->target + at,
		       step->insn.size - at);
}

/*
 * The references' fields, and that of an operand which the assembler could
 * fill in. False: a field that we do not understand.
 */
static bool find_holes(const struct walker *walker, const struct step *step,
		       struct holes *holes, bool *ret_own_operand)
{
	size_t operand = step->insn.displacement_offset;

	*ret_own_operand = step->insn.pc_relative;
	for (size_t i = 0; i < step->nr_references; i++) {
		const struct reference *reference = &step->references[i];
		struct field_form form = relocation_form(reference->type);
		size_t start = reference->offset - walker->object_at;

		if (form.meaning == FIELD_UNKNOWN || holes->nr == 3)
			return false;
		if (start == operand)
			*ret_own_operand = false;
		holes->items[holes->nr].start = start;
		holes->items[holes->nr++].size = form.size;
	}
	if (*ret_own_operand && !step->nr_references) {
		holes->items[0].start = operand;
		holes->items[0].size = step->insn.displacement_size;
		holes->nr = 1;
	}
	/* An operand of our own beside a reference: not seen in practice. */
	return !*ret_own_operand || !step->nr_references;
}

static int use_own_operand(struct walker *walker, const struct step *step)
{
	static const struct field_form form = { FIELD_ADDRESS, 4, true, true };
	size_t field = step->insn.displacement_offset;
	uint64_t end =
		walker->walk->vaddr + walker->target_at + step->insn.size;

	return use_place(walker, step->insn.pc_relative_address,
			 end + read_field(step->target + field, &form));
}

static int use_references(struct walker *walker, const struct step *step)
{
	int r = 0;

	for (size_t i = 0; i < step->nr_references && !r; i++) {
		const struct reference *reference = &step->references[i];
		struct field_form form = relocation_form(reference->type);

		r = use_field(walker, reference, &form,
			      reference->offset - walker->object_at,
			      -reference->bias);
	}
	return r;
}

/* The same bytes, fields aside. Return: 1 if so; 0; -ENOMEM. */
static int try_same(struct walker *walker, const struct step *step)
{
	struct holes holes = { 0 };
	bool own_operand;
	int r = 0;

	if (step->target_left < step->insn.size)
		return 0;
	/* Its displacement is looked at in try_branch(). */
	if (step->insn.has_target && !step->nr_references)
		return 0;
	if (!find_holes(walker, step, &holes, &own_operand) ||
	    !same_but_for(step, &holes))
		return 0;
	if (own_operand)
		r = use_own_operand(walker, step);
	if (!r)
		r = use_references(walker, step);
	if (r)
		return r;
	advance(walker, step->insn.size, step->insn.size);
	return 1;
}

/* Both branch, in the same case. Where to is looked at later. */
static int try_branch(struct walker *walker, const struct step *step)
{
	unsigned int form = branch_form(step->object, step->insn.size);
	struct insn other;
	int r;

	if (!step->insn.has_target || step->nr_references > 1 || !form ||
	    insn_decode(walker->decoder, step->target, step->target_left,
			walker->walk->vaddr + walker->target_at, &other) ||
	    !other.has_target || branch_form(step->target, other.size) != form)
		return 0;
	if (step->nr_references) {
		struct field_use *use = add_use(walker, step->references->to,
						step->references->to_offset);

		r = use ? 0 : -ENOMEM;
		if (use) {
			use->type = step->references->type;
			use->meaning = FIELD_ADDRESS;
			use->value = other.target;
		}
	} else {
		r = use_place(walker, step->insn.target, other.target);
	}
	if (r)
		return r;
	advance(walker, step->insn.size, other.size);
	return 1;
}

static bool calls_tls_get_addr(const struct step *step,
			       const struct relaxed *relaxed)
{
	const struct reference *call = step->references + 1;

	return relaxed->nr_references < 2 ||
	       (call->to->name && !strcmp(call->to->name, "__tls_get_addr"));
}

/* What the linker made of it. */
static int try_relaxed(struct walker *walker, const struct step *step)
{
	const struct item *item = walker->walk->item;
	const struct reference *reference = step->references;
	struct relaxed relaxed;
	size_t first = walker->next_reference;
	int r = 0;

	if (!step->nr_references ||
	    !relax_match(reference->type, reference->offset - walker->object_at,
			 step->object, step->object_left, step->target,
			 step->target_left, &relaxed) ||
	    first + relaxed.nr_references > item->nr_references ||
	    !calls_tls_get_addr(step, &relaxed))
		return 0;
	if (relaxed.form.meaning != FIELD_NONE)
		r = use_field(walker, reference, &relaxed.form, relaxed.field,
			      relaxed.form.size);
	else if (relaxed.nr_references == 2)
		walker->walk->local_dynamic_relaxed = true;
	if (r)
		return r;
	walker->next_reference = first + relaxed.nr_references;
	advance(walker, relaxed.object_size, relaxed.target_size);
	return 1;
}

static int match(struct walker *walker, const struct step *step)
{
	int r = try_relaxed(walker, step);

	if (!r)
		r = try_same(walker, step);
	if (!r)
		r = try_branch(walker, step);
	if (!r)
		stop(walker, "the instructions differ");
	return r < 0 ? r : 0;
}

/* ---- all of them -------------------------------------------------------- */

static void begin_step(struct walker *walker, struct step *step)
{
	struct walk *walk = walker->walk;

	*step = (struct step){
		.object = walk->item->bytes + walker->object_at,
		.object_left = walk->item->size - walker->object_at,
		.target = walk->code + walker->target_at,
		.target_left = walk->size - walker->target_at,
	};
}

/* A call that the linker made a NOP must not be skipped as padding. */
static bool is_mark(const struct walker *walker)
{
	const struct item *item = walker->walk->item;
	size_t i = walker->next_reference;

	while (i < item->nr_references &&
	       item->references[i].offset < walker->object_at)
		i++;
	return i < item->nr_references &&
	       item->references[i].offset == walker->object_at &&
	       item->references[i].type == R_X86_64_TLSDESC_CALL;
}

static int walk_step(struct walker *walker)
{
	struct step step;

	begin_step(walker, &step);
	if (!step.object_left || !step.target_left) {
		stop(walker, step.target_left ? "the target's code goes on"
					      : "the target's code ends here");
		return 0;
	}
	if (insn_decode(walker->decoder, step.object, step.object_left,
			walker->object_at, &step.insn)) {
		stop(walker, "the disassembler does not know the instruction");
		return 0;
	}
	find_references(walker, &step);
	return match(walker, &step);
}

static int walk_all(struct walker *walker)
{
	struct walk *walk = walker->walk;
	int r = 0;

	while (!r && !walk->stopped) {
		if (!is_mark(walker))
			skip_nops(walker);
		if (walker->object_at == walk->item->size &&
		    walker->target_at == walk->size)
			break;
		r = walk_step(walker);
	}
	walk->object_numbers[walker->object_at] = walk->nr_instructions;
	walk->target_numbers[walker->target_at] = walk->nr_instructions;
	return r;
}

static uint32_t *new_numbers(size_t size)
{
	uint32_t *numbers = reallocarray(NULL, size + 1, sizeof(*numbers));

	if (numbers)
		memset(numbers, 0xff, (size + 1) * sizeof(*numbers));
	return numbers;
}

int identity_walk(struct insn_decoder *decoder, const struct unit *unit,
		  const struct item *item, const uint8_t *code, size_t size,
		  uint64_t vaddr, struct walk *ret_walk)
{
	struct walk walk = {
		.item = item,
		.code = code,
		.size = size,
		.vaddr = vaddr,
		.object_numbers = new_numbers(item->size),
		.target_numbers = new_numbers(size),
	};
	struct walker walker = {
		.decoder = decoder,
		.unit = unit,
		.walk = &walk,
	};
	int r = walk.object_numbers && walk.target_numbers ? walk_all(&walker)
							   : -ENOMEM;

	if (r)
		walk_release(&walk);
	else
		*ret_walk = walk;
	return r;
}

void walk_release(struct walk *walk)
{
	free(walk->object_numbers);
	free(walk->target_numbers);
	free(walk->uses);
	*walk = (struct walk){ 0 };
}

bool walk_same_place(const struct walk *walk, int64_t offset, uint64_t vaddr)
{
	uint64_t at = vaddr - walk->vaddr;
	uint32_t number;

	if (offset < 0 || (uint64_t)offset > walk->item->size ||
	    vaddr < walk->vaddr || at > walk->size)
		return false;
	number = walk->object_numbers[offset];
	return number != WALK_NOWHERE && number == walk->target_numbers[at];
}
