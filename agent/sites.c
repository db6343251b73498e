/*
 * Sites compared: what the control blocks say should stand there, and what the
 * process's memory has.
 */
#include "sites.h"

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

/* What stands where the stores of a site go; blocks of one function agree. */
struct site_memory {
	hf_addr addresses[SITE_WRITES_MAX]; /* 0: not yet read */
	uint8_t bytes[SITE_WRITES_MAX][sizeof(((struct control_write *)0)->old_bytes)];
};

static int memory_read(const struct process *process,
		       const struct control_write *write, size_t index,
		       struct site_memory *memory)
{
	int r;

	if (memory->addresses[index] == write->address)
		return 0;
	/* As much as any block may compare; at the end of text less. */
	r = process_read(process, write->address, memory->bytes[index],
			 sizeof(memory->bytes[index]));
	if (r)
		r = process_read(process, write->address, memory->bytes[index],
				 write->size);
	if (!r)
		memory->addresses[index] = write->address;
	return r;
}

/* Return: 1 when all of the site's stores stand there; 0; -errno. */
static int site_has(const struct process *process,
		    const struct control_site *site, enum site_bytes which,
		    struct site_memory *memory)
{
	for (size_t i = 0; i < site->nr_writes; i++) {
		const struct control_write *write = &site->writes[i];
		const uint8_t *expected = which == BYTES_OLD ?
						  write->old_bytes :
						  write->new_bytes;
		int r = memory_read(process, write, i, memory);

		if (r)
			return r;
		if (memcmp(memory->bytes[i], expected, write->size))
			return 0;
	}
	return 1;
}

static bool leads_to_other(const struct process *process,
			   const struct controls *controls,
			   const struct control *control, hf_addr function,
			   struct site_memory *memory)
{
	for (size_t i = 0; i < controls->nr; i++) {
		const struct control *other = &controls->entries[i];
		const struct control_site *site;

		if (other == control)
			continue;
		site = control_site_find(other, function);
		if (site && site_has(process, site, BYTES_NEW, memory) == 1)
			return true;
	}
	return false;
}

enum site_reality site_inspect(const struct process *process,
			       const struct controls *controls,
			       const struct control *control,
			       const struct control_site *site)
{
	struct site_memory memory = { 0 };
	int r = site_has(process, site, BYTES_NEW, &memory);

	if (!r && site_has(process, site, BYTES_OLD, &memory) == 1)
		return SITE_PRISTINE;
	if (r < 0)
		return SITE_UNREADABLE;
	if (r)
		return SITE_LEADS_HERE;
	if (leads_to_other(process, controls, control, site->function,
			   &memory))
		return SITE_LEADS_TO_OTHER_PATCH;
	return SITE_CHANGED;
}
