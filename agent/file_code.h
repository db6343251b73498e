/*
 * An ELF file as a source of code to verify: what stands in its segments.
 */
#pragma once

#include "../lib/build_id.h"
#include "verify.h"

struct file_code;

/* Return: 0; -EBADMSG no ELF file of 64 bits; -errno. Release with free. */
int file_code_open(const char *path, struct file_code **ret_file,
		   struct hf_diag *diag);
void file_code_free(struct file_code *file);

/* size 0: it has none. */
const struct build_id *file_code_build_id(const struct file_code *file);

/* Borrows @file. */
void file_code_source(const struct file_code *file,
		      struct code_source *ret_source);
