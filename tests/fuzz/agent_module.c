/*
 * A module in the memory of a target that lies: program headers, notes, the
 * dynamic section, hash tables, versions, relocations, the loader's list. Reads
 * as unit/module.c does, of an object that was damaged.
 */
#include "../../agent/module.h"
#include "../unit/fake_memory.h"
#include "../unit/sample_module.h"
#include "fuzz.h"

static struct process process;

static void module_check(const struct module *module)
{
	PROMISE(module->range.start < module->range.end);
	PROMISE(module->build_id.size <= BUILD_ID_SIZE_MAX);
	PROMISE(memchr(module->soname, '\0', sizeof(module->soname)));
	if (module->text.end)
		PROMISE(module->text.start >= module->range.start &&
			module->text.end <= module->range.end);
}

static bool look_up(const struct modules *modules)
{
	static const char *const versions[] = { NULL, "V1", "V3" };
	struct module_symbol symbol;
	hf_addr address;
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		found |= !modules_lookup(&process, modules, "f", versions[i],
					 &symbol, NULL, NULL);
		(void)modules_resolved_slot(&process, modules, "ext",
					    versions[i], &address, NULL);
	}
	for (size_t i = 0; i < modules->nr; i++)
		(void)module_resolved_ifunc(&process, &modules->entries[i],
					    BASE + AT(text) + 16, &address);
	return found;
}

/* The second one stays as it is: it is met in the loader's list only. */
static bool read_module(const uint8_t *bytes, size_t size)
{
	struct modules modules = { 0 };
	bool found;

	if (!process.mem) {
		process = fake_memory();
		fake_write(&process, OTHER, object_make(BASE),
			   sizeof(struct object));
	}
	fake_write(&process, BASE, (const uint8_t[0x2000]){ 0 }, 0x2000);
	fake_write(&process, BASE, bytes, size < 0x2000 ? size : 0x2000);
	if (modules_read(&process, &mappings, &modules, NULL))
		return false;
	for (size_t i = 0; i < modules.nr; i++)
		module_check(&modules.entries[i]);
	found = look_up(&modules);
	modules_release(&modules);
	return found;
}

/* The loader's list ends: to go round its circle takes too long. */
static void seed_with(uint64_t added)
{
	struct object *object = object_make(added);

	object->link_map[1][3] = 0;
	fuzz_seed(object, sizeof(*object));
}

static void seeds(void)
{
	seed_with(BASE);
	seed_with(0);
}

/* Tables stand before the code and behind it. */
static size_t place(const struct buffer *input)
{
	size_t behind = input->size > AT(dynamic) ? input->size - AT(dynamic) :
						    1;

	if (fuzz_random_below(2))
		return fuzz_random_below(AT(text));
	return AT(dynamic) + fuzz_random_below(behind);
}

const struct fuzz_target fuzz_target = {
	.read = read_module, .seeds = seeds, .place = place,
};
