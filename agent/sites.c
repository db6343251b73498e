/*
 * Sites compared: what the control blocks say should stand there, and what the
 * process's memory has.
 */
#include "sites.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct control_site *control_site_find(const struct control *control,
					     hf_addr function)
{
	if (control->damaged)
		return NULL;
	for (size_t i = 0; i < control->block.nr_sites; i++)
		if (control->sites[i].function == function)
			return &control->sites[i];
	return NULL;
}

const struct control *sites_owner(const struct controls *controls,
				  hf_addr function)
{
	const struct control *owner = NULL;

	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *control = &controls->entries[i];

		if (control->block.state != CONTROL_ACTIVE ||
		    !control_site_find(control, function))
			continue;
		if (!owner || control->block.sequence > owner->block.sequence)
			owner = control;
	}
	return owner;
}

enum site_bytes { BYTES_OLD, BYTES_NEW };

/* Return: 1 when all of the site's stores stand there; 0; -errno. */
static int site_has(const struct process *process,
		    const struct control_site *site, enum site_bytes which)
{
	for (size_t i = 0; i < site->nr_writes; i++) {
		const struct control_write *write = &site->writes[i];
		const uint8_t *expected = which == BYTES_OLD ?
						  write->old_bytes :
						  write->new_bytes;
		uint8_t found[sizeof(write->old_bytes)];
		int r = process_read(process, write->address, found,
				     write->size);

		if (r)
			return r;
		if (memcmp(found, expected, write->size))
			return 0;
	}
	return 1;
}

static bool leads_to_other(const struct process *process,
			   const struct controls *controls,
			   const struct control *control, hf_addr function)
{
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *other = &controls->entries[i];
		const struct control_site *site;

		if (other == control)
			continue;
		site = control_site_find(other, function);
		if (site && site_has(process, site, BYTES_NEW) == 1)
			return true;
	}
	return false;
}

enum site_reality site_inspect(const struct process *process,
			       const struct controls *controls,
			       const struct control *control,
			       const struct control_site *site)
{
	int r = site_has(process, site, BYTES_NEW);

	if (!r && site_has(process, site, BYTES_OLD) == 1)
		return SITE_PRISTINE;
	if (r < 0)
		return SITE_UNREADABLE;
	if (r)
		return SITE_LEADS_HERE;
	if (leads_to_other(process, controls, control, site->function))
		return SITE_LEADS_TO_OTHER_PATCH;
	return SITE_CHANGED;
}

static const char *place_name(const struct mappings *mappings, hf_addr address)
{
	const struct mapping *mapping = mappings_find(mappings, address);

	if (!mapping)
		return "unmapped memory";
	return mapping->path[0] ? mapping->path : "anonymous memory";
}

/* x86-64: e9 rel32 and eb rel8. Return: false when it is no such jump. */
static bool jump_target(hf_addr address, const uint8_t *code, size_t size,
			hf_addr *ret_target)
{
	int32_t distance;

	if (size >= 5 && code[0] == 0xe9) {
		memcpy(&distance, code + 1, sizeof(distance));
		*ret_target = address + 5 + (uint64_t)(int64_t)distance;
		return true;
	}
	if (size >= 2 && code[0] == 0xeb) {
		*ret_target = address + 2 + (uint64_t)(int64_t)(int8_t)code[1];
		return true;
	}
	return false;
}

/* The bytes around the first difference: "+2: 48 89 e5 instead of 0f 1f 00". */
static void difference_describe(const uint8_t *expected, const uint8_t *found,
				size_t at, size_t size, char *ret_text,
				size_t text_size)
{
	char was[3 * 8 + 1] = "", is[3 * 8 + 1] = "";
	size_t nr = size - at < 8 ? size - at : 8;

	for (size_t i = 0; i < nr; i++) {
		snprintf(was + 3 * i, 4, " %02x", expected[at + i]);
		snprintf(is + 3 * i, 4, " %02x", found[at + i]);
	}
	snprintf(ret_text, text_size, "at +%zu:%s instead of%s", at, is, was);
}

void foreign_bytes_describe(const struct mappings *mappings, hf_addr address,
			    const uint8_t *expected, const uint8_t *found,
			    size_t size, char *ret_text, size_t text_size)
{
	hf_addr target;
	size_t at = 0;

	while (at < size && expected[at] == found[at])
		at++;
	if (at == size) {
		snprintf(ret_text, text_size, "no difference");
	} else if (found[at] == 0xcc) {
		snprintf(ret_text, text_size,
			 "a breakpoint (int3) at +%zu, of a debugger or a uprobe",
			 at);
	} else if (jump_target(address + at, found + at, size - at, &target)) {
		snprintf(ret_text, text_size,
			 "a jump to %#" PRIx64 " in %s at +%zu (another tool's hook)",
			 target, place_name(mappings, target), at);
	} else if (size - at >= 2 && found[at] == 0xff && found[at + 1] == 0x25) {
		snprintf(ret_text, text_size,
			 "an indirect jump at +%zu (another tool's hook)", at);
	} else {
		difference_describe(expected, found, at, size, ret_text,
				    text_size);
	}
}
