/*
 * Digests of whole trees: of what is in them, or only of what their directories
 * say, which takes no reading.
 */
#pragma once

#include <stdbool.h>

#include "../../lib/diag.h"
#include "../../lib/digest.h"

/* Several things, one digest. */
struct tree_digest;

/* NULL: out of memory. */
struct tree_digest *tree_digest_new(void);
/* The digest, hexadecimal; releases it. */
void tree_digest_finish(struct tree_digest *digest,
			char ret_text[HEX_SIZE(SHA256_SIZE)]);

void tree_digest_add_text(struct tree_digest *digest, const char *text);

/**
 * tree_digest_add() - names, kinds, modes, and where links lead; further
 * @contents: what is in the files; else their sizes and times
 *
 * Return: 0; -ENOMEM; -EINTR; -errno.
 */
int tree_digest_add(struct tree_digest *digest, const char *path,
		    bool contents, struct hf_diag *diag);
