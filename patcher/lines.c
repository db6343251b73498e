#include "lines.h"

#include <dwarf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"

/* A manifest lies in the memory of the target, and is read by every command. */
#define ROWS_SIZE_MAX 4000
#define TOTAL_SIZE_MAX (512u << 10)
#define FILE_NAME_MAX 256

struct table {
	struct manifest_function *function;
	size_t total; /* bytes of all functions' rows */
};

/* What JSON and a terminal take as it is. */
static bool is_plain(const char *path)
{
	for (const char *c = path; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			return false;
	return *path && strlen(path) < FILE_NAME_MAX;
}

/* As the compiler was told: without the directory that it ran in. */
static const char *file_name(Dwarf_Die *unit, Dwarf_Line *line)
{
	const char *path = dwarf_linesrc(line, NULL, NULL);
	Dwarf_Attribute attribute;
	const char *directory = dwarf_formstring(
		dwarf_attr(unit, DW_AT_comp_dir, &attribute));
	size_t length = directory ? strlen(directory) : 0;

	if (path && length && !strncmp(path, directory, length) &&
	    path[length] == '/')
		path += length + 1;
	return path && is_plain(path) ? path : "?";
}

static struct manifest_lines *entry_last(const struct table *table)
{
	struct manifest_function *function = table->function;

	return function->nr_lines ? &function->lines[function->nr_lines - 1] :
				    NULL;
}

/* One entry is kept for the row that ends the table. */
static bool has_room(const struct table *table)
{
	return table->total < TOTAL_SIZE_MAX &&
	       table->function->nr_lines < MANIFEST_LINES_MAX - 1;
}

/* Rows of a file go to the last entry while it is of that file. */
static struct manifest_lines *entry_for(struct table *table, const char *file)
{
	struct manifest_function *function = table->function;
	struct manifest_lines *entry = entry_last(table);

	if (entry && !strcmp(entry->file, file) &&
	    strlen(entry->rows) < ROWS_SIZE_MAX)
		return entry;
	entry = array_append(function->lines, function->nr_lines);
	if (!entry)
		return NULL;
	entry->file = strdup(file);
	entry->rows = strdup("");
	return entry->file && entry->rows ? entry : NULL;
}

/* From @vaddr on it is @line; 0: unknown. */
static int row_add(struct table *table, const char *file, uint64_t vaddr,
		   unsigned int line)
{
	struct manifest_lines *entry = entry_for(table, file);
	char *rows;

	if (!entry)
		return -ENOMEM;
	rows = text_format("%s%s%" PRIx64 ":%u", entry->rows,
			   *entry->rows ? " " : "", vaddr, line);
	if (!rows)
		return -ENOMEM;
	table->total += strlen(rows) - strlen(entry->rows);
	free(entry->rows);
	entry->rows = rows;
	return 0;
}

/* Whether the row says nothing: it ends a sequence, or the next one counts. */
static bool is_void(Dwarf_Lines *lines, size_t nr, size_t i)
{
	Dwarf_Line *row = dwarf_onesrcline(lines, i);
	Dwarf_Addr vaddr, next;
	bool is_end;

	if (dwarf_lineendsequence(row, &is_end) || is_end ||
	    dwarf_lineaddr(row, &vaddr))
		return true;
	row = i + 1 < nr ? dwarf_onesrcline(lines, i + 1) : NULL;
	return row && !dwarf_lineendsequence(row, &is_end) && !is_end &&
	       !dwarf_lineaddr(row, &next) && next == vaddr;
}

static int range_add(struct table *table, Dwarf_Die *unit, struct range range)
{
	const char *last_file = NULL;
	int last_line = 0, line, r = 0;
	Dwarf_Lines *lines;
	Dwarf_Addr vaddr = range.end;
	size_t nr;

	if (dwarf_getsrclines(unit, &lines, &nr))
		return 0;
	for (size_t i = 0; i < nr && !r; i++) {
		Dwarf_Line *row = dwarf_onesrcline(lines, i);
		const char *file = file_name(unit, row);

		if (is_void(lines, nr, i) || dwarf_lineaddr(row, &vaddr) ||
		    dwarf_lineno(row, &line) ||
		    !range_contains(&range, vaddr) || line < 0 ||
		    (last_file && last_line == line &&
		     !strcmp(last_file, file)))
			continue;
		if (!has_room(table)) {
			range.end = vaddr;
			break;
		}
		last_file = file;
		last_line = line;
		r = row_add(table, file, vaddr, (unsigned int)line);
	}
	if (last_file && !r)
		r = row_add(table, last_file, range.end, 0);
	return r;
}

static int code_add(struct table *table, Dwarf *dwarf, uint64_t start,
		    uint64_t size)
{
	Dwarf_Die unit;

	if (!has_room(table) || !dwarf_addrdie(dwarf, start, &unit))
		return 0;
	return range_add(table, &unit, (struct range){ start, start + size });
}

static int function_add(struct table *table, Dwarf *dwarf)
{
	const struct manifest_function *function = table->function;
	int r = code_add(table, dwarf, function->vaddr, function->size);

	for (size_t i = 0; i < function->nr_parts && !r; i++)
		r = code_add(table, dwarf, function->parts[i].vaddr,
			     function->parts[i].size);
	return r;
}

int lines_find(struct build *build, struct hf_diag *diag)
{
	Dwarf *dwarf = debuginfo_dwarf(build->debuginfo);
	struct table table = { 0 };
	int r = 0;

	for (size_t i = 0; dwarf && i < build->manifest->nr_functions && !r;
	     i++) {
		table.function = &build->manifest->functions[i];
		r = function_add(&table, dwarf);
	}
	return r ? hf_fail(diag, r, "cannot read source lines") : 0;
}
