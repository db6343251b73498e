/* What the libraries to be patched export. */
#pragma once

#define LIBRARY_FUNCTION __attribute__((noipa))

int left_value(void);
int left_twice(void);
int left_hidden(int x);
int left_tick(void);
int left_spare(void);
int right_value(void);
int right_hidden(int x);
int right_tick(void);
int plug_value(void);
