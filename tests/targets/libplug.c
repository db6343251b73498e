/* Loaded by dlopen() after start. */
#include "lib.h"

static volatile int plug_base = 30;

LIBRARY_FUNCTION int plug_value(void)
{
	return plug_base;
}
