#include "libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/io.h"
#include "versions.h"

#define LIBRARIES_MAX 1024
#define CONF_SIZE_MAX (1u << 20)
#define CONF_DEPTH_MAX 8

/* ---- where to look ------------------------------------------------------ */

static int add_conf(struct strings *directories, const char *sysroot,
		    const char *path, int depth);

static int add_conf_glob(struct strings *directories, const char *sysroot,
			 const char *pattern, int depth)
{
	owned(free_p) char *full = text_format(
		"%s%s%s", sysroot, *pattern == '/' ? "" : "/etc/", pattern);
	glob_t found;
	int r = 0;

	if (!full)
		return -ENOMEM;
	if (glob(full, 0, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && !r; i++)
		r = add_conf(directories, sysroot, found.gl_pathv[i],
			     depth + 1);
	globfree(&found);
	return r;
}

static int add_conf(struct strings *directories, const char *sysroot,
		    const char *path, int depth)
{
	struct buffer text = { 0 };
	char *line, *rest;
	int r = 0;

	if (depth > CONF_DEPTH_MAX ||
	    file_read(AT_FDCWD, path, CONF_SIZE_MAX, &text, NULL))
		return 0;
	for (line = strtok_r((char *)text.data, "\n", &rest); line && !r;
	     line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " \t");
		if (!strncmp(line, "include", 7) && strchr(" \t", line[7]))
			r = add_conf_glob(directories, sysroot,
					  line + 7 + strspn(line + 7, " \t"),
					  depth);
		else if (*line == '/')
			r = strings_addf(directories, "%s%.*s", sysroot,
					 (int)strcspn(line, "# \t\r"), line);
	}
	buffer_release(&text);
	return r;
}

static char *directory_of(const char *path)
{
	owned(free_p) char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	return slash ? strndup(real, (size_t)(slash - real)) : NULL;
}

/* RUNPATH entries, with $ORIGIN and ${ORIGIN} as the module's directory. */
static int add_runpath(struct strings *directories, const char *sysroot,
		       const char *runpath, const char *module)
{
	owned(free_p) char *copy = strdup(runpath);
	owned(free_p) char *origin = directory_of(module);
	char *entry, *rest;
	int r = copy ? 0 : -ENOMEM;

	for (entry = copy ? strtok_r(copy, ":", &rest) : NULL; entry && !r;
	     entry = strtok_r(NULL, ":", &rest)) {
		size_t skip = !strncmp(entry, "$ORIGIN", 7)   ? 7 :
			      !strncmp(entry, "${ORIGIN}", 9) ? 9 :
								0;

		if (skip)
			r = strings_addf(directories, "%s%s", origin ?: "",
					 entry + skip);
		else
			r = strings_addf(directories, "%s%s", sysroot, entry);
	}
	return r;
}

static int add_interpreter(struct strings *directories, const char *sysroot,
			   const char *interpreter)
{
	owned(free_p) char *path = text_format("%s%s", sysroot, interpreter);
	owned(free_p) char *directory = path ? directory_of(path) : NULL;

	if (!path)
		return -ENOMEM;
	return directory ? strings_add(directories, directory) : 0;
}

static int list_directories(const struct target *target, const char *sysroot,
			    struct strings *directories)
{
	static const char *const standard[] = {
		"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
		"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
	};
	owned(free_p) char *conf = text_format("%s/etc/ld.so.conf", sysroot);
	int r = conf ? 0 : -ENOMEM;

	if (!r && target->runpath)
		r = add_runpath(directories, sysroot, target->runpath,
				target->file->path);
	/* musl's program must not meet glibc's libraries first. */
	if (!r && target->interpreter)
		r = add_interpreter(directories, sysroot, target->interpreter);
	if (!r)
		r = add_conf(directories, sysroot, conf, 0);
	for (size_t i = 0; i < ARRAY_SIZE(standard) && !r; i++)
		r = strings_addf(directories, "%s%s", sysroot, standard[i]);
	return r;
}

/* ---- opening ------------------------------------------------------------ */

static bool is_open(const struct libraries *libraries, const char *name)
{
	for (size_t i = 0; i < libraries->nr; i++)
		if (!strcmp(libraries->names[i], name))
			return true;
	for (size_t i = 0; i < libraries->missing.nr; i++)
		if (!strcmp(libraries->missing.items[i], name))
			return true;
	return false;
}

static int add_file(struct libraries *libraries, const char *name,
		    struct elf_file *file)
{
	size_t nr = libraries->nr;
	struct elf_file **files =
		reallocarray(libraries->files, nr + 1, sizeof(*files));
	char **names;

	if (!files)
		return -ENOMEM;
	libraries->files = files;
	names = reallocarray(libraries->names, nr + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	libraries->names = names;
	names[nr] = strdup(name);
	if (!names[nr])
		return -ENOMEM;
	files[nr] = file;
	libraries->nr++;
	return 0;
}

/* Takes the file over when it is a library for the target's machine. */
static int try_path(struct libraries *libraries, const struct target *target,
		    const char *name, const char *path)
{
	owned(elf_close_p) struct elf_file *file = NULL;
	int r;

	if (access(path, R_OK) || elf_open(path, &file, NULL) ||
	    file->header->e_machine != target->file->header->e_machine ||
	    file->header->e_type != ET_DYN)
		return -ENOENT;
	r = add_file(libraries, name, file);
	if (!r)
		take_ptr(file);
	return r;
}

static int open_library(struct libraries *libraries,
			const struct target *target,
			const struct strings *directories, const char *name)
{
	int r = -ENOENT;

	if (is_open(libraries, name) || libraries->nr >= LIBRARIES_MAX)
		return 0;
	if (strchr(name, '/'))
		r = try_path(libraries, target, name, name);
	for (size_t i = 0; i < directories->nr && r == -ENOENT; i++) {
		owned(free_p) char *path =
			text_format("%s/%s", directories->items[i], name);

		r = path ? try_path(libraries, target, name, path) : -ENOMEM;
	}
	return r == -ENOENT ? strings_add(&libraries->missing, name) : r;
}

static int open_needed(struct libraries *libraries, const struct target *target,
		       const struct strings *directories,
		       const struct elf_file *file)
{
	size_t nr;
	const Elf64_Dyn *dynamic = elf_dynamic(file, &nr);
	size_t strings = 0;
	int r = 0;

	for (size_t i = 1; i < file->nr_sections; i++)
		if (file->sections[i].sh_type == SHT_DYNAMIC)
			strings = file->sections[i].sh_link;
	for (size_t i = 0; i < nr && !r && dynamic[i].d_tag != DT_NULL; i++)
		if (dynamic[i].d_tag == DT_NEEDED)
			r = open_library(libraries, target, directories,
					 elf_string(file, strings,
						    dynamic[i].d_un.d_val));
	return r;
}

int libraries_open(const struct target *target, const char *sysroot,
		   struct libraries *ret_libraries, struct hf_diag *diag)
{
	struct libraries libraries = { 0 };
	struct strings directories = { 0 };
	int r = list_directories(target, sysroot ?: "", &directories);

	for (size_t i = 0; i < target->needed.nr && !r; i++)
		r = open_library(&libraries, target, &directories,
				 target->needed.items[i]);
	for (size_t i = 0; i < libraries.nr && !r; i++)
		r = open_needed(&libraries, target, &directories,
				libraries.files[i]);
	strings_release(&directories);
	if (r) {
		libraries_close(&libraries);
		return hf_fail(diag, r, "cannot read the libraries of %s",
			       target->name);
	}
	*ret_libraries = libraries;
	return 0;
}

void libraries_close(struct libraries *libraries)
{
	for (size_t i = 0; i < libraries->nr; i++) {
		elf_close(libraries->files[i]);
		free(libraries->names[i]);
	}
	free(libraries->files);
	free(libraries->names);
	strings_release(&libraries->missing);
	*libraries = (struct libraries){ 0 };
}

/* ---- asking ------------------------------------------------------------- */

static bool is_export(const Elf64_Sym *symbol)
{
	return symbol->st_shndx != SHN_UNDEF &&
	       ELF64_ST_BIND(symbol->st_info) != STB_LOCAL &&
	       ELF64_ST_VISIBILITY(symbol->st_other) != STV_HIDDEN &&
	       ELF64_ST_VISIBILITY(symbol->st_other) != STV_INTERNAL;
}

static int find_in(const struct elf_file *file, const char *name,
		   const char *wanted_version, struct exported *ret_exported)
{
	struct elf_symbols symbols = elf_symbols(file, SHT_DYNSYM);

	for (size_t i = 1; i < symbols.nr; i++) {
		const Elf64_Sym *symbol = &symbols.entries[i];
		struct symbol_version version;

		if (!is_export(symbol) ||
		    strcmp(elf_symbol_name(file, &symbols, i), name))
			continue;
		version = symbol_version(file, i);
		if (wanted_version ? !version.name ||
					     strcmp(version.name,
						    wanted_version) :
				     !version.is_default)
			continue;
		*ret_exported = (struct exported){
			.version = version.name,
			.type = ELF64_ST_TYPE(symbol->st_info),
			.size = symbol->st_size,
		};
		return 0;
	}
	return -ENOENT;
}

/* What the target's own reference to @name says. */
static int find_own_reference(const struct target *target, const char *name,
			      struct exported *ret_exported)
{
	struct elf_symbols symbols = elf_symbols(target->file, SHT_DYNSYM);

	for (size_t i = 1; i < symbols.nr; i++) {
		struct symbol_version version;

		if (symbols.entries[i].st_shndx != SHN_UNDEF ||
		    strcmp(elf_symbol_name(target->file, &symbols, i), name))
			continue;
		version = symbol_version(target->file, i);
		*ret_exported = (struct exported){
			.version = version.name,
			.library = version.library,
			.type = ELF64_ST_TYPE(symbols.entries[i].st_info),
		};
		return 0;
	}
	return -ENOENT;
}

int libraries_find(const struct libraries *libraries,
		   const struct target *target, const char *name,
		   struct exported *ret_exported)
{
	struct exported own = { 0 };
	bool referenced = !find_own_reference(target, name, &own);

	for (size_t i = 0; i < libraries->nr; i++) {
		if (find_in(libraries->files[i], name, own.version,
			    ret_exported))
			continue;
		ret_exported->library = libraries->names[i];
		return 0;
	}
	if (!referenced)
		return -ENOENT;
	*ret_exported = own;
	return 0;
}
