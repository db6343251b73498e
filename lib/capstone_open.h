/*
 * Opening capstone.
 *
 * Capstone 4 writes to what it has asked memory for without looking whether it
 * got any. Where malloc(3) has none left it is given some of a small reserve
 * instead, and what it was asked for fails here afterwards.
 */
#pragma once

#include <capstone/capstone.h>

#include "arch/arch.h"

/**
 * capstone_open() - a handle and room for one instruction
 * @detail:      whether instructions are taken apart
 * @ret_handle:  owned by the caller, as the next: capstone_close()
 *
 * Return: 0; -ENOMEM; -ENOTSUP: not built into this capstone.
 */
int capstone_open(const struct arch *arch, bool detail, csh *ret_handle,
		  cs_insn **ret_insn);

/* Either may be 0. */
void capstone_close(csh *handle, cs_insn *insn);
