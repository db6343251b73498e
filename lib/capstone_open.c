#include "capstone_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Empty again when all of it has been given back. */
static _Alignas(16) uint8_t reserve[256 << 10];
static size_t reserve_used, nr_pieces;
static bool was_scarce;

static bool is_of_reserve(const void *memory)
{
	uintptr_t at = (uintptr_t)memory, start = (uintptr_t)reserve;

	return at >= start && at < start + sizeof(reserve);
}

static void *reserve_take(size_t size)
{
	size_t whole = (size + 15) / 16 * 16;
	uint8_t *piece = reserve + reserve_used;

	was_scarce = true;
	if (whole < size || whole > sizeof(reserve) - reserve_used)
		return NULL;
	reserve_used += whole;
	nr_pieces++;
	return memset(piece, 0, size);
}

static void *memory_take(size_t size)
{
	void *memory = malloc(size);

	return memory ? memory : reserve_take(size);
}

static void *memory_take_clear(size_t nr, size_t size)
{
	void *memory = calloc(nr, size);

	return memory ? memory : reserve_take(nr * size);
}

static void memory_give(void *memory)
{
	if (!is_of_reserve(memory))
		free(memory);
	else if (!--nr_pieces)
		reserve_used = 0;
}

/* Only cs_disasm() asks for it, and looks at what it gets. */
static void *memory_grow(void *memory, size_t size)
{
	return is_of_reserve(memory) ? NULL : realloc(memory, size);
}

static int memory_install(void)
{
	static bool installed;
	cs_opt_mem functions = {
		.malloc = memory_take,
		.calloc = memory_take_clear,
		.realloc = memory_grow,
		.free = memory_give,
		.vsnprintf = vsnprintf,
	};

	if (!installed &&
	    cs_option(0, CS_OPT_MEM, (size_t)(uintptr_t)&functions))
		return -ENOTSUP;
	installed = true;
	return 0;
}

void capstone_close(csh *handle, cs_insn *insn)
{
	if (insn)
		cs_free(insn, 1);
	if (*handle)
		cs_close(handle);
	*handle = 0;
}

int capstone_open(const struct arch *arch, bool detail, csh *ret_handle,
		  cs_insn **ret_insn)
{
	cs_insn *insn = NULL;
	csh handle = 0;
	int r = memory_install();

	if (r)
		return r;
	was_scarce = false;
	if (cs_open(arch->capstone_arch, arch->capstone_mode, &handle) ||
	    (detail && cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON)))
		r = -ENOTSUP;
	else
		insn = cs_malloc(handle);
	if (was_scarce || (!r && !insn))
		r = -ENOMEM;
	if (r) {
		capstone_close(&handle, insn);
		return r;
	}
	*ret_handle = handle;
	*ret_insn = insn;
	return 0;
}
