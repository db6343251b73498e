/*
 * A replaced function's code, new and old, as listings.
 */
#pragma once

#include "listing.h"
#include "old_code.h"

/**
 * patch_listing_make() - the new code, with the names of what it uses
 * @ret_listing: released with listing_release()
 *
 * Return: 0; -EBADMSG; what listing_make() returns.
 */
int patch_listing_make(const struct patch_file *patch,
		       const struct manifest_function *function,
		       struct listing *ret_listing, struct hf_diag *diag);

/* The old code, as proven by its digest. Return: as old_code_read(), listing_make(). */
int old_listing_make(const struct old_code *old, const struct patch_file *patch,
		     const struct manifest_function *function,
		     struct listing *ret_listing, struct hf_diag *diag);
