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
