/*
 * A table of text: columns as wide as their longest cell.
 */
#pragma once

#include <stddef.h>

#include "output.h"

#define TABLE_COLUMNS_MAX 8
#define TABLE_CELL_SIZE 64

struct table_row {
	char cells[TABLE_COLUMNS_MAX][TABLE_CELL_SIZE];
};

struct table {
	size_t nr_columns;
	struct table_row *rows; /* the first one is the heading */
	size_t nr_rows;
};

/* A new row of empty cells at the end, or NULL without memory. */
struct table_row *table_row_add(struct table *table);

/* Puts @text there, cleaned and shortened to the cell's size. */
void table_cell_set(struct table_row *row, size_t column, const char *format,
		    ...) __attribute__((format(printf, 3, 4)));

void table_print(const struct table *table, struct output *output);
void table_release(struct table *table);
