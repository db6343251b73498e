/*
 * A line on the terminal that says what is being waited for, and for how long.
 *
 * It appears only when something takes longer than a moment, only on a
 * terminal, and is gone without a trace before the next line is printed. A
 * thread writes it, because the operation itself must not be interrupted (not
 * by a timer's signal either).
 */
#pragma once

#include "output.h"

struct progress;

/* @text is borrowed. Never fails: without memory there is no such line. */
struct progress *progress_begin(const struct output *output, const char *text);
void progress_end(struct progress *progress);
