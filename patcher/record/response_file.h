/*
 * Arguments that stand in files: `gcc @objects.rsp`.
 */
#pragma once

#include "../array.h"

/**
 * response_expand() - the arguments as the compiler will see them
 *
 * A file that cannot be read leaves its argument as it is, as gcc, clang and ld
 * do; so does one that names itself.
 *
 * Return: 0; -ENOMEM.
 */
int response_expand(char *const *arguments, struct strings *ret_list);
