#include "verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../lib/digest.h"
#include "../lib/io.h"
#include "foreign_bytes.h"
#include "pin.h"

/* A function larger than this is a broken manifest. */
#define FUNCTION_SIZE_MAX (16u << 20)

/* Lays the function's own bytes over whatever part of our stores is in view. */
static void write_see_through(const struct control_write *write, hf_addr address,
			      uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < write->size; i++) {
		hf_addr at = write->address + i;

		if (at >= address && at - address < size)
			bytes[at - address] = write->old_bytes[i];
	}
}

/* A block in any state but STAGED may have written. */
static void controls_see_through(const struct controls *controls,
				 hf_addr address, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (control->damaged ||
		    control->block.state == CONTROL_STAGED ||
		    control->block.state == CONTROL_RETIRED)
			continue;
		for (size_t s = 0; s < control->block.nr_sites; s++)
			for (size_t w = 0; w < control->sites[s].nr_writes; w++)
				write_see_through(&control->sites[s].writes[w],
						  address, bytes, size);
	}
}

static int process_code_read(const struct code_source *source, uint64_t vaddr,
			     void *bytes, size_t size)
{
	const struct process_code *code = source->context;
	hf_addr address = source->bias + vaddr;
	int r;

	if (address < code->module->range.start ||
	    address > code->module->range.end ||
	    size > code->module->range.end - address)
		return -EFAULT;
	r = process_read(code->target->process, address, bytes, size);
	if (r < 0)
		return r;
	controls_see_through(&code->target->controls, address, bytes, size);
	return 0;
}

/* Names the first difference between memory and the file it came from. */
static void process_code_describe(const struct code_source *source,
				  uint64_t vaddr, const uint8_t *bytes,
				  size_t size, char *text, size_t text_size)
{
	const struct process_code *code = source->context;
	const struct mappings *mappings = &code->target->mappings;
	hf_addr address = source->bias + vaddr;
	const struct mapping *mapping = mappings_find(mappings, address);
	owned(free_p) uint8_t *file = malloc(size);
	owned(close_p) int fd = -1;

	if (!mapping || !mapping->inode || !file ||
	    size > mapping->range.end - address)
		return;
	fd = mapping_open(code->target->process, mapping);
	if (fd < 0 ||
	    read_full_at(fd, file, size,
			 (off_t)(mapping->offset + address -
				 mapping->range.start)) ||
	    !memcmp(file, bytes, size))
		return;
	foreign_bytes_describe(mappings, address, file, bytes, size, text,
			       text_size);
}

void code_source_of_process(const struct process_code *code,
			    struct code_source *ret_source)
{
	*ret_source = (struct code_source){
		.read = process_code_read,
		.describe = process_code_describe,
		.context = code,
		.bias = code->module->bias,
	};
}

static int function_changed(const struct code_source *source,
			    const char *name, uint64_t vaddr,
			    const uint8_t *bytes, size_t size,
			    struct hf_diag *diag)
{
	char what[256] = "";

	source->describe(source, vaddr, bytes, size, what, sizeof(what));
	hf_refuse(diag, "function-changed",
		  "%s() is not the code that the patch was built for: %s", name,
		  what[0] ? what : "its SHA-256 differs");
	if (what[0])
		hf_hint(diag, "something changed it in memory: remove the "
			      "debugger, probe or hook, then try again");
	else
		hf_hint(diag, "build the patch against exactly this binary");
	return -ECANCELED;
}

static int code_verify(const struct code_source *source, const char *name,
		       uint64_t vaddr, uint64_t size,
		       const uint8_t expected[SHA256_SIZE],
		       struct buffer *ret_bytes, struct hf_diag *diag)
{
	struct buffer bytes = { .size = size };
	uint8_t digest[SHA256_SIZE];
	int r;

	if (!size || size > FUNCTION_SIZE_MAX)
		return hf_refuse(diag, "patch-malformed",
				 "%s() cannot be %" PRIu64 " bytes long", name,
				 size);
	bytes.data = malloc(size);
	if (!bytes.data)
		return hf_fail(diag, -ENOMEM, "cannot read %s()", name);
	r = source->read(source, vaddr, bytes.data, size);
	if (r < 0)
		r = hf_refuse(diag, "function-absent",
			      "%s() should stand at 0x%" PRIx64
			      " and there is no such code",
			      name, source->bias + vaddr);
	if (r == 0) {
		sha256(bytes.data, size, digest);
		if (memcmp(digest, expected, SHA256_SIZE))
			r = function_changed(source, name, vaddr, bytes.data,
					     size, diag);
	}
	if (r < 0)
		buffer_release(&bytes);
	else
		*ret_bytes = bytes;
	return r;
}

static bool plans_equal(const struct site_plan *a, const struct site_plan *b)
{
	return a->strategy == b->strategy && a->entry == b->entry &&
	       a->size == b->size && a->resume == b->resume &&
	       a->relay == b->relay && a->reentered == b->reentered;
}

/* Padding next to the function, as far as the manifest claims it. */
static int gap_read(const struct code_source *source, uint64_t vaddr,
		    size_t size, uint8_t *bytes, struct hf_diag *diag)
{
	if (size && source->read(source, vaddr, bytes, size))
		return hf_refuse(diag, "patch-malformed",
				 "there is no padding at 0x%" PRIx64,
				 source->bias + vaddr);
	return 0;
}

static int plan_make(const struct arch *arch, const struct code_source *source,
		     const struct manifest_function *function,
		     const struct buffer *bytes, struct site_plan *ret_plan,
		     struct hf_diag *diag)
{
	uint8_t before[4096], behind[4096];
	struct site_code code = {
		.address = source->bias + function->vaddr,
		.bytes = bytes->data,
		.size = bytes->size,
		.gap_before = before,
		.gap_before_size = function->gap_before,
		.gap_behind = behind,
		.gap_behind_size = function->gap_behind,
	};
	int r;

	if (function->gap_before > sizeof(before) ||
	    function->gap_behind > sizeof(behind))
		return hf_refuse(diag, "patch-malformed",
				 "too much padding claimed for %s()",
				 function->name);
	r = gap_read(source, function->vaddr - function->gap_before,
		     function->gap_before, before, diag);
	if (r == 0)
		r = gap_read(source, function->vaddr + function->size,
			     function->gap_behind, behind, diag);
	if (r < 0)
		return r;
	return site_plan_make(arch, &code, ret_plan, diag);
}

int verify_function(const struct arch *arch, const struct code_source *source,
		    const struct manifest_function *function,
		    struct site_plan *ret_plan, struct hf_diag *diag)
{
	struct buffer bytes = { 0 };
	struct site_plan plan;
	int r;

	for (size_t i = 0; i < function->nr_parts; i++) {
		const struct manifest_part *part = &function->parts[i];

		r = code_verify(source, part->name, part->vaddr, part->size,
				part->sha256, &bytes, diag);
		if (r < 0)
			return r;
		buffer_release(&bytes);
	}
	r = code_verify(source, function->name, function->vaddr, function->size,
			function->sha256, &bytes, diag);
	if (r < 0)
		return r;
	r = plan_make(arch, source, function, &bytes, &plan, diag);
	buffer_release(&bytes);
	if (r < 0)
		return hf_context(diag, r, "%s()", function->name);
	if (!plans_equal(&plan, &function->plan))
		return hf_refuse(diag, "plan-mismatch",
				 "the patch file describes the entry of %s() "
				 "otherwise than it is",
				 function->name);
	*ret_plan = plan;
	return 0;
}

int verify_mode(const struct manifest_function *function,
		const struct site_plan *plan, enum switch_mode mode,
		struct hf_diag *diag)
{
	if (!plan->reentered)
		return 0;
	if (function->calls_original)
		return hf_refuse(diag, "site-reentered",
				 "%s() jumps back to its own entry, so its old "
				 "code cannot be called any more",
				 function->name);
	if (mode == SWITCH_ENTRY) {
		hf_refuse(diag, "site-reentered",
			  "%s() jumps back to its own entry: activations of "
			  "the old code would jump into the new",
			  function->name);
		hf_hint(diag, "use the default --mode quiescent");
		return -ECANCELED;
	}
	return 0;
}
