/*
 * Rows are kept until all are known, because only then the widths are.
 */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct table_row *table_row_add(struct table *table)
{
	struct table_row *rows;

	rows = reallocarray(table->rows, table->nr_rows + 1, sizeof(*rows));
	if (!rows)
		return NULL;
	table->rows = rows;
	rows[table->nr_rows] = (struct table_row){ 0 };
	return &rows[table->nr_rows++];
}

void table_cell_set(struct table_row *row, size_t column, const char *format,
		    ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_line(text, row->cells[column], TABLE_CELL_SIZE);
}

static int column_width(const struct table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = 0; i < table->nr_rows; i++) {
		size_t size = strlen(table->rows[i].cells[column]);

		width = size > width ? size : width;
	}
	return (int)width;
}

static void row_print(const struct table *table, const struct table_row *row,
		      const int *widths, struct output *output)
{
	size_t last = table->nr_columns - 1;

	while (last && !*row->cells[last])
		last--;
	for (size_t i = 0; i < last; i++)
		output_print(output, "%-*s  ", widths[i], row->cells[i]);
	output_print(output, "%s\n", row->cells[last]);
}

void table_print(const struct table *table, struct output *output)
{
	int widths[TABLE_COLUMNS_MAX];

	for (size_t i = 0; i < table->nr_columns; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->nr_rows; i++)
		row_print(table, &table->rows[i], widths, output);
}

void table_release(struct table *table)
{
	free(table->rows);
	*table = (struct table){ 0 };
}
