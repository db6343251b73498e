/*
 * What the bytes of a function's entry should be, and what they are.
 *
 * A site's bytes follow from the set of ACTIVE control blocks alone (see
 * control.h): those of the owner, the block with the highest sequence that
 * names the function, or the function's own.
 */
#pragma once

#include "control.h"

/* The block whose jump should stand at @function, or NULL: its own bytes. */
const struct control *sites_owner(const struct controls *controls,
				  hf_addr function);

/* The site for @function in a block, or NULL. */
const struct control_site *control_site_find(const struct control *control,
					     hf_addr function);

enum site_reality {
	SITE_PRISTINE,	 /* the function's own bytes */
	SITE_LEADS_HERE, /* this block's jump */
	SITE_LEADS_TO_OTHER_PATCH, /* another block's jump, see sites_owner() */
	SITE_CHANGED,	 /* something else wrote there */
	SITE_UNREADABLE,
};

/* What really stands at a site of @control. */
enum site_reality site_inspect(const struct process *process,
			       const struct controls *controls,
			       const struct control *control,
			       const struct control_site *site);
