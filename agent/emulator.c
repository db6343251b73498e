#include "emulator.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/mman.h>

struct emulator {
	const char *path; /* of its own code: a pattern */
	const char *name;
	/* Maps the program as the loader does: it looks like any other one. */
	bool looks_real;
};

static const struct emulator emulators[] = {
	{ "*/valgrind/*-linux", "valgrind", true },
	{ "*/libdynamorio.so*", "DynamoRIO", true },
	{ "*/pinbin", "Pin", true },
	{ "*/qemu-x86_64*", "qemu", false },
};

static const struct emulator *emulator_at(const struct mapping *mapping)
{
	if (!(mapping->protection & PROT_EXEC))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(emulators); i++)
		if (!fnmatch(emulators[i].path, mapping->path, 0))
			return &emulators[i];
	return NULL;
}

/* Its own code does run. */
static bool interprets(const struct emulator *emulator,
		       const struct mapping *mapping,
		       const struct module *module)
{
	if (!module)
		return true;
	return emulator->looks_real && strcmp(module->path, mapping->path);
}

const char *emulator_of(const struct mappings *mappings,
			const struct module *module)
{
	for (size_t i = 0; i < mappings->nr; i++) {
		const struct mapping *mapping = &mappings->entries[i];
		const struct emulator *emulator = emulator_at(mapping);

		if (emulator && interprets(emulator, mapping, module))
			return emulator->name;
	}
	return NULL;
}
