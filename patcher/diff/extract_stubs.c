/*
 * What no compiler wrote: an object with the few things that code for an
 * executable expects near itself.
 *
 *	hotfix.thunk.NAME   jmp *NAME@GOTPCREL(%rip)	address of a library's
 *							function, in 32 bits
 *	hotfix.tls          the target's module number, and 0
 *	hotfix.absent       ud2				a weak function that
 *							nobody has
 */
#include "extract_internal.h"

#include <errno.h>
#include <string.h>

#include "../command.h"

static void write_function(FILE *file, const char *prefix, const char *name)
{
	fprintf(file,
		"\t.globl \"%s%s\"\n\t.hidden \"%s%s\"\n"
		"\t.type \"%s%s\", @function\n\t.balign 16\n\"%s%s\":\n",
		prefix, name, prefix, name, prefix, name, prefix, name);
}

static void write_thunk(FILE *file, const char *name)
{
	write_function(file, STUB_THUNK, name);
	fprintf(file,
		"\t.cfi_startproc\n\tendbr64\n"
		"\tjmp *\"%s\"@GOTPCREL(%%rip)\n\t.cfi_endproc\n"
		"\t.size \"" STUB_THUNK "%s\", . - \"" STUB_THUNK "%s\"\n",
		name, name, name);
}

static void write_all(FILE *file, const struct extract *extract)
{
	fprintf(file, "\t.section .note.GNU-stack,\"\",@progbits\n"
		      "\t.section .text.hotfix.stubs,\"ax\",@progbits\n");
	for (size_t i = 0; i < extract->thunks.nr; i++)
		write_thunk(file, extract->thunks.items[i]);
	if (extract->needs_absent) {
		write_function(file, STUB_ABSENT, "");
		fprintf(file, "\tud2\n\t.size " STUB_ABSENT ", 2\n");
	}
	if (extract->tls_import)
		fprintf(file, "\t.section .data.hotfix.stubs,\"aw\",@progbits\n"
			      "\t.globl " STUB_TLS "\n\t.hidden " STUB_TLS "\n"
			      "\t.type " STUB_TLS ", @object\n\t.balign 16\n"
			      STUB_TLS ":\n\t.quad 0, 0\n"
			      "\t.size " STUB_TLS ", 16\n");
}

static int hold_module(struct extract *extract, struct hf_diag *diag)
{
	struct build *build = extract->build;
	struct held_reloc *held = array_append(build->held, build->nr_held);

	if (!held || !(held->place = strdup(STUB_TLS)) ||
	    !(held->import = strdup(extract->tls_import)))
		return hf_fail(diag, -ENOMEM, "cannot extract objects");
	held->type = R_X86_64_DTPMOD64;
	return 0;
}

static int assemble(struct build *build, const char *source, const char *object,
		    struct hf_diag *diag)
{
	struct strings command = { 0 };
	int r;

	if (strings_add_all(&command, &build->compiler) ||
	    strings_add(&command, "-c") || strings_add(&command, "-o") ||
	    strings_add(&command, object) || strings_add(&command, source) ||
	    strings_add(&build->generated, object))
		r = hf_fail(diag, -ENOMEM, "cannot extract objects");
	else
		r = command_run(&command, diag);
	strings_release(&command);
	return r;
}

static int write_source(const struct extract *extract, const char *path,
			struct hf_diag *diag)
{
	owned(fclose_p) FILE *file = fopen(path, "we");

	if (!file)
		return hf_fail(diag, -errno, "cannot write %s", path);
	write_all(file, extract);
	return fflush(file) ? hf_fail(diag, -errno, "cannot write %s", path) :
			      0;
}

int extract_stubs(struct extract *extract, struct hf_diag *diag)
{
	struct build *build = extract->build;
	owned(free_p) char *source =
		text_format("%s/stubs.s", build->directory);
	owned(free_p) char *object =
		text_format("%s/stubs.o", build->directory);
	int r = 0;

	if (!source || !object)
		return hf_fail(diag, -ENOMEM, "cannot extract objects");
	if (!extract->thunks.nr && !extract->needs_absent &&
	    !extract->tls_import)
		return 0;
	if (extract->tls_import)
		r = hold_module(extract, diag);
	if (!r)
		r = write_source(extract, source, diag);
	return r ?: assemble(build, source, object, diag);
}
