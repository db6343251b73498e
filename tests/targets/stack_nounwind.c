/* The scenes, built without unwind tables. */
#include "stack_scenes.c"
