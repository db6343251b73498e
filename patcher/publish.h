/*
 * The last step to a patch file: nobody sees it before it is whole and good.
 */
#pragma once

#include "elf_file.h"
#include "tail.h"

/**
 * publish_patch() - write @file, as edited, with @tail behind it
 *
 * It is written beside @path, opened and checked as the agent would, and only
 * then takes the name @path.
 *
 * Return: 0; -EBADMSG; -errno. On failure @path is as it was.
 */
int publish_patch(const struct elf_file *file, const struct tail *tail,
		  const char *path, struct hf_diag *diag);
