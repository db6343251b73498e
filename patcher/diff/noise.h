/*
 * What every build makes anew: a counter, the time, a random name.
 *
 * Such an object differs although the diff has nothing to do with it. Whether
 * that is so can be seen only by a third build, of the unchanged source in the
 * tree of the second one:
 *
 *	original        patched         again
 *	source          source + diff   source
 *	number = 1      number = 2      number = 3       noise: all three differ
 *	limit = 10      limit = 20      limit = 10       the diff's
 *
 * All three have to differ: where the third build did not make something again
 * (a tool of the build that looks only at contents, a stamp that is too
 * coarse), it is as the second one left it, and counts as the diff's.
 *
 * What is noise is left as it runs. That is right where the diff cannot be the
 * reason as well:
 *
 * - in an object that no file of the diff is a source of, when all that differs
 *   in it is noise; where the diff changes a header, any object may read it;
 * - a variable of another object, when the diff's build changes only those of
 *   its bytes, or words of text, that the unchanged builds change, too.
 *
 * A function of such an object that holds something of the kind is replaced:
 * what it carries is as good as before.
 */
#pragma once

#include "change.h"

/**
 * noise_remove() - leave out of the set what every build makes anew
 *
 * Before select.h, after compare.h. Builds a third time only where an object
 * differs that the diff does not reach, or the value of a variable. A build
 * that fails is a warning: everything counts as changed by the diff then.
 *
 * Return: 0; -EINTR; -ENOMEM; -errno.
 */
int noise_remove(struct build *build, struct change_set *set,
		 struct hf_diag *diag);

/**
 * noise_explains() - whether the patched build's value differs from the
 * original's only where that of the unchanged source differs from it as well
 *
 * Values that hold addresses are not understood.
 */
bool noise_explains(const struct item *original, const struct item *patched,
		    const struct item *again);
