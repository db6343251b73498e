#include "original.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "command.h"
#include "resolve.h"

static const char prefix[] = "hotfix.original.";

bool original_is_symbol(const char *symbol)
{
	return !strncmp(symbol, prefix, sizeof(prefix) - 1);
}

/* ---- displacing --------------------------------------------------------- */

struct displacer {
	struct original_code *code;
	hf_addr resume;
	struct hf_diag *diag;
};

static int emit_bytes(struct displacer *displacer, const uint8_t *bytes,
		      size_t size)
{
	struct original_code *code = displacer->code;

	if (size > sizeof(code->bytes) - code->size)
		return hf_refuse(displacer->diag, "original-too-long",
				 "too many instructions to copy");
	memcpy(code->bytes + code->size, bytes, size);
	code->size += size;
	return 0;
}

/* The 32-bit field at @offset shall lead to @to; @tail bytes follow it. */
static int emit_reloc(struct displacer *displacer, size_t offset, size_t tail,
		      hf_addr to)
{
	struct original_code *code = displacer->code;

	if (code->nr_relocs == ARRAY_SIZE(code->relocs))
		return hf_refuse(displacer->diag, "original-too-long",
				 "too many instructions to copy");
	memset(code->bytes + offset, 0, 4);
	/* field = to - (place + 4 + tail) = S + A - place */
	code->relocs[code->nr_relocs++] = (struct original_reloc){
		(uint32_t)offset,
		(int64_t)(to - displacer->resume) - 4 - (int64_t)tail,
	};
	return 0;
}

/* bnd, notrack and branch hints; what pads a call of __tls_get_addr. */
static bool is_branch_prefix(uint8_t byte)
{
	return byte == 0xf2 || byte == 0x3e || byte == 0x2e || byte == 0x66 ||
	       byte == 0x48;
}

/* jmp rel8, jcc rel8 and their rel32 forms, call rel32 */
static int displace_branch(struct displacer *displacer, const uint8_t *bytes,
			   const struct insn *insn)
{
	uint8_t opcode[2];
	size_t at = 0, size = 1;
	int r;

	while (at + 1 < insn->size && is_branch_prefix(bytes[at]))
		at++;
	opcode[0] = bytes[at];
	if (bytes[at] == 0xeb) {			/* jmp rel8 */
		opcode[0] = 0xe9;
	} else if (bytes[at] >= 0x70 && bytes[at] <= 0x7f) { /* jcc rel8 */
		opcode[0] = 0x0f;
		opcode[1] = (uint8_t)(bytes[at] + 0x10);
		size = 2;
	} else if (bytes[at] == 0x0f && at + 1 < insn->size) { /* jcc rel32 */
		opcode[1] = bytes[at + 1];
		size = 2;
	} else if (bytes[at] != 0xe8 && bytes[at] != 0xe9) {
		return hf_refuse(displacer->diag, "original-short-branch",
				 "it begins with a branch that has no long "
				 "form (loop, jrcxz) and cannot be moved");
	}
	r = emit_bytes(displacer, bytes, at);
	if (!r)
		r = emit_bytes(displacer, opcode, size);
	if (!r)
		r = emit_bytes(displacer, (uint8_t[4]){ 0 }, 4);
	return r ?: emit_reloc(displacer, displacer->code->size - 4, 0,
			       insn->target);
}

static int displace_insn(struct displacer *displacer, const uint8_t *bytes,
			 const struct insn *insn)
{
	size_t start = displacer->code->size;
	int r;

	if (insn->has_target)
		return displace_branch(displacer, bytes, insn);
	r = emit_bytes(displacer, bytes, insn->size);
	if (r || !insn->pc_relative)
		return r;
	if (insn->displacement_size != 4)
		return hf_refuse(displacer->diag, "original-short-branch",
				 "it addresses memory in a way that cannot be "
				 "moved");
	return emit_reloc(displacer, start + insn->displacement_offset,
			  insn->size - insn->displacement_offset - 4u,
			  insn->pc_relative_address);
}

int original_displace(struct insn_decoder *decoder, const uint8_t *code,
		      size_t size, hf_addr vaddr,
		      struct original_code *ret_code, struct hf_diag *diag)
{
	struct original_code displaced = { 0 };
	struct displacer displacer = { &displaced, vaddr + size, diag };

	for (size_t at = 0; at < size;) {
		struct insn insn;
		int r = insn_decode(decoder, code + at, size - at, vaddr + at,
				    &insn);

		if (r)
			return hf_refuse(diag, "original-undecodable",
					 "its first bytes are no whole "
					 "instructions");
		r = displace_insn(&displacer, code + at, &insn);
		if (r)
			return r;
		at += insn.size;
	}
	*ret_code = displaced;
	return 0;
}

/* ---- which originals are called ----------------------------------------- */

/* The replacement that `hotfix.original.NAME` in @object is about. */
static struct replacement *find_replacement(const struct build *build,
					    const struct object *object,
					    const char *symbol)
{
	const char *name = symbol + sizeof(prefix) - 1;

	for (size_t i = 0; i < build->nr_replacements; i++) {
		struct replacement *replacement = &build->replacements[i];

		if (replacement->object == object &&
		    !strcmp(replacement->new, name))
			return replacement;
	}
	return NULL;
}

static struct manifest_function *function_of(const struct build *build,
					     const struct replacement *of)
{
	return &build->manifest->functions[of - build->replacements];
}

static int check_callable(const struct manifest_function *function,
			  struct hf_diag *diag)
{
	if (!function->plan.reentered)
		return 0;
	hf_refuse(diag, "original-reentered",
		  "HOTFIX_ORIGINAL(%s) cannot be given: a loop in %s() leads "
		  "back to its very first instruction, where the jump to the "
		  "replacement will be",
		  function->replacement, function->name);
	hf_hint(diag, "do in the replacement what the original does, instead "
		      "of calling it");
	return -ECANCELED;
}

static int mark_called(struct build *build, const struct object *object,
		       const char *symbol, struct hf_diag *diag)
{
	const struct replacement *replacement =
		find_replacement(build, object, symbol);
	struct manifest_function *function;
	int r;

	if (!replacement) {
		hf_refuse(diag, "original-unknown",
			  "%s: HOTFIX_ORIGINAL(%s), but %s replaces nothing",
			  object->source, symbol + sizeof(prefix) - 1,
			  symbol + sizeof(prefix) - 1);
		hf_hint(diag, "it takes the name of a replacement in the same "
			      "file; any other function of the target is "
			      "called by its plain name");
		return -ECANCELED;
	}
	function = function_of(build, replacement);
	r = check_callable(function, diag);
	if (!r)
		function->calls_original = true;
	return r;
}

static int mark_all_called(struct build *build, struct hf_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < build->nr_objects && !r; i++) {
		const struct object *object = &build->objects[i];

		for (size_t k = 0; k < object->nr_imports && !r; k++)
			if (original_is_symbol(object->imports[k].symbol))
				r = mark_called(build, object,
						object->imports[k].symbol,
						diag);
	}
	return r;
}

/* ---- the object --------------------------------------------------------- */

static int displaced_code(const struct build *build,
			  const struct manifest_function *function,
			  struct original_code *ret_code, struct hf_diag *diag)
{
	const uint8_t *bytes = elf_bytes_at(build->target->file,
					    function->vaddr, function->size);
	int r;

	if (!bytes || function->plan.resume > function->size)
		return hf_error(diag, -EBADMSG, "not-elf",
				"%s() lies outside the file", function->name);
	r = original_displace(build->decoder, bytes, function->plan.resume,
			      function->vaddr, ret_code, diag);
	return r ? hf_context(diag, r, "HOTFIX_ORIGINAL(%s) cannot be given",
			      function->replacement) :
		   0;
}

static int write_assembly(const struct build *build,
			  const struct manifest_function *function, FILE *file,
			  struct hf_diag *diag)
{
	const char *name = function->replacement;
	struct original_code code;
	int r = displaced_code(build, function, &code, diag);

	if (r)
		return r;
	fprintf(file,
		"\t.globl %s%s\n\t.hidden %s%s\n"
		"\t.type %s%s, @function\n\t.balign 16\n%s%s:\n"
		"\t.cfi_startproc\n",
		prefix, name, prefix, name, prefix, name, prefix, name);
	for (size_t i = 0; i < code.size; i++)
		fprintf(file, "\t.byte 0x%02x\n", code.bytes[i]);
	fprintf(file,
		"\tnotrack jmp *hotfix.resume.%s@GOTPCREL(%%rip)\n"
		"\t.cfi_endproc\n\t.size %s%s, . - %s%s\n",
		name, prefix, name, prefix, name);
	return 0;
}

static int add_resume_import(struct build *build,
			     const struct manifest_function *function,
			     struct hf_diag *diag)
{
	struct manifest_import *import = import_add(build->manifest);

	if (!import)
		return hf_fail(diag, -ENOMEM, "cannot add an import");
	import->kind = IMPORT_FUNCTION;
	import->in_module = true;
	import->vaddr = function->vaddr + function->plan.resume;
	import->symbol =
		text_format("hotfix.resume.%s", function->replacement);
	import->name = strdup(function->name);
	if (!import->symbol || !import->name ||
	    (function->source && !(import->source = strdup(function->source))))
		return hf_fail(diag, -ENOMEM, "cannot add an import");
	return 0;
}

static int write_source(struct build *build, const char *path,
			size_t *ret_nr, struct hf_diag *diag)
{
	owned(fclose_p) FILE *file = fopen(path, "we");
	int r = 0;

	if (!file)
		return hf_fail(diag, -errno, "cannot write %s", path);
	fprintf(file, "\t.section .note.GNU-stack,\"\",@progbits\n"
		      "\t.section .text.hotfix.original,\"ax\",@progbits\n");
	for (size_t i = 0; i < build->nr_replacements && !r; i++) {
		struct manifest_function *function =
			&build->manifest->functions[i];

		if (!function->calls_original)
			continue;
		r = write_assembly(build, function, file, diag) ?:
			    add_resume_import(build, function, diag);
		(*ret_nr)++;
	}
	if (!r && fflush(file))
		r = hf_fail(diag, -errno, "cannot write %s", path);
	return r;
}

int original_build(struct build *build, char **ret_path, struct hf_diag *diag)
{
	owned(free_p) char *source =
		text_format("%s/originals.s", build->directory);
	owned(free_p) char *object =
		text_format("%s/originals.o", build->directory);
	struct strings command = { 0 };
	size_t nr = 0;
	int r;

	if (!source || !object)
		return hf_fail(diag, -ENOMEM, "cannot build originals");
	r = mark_all_called(build, diag);
	if (!r)
		r = write_source(build, source, &nr, diag);
	if (r || !nr) {
		*ret_path = NULL;
		return r;
	}
	if (strings_add_all(&command, &build->compiler) ||
	    strings_add(&command, "-c") || strings_add(&command, "-o") ||
	    strings_add(&command, object) || strings_add(&command, source))
		r = hf_fail(diag, -ENOMEM, "cannot build originals");
	else
		r = command_run(&command, diag);
	strings_release(&command);
	if (!r)
		*ret_path = take_ptr(object);
	return r;
}

/* ---- their relocations -------------------------------------------------- */

static int add_places(const struct build *build,
		      const struct manifest_function *function,
		      struct original_place **places, size_t *nr,
		      struct hf_diag *diag)
{
	struct original_code code;
	int r = displaced_code(build, function, &code, diag);

	for (size_t i = 0; i < code.nr_relocs && !r; i++) {
		struct original_place *place = array_append(*places, *nr);

		if (!place)
			return hf_fail(diag, -ENOMEM, "cannot add originals");
		*place = (struct original_place){
			function->replacement,
			code.relocs[i].offset,
			code.relocs[i].addend,
		};
	}
	return r;
}

int original_places(const struct build *build,
		    struct original_place **ret_places, size_t *ret_nr,
		    struct hf_diag *diag)
{
	owned(free_p) struct original_place *places = NULL;
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; i < build->nr_replacements && !r; i++) {
		const struct manifest_function *function =
			&build->manifest->functions[i];

		if (function->calls_original)
			r = add_places(build, function, &places, &nr, diag);
	}
	if (r)
		return r;
	*ret_places = take_ptr(places);
	*ret_nr = nr;
	return 0;
}
