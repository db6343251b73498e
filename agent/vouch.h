/*
 * What a control block must prove before anything is done that it asks for. Its
 * bytes lie in the target's memory, and the target can make a mapping with our
 * name and any words in it. So each word that would be written, unmapped or
 * called is compared with what the kernel says of the mappings, with the module
 * and with the file that the module was mapped from:
 *
 *   the image       private, its block read-only, nothing writable and
 *                   executable, of one memfd from its beginning
 *   each hook       in executable memory of this image
 *   each function   in the text of a module of that build-id and address
 *   each store      in that text, where the module's own file or no file is
 *                   mapped; exactly the jump into this image
 *   the old bytes   those of the file, where it can be read
 *
 * Who fails is damaged: nothing is done with it, and status says why. Of one
 * that is not in force, STAGED (perhaps half mapped) or RETIRED, functions and
 * hooks are forgotten instead: nothing is done with them, and it may go.
 *
 * Where the module itself is not there, the library was unloaded; if really no
 * store stands, the block is an orphan: RETIRED, and recover unmaps it as soon
 * as nothing refers to it.
 *
 * That is as much as can be known without the patch file: a target can still
 * build an image of its own that is like one of ours in all this. Then bytes of
 * its own file come back into its own code.
 */
#pragma once

#include "target.h"

/* Makes each block `damaged`, `orphaned`, or one that may be believed. */
void controls_vouch(struct target *target);
