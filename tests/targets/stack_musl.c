/* The scenes as a static program of musl, whose libc has no unwind tables. */
#include "stack_scenes.c"
