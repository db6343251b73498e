#include "../../lib/manifest.h"

#include <errno.h>
#include <jansson.h>

#include "../../lib/cleanup.h"
#include "../sample_manifest.h"
#include "../tap.h"

DEFINE_CLEANUP(struct manifest, manifest_free)

/* Memory of exactly this size: the JSON is not terminated in a patch file. */
static int parse(const char *json, struct manifest **manifest,
		 struct hf_diag *diag)
{
	size_t size = strlen(json);
	owned(free_p) char *copy = malloc(size ? size : 1);

	memcpy(copy, json, size);
	return manifest_parse(copy, size, manifest, diag);
}

static char *sample(void)
{
	char *json = NULL;

	if (manifest_format(&sample_manifest, &json, NULL) < 0)
		abort();
	return json;
}

/* @json with the first @old replaced, or NULL when it does not occur. */
static char *edited(const char *json, const char *old, const char *new)
{
	const char *at = strstr(json, old);
	char *result = NULL;

	if (!at || asprintf(&result, "%.*s%s%s", (int)(at - json), json, new,
			    at + strlen(old)) < 0)
		return NULL;
	return result;
}

TEST(round_trip)
{
	owned(free_p) char *json = sample();
	owned(free_p) char *again = NULL;
	owned(manifest_free_p) struct manifest *manifest = NULL;
	struct hf_diag diag = { 0 };

	CHECK_EQ(parse(json, &manifest, &diag), 0);
	CHECK_EQ(manifest_format(manifest, &again, &diag), 0);
	CHECK_STR(again, json);
}

/* The last row at or before the address counts, whatever the order. */
TEST(source_lines)
{
	static const struct {
		uint64_t vaddr;
		unsigned int line;
		const char *file;
	} cases[] = {
		{ 0x117f, 0, NULL },	      { 0x1180, 50, "src/pay.c" },
		{ 0x119f, 50, "src/pay.c" },  { 0x11a0, 0, NULL },
		{ 0x1200, 40, "src/pay.c" },  { 0x1205, 41, "src/pay.c" },
		{ 0x121f, 7, "src/card.h" },  { 0x123f, 43, "src/pay.c" },
		{ 0x1240, 0, NULL },
	};
	const struct manifest_function *function = &sample_functions[0];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *file = NULL;

		CHECK_EQ(manifest_line(function, cases[i].vaddr, &file),
			 cases[i].line);
		if (cases[i].line)
			CHECK_STR(file, cases[i].file);
	}
	CHECK_EQ(manifest_line(&sample_functions[1], 0x1240, NULL), 0);
}

TEST(malformed_lines)
{
	static const char *const rows[] = {
		"",	    " ",	"1204",	     "1204:",
		":41",	    "1204:41 ", "1204:41  1205:42",
		"1204:-1",  "12G4:41",	"0x1204:41", "1204:41,1205:42",
		"1234567890123:1", "1204:1234567890",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		owned(free_p) char *json = sample();
		owned(free_p) char *bad =
			edited(json, "1200:40 1204:41", rows[i]);
		owned(manifest_free_p) struct manifest *manifest = NULL;
		struct hf_diag diag = { 0 };

		CHECK_EQ(parse(bad, &manifest, &diag), -EBADMSG);
		CHECK_CONTAINS(diag.message, "lines[0].rows");
	}
}

/* Compared with the struct it came from, so that no member is lost both ways. */
TEST(every_member_is_read)
{
	owned(free_p) char *json = sample();
	owned(manifest_free_p) struct manifest *m = NULL;
	const struct manifest_function *f;
	const struct manifest_import *i;

	CHECK_EQ(parse(json, &m, NULL), 0);
	CHECK_STR(m->name, "CVE-2026-1234");
	CHECK_STR(m->reason, sample_manifest.reason);
	CHECK_STR(m->ticket, "OPS-77");
	CHECK_STR(m->author, "J\xc3\xbcrgen");
	CHECK_STR(m->created, "2026-11-22T19:00:00Z");
	CHECK_STR(m->tool, "hotfix-build 0.1");
	CHECK_STR(m->compiler, sample_manifest.compiler);
	CHECK_STR(m->flags, "-O2 -g -fPIC");
	CHECK_STR(m->target.name, "checkout");
	CHECK_EQ(m->target.kind, TARGET_EXECUTABLE);
	CHECK_EQ(m->target.build_id.size, 4);
	CHECK_EQ(m->target.build_id.bytes[3], 0xef);
	CHECK_EQ(m->target.machine, EM_X86_64);
	CHECK_EQ(m->functions[0].nr_lines, 3);
	CHECK_STR(m->functions[0].lines[1].file, "src/card.h");
	CHECK_STR(m->functions[0].lines[1].rows, "1210:7");
	CHECK(!m->functions[1].lines);
	CHECK_EQ(m->nr_proof, 2);
	CHECK_STR(m->proof[1], "no inlined copies");
	CHECK_EQ(m->nr_overrides, 1);
	CHECK_STR(m->overrides[0], sample_overrides[0]);
	CHECK_EQ(m->nr_diffs, 1);
	CHECK_STR(m->diffs[0].name, "CVE-2026-1234.patch");
	CHECK_EQ(m->diffs[0].sha256[0], 7);
	CHECK_STR(m->build_command, "make -j2");
	CHECK_STR(m->hooks[HOOK_PRE_APPLY].symbol, "may_apply");
	CHECK_EQ(m->hooks[HOOK_PRE_APPLY].vaddr, 0x1050);
	CHECK(!m->hooks[HOOK_POST_APPLY].symbol);

	CHECK_EQ(m->nr_functions, 2);
	f = &m->functions[0];
	CHECK_STR(f->name, "charge");
	CHECK_STR(f->source, "src/pay.c");
	CHECK_EQ(f->vaddr, 0x1200);
	CHECK_EQ(f->size, 0x40);
	CHECK_BYTES(f->sha256, sample_functions[0].sha256, SHA256_SIZE);
	CHECK_EQ(f->gap_before, 6);
	CHECK_EQ(f->plan.strategy, SITE_JUMP);
	CHECK_EQ(f->plan.entry, 4);
	CHECK_EQ(f->plan.size, 5);
	CHECK_EQ(f->plan.resume, 10);
	CHECK_EQ(f->nr_parts, 1);
	CHECK_STR(f->parts[0].name, "charge.cold");
	CHECK_EQ(f->parts[0].vaddr, 0x1180);
	CHECK_EQ(f->parts[0].size, 0x20);
	CHECK_EQ(f->parts[0].sha256[0], 2);
	CHECK_STR(f->replacement, "charge");
	CHECK_EQ(f->replacement_vaddr, 0x1000);
	CHECK_EQ(f->replacement_size, 0x40);
	CHECK(f->calls_original);
	CHECK_STR(f->why, "own code");
	CHECK_EQ(f->identity, IDENTITY_PROVEN);
	CHECK_EQ(f->identity_instructions, 17);
	CHECK_EQ(f->identity_references, 3);
	CHECK(!f->difference);
	f = &m->functions[1];
	CHECK(!f->why);
	CHECK_EQ(f->identity, IDENTITY_UNPROVEN);
	CHECK_STR(f->difference, sample_functions[1].difference);
	CHECK(!f->source);
	CHECK_EQ(f->gap_behind, 13);
	CHECK_EQ(f->plan.relay, 3);
	CHECK(f->plan.reentered);
	CHECK_EQ(f->nr_parts, 0);

	CHECK_EQ(m->nr_imports, 4);
	i = m->imports;
	CHECK_STR(i[0].symbol, "check_card");
	CHECK_EQ(i[0].kind, IMPORT_FUNCTION);
	CHECK(i[0].in_module);
	CHECK_STR(i[0].source, "src/card.c");
	CHECK_EQ(i[0].vaddr, 0x1300);
	CHECK_EQ(i[0].slot, 0x4020);
	CHECK_EQ(i[0].size, 0x80);
	CHECK_EQ(i[1].kind, IMPORT_IFUNC);
	CHECK(!i[1].in_module);
	CHECK_STR(i[1].version, "GLIBC_2.14");
	CHECK_STR(i[1].library, "libc.so.6");
	CHECK_EQ(i[2].kind, IMPORT_TLS);
	CHECK_EQ(i[2].tls, IMPORT_TLS_EXECUTABLE);
	CHECK_EQ(i[2].tls_offset, -112);
	CHECK_EQ(i[3].slot, 0);
	CHECK_EQ(i[3].tls, IMPORT_TLS_MODULE_SLOT);
	CHECK_EQ(i[3].tls_slot, 0x4010);
	CHECK_EQ(i[3].tls_slot_offset, 8);
}

TEST(relay_before_the_function)
{
	owned(free_p) char *json = sample();
	owned(free_p) char *gap = edited(json, "\"gap_before\": 0",
					 "\"gap_before\": 8");
	owned(free_p) char *bad = edited(gap, "\"relay\": 3", "\"relay\": -5");
	owned(manifest_free_p) struct manifest *manifest = NULL;

	CHECK_EQ(parse(bad, &manifest, NULL), 0);
	CHECK_EQ(manifest->functions[1].plan.relay, -5);
}

/* One edit of the sample each, and what is said of it. */
TEST(malformed)
{
	static const struct {
		const char *old, *new, *message;
	} cases[] = {
		{ "{", "", "line 2" },
		{ "{", "[", "line" },
		{ "\"schema\": 1", "\"schema\": \"1\"", "schema: " },
		{ "\"schema\": 1", "\"schema\": 0", "schema: " },
		{ "\"schema\": 1,", "", "schema: " },
		{ "\"schema\": 1", "\"schema\": 1, \"new\": 1", "new: not exp" },
		{ "\"reason\"", "\"name\"", "duplicate" },
		{ "CVE-2026-1234", "", "name: " },
		{ "CVE-2026-1234", "../x", "name: " },
		{ "CVE-2026-1234", "-x", "name: " },
		{ "CVE-2026-1234", "a b", "name: " },
		{ "CVE-2026-1234",
		  "x123456789x123456789x123456789x123456789x123456789x123456789"
		  "x123",
		  "name: " },
		{ "\"CVE-2026-1234\"", "null", "name: not a string" },
		{ "OPS-77", "OPS\\u001b[2J", "ticket: " },
		{ "OPS-77", "OPS\\n", "ticket: " },
		{ "OPS-77", "OPS\\u007f", "ticket: " },
		{ "OPS-77", "OPS\\u009b2J", "ticket: " },
		{ "OPS-77", "OPS\\u0000", "line" },
		{ "OPS-77", "OPS\xff", "line" },
		{ "2026-11-22T19:00:00Z", "2026-11-22 19:00:00Z", "created: " },
		{ "2026-11-22T19:00:00Z", "yesterday", "created: " },
		{ "\"tool\"", "\"tools\"", "tool: missing" },
		{ "deadbeef", "", "target.build_id: " },
		{ "deadbeef", "deadbee", "target.build_id: " },
		{ "\"executable\"", "\"kernel\"", "target.kind: an unknown" },
		{ "\"machine\": 62", "\"machine\": 65598", "target.machine: " },
		{ "\"name\": \"charge\"", "\"name\": \"\"",
		  "functions[0].name: " },
		{ "\"0x1200\"", "\"0x1000000000000\"",
		  "functions[0].address: address out of range" },
		{ "\"0x1200\"", "4608", "functions[0].address: not an addr" },
		{ "\"0x1200\"", "\"1200\"", "functions[0].address: not an" },
		{ "\"0x1200\"", "\"0x\"", "functions[0].address: not an" },
		{ "\"0x1200\"", "\"0x-1\"", "functions[0].address: not an" },
		{ "\"0x1200\"", "\"0x00000000000001200\"",
		  "functions[0].address: not an" },
		{ "\"0x1200\"", "\"0x1202\"", "functions[1]: overlaps" },
		{ "\"0x1240\"", "\"0x123f\"", "functions[1]: overlaps" },
		{ "\"size\": 64", "\"size\": 0", "functions[0].size: " },
		{ "\"size\": 64", "\"size\": -1", "functions[0].size: " },
		{ "\"size\": 64", "\"size\": 64.0", "functions[0].size: not" },
		{ "\"size\": 64", "\"size\": 4294967360", "functions[0].size" },
		{ "\"size\": 64", "\"size\": 99999999999999999999", "line" },
		{ "\"0100", "\"01", "functions[0].sha256: " },
		{ "\"0100", "\"xx00", "functions[0].sha256: " },
		{ "\"gap_before\": 6", "\"gap_before\": 65537",
		  "functions[0].gap_before: " },
		{ "\"jump\"", "\"leap\"", "functions[0].plan.strategy: " },
		{ "\"entry\": 4", "\"entry\": 60",
		  "functions[0].plan: reaches beyond" },
		{ "\"resume\": 10", "\"resume\": 8",
		  "functions[0].plan: reaches beyond" },
		{ "\"resume\": 10", "\"resume\": 65",
		  "functions[0].plan: reaches beyond" },
		{ "\"relay\": 3", "\"relay\": 16",
		  "functions[1].plan: its relay" },
		{ "\"relay\": 3", "\"relay\": -1",
		  "functions[1].plan: its relay" },
		{ "\"relay\": 3", "\"relay\": 2",
		  "functions[1].plan: its relay" },
		{ "\"reentered\": false", "\"reentered\": 0",
		  "functions[0].plan.reentered: " },
		{ "\"charge.cold\"", "[]", "functions[0].parts[0].name: not" },
		{ "\"kind\": \"function\"", "\"kind\": \"tls\"",
		  "imports[0].tls: missing" },
		{ "\"in_module\": true", "\"in_module\": false",
		  "imports[0].address: not expected" },
		{ "\"in_module\": false", "\"in_module\": true",
		  "imports[1].address: missing" },
		{ "\"model\": \"executable\"", "\"model\": \"module-slot\"",
		  "imports[2].tls.slot: missing" },
		{ "\"offset\": -112", "\"offset\": -1125899906842624",
		  "imports[2].tls.offset: " },
		{ "\"pre-apply\"", "\"before\"", "hooks.before: not expected" },
		{ "\"may_apply\"", "\"\"", "hooks.pre-apply.symbol: " },
		{ "\"every site decoded\"", "7", "proof[0]: not a string" },
		{ "\"proof\": [", "\"proof\": {}, \"x\": [", "proof: not an" },
	};
	owned(free_p) char *json = sample();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		owned(free_p) char *bad =
			edited(json, cases[i].old, cases[i].new);
		struct manifest *manifest = NULL;
		struct hf_diag diag = { 0 };
		int r;

		if (!bad)
			TAP_FAIL("the sample has no %s", cases[i].old);
		r = parse(bad, &manifest, &diag);
		if (r != -EBADMSG || manifest ||
		    strcmp(diag.code, "patch-malformed") ||
		    !strstr(diag.message, cases[i].message))
			TAP_FAIL("%s -> %s: %d, %s", cases[i].old, cases[i].new,
				 r, diag.message);
	}
}

TEST(cut_anywhere)
{
	owned(free_p) char *json = sample();
	struct manifest *manifest = NULL;

	for (size_t size = strlen(json); size-- > 0;)
		CHECK_EQ(manifest_parse(json, size, &manifest, NULL), -EBADMSG);
}

TEST(newer_schema_is_refused)
{
	owned(free_p) char *json = sample();
	owned(free_p) char *newer =
		edited(json, "\"schema\": 1", "\"schema\": 2, \"new\": 1");
	struct manifest *manifest;
	struct hf_diag diag;

	CHECK_EQ(parse(newer, &manifest, &diag), -ECANCELED);
	CHECK_STR(diag.code, "patch-too-new");
	CHECK_CONTAINS(diag.hint, "update hotfix");
}

/* The counts are limited before anything is allocated for them. */
TEST(too_many)
{
	owned(free_p) char *json = sample();
	owned(free_p) char *proof = malloc(3 * 4097 + 1);
	owned(free_p) char *many = NULL;
	struct manifest *manifest;
	struct hf_diag diag;

	for (size_t i = 0; i < 4097; i++)
		memcpy(proof + 3 * i, "\"\",", 4);
	many = edited(json, "\"every site decoded\",", proof);
	CHECK_EQ(parse(many, &manifest, &diag), -EBADMSG);
	CHECK_CONTAINS(diag.message, "proof: too few or too many");
}

TEST(too_long)
{
	char text[4098] = { 0 };
	owned(free_p) char *json = sample();
	owned(free_p) char *bad = NULL;
	owned(free_p) char *good = NULL;
	owned(manifest_free_p) struct manifest *manifest = NULL;
	struct hf_diag diag;

	memset(text, 'x', 4097);
	bad = edited(json, "OPS-77", text);
	CHECK_EQ(parse(bad, &manifest, &diag), -EBADMSG);
	CHECK_CONTAINS(diag.message, "ticket: too long");
	text[4096] = 0;
	good = edited(json, "OPS-77", text);
	CHECK_EQ(parse(good, &manifest, &diag), 0);
}

TEST(empty_lists)
{
	struct manifest without = sample_manifest;
	owned(free_p) char *json = NULL;
	owned(manifest_free_p) struct manifest *manifest = NULL;
	struct hf_diag diag;

	without.nr_imports = without.nr_proof = 0;
	without.imports = NULL;
	without.reason = NULL;
	CHECK_EQ(manifest_format(&without, &json, NULL), 0);
	CHECK_EQ(parse(json, &manifest, NULL), 0);
	CHECK_EQ(manifest->nr_imports, 0);
	CHECK(!manifest->reason);

	/* But a patch that replaces nothing is a mistake. */
	free_p(&json);
	without.nr_functions = 0;
	CHECK_EQ(manifest_format(&without, &json, NULL), 0);
	CHECK_EQ(parse(json, &manifest, &diag), -EBADMSG);
	CHECK_CONTAINS(diag.message, "functions: too few");
}

TEST(unwritable)
{
	struct manifest bad = sample_manifest;
	struct hf_diag diag;
	char *json;

	bad.tool = NULL;
	CHECK_EQ(manifest_format(&bad, &json, &diag), -EINVAL);
	bad.tool = (char[]){ "\xff" };
	CHECK_EQ(manifest_format(&bad, &json, &diag), -EINVAL);
	CHECK_CONTAINS(diag.message, "UTF-8");
}

/* The words of the JSON are those that the programs print. */
TEST(words)
{
	owned(free_p) char *json = sample();

	for (int i = 0; i < 2; i++) {
		char text[64];

		snprintf(text, sizeof(text), "\"strategy\": \"%s\"",
			 site_strategy_name(sample_functions[i].plan.strategy));
		CHECK_CONTAINS(json, text);
	}
	CHECK_STR(hook_kind_name(HOOK_PRE_APPLY), "pre-apply");
	CHECK_STR(hook_kind_name(HOOK_POST_REVERT), "post-revert");
}

TEST(names)
{
	CHECK(manifest_name_valid("a"));
	CHECK(manifest_name_valid("CVE-2026_1.x"));
	CHECK(!manifest_name_valid(""));
	CHECK(!manifest_name_valid(".hidden"));
	CHECK(!manifest_name_valid("a/b"));
	CHECK(!manifest_name_valid("a\xc3\xbc"));
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
