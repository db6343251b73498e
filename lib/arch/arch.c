#include "arch.h"

static const struct arch *const arches[] = {
	&arch_x86_64,
};

const struct arch *arch_find(uint16_t e_machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i]->e_machine == e_machine)
			return arches[i];
	return NULL;
}
