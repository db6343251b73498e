#define NAME "tool"
