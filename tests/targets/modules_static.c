#define MODULES_STATIC
#include "modules.c"
