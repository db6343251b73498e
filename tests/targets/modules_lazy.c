#include "modules.c"
