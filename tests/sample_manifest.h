/* A manifest that uses everything a manifest can hold. */
#pragma once

#include <elf.h>

#include "../lib/manifest.h"

static struct manifest_part sample_parts[] = {
	{ "charge.cold", 0x1180, 0x20, { 2 } },
};

static struct manifest_lines sample_lines[] = {
	{ "src/pay.c", "1200:40 1204:41" },
	{ "src/card.h", "1210:7" },
	{ "src/pay.c", "1220:43 1240:0 1180:50 11a0:0" },
};

static struct manifest_function sample_functions[] = {
	{
		.name = "charge",
		.source = "src/pay.c",
		.vaddr = 0x1200,
		.size = 0x40,
		.sha256 = { 1, [31] = 0xff },
		.gap_before = 6,
		.plan = { SITE_JUMP, 4, 5, 10, 0, false },
		.parts = sample_parts,
		.nr_parts = 1,
		.lines = sample_lines,
		.nr_lines = 3,
		.replacement = "charge",
		.replacement_vaddr = 0x1000,
		.replacement_size = 0x40,
		.calls_original = true,
		.why = "own code",
		.identity = IDENTITY_PROVEN,
		.identity_instructions = 17,
		.identity_references = 3,
	},
	{
		.name = "is_open",
		.vaddr = 0x1240,
		.size = 3,
		.gap_behind = 13,
		.plan = { SITE_SHORT_JUMP, 0, 2, 2, 3, true },
		.replacement = "is_open_fixed",
		.replacement_vaddr = 0x1040,
		.replacement_size = 0x10,
		.identity = IDENTITY_UNPROVEN,
		.identity_instructions = 2,
		.difference = "at +0x4: xor %eax,%eax\ninstead of mov $0,%eax",
	},
};

static struct manifest_import sample_imports[] = {
	{
		.symbol = "check_card",
		.kind = IMPORT_FUNCTION,
		.in_module = true,
		.name = "check_card",
		.source = "src/card.c",
		.vaddr = 0x1300,
		.slot = 0x4020,
		.size = 0x80,
	},
	{
		.symbol = "memcpy",
		.kind = IMPORT_IFUNC,
		.name = "memcpy",
		.version = "GLIBC_2.14",
		.library = "libc.so.6",
	},
	{
		.symbol = "last_error",
		.kind = IMPORT_TLS,
		.in_module = true,
		.name = "last_error",
		.vaddr = 0x10,
		.size = 64,
		.tls = IMPORT_TLS_EXECUTABLE,
		.tls_offset = -112,
	},
	{
		.symbol = "depth",
		.kind = IMPORT_TLS,
		.in_module = true,
		.name = "depth",
		.vaddr = 0x8,
		.tls = IMPORT_TLS_MODULE_SLOT,
		.tls_slot = 0x4010,
		.tls_slot_offset = 8,
	},
};

static char *sample_proof[] = { "every site decoded", "no inlined copies" };

static char *sample_overrides[] = { "accept-unproven: is_open()" };

static struct manifest_diff sample_diffs[] = {
	{ "CVE-2026-1234.patch", { 7 } },
};

static struct manifest sample_manifest = {
	.name = "CVE-2026-1234",
	.reason = "orders do not land\nseen since Monday",
	.ticket = "OPS-77",
	.author = "J\xc3\xbcrgen",
	.created = "2026-11-22T19:00:00Z",
	.tool = "hotfix-build 0.1",
	.compiler = "gcc (Debian 12.2.0-14) 12.2.0",
	.flags = "-O2 -g -fPIC",
	.target = { "checkout", TARGET_EXECUTABLE,
		    { 4, { 0xde, 0xad, 0xbe, 0xef } }, EM_X86_64 },
	.functions = sample_functions,
	.nr_functions = 2,
	.imports = sample_imports,
	.nr_imports = 4,
	.hooks = { [HOOK_PRE_APPLY] = { "may_apply", 0x1050 } },
	.proof = sample_proof,
	.nr_proof = 2,
	.overrides = sample_overrides,
	.nr_overrides = 1,
	.diffs = sample_diffs,
	.nr_diffs = 1,
	.build_command = "make -j2",
};
