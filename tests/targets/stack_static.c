#include "stack_scenes.c"
