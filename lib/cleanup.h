/*
 * Ownership by scope: a local declared `owned(free_p)` is released when its
 * block ends, unless it was handed on with take_ptr() or take_fd().
 *
 * For local resources of this process only. State in the *target* is never
 * undone by a destructor: that is done in the open, where it can fail aloud.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define owned(function) __attribute__((cleanup(function)))

/* Hands a pointer on: the variable becomes NULL, the value is the caller's. */
#define take_ptr(pointer)                                                      \
	({                                                                     \
		__typeof__(pointer) *take_from_ = &(pointer);                  \
		__typeof__(pointer) taken_ = *take_from_;                      \
		*take_from_ = NULL;                                            \
		taken_;                                                        \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void free_p(void *pointer)
{
	free(*(void **)pointer);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void fclose_p(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void closedir_p(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* Defines NAME_p(), which releases a `TYPE *` with NAME() unless it is NULL. */
#define DEFINE_CLEANUP(type, name)                                             \
	static inline void name##_p(type **pointer)                            \
	{                                                                      \
		if (*pointer)                                                  \
			name(*pointer);                                        \
	}
