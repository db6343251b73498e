/*
 * Relocations: what each class stores, and what is refused.
 */
#include <elf.h>
#include <errno.h>

#include "../../agent/link.h"
#include "../../lib/arch/arch.h"
#include "../tap.h"
#include "fake_memory.h"

#define BASE 0x7f1200000000ull
#define STR(text) ((char *)(uintptr_t)(text))

static struct manifest_import imports[] = {
	{ .name = STR("function"), .symbol = STR("function") },
	{ .name = STR("exe_tls"), .kind = IMPORT_TLS, .vaddr = 0x18,
	  .tls = IMPORT_TLS_EXECUTABLE, .tls_offset = -0x28 },
	{ .name = STR("lib_tls"), .kind = IMPORT_TLS, .vaddr = 0x20,
	  .tls = IMPORT_TLS_MODULE_SLOT },
	{ .name = STR("tp_tls"), .kind = IMPORT_TLS, .vaddr = 0x30,
	  .tls = IMPORT_TLS_THREAD_POINTER_SLOT },
};
static uint64_t values[] = { 0x7f1234567890, (uint64_t)-0x28, 3,
			     (uint64_t)-0x100 };
static const struct link_values link_values = { values, ARRAY_SIZE(values) };

static uint8_t file[0x20] = { 0x11, 0x22, 0x33, 0x44 };

static int relocate_at(const struct patch_reloc *reloc, hf_addr base,
		       uint8_t *image, struct hf_diag *diag)
{
	static struct manifest manifest = {
		.name = STR("fix"),
		.imports = imports,
		.nr_imports = ARRAY_SIZE(imports),
	};
	static struct patch_segment segment = {
		.vaddr = 0x1000, .file_offset = 0x10, .file_size = 0x10,
		.memory_size = 0x1000,
	};
	struct patch_reloc copy = *reloc;
	struct patch_file patch = {
		.arch = &arch_x86_64,
		.manifest = &manifest,
		.bytes = { file, sizeof(file) },
		.segments = &segment, .nr_segments = 1,
		.image_size = 0x2000,
		.relocs = &copy, .nr_relocs = 1,
	};

	return link_relocate(&patch, &link_values, base, image, diag);
}

static int relocate(const struct patch_reloc *reloc, uint8_t *image,
		    struct hf_diag *diag)
{
	return relocate_at(reloc, BASE, image, diag);
}

TEST(classes)
{
	static const struct {
		uint32_t type;
		int32_t import;
		int64_t addend;
		uint64_t want;
		size_t size;
	} cases[] = {
		/* base + addend */
		{ R_X86_64_RELATIVE, -1, 0x1234, BASE + 0x1234, 8 },
		/* of a local symbol: its address is in the addend */
		{ R_X86_64_64, -1, 0x1234, BASE + 0x1234, 8 },
		/* symbol + addend */
		{ R_X86_64_64, 0, -16, 0x7f1234567880, 8 },
		{ R_X86_64_GLOB_DAT, 0, 0, 0x7f1234567890, 8 },
		{ R_X86_64_JUMP_SLOT, 0, 0, 0x7f1234567890, 8 },
		/* symbol + addend - place */
		{ R_X86_64_PC32, 0, -4, 0x34567890 - 4 - 0x1008, 4 },
		{ R_X86_64_PLT32, 0, -4, 0x34567890 - 4 - 0x1008, 4 },
		{ R_X86_64_PC32, -1, 0x10, (1ull << 32) + 0x10 - 0x1008, 4 },
		/* the main program is module 1 */
		{ R_X86_64_DTPMOD64, 1, 0, 1, 8 },
		{ R_X86_64_DTPOFF64, 1, 4, 0x1c, 8 },
		{ R_X86_64_TPOFF64, 1, 4, (uint64_t)-0x24, 8 },
		{ R_X86_64_DTPMOD64, 2, 0, 3, 8 },
		{ R_X86_64_DTPOFF64, 2, 0, 0x20, 8 },
		{ R_X86_64_TPOFF64, 3, 8, (uint64_t)-0xf8, 8 },
		/* in instructions: mov %fs:x, lea x@dtpoff(%rax) */
		{ R_X86_64_TPOFF32, 1, 4, (uint32_t)-0x24, 4 },
		{ R_X86_64_DTPOFF32, 2, 4, 0x24, 4 },
	};
	uint8_t image[0x2000];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct patch_reloc reloc = {
			.vaddr = 0x1008, .type = cases[i].type,
			.import = cases[i].import, .addend = cases[i].addend,
		};
		uint64_t got = 0;

		CHECK_EQ(relocate(&reloc, image, NULL), 0);
		memcpy(&got, image + 0x1008, cases[i].size);
		CHECK_EQ(got, cases[i].want);
		/* and nothing else is touched */
		for (size_t j = 0; j < cases[i].size; j++)
			image[0x1008 + j] = 0;
		for (size_t j = 0; j < sizeof(image); j++)
			CHECK_EQ(image[j], 0);
	}
}

/* Addresses of 32 bits: what code for a fixed address holds. */
TEST(low_addresses)
{
	static const struct {
		uint32_t type;
		int32_t import;
		uint64_t value; /* of import 0, and where the image stands */
		int64_t addend;
		int want;
	} cases[] = {
		{ R_X86_64_32, 0, 0x401000, 4, 0 },
		{ R_X86_64_32, -1, 0x401000, 4, 0 },
		{ R_X86_64_32, 0, 0xffffffff, 0, 0 },
		{ R_X86_64_32, 0, 0xffffffff, 1, -ECANCELED },
		{ R_X86_64_32, 0, 0, -1, -ECANCELED },
		{ R_X86_64_32S, -1, 0x401000, 4, 0 },
		{ R_X86_64_32S, 0, 0x7fffffff, 0, 0 },
		{ R_X86_64_32S, 0, 0x7fffffff, 1, -ECANCELED },
		{ R_X86_64_32S, -1, 0xffffffff, 0, -ECANCELED },
		/* a folded index: array - 8 */
		{ R_X86_64_32S, 0, 0, INT32_MIN, 0 },
		{ R_X86_64_32S, 0, 0, (int64_t)INT32_MIN - 1, -ECANCELED },
	};
	uint8_t image[0x2000];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct patch_reloc reloc = { 0x1008, cases[i].type,
					     cases[i].import,
					     cases[i].addend };
		struct hf_diag diag = { 0 };
		uint64_t was = values[0];
		uint32_t got;
		int r;

		values[0] = cases[i].value;
		r = relocate_at(&reloc, cases[i].value, image, &diag);
		values[0] = was;
		CHECK_EQ(r, cases[i].want);
		memcpy(&got, image + 0x1008, 4);
		if (r)
			CHECK_STR(diag.code, "out-of-reach");
		else
			CHECK_EQ(got, (uint32_t)(cases[i].value +
						 (uint64_t)cases[i].addend));
	}
}

TEST(where_the_image_must_end)
{
	struct patch_reloc relocs[] = {
		{ 0x1008, R_X86_64_PC32, 0, 0 },
		{ 0x100c, R_X86_64_32S, 0, 0 },
	};
	struct patch_file patch = { .arch = &arch_x86_64, .relocs = relocs,
				    .nr_relocs = 1 };

	CHECK_EQ(link_highest_end(&patch), UINT64_MAX);
	patch.nr_relocs = 2;
	CHECK_EQ(link_highest_end(&patch), 1ull << 31);
	relocs[1].type = R_X86_64_32;
	CHECK_EQ(link_highest_end(&patch), 1ull << 31);
	/* An offset from the thread pointer is no address. */
	relocs[1].type = R_X86_64_TPOFF32;
	CHECK_EQ(link_highest_end(&patch), UINT64_MAX);
}

TEST(segments_are_loaded)
{
	struct patch_reloc none = { .type = R_X86_64_NONE, .import = -1 };
	uint8_t image[0x2000];

	memset(image, 0xaa, sizeof(image));
	memset(file + 0x10, 0x5a, 0x10);
	CHECK_EQ(relocate(&none, image, NULL), 0);
	memset(file + 0x10, 0, 0x10);
	for (size_t i = 0; i < sizeof(image); i++)
		CHECK_EQ(image[i], i >= 0x1000 && i < 0x1010 ? 0x5a : 0);
}

TEST(refusals)
{
	static const struct {
		struct patch_reloc reloc;
		int want;
		const char *code;
	} cases[] = {
		/* 0x7f12_3456_7890 is within 2 GiB of the image; +4 GiB is not */
		{ { 0x1008, R_X86_64_PC32, 0, 1ll << 32 }, -ECANCELED,
		  "out-of-reach" },
		{ { 0x1008, R_X86_64_PC32, 0, -(1ll << 32) }, -ECANCELED,
		  "out-of-reach" },
		{ { 0x1ffc, R_X86_64_64, 0, 0 }, -EBADMSG, "patch-malformed" },
		{ { UINT64_MAX - 3, R_X86_64_64, 0, 0 }, -EBADMSG,
		  "patch-malformed" },
		{ { 0x1ffd, R_X86_64_PC32, 0, 0 }, -EBADMSG,
		  "patch-malformed" },
		{ { 0x1008, R_X86_64_64, 4, 0 }, -EBADMSG, "patch-malformed" },
		{ { 0x1008, R_X86_64_COPY, 0, 0 }, -EBADMSG,
		  "patch-malformed" },
		{ { 0x1008, 9999, 0, 0 }, -EBADMSG, "patch-malformed" },
		/* a function is not thread-local */
		{ { 0x1008, R_X86_64_TPOFF64, 0, 0 }, -EBADMSG,
		  "patch-malformed" },
		{ { 0x1008, R_X86_64_DTPMOD64, -1, 0 }, -EBADMSG,
		  "patch-malformed" },
		/* what the slot does not tell */
		{ { 0x1008, R_X86_64_TPOFF64, 2, 0 }, -ECANCELED,
		  "tls-unavailable" },
		{ { 0x1008, R_X86_64_DTPMOD64, 3, 0 }, -ECANCELED,
		  "tls-unavailable" },
	};
	uint8_t image[0x2000];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hf_diag diag = { 0 };

		CHECK_EQ(relocate(&cases[i].reloc, image, &diag),
			 cases[i].want);
		CHECK_STR(diag.code, cases[i].code);
		CHECK(diag.message[0]);
	}
}

/* The largest distances that 32 bits hold. */
TEST(reach_is_exact)
{
	uint8_t image[0x2000];
	int64_t zero = (int64_t)(BASE + 0x1008 - values[0]);
	struct patch_reloc reloc = { 0x1008, R_X86_64_PC32, 0,
				     zero + INT32_MAX };
	int32_t got;

	CHECK_EQ(relocate(&reloc, image, NULL), 0);
	memcpy(&got, image + 0x1008, 4);
	CHECK_EQ(got, INT32_MAX);
	reloc.addend++;
	CHECK_EQ(relocate(&reloc, image, NULL), -ECANCELED);
	reloc.addend = zero + INT32_MIN;
	CHECK_EQ(relocate(&reloc, image, NULL), 0);
	reloc.addend--;
	CHECK_EQ(relocate(&reloc, image, NULL), -ECANCELED);
}

/* --- thread-local imports: what the loader left in a slot ----------------- */

#define MODULE 0x7f0000000000ull

struct tls_case {
	struct manifest_import import;
	uint64_t slot; /* what stands at MODULE + 0x100 */
	bool is_executable;
	int want;
	uint64_t value;
};

static int resolve_one(const struct tls_case *at, uint64_t *ret_value,
		       struct hf_diag *diag)
{
	struct process process = fake_memory();
	struct manifest_import import = at->import;
	struct manifest manifest = { .name = STR("fix"), .imports = &import,
				     .nr_imports = 1 };
	const struct patch_file patch = { .manifest = &manifest };
	const struct module module = {
		.path = "lib.so", .bias = MODULE,
		.range = { MODULE, MODULE + 0x1000 },
		.is_executable = at->is_executable,
	};
	const struct link_target target = { .process = &process,
					    .module = &module };
	struct link_values resolved = { 0 };
	int r;

	fake_write(&process, MODULE + 0x100, &at->slot, 8);
	r = link_resolve(&patch, &target, &resolved, diag);
	if (!r)
		*ret_value = resolved.values[0];
	link_values_release(&resolved);
	fake_memory_close(&process);
	return r;
}

#define TLS(how, ...)                                                          \
	{                                                                      \
		.name = STR("errno_of_ours"), .kind = IMPORT_TLS, .tls = how,  \
		__VA_ARGS__                                                    \
	}

TEST(tls_slots)
{
	static const struct tls_case cases[] = {
		{ TLS(IMPORT_TLS_EXECUTABLE, .tls_offset = -64), 0, true, 0,
		  (uint64_t)-64 },
		/* a patch for a program, tried on a library */
		{ TLS(IMPORT_TLS_EXECUTABLE, .tls_offset = -64), 0, false,
		  -ECANCELED, 0 },
		/* the slot's variable is at 0x20, ours at 0x28 */
		{ TLS(IMPORT_TLS_THREAD_POINTER_SLOT, .tls_slot = 0x100,
		      .tls_slot_offset = 0x20, .vaddr = 0x28),
		  (uint64_t)-0x60, false, 0, (uint64_t)-0x58 },
		{ TLS(IMPORT_TLS_THREAD_POINTER_SLOT, .tls_slot = 0x100), 0,
		  false, -ECANCELED, 0 },
		{ TLS(IMPORT_TLS_MODULE_SLOT, .tls_slot = 0x100), 4, false, 0,
		  4 },
		{ TLS(IMPORT_TLS_MODULE_SLOT, .tls_slot = 0x100), 0, false,
		  -ECANCELED, 0 },
		/* an address is no module number */
		{ TLS(IMPORT_TLS_MODULE_SLOT, .tls_slot = 0x100),
		  0x7f0000000000, false, -ECANCELED, 0 },
		{ TLS(IMPORT_TLS_MODULE_SLOT, .tls_slot = 0xffc), 4, false,
		  -ECANCELED, 0 },
		{ TLS(IMPORT_TLS_MODULE_SLOT, .tls_slot = 0x1000), 4, false,
		  -ECANCELED, 0 },
		{ TLS(IMPORT_TLS_MODULE_SLOT, .tls_slot = 0x104), 4, false,
		  -ECANCELED, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct hf_diag diag = { 0 };
		uint64_t value = 0;

		CHECK_EQ(resolve_one(&cases[i], &value, &diag), cases[i].want);
		CHECK_EQ(value, cases[i].value);
		if (cases[i].want)
			CHECK_STR(diag.code, "tls-unavailable");
	}
}

TEST(own_symbols_stay_in_the_module)
{
	static const struct tls_case cases[] = {
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x10 }, 0,
		  false, 0, MODULE + 0x10 },
		{ { .name = STR("end"), .in_module = true, .vaddr = 0x1000 }, 0,
		  false, 0, MODULE + 0x1000 },
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x1001 }, 0,
		  false, -ECANCELED, 0 },
		{ { .name = STR("f"), .in_module = true,
		    .vaddr = UINT64_MAX }, 0, false, -ECANCELED, 0 },
		/* what the loader bound the module's own name to counts */
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x10,
		    .slot = 0x100 }, 0x7e0000001230, false, 0,
		  0x7e0000001230 },
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x10,
		    .slot = 0x100 }, 0, false, -ECANCELED, 0 },
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x10,
		    .slot = 0xffc }, 7, false, -ECANCELED, 0 },
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x10,
		    .slot = 0x1000 }, 7, false, -ECANCELED, 0 },
		/* nobody may run its resolver, and nobody has */
		{ { .name = STR("f"), .in_module = true, .vaddr = 0x10,
		    .kind = IMPORT_IFUNC }, 0, false, -ECANCELED, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t value = 0;

		CHECK_EQ(resolve_one(&cases[i], &value, NULL), cases[i].want);
		CHECK_EQ(value, cases[i].value);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
