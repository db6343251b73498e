#include "link.h"

#include <errno.h>
#include <string.h>

#include "command.h"

static int refuse_tls(const struct object *object, struct hf_diag *diag)
{
	const char *name = "one";

	for (size_t i = 1; i < object->symbols.nr; i++) {
		const Elf64_Sym *symbol = &object->symbols.entries[i];

		if (ELF64_ST_TYPE(symbol->st_info) == STT_TLS &&
		    symbol->st_shndx != SHN_UNDEF)
			name = elf_symbol_name(object->file, &object->symbols,
					       i);
	}
	hf_refuse(diag, "needs-tls",
		  "%s defines a thread-local variable, %s, which threads that "
		  "run already would not have",
		  object->source, name);
	hf_hint(diag, "to use the target's own variable, declare it `extern "
		      "__thread`");
	return -ECANCELED;
}

static int refuse_constructor(const struct object *object, const char *section,
			      struct hf_diag *diag)
{
	hf_refuse(diag, "needs-constructor",
		  "%s has constructors or destructors (section %s), which no "
		  "loader would run in the target",
		  object->source, section);
	hf_hint(diag, "use HOTFIX_POST_APPLY(function), or set things up at "
		      "the first call");
	return -ECANCELED;
}

static int check_section(const struct object *object,
			 const Elf64_Shdr *section, struct hf_diag *diag)
{
	static const char *const constructors[] = { ".init_array",
						    ".fini_array",
						    ".preinit_array", ".ctors",
						    ".dtors" };
	const char *name = elf_section_name(object->file, section);

	if (!section->sh_size || !(section->sh_flags & SHF_ALLOC) ||
	    section->sh_flags & SHF_EXCLUDE)
		return 0;
	if (section->sh_flags & SHF_TLS)
		return refuse_tls(object, diag);
	for (size_t i = 0; i < ARRAY_SIZE(constructors); i++)
		if (!strncmp(name, constructors[i], strlen(constructors[i])))
			return refuse_constructor(object, name, diag);
	return 0;
}

static int check_symbols(const struct object *object, struct hf_diag *diag)
{
	for (size_t i = 1; i < object->symbols.nr; i++) {
		const Elf64_Sym *symbol = &object->symbols.entries[i];

		if (ELF64_ST_TYPE(symbol->st_info) != STT_GNU_IFUNC ||
		    symbol->st_shndx == SHN_UNDEF)
			continue;
		hf_refuse(diag, "needs-ifunc",
			  "%s defines an IFUNC, %s, whose resolver no loader "
			  "would run in the target",
			  object->source,
			  elf_symbol_name(object->file, &object->symbols, i));
		hf_hint(diag, "choose the implementation with an `if` in an "
			      "ordinary function");
		return -ECANCELED;
	}
	return 0;
}

int link_check_objects(const struct build *build, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < build->nr_objects && !r; i++) {
		const struct object *object = &build->objects[i];

		r = check_symbols(object, diag);
		for (size_t k = 1; k < object->file->nr_sections && !r; k++)
			r = check_section(object, &object->file->sections[k],
					  diag);
	}
	return r;
}

static int add_fixed(struct strings *command)
{
	static const char *const words[] = {
		"-shared",	       "-nostdlib",
		"-nostartfiles",       "-Wl,-Bsymbolic",
		/* Objects may hold intermediate code, of all that they were. */
		"-fno-lto",
		"-Wl,-z,now",	       "-Wl,-z,relro",
		"-Wl,-z,separate-code", "-Wl,-z,max-page-size=4096",
		"-Wl,-z,noexecstack",  "-Wl,--build-id=sha1",
		"-Wl,--hash-style=gnu", "-Wl,--exclude-libs,ALL",
		"-Wl,--allow-shlib-undefined",
		"-Wl,--compress-debug-sections=zlib",
		"-Wl,--discard-locals",
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(words) && !r; i++)
		r = strings_add(command, words[i]);
	return r;
}

static int link_command(const struct build *build, const struct strings *ours,
			struct strings *command)
{
	int r = strings_add_all(command, &build->compiler);

	if (!r)
		r = add_fixed(command);
	if (!r)
		r = strings_addf(command, "-Wl,-soname,%s.hotfix.so",
				 build->manifest->name);
	if (!r)
		r = strings_add(command, "-o") ?:
			    strings_add(command, build->linked);
	for (size_t i = 0; i < build->nr_objects && !r; i++)
		r = strings_add(command, build->objects[i].path);
	if (!r)
		r = strings_add_all(command, ours);
	return r ?: strings_add(command, "-lgcc");
}

int link_objects(struct build *build, const struct strings *ours,
		 struct hf_diag *diag)
{
	struct strings command = { 0 };
	int r;

	if (link_command(build, ours, &command))
		r = hf_fail(diag, -ENOMEM, "cannot link");
	else
		r = command_run(&command, diag);
	strings_release(&command);
	return r;
}
