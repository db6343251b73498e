/*
 * How much of what a link was made of stands in the target as it is.
 *
 * One source may be compiled into several programs with the same functions:
 * their names cannot tell them apart, but what the macros made of them can.
 * Functions are compared byte by byte, without the fields that the linker fills
 * in. That is no proof, see identity.h: instructions that the linker relaxes
 * differ. But they do in every one of the programs.
 */
#pragma once

#include "../build.h"
#include "../record/recording.h"

/**
 * choose_code() - count the functions that the target has, byte by byte
 *
 * Return: 0; -ENOMEM.
 */
int choose_code(const struct build *build, const struct link_step *link,
		size_t *ret_nr_same);
