/*
 * Code that a thread may leave through the unwinder: an exception that a callee
 * throws passes it, or the thread is cancelled (pthread_cancel, pthread_exit)
 * inside of a callee.
 *
 * The unwinder of a process asks the dynamic loader which module a frame is of,
 * and the loader does not know patches. It takes a patch's frame for the end of
 * the stack:
 *
 *	main            catch (...)          not found: std::terminate()
 *	  serve           lock.~guard()      left out, when cancelled
 *	    parse         in the patch       <- the unwinder ends here
 *	      read        throws, or is cancelled
 *
 * What makes it known is __register_frame_info(). It is of libgcc, which a C
 * program loads only when a thread is cancelled; it takes a lock that every
 * throwing thread takes, newer ones call malloc(), and its counterpart calls
 * free(): a borrowed thread may hold either lock. So it is left to a version
 * that has safe points for running the target's code, and frames that may be
 * unwound are refused.
 *
 * glibc runs what pthread_cleanup_push() has registered by itself (without
 * -fexceptions), also beyond such a frame: plain C can be cancelled inside of a
 * patch. And nobody may throw through C, so a pointer to a function is taken to
 * be harmless there; a direct call of C++ is not.
 */
#pragma once

#include "change.h"

/* Looks at every object of the target's link for set->unwinding. Return: 0;
   -errno. */
int passage_look_at_program(struct change_set *set, struct hf_diag *diag);
/* The same of what the target itself says, and of what is replaced, where
   nothing was built. */
void passage_look_at_target(const struct build *build,
			    struct change_set *set);

/**
 * passage_reason() - why the unwinder may have to pass @item, a function
 * @ret_reason: "calls f(), which may throw", "has clean-ups ...", owned by the
 *		caller; NULL: it need not
 *
 * Looks into the callees that the unit has itself. Tail calls do not count:
 * they leave no frame. A program whose objects catch nothing ends by an
 * exception in any case, and one without clean-ups leaves none out.
 *
 * Return: 0; -ENOMEM.
 */
int passage_reason(const struct build *build, const struct change_set *set,
		   const struct unit_pair *pair, const struct item *item,
		   char **ret_reason);

/* Whether --nothrow names @item, as a pattern of the shell; @used (may be NULL): by index, set to true. */
bool passage_stated(const struct options *options, const struct item *item,
		    bool *used);

/* What a refusal says: its code, and the ways out. */
const char *passage_code(const struct item *item);
void passage_hints(const char *name, struct hf_diag *diag);
