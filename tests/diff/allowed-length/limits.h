#define SLOTS 48
