/*
 * The function's bytes are decoded once, from the first to the last. What
 * matters near the entry is kept in a survey: where instructions begin, and
 * which of them lead where. Each strategy then proposes a plan; the first one
 * into whose overwritten bytes nothing leads is taken.
 *
 * Decoding straight through is right for what compilers emit today: jump
 * tables stand in .rodata. Bytes that do not decode may be data or
 * instructions too new for the decoder; what they would branch to is unknown,
 * so they are a reason to refuse.
 */
#include "site.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"

DEFINE_CLEANUP(struct insn_decoder, insn_decoder_free)

/* Covers a landing pad, the longest jump and one instruction more. */
#define WINDOW 64

struct survey {
	uint32_t entry;
	bool starts[WINDOW];	/* an instruction begins here, or the end is */
	bool is_led_to[WINDOW]; /* something inside the function leads here, */
	size_t leader[WINDOW];	/* the instruction at this offset */
	bool reentered;
};

static const char *const strategy_names[] = {
	[SITE_NOP_ROOM] = "nop-room",
	[SITE_JUMP] = "jump",
	[SITE_SHORT_JUMP] = "short-jump",
};

const char *site_strategy_name(enum site_strategy strategy)
{
	return strategy_names[strategy];
}

int site_strategy_parse(const char *name, enum site_strategy *ret_strategy)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategy_names); i++) {
		if (strcmp(name, strategy_names[i]))
			continue;
		*ret_strategy = (enum site_strategy)i;
		return 0;
	}
	return -EINVAL;
}

/*
 * A call of the entry is an ordinary call of the function: recursion. So is
 * its address, unless it is that of the bytes behind the landing pad.
 */
static void survey_reference(struct survey *survey,
			     const struct site_code *code,
			     const struct insn *insn, hf_addr to)
{
	uint64_t offset = to - code->address;

	if (offset >= WINDOW || offset >= code->size)
		return;
	if (offset == 0 || offset == survey->entry) {
		survey->reentered |=
			insn->is_jump || (offset && !insn->is_call);
		return;
	}
	survey->is_led_to[offset] = true;
	survey->leader[offset] = insn->address - code->address;
}

/* The address of a label, taken for a computed goto, counts as a branch. */
static void survey_insn(struct survey *survey, const struct site_code *code,
			const struct insn *insn)
{
	if (insn->has_target)
		survey_reference(survey, code, insn, insn->target);
	if (insn->pc_relative)
		survey_reference(survey, code, insn, insn->pc_relative_address);
}

static int refuse_undecodable(const struct site_code *code, size_t at,
			      struct hf_diag *diag)
{
	hf_refuse(diag, "site-undecodable",
		  "the bytes at 0x%" PRIx64 " (+0x%zx) are no instruction that "
		  "the disassembler knows, so it is not known what else leads "
		  "to the function's entry",
		  code->address + at, at);
	hf_hint(diag, "replace the functions that call it instead");
	return -ECANCELED;
}

static int survey_make(const struct arch *arch, const struct site_code *code,
		       struct insn_decoder *decoder, struct survey *ret_survey,
		       struct hf_diag *diag)
{
	struct survey survey = {
		.entry = (uint32_t)arch->landing_pad_size(code->bytes,
							  code->size),
	};
	size_t at = 0;

	while (at < code->size) {
		struct insn insn;

		if (insn_decode(decoder, code->bytes + at, code->size - at,
				code->address + at, &insn) < 0)
			return refuse_undecodable(code, at, diag);
		if (at < WINDOW)
			survey.starts[at] = true;
		survey_insn(&survey, code, &insn);
		at += insn.size;
	}
	if (at < WINDOW)
		survey.starts[at] = true;
	*ret_survey = survey;
	return 0;
}

/* What a strategy proposes: true when the bytes have room for it. */
typedef bool (*proposal)(const struct arch *arch, const struct site_code *code,
			 struct site_plan *plan);

static bool propose_nop_room(const struct arch *arch,
			     const struct site_code *code,
			     struct site_plan *plan)
{
	size_t at = plan->entry;

	plan->size = (uint32_t)arch->jump_size;
	while (at < plan->entry + arch->jump_size) {
		size_t size = arch->nop_size(code->bytes + at, code->size - at);

		if (!size)
			return false;
		at += size;
	}
	return true;
}

static bool propose_jump(const struct arch *arch, const struct site_code *code,
			 struct site_plan *plan)
{
	plan->size = (uint32_t)arch->jump_size;
	return plan->entry + arch->jump_size <= code->size;
}

static bool is_padding(const struct arch *arch, const uint8_t *bytes,
		       size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t padding = arch->padding_size(bytes + at, size - at);

		if (!padding)
			return false;
		at += padding;
	}
	return true;
}

/* Can the entry reach a relay at @relay with a short jump? */
static bool is_near(const struct arch *arch, const struct site_code *code,
		    uint32_t entry, int64_t relay)
{
	uint8_t bytes[JUMP_SIZE_MAX];

	return arch->encode_short_jump(code->address + entry,
				       code->address + (uint64_t)relay,
				       bytes) == 0;
}

static bool propose_short_jump(const struct arch *arch,
			       const struct site_code *code,
			       struct site_plan *plan)
{
	const int64_t before = -(int64_t)arch->jump_size;
	const int64_t behind = (int64_t)code->size;

	plan->size = (uint32_t)arch->short_jump_size;
	if (plan->entry + arch->short_jump_size > code->size)
		return false;
	if (code->gap_before_size >= arch->jump_size &&
	    is_near(arch, code, plan->entry, before) &&
	    is_padding(arch, code->gap_before, code->gap_before_size)) {
		plan->relay = (int32_t)before;
		return true;
	}
	if (code->gap_behind_size >= arch->jump_size &&
	    is_near(arch, code, plan->entry, behind) &&
	    is_padding(arch, code->gap_behind, code->gap_behind_size)) {
		plan->relay = (int32_t)behind;
		return true;
	}
	return false;
}

static const proposal proposals[] = {
	[SITE_NOP_ROOM] = propose_nop_room,
	[SITE_JUMP] = propose_jump,
	[SITE_SHORT_JUMP] = propose_short_jump,
};

/*
 * Nothing may lead to the bytes after the first overwritten one: there stands
 * the middle of a jump then, or the rest of an instruction that begins in it.
 */
static bool is_safe(const struct survey *survey, const struct site_plan *plan,
		    uint32_t *ret_offset)
{
	for (uint32_t i = plan->entry + 1; i < plan->entry + plan->size; i++) {
		if (!survey->is_led_to[i])
			continue;
		*ret_offset = i;
		return false;
	}
	return true;
}

static int refuse_branch(const struct site_code *code,
			 const struct survey *survey, uint32_t offset,
			 struct insn_decoder *decoder, struct hf_diag *diag)
{
	size_t leader = survey->leader[offset], size;
	char text[128] = "an instruction";

	insn_format(decoder, code->bytes + leader, code->size - leader,
		    code->address + leader, text, sizeof(text), &size);
	hf_refuse(diag, "site-branch-into-entry",
		  "`%s` at 0x%" PRIx64 " (+0x%zx) leads to +0x%x, among the "
		  "bytes at the function's entry that a jump would overwrite",
		  text, code->address + leader, leader, offset);
	hf_hint(diag, "replace the functions that call it instead");
	return -ECANCELED;
}

static int refuse_short(const struct arch *arch, const struct site_code *code,
			const struct survey *survey, struct hf_diag *diag)
{
	hf_refuse(diag, "site-too-short",
		  "a jump needs %zu bytes, the function has %zu at its "
		  "entry, and no %zu bytes of padding are within reach of a "
		  "short jump (gap before it: %zu, behind it: %zu)",
		  arch->jump_size, code->size - survey->entry, arch->jump_size,
		  code->gap_before_size, code->gap_behind_size);
	hf_hint(diag, "replace the functions that call it instead");
	return -ECANCELED;
}

static uint32_t resume_of(const struct survey *survey,
			  const struct site_plan *plan)
{
	uint32_t at = plan->entry + plan->size;

	while (at < WINDOW - 1 && !survey->starts[at])
		at++;
	return at;
}

int site_plan_make(const struct arch *arch, const struct site_code *code,
		   struct site_plan *ret_plan, struct hf_diag *diag)
{
	owned(insn_decoder_free_p) struct insn_decoder *decoder = NULL;
	struct survey survey;
	uint32_t led_to = 0;
	int r;

	r = insn_decoder_new(arch, &decoder, diag);
	if (r < 0)
		return r;
	r = survey_make(arch, code, decoder, &survey, diag);
	if (r < 0)
		return r;

	for (size_t i = 0; i < ARRAY_SIZE(proposals); i++) {
		struct site_plan plan = {
			.strategy = (enum site_strategy)i,
			.entry = survey.entry,
			.reentered = survey.reentered,
		};

		if (!proposals[i](arch, code, &plan) ||
		    !is_safe(&survey, &plan, &led_to))
			continue;
		plan.resume = resume_of(&survey, &plan);
		*ret_plan = plan;
		return 0;
	}
	if (led_to)
		return refuse_branch(code, &survey, led_to, decoder, diag);
	return refuse_short(arch, code, &survey, diag);
}

static int refuse_reach(const char *what, hf_addr from, hf_addr to,
			struct hf_diag *diag)
{
	return hf_error(diag, -ERANGE, "out-of-reach",
			"%s at 0x%" PRIx64 " does not reach 0x%" PRIx64, what,
			from, to);
}

int site_plan_encode(const struct arch *arch, const struct site_plan *plan,
		     hf_addr function, hf_addr replacement,
		     struct site_write ret_writes[SITE_WRITES_MAX],
		     size_t *ret_nr_writes, struct hf_diag *diag)
{
	const hf_addr entry = function + plan->entry;
	const bool relayed = plan->strategy == SITE_SHORT_JUMP;
	struct site_write far = {
		.address = relayed ? function + (uint64_t)plan->relay : entry,
		.size = (uint8_t)arch->jump_size,
	};
	struct site_write near = {
		.address = entry,
		.size = (uint8_t)arch->short_jump_size,
	};

	if (arch->encode_jump(far.address, replacement, far.bytes) < 0)
		return refuse_reach("a jump", far.address, replacement, diag);
	if (relayed &&
	    arch->encode_short_jump(entry, far.address, near.bytes) < 0)
		return refuse_reach("a short jump", entry, far.address, diag);
	ret_writes[0] = far;
	ret_writes[1] = near;
	*ret_nr_writes = relayed ? 2 : 1;
	return 0;
}
