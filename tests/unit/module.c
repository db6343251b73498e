/*
 * Modules and symbols out of hand-made memory, sane and hostile. Real processes
 * are looked at by tests/live/module.c.
 */
#include <errno.h>

#include "../../agent/module.h"
#include "../tap.h"
#include "fake_memory.h"
#include "sample_module.h"

struct scene {
	struct process process;
	struct modules modules;
};

/* @object at BASE; at OTHER one that exports nothing. */
static int scene_make(struct scene *scene, const struct object *object)
{
	struct object other = *object;

	memset(other.strings + S_F, 'x', 10);
	other.dynamic[DYN_JMPREL].d_tag = other.dynamic[DYN_RELA].d_tag =
		DT_LOPROC;
	memset(other.note.id, 0xcd, 20);
	scene->process = fake_memory();
	fake_write(&scene->process, BASE, object, sizeof(*object));
	fake_write(&scene->process, OTHER, &other, sizeof(other));
	return modules_read(&scene->process, &mappings, &scene->modules, NULL);
}

static void scene_end(struct scene *scene)
{
	modules_release(&scene->modules);
	fake_memory_close(&scene->process);
}

static hf_addr found_at(const struct scene *scene, const char *name,
			const char *version)
{
	struct module_symbol found;

	if (modules_lookup(&scene->process, &scene->modules, name, version,
			   &found, NULL, NULL))
		return 0;
	return found.address;
}

TEST(fields)
{
	struct scene scene;
	const struct module *module;

	CHECK_EQ(scene_make(&scene, object_make(BASE)), 0);
	CHECK_EQ(scene.modules.nr, 2);
	module = &scene.modules.entries[0];
	CHECK_EQ(module->bias, BASE);
	CHECK_EQ(module->range.start, BASE);
	CHECK_EQ(module->range.end, BASE + sizeof(struct object));
	CHECK_EQ(module->text.end, BASE + 4096);
	CHECK_EQ(module->entry, BASE + AT(text));
	CHECK_EQ(module->dynamic, BASE + AT(dynamic));
	CHECK_EQ(module->eh_frame_hdr, BASE + AT(text));
	CHECK_EQ(module->build_id.size, 20);
	CHECK_EQ(module->build_id.bytes[19], 0xab);
	CHECK(module->has_tls);
	CHECK_EQ(module->tls_alignment, 16);
	CHECK_STR(module->soname, "libtest.so");
	CHECK(!module->is_executable);
	/* The loader's order, not that of addresses; its circle is no trap. */
	CHECK_EQ(scene.modules.nr_search, 2);
	CHECK_EQ(scene.modules.search[0], 1);
	scene_end(&scene);
}

/* Addresses in the dynamic section: as glibc leaves them, and as musl does. */
TEST(lookup)
{
	static const uint64_t added[] = { BASE, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(added); i++) {
		struct object *object = object_make(added[i]);
		struct scene scene;

		/* The second object's tables are its own. */
		CHECK_EQ(scene_make(&scene, object), 0);
		CHECK_EQ(found_at(&scene, "f", NULL), BASE + AT(text) + 8);
		CHECK_EQ(found_at(&scene, "f", "V2"), BASE + AT(text) + 8);
		CHECK_EQ(found_at(&scene, "f", "V1"), BASE + AT(text));
		CHECK_EQ(found_at(&scene, "f", "V3"), 0);
		CHECK_EQ(found_at(&scene, "t", NULL), 0x10);
		CHECK_EQ(found_at(&scene, "i", "V1"), BASE + AT(text) + 16);
		CHECK_EQ(found_at(&scene, "ext", NULL), 0);
		CHECK_EQ(found_at(&scene, "", NULL), 0);
		scene_end(&scene);
	}
}

TEST(lookup_sysv_hash)
{
	struct object *object = object_make(0);
	struct scene scene;

	object->dynamic[DYN_GNU_HASH].d_tag = DT_LOPROC;
	CHECK_EQ(scene_make(&scene, object), 0);
	CHECK_EQ(found_at(&scene, "f", NULL), BASE + AT(text) + 8);
	CHECK_EQ(found_at(&scene, "f", "V1"), BASE + AT(text));
	CHECK_EQ(found_at(&scene, "nothing", NULL), 0);
	scene_end(&scene);
}

TEST(bloom_is_asked)
{
	struct object *object = object_make(0);
	struct scene scene;

	object->gnu_hash.bloom = 0;
	CHECK_EQ(scene_make(&scene, object), 0);
	CHECK_EQ(found_at(&scene, "f", NULL), 0);
	scene_end(&scene);
}

TEST(slots)
{
	struct object *object = object_make(0);
	struct scene scene;
	hf_addr address = 0;

	CHECK_EQ(scene_make(&scene, object), 0);
	CHECK_EQ(modules_resolved_slot(&scene.process, &scene.modules, "ext",
				       NULL, &address, NULL), 0);
	CHECK_EQ(address, OTHER + AT(text) + 4);
	CHECK_EQ(modules_resolved_slot(&scene.process, &scene.modules, "f",
				       NULL, &address, NULL), -ENOENT);
	CHECK_EQ(module_resolved_ifunc(&scene.process,
				       &scene.modules.entries[0],
				       BASE + AT(text) + 16, &address), 0);
	CHECK_EQ(address, BASE + AT(text) + 24);
	CHECK_EQ(module_resolved_ifunc(&scene.process,
				       &scene.modules.entries[0],
				       BASE + AT(text) + 17, &address),
		 -ENOENT);
	scene_end(&scene);
}

/* Not yet bound: it leads back into its own module, or nowhere at all. */
TEST(slots_unbound)
{
	static const uint64_t unbound[] = { BASE + AT(text) + 4, 0,
					    OTHER + AT(slots), 0x1234 };

	for (size_t i = 0; i < ARRAY_SIZE(unbound); i++) {
		struct object *object = object_make(0);
		struct scene scene;
		hf_addr address = 1;

		object->slots[0] = object->slots[2] = unbound[i];
		CHECK_EQ(scene_make(&scene, object), 0);
		CHECK_EQ(modules_resolved_slot(&scene.process, &scene.modules,
					       "ext", NULL, &address, NULL),
			 -ENOENT);
		CHECK_EQ(address, 1);
		scene_end(&scene);
	}
}

/* Of a program without a PLT, behind the relocations that have no symbol. */
TEST(slots_of_data)
{
	struct object *object = object_make(0);
	struct scene scene;
	hf_addr address = 0;

	object->slots[0] = 0;
	CHECK_EQ(scene_make(&scene, object), 0);
	CHECK_EQ(modules_resolved_slot(&scene.process, &scene.modules, "ext",
				       NULL, &address, NULL), 0);
	CHECK_EQ(address, OTHER + AT(text) + 5);
	scene_end(&scene);
}

/* A hash chain that goes on through a terabyte of zeros. */
TEST(endless_chain)
{
	struct object *object = object_make(0);
	struct scene scene;

	object->gnu_hash.bucket = 1000000; /* behind everything else */
	CHECK_EQ(scene_make(&scene, object), 0);
	fake_write(&scene.process, BASE + (1ull << 40), "", 1);
	CHECK_EQ(found_at(&scene, "f", NULL), 0);
	scene_end(&scene);
}

/* What is no module that runs. */
TEST(no_module)
{
	static const struct { size_t offset, size; uint64_t value; } lies[] = {
		{ AT(ehdr.e_ident), 1, 0 },
		{ AT(ehdr.e_ident[EI_CLASS]), 1, ELFCLASS32 },
		{ AT(ehdr.e_ident[EI_DATA]), 1, ELFDATA2MSB },
		{ AT(ehdr.e_type), 2, ET_CORE },
		{ AT(ehdr.e_type), 2, ET_EXEC }, /* not where it was linked */
		{ AT(ehdr.e_phentsize), 2, 55 },
		{ AT(ehdr.e_phnum), 2, 0 },
		{ AT(ehdr.e_phnum), 2, 65535 },
		{ AT(ehdr.e_phoff), 8, 4090 },
		{ AT(ehdr.e_phoff), 8, UINT64_MAX - 8 },
		{ AT(phdrs[0].p_flags), 4, PF_R }, /* nothing to run */
		{ AT(phdrs[0].p_vaddr), 8, 8 },
		{ AT(phdrs[0].p_memsz), 8, UINT64_MAX },
		{ AT(phdrs[1].p_flags), 4, PF_X }, /* mapped rw- */
		{ AT(phdrs[1].p_vaddr), 8, 1ull << 57 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct object *object = object_make(0);
		struct scene scene;

		memcpy((uint8_t *)object + lies[i].offset, &lies[i].value,
		       lies[i].size);
		CHECK_EQ(scene_make(&scene, object), 0);
		if (scene.modules.nr)
			TAP_FAIL("lie %zu is believed", i);
		scene_end(&scene);
	}
}

TEST(match)
{
	struct build_id id = { .size = 20 }, none = { 0 };
	const struct module *module;
	struct hf_diag diag = { 0 };
	struct scene scene;

	CHECK_EQ(scene_make(&scene, object_make(0)), 0);
	memset(id.bytes, 0xcd, 20);
	CHECK_EQ(modules_match(&scene.modules, &id, "libother.so", &module,
			       NULL), 0);
	CHECK_EQ(module->bias, OTHER);
	id.bytes[0] = 0;
	/* By file name, deleted or not, and by soname. */
	CHECK_EQ(modules_match(&scene.modules, &id, "libtest.so.1", &module,
			       &diag), -ECANCELED);
	CHECK_STR(diag.code, "build-id-mismatch");
	CHECK_CONTAINS(diag.message, "abababab");
	CHECK_EQ(modules_match(&scene.modules, &id, "libtest.so", &module,
			       &diag), -ECANCELED);
	CHECK_STR(diag.code, "build-id-mismatch");
	CHECK_EQ(modules_match(&scene.modules, &id, "libtes", &module, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "module-absent");
	/* Two modules without a build-id are not "the same". */
	CHECK_EQ(modules_match(&scene.modules, &none, "x", &module, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "module-absent");
	scene.modules.entries[0].build_id = scene.modules.entries[1].build_id;
	id.bytes[0] = 0xcd;
	CHECK_EQ(modules_match(&scene.modules, &id, "x", &module, &diag),
		 -ECANCELED);
	CHECK_STR(diag.code, "module-twice");
	scene_end(&scene);
}

/* Chains and lists that never end, and whatever else the bytes may be: no
 * crash (run with sanitizers), no hang. */
TEST(random_damage)
{
	srand(1);
	for (int n = 0; n < 400; n++) {
		struct object *object = object_make(n % 2 ? BASE : 0);
		uint8_t *bytes = (uint8_t *)object;
		struct scene scene;
		hf_addr address;

		for (int i = rand() % 12; i >= 0; i--) {
			size_t at = (size_t)rand() % sizeof(*object);

			/* Mostly where it hurts. */
			if (i % 2)
				at = (size_t)rand() % AT(text);
			bytes[at] = rand() % 3 ? (uint8_t)rand() : 0xff;
		}
		CHECK_EQ(scene_make(&scene, object), 0);
		found_at(&scene, "f", "V1");
		found_at(&scene, "nothing", NULL);
		modules_resolved_slot(&scene.process, &scene.modules, "ext",
				      "V1", &address, NULL);
		if (scene.modules.nr)
			module_resolved_ifunc(&scene.process,
					      &scene.modules.entries[0], 1,
					      &address);
		scene_end(&scene);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
