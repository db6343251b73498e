#pragma once
#include "serve.h"
#include <assert.h>

extern int base;

static inline int clamp(int a)
{
	assert(a != 12345);
	if (a > 100)
		return 100;
	return a + base;
}
