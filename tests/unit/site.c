#include "../../lib/site.h"

#include <errno.h>

#include "../tap.h"

#define FUNCTION 0x401000u

#define ENDBR64 0xf3, 0x0f, 0x1e, 0xfa
#define NOP 0x90
#define RET 0xc3
#define INT3 0xcc
#define PUSH_RBP 0x55
#define XOR_EAX_EAX 0x31, 0xc0
#define MOV_1_EAX 0xb8, 1, 0, 0, 0
#define NOP5 0x0f, 0x1f, 0x44, 0, 0
#define NOP8 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
#define JMP8(distance) 0xeb, (uint8_t)(distance)
#define JNE8(distance) 0x75, (uint8_t)(distance)
#define CALL(distance) 0xe8, (uint8_t)(distance), 0xff, 0xff, 0xff

struct plan_case {
	const char *name;
	uint8_t code[32], before[16], behind[16];
	size_t size, before_size, behind_size;
	const char *refused; /* the code, or NULL */
	struct site_plan want;
};

static const struct plan_case plan_cases[] = {
	{
		.name = "whole instructions",
		.code = { PUSH_RBP, MOV_1_EAX, RET },
		.size = 7,
		.want = { SITE_JUMP, 0, 5, 6, 0, false },
	},
	{
		.name = "exactly as long as the jump",
		.code = { XOR_EAX_EAX, XOR_EAX_EAX, RET },
		.size = 5,
		.want = { SITE_JUMP, 0, 5, 5, 0, false },
	},
	{
		.name = "behind endbr64",
		.code = { ENDBR64, MOV_1_EAX, RET },
		.size = 10,
		.want = { SITE_JUMP, 4, 5, 9, 0, false },
	},
	{
		.name = "five NOPs of one byte",
		.code = { NOP, NOP, NOP, NOP, NOP, XOR_EAX_EAX, RET },
		.size = 8,
		.want = { SITE_NOP_ROOM, 0, 5, 5, 0, false },
	},
	{
		.name = "one NOP of eight bytes, behind endbr64",
		.code = { ENDBR64, NOP8, XOR_EAX_EAX, RET },
		.size = 15,
		.want = { SITE_NOP_ROOM, 4, 5, 12, 0, false },
	},
	{
		.name = "four NOPs are no room",
		.code = { NOP, NOP, NOP, NOP, XOR_EAX_EAX, RET },
		.size = 7,
		.want = { SITE_JUMP, 0, 5, 6, 0, false },
	},
	{
		.name = "NOP room is preferred though a jump would do",
		.code = { NOP5, PUSH_RBP, RET },
		.size = 7,
		.want = { SITE_NOP_ROOM, 0, 5, 5, 0, false },
	},
	{
		.name = "traps are no NOP room",
		.code = { INT3, INT3, INT3, INT3, INT3, RET },
		.size = 6,
		.want = { SITE_JUMP, 0, 5, 5, 0, false },
	},
	{
		.name = "too short, padding before",
		.code = { XOR_EAX_EAX, RET },
		.size = 3,
		.before = { NOP8 },
		.before_size = 8,
		.behind = { NOP8 },
		.behind_size = 8,
		.want = { SITE_SHORT_JUMP, 0, 2, 2, -5, false },
	},
	{
		.name = "too short, padding behind",
		.code = { XOR_EAX_EAX, RET },
		.size = 3,
		.before = { NOP, NOP, NOP, NOP },
		.before_size = 4,
		.behind = { INT3, INT3, INT3, INT3, INT3 },
		.behind_size = 5,
		.want = { SITE_SHORT_JUMP, 0, 2, 2, 3, false },
	},
	{
		.name = "too short behind endbr64",
		.code = { ENDBR64, XOR_EAX_EAX, RET },
		.size = 7,
		.before = { NOP5 },
		.before_size = 5,
		.want = { SITE_SHORT_JUMP, 4, 2, 6, -5, false },
	},
	{
		.name = "the short jump ends inside an instruction",
		.code = { 0x83, 0xc0, 0x01, RET }, /* add $1,%eax */
		.size = 4,
		.before = { NOP5 },
		.before_size = 5,
		.want = { SITE_SHORT_JUMP, 0, 2, 3, -5, false },
	},
	{
		.name = "too short, gap holds something else",
		.code = { XOR_EAX_EAX, RET },
		.size = 3,
		.before = { NOP5, RET },
		.before_size = 6,
		.behind = { 0, 0, 0, 0, 0 },
		.behind_size = 5,
		.refused = "site-too-short",
	},
	{
		.name = "too short, gap ends inside an instruction",
		.code = { XOR_EAX_EAX, RET },
		.size = 3,
		.before = { NOP, 0x0f, 0x1f, 0x84, 0, 0 },
		.before_size = 6,
		.refused = "site-too-short",
	},
	{
		.name = "too short, neighbours close by",
		.code = { XOR_EAX_EAX, RET },
		.size = 3,
		.refused = "site-too-short",
	},
	{
		.name = "a single ret",
		.code = { ENDBR64, RET },
		.size = 5,
		.before = { NOP5 },
		.before_size = 5,
		.refused = "site-too-short",
	},
	{
		.name = "nothing but a landing pad",
		.code = { ENDBR64 },
		.size = 4,
		.refused = "site-too-short",
	},
	{
		.name = "empty",
		.size = 0,
		.refused = "site-too-short",
	},
	{
		/* push; 1: xor; jne 1b; nop; ret */
		.name = "a loop back into the jump, no padding",
		.code = { PUSH_RBP, XOR_EAX_EAX, JNE8(-4), NOP, RET },
		.size = 7,
		.refused = "site-branch-into-entry",
	},
	{
		/* push; push; 2: xor; jne 2b; nop; ret */
		.name = "a loop behind the short jump",
		.code = { PUSH_RBP, PUSH_RBP, XOR_EAX_EAX, JNE8(-4), NOP, RET },
		.size = 8,
		.before = { NOP5 },
		.before_size = 5,
		.want = { SITE_SHORT_JUMP, 0, 2, 2, -5, false },
	},
	{
		/* push; 1: xor; jne 1b; nop; ret */
		.name = "a loop back into the short jump as well",
		.code = { PUSH_RBP, XOR_EAX_EAX, JNE8(-4), NOP, RET },
		.size = 7,
		.before = { NOP5 },
		.before_size = 5,
		.refused = "site-branch-into-entry",
	},
	{
		/* mov; 5: xor; jne 5b; ret */
		.name = "a loop that begins where the jump ends",
		.code = { MOV_1_EAX, XOR_EAX_EAX, JNE8(-4), RET },
		.size = 10,
		.want = { SITE_JUMP, 0, 5, 5, 0, false },
	},
	{
		.name = "a loop to the entry",
		.code = { MOV_1_EAX, JNE8(-7), RET },
		.size = 8,
		.want = { SITE_JUMP, 0, 5, 5, 0, true },
	},
	{
		.name = "a loop to the entry behind endbr64",
		.code = { ENDBR64, MOV_1_EAX, JNE8(-7), RET },
		.size = 12,
		.want = { SITE_JUMP, 4, 5, 9, 0, true },
	},
	{
		.name = "a jump to the landing pad",
		.code = { ENDBR64, MOV_1_EAX, JMP8(-11) },
		.size = 11,
		.want = { SITE_JUMP, 4, 5, 9, 0, true },
	},
	{
		.name = "a call of itself",
		.code = { MOV_1_EAX, CALL(-10), RET },
		.size = 11,
		.want = { SITE_JUMP, 0, 5, 5, 0, false },
	},
	{
		.name = "a call into the jump",
		.code = { MOV_1_EAX, CALL(-9), RET },
		.size = 11,
		.refused = "site-branch-into-entry",
	},
	{
		/* lea -11(%rip),%rax: address of +1 */
		.name = "the address of a label in the jump",
		.code = { MOV_1_EAX, 0x48, 0x8d, 0x05, 0xf5, 0xff, 0xff, 0xff,
			  RET },
		.size = 13,
		.refused = "site-branch-into-entry",
	},
	{
		/* lea -12(%rip),%rax: its own address */
		.name = "the function's own address",
		.code = { MOV_1_EAX, 0x48, 0x8d, 0x05, 0xf4, 0xff, 0xff, 0xff,
			  RET },
		.size = 13,
		.want = { SITE_JUMP, 0, 5, 5, 0, false },
	},
	{
		/* lea -12(%rip),%rax: address of +4 */
		.name = "the address behind the landing pad",
		.code = { ENDBR64, MOV_1_EAX, 0x48, 0x8d, 0x05, 0xf4, 0xff,
			  0xff, 0xff, RET },
		.size = 17,
		.want = { SITE_JUMP, 4, 5, 9, 0, true },
	},
	{
		.name = "a jump out of the function",
		.code = { MOV_1_EAX, JMP8(0x70) },
		.size = 7,
		.want = { SITE_JUMP, 0, 5, 5, 0, false },
	},
	{
		.name = "undecodable further on",
		.code = { MOV_1_EAX, RET, 0x06 },
		.size = 7,
		.refused = "site-undecodable",
	},
	{
		.name = "the last instruction is cut short",
		.code = { MOV_1_EAX, XOR_EAX_EAX, 0xb8, 1 },
		.size = 9,
		.refused = "site-undecodable",
	},
};

/* Memory of exactly this size, so that a sanitizer sees reads beyond. */
static uint8_t *copy_of(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	return copy;
}

static int plan_make(const struct plan_case *c, struct site_plan *plan,
		     struct hf_diag *diag)
{
	uint8_t *bytes = copy_of(c->code, c->size);
	uint8_t *before = copy_of(c->before, c->before_size);
	uint8_t *behind = copy_of(c->behind, c->behind_size);
	const struct site_code code = {
		.address = FUNCTION,
		.bytes = bytes,
		.size = c->size,
		.gap_before = before,
		.gap_before_size = c->before_size,
		.gap_behind = behind,
		.gap_behind_size = c->behind_size,
	};
	int r = site_plan_make(&arch_x86_64, &code, plan, diag);

	free(bytes);
	free(before);
	free(behind);
	return r;
}

TEST(plans)
{
	for (size_t i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		const struct plan_case *c = &plan_cases[i];
		struct hf_diag diag = { 0 };
		struct site_plan plan = { 0 };
		int r = plan_make(c, &plan, &diag);

		if (c->refused && (r != -ECANCELED ||
				   strcmp(diag.code, c->refused)))
			TAP_FAIL("%s: %d, %s", c->name, r, diag.code);
		if (c->refused)
			continue;
		if (r)
			TAP_FAIL("%s: %s", c->name, diag.message);
		if (plan.strategy != c->want.strategy ||
		    plan.entry != c->want.entry || plan.size != c->want.size ||
		    plan.resume != c->want.resume ||
		    plan.relay != c->want.relay ||
		    plan.reentered != c->want.reentered)
			TAP_FAIL("%s: %s, entry %u, size %u, resume %u, "
				 "relay %d%s",
				 c->name, site_strategy_name(plan.strategy),
				 plan.entry, plan.size, plan.resume, plan.relay,
				 plan.reentered ? ", reentered" : "");
	}
}

/* The relay must be within 128 bytes; a function can be longer than that. */
TEST(relay_out_of_reach)
{
	uint8_t code[160];
	static const uint8_t nop5[] = { NOP5 };
	struct site_code site = {
		.address = FUNCTION,
		.bytes = code,
		.gap_behind = nop5,
		.gap_behind_size = sizeof(nop5),
	};
	struct site_plan plan;

	/* push; push; 2: xor; jne 2b; xor... */
	static const uint8_t start[] = { PUSH_RBP, PUSH_RBP, XOR_EAX_EAX,
					 JNE8(-4) };
	memset(code, NOP, sizeof(code));
	memcpy(code, start, sizeof(start));
	site.size = 129; /* +2 + 127 */
	CHECK_EQ(site_plan_make(&arch_x86_64, &site, &plan, NULL), 0);
	CHECK_EQ(plan.strategy, SITE_SHORT_JUMP);
	CHECK_EQ(plan.relay, 129);
	site.size = 130;
	CHECK_EQ(site_plan_make(&arch_x86_64, &site, &plan, NULL), -ECANCELED);
}

TEST(refusals_name_the_instruction)
{
	struct hf_diag diag;
	struct site_plan plan;

	for (size_t i = 0; i < ARRAY_SIZE(plan_cases); i++) {
		if (strcmp(plan_cases[i].name,
			   "a loop back into the jump, no padding"))
			continue;
		CHECK_EQ(plan_make(&plan_cases[i], &plan, &diag), -ECANCELED);
		CHECK_CONTAINS(diag.message,
			       "`jne 0x401001` at 0x401003 (+0x3) leads to +0x1");
		CHECK_CONTAINS(diag.hint, "replace the functions that call it");
		return;
	}
	CHECK(!"case found");
}

TEST(encode_jump)
{
	static const struct site_plan plan = { SITE_JUMP, 4, 5, 9, 0, false };
	static const uint8_t want[] = { 0xe9, 0xf7, 0x0f, 0, 0 };
	struct site_write writes[SITE_WRITES_MAX];
	struct hf_diag diag;
	size_t nr;

	CHECK_EQ(site_plan_encode(&arch_x86_64, &plan, 0x1000, 0x2000, writes,
				  &nr, &diag),
		 0);
	CHECK_EQ(nr, 1);
	CHECK_EQ(writes[0].address, 0x1004);
	CHECK_EQ(writes[0].size, 5);
	CHECK_BYTES(writes[0].bytes, want, 5);
	CHECK_EQ(site_plan_encode(&arch_x86_64, &plan, 0x1000, 0x7f0000000000,
				  writes, &nr, &diag),
		 -ERANGE);
	CHECK_STR(diag.code, "out-of-reach");
}

/* The relay is complete before anything leads to it. */
TEST(encode_short_jump)
{
	static const struct site_plan plan = { SITE_SHORT_JUMP, 4,  2,
					       6,		-5, false };
	static const uint8_t relay[] = { 0xe9, 0x00, 0x10, 0, 0 };
	static const uint8_t entry[] = { 0xeb, 0xf5 };
	struct site_write writes[SITE_WRITES_MAX];
	size_t nr;

	CHECK_EQ(site_plan_encode(&arch_x86_64, &plan, 0x1000, 0x2000, writes,
				  &nr, NULL),
		 0);
	CHECK_EQ(nr, 2);
	CHECK_EQ(writes[0].address, 0xffb);
	CHECK_EQ(writes[0].size, 5);
	CHECK_BYTES(writes[0].bytes, relay, 5);
	CHECK_EQ(writes[1].address, 0x1004);
	CHECK_EQ(writes[1].size, 2);
	CHECK_BYTES(writes[1].bytes, entry, 2);
}

TEST(strategy_names)
{
	enum site_strategy strategy;

	for (int i = SITE_NOP_ROOM; i <= SITE_SHORT_JUMP; i++) {
		const char *name = site_strategy_name((enum site_strategy)i);

		CHECK_EQ(site_strategy_parse(name, &strategy), 0);
		CHECK_EQ(strategy, i);
	}
	CHECK_EQ(site_strategy_parse("jum", &strategy), -EINVAL);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
