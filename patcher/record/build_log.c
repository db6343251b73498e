#include "build_log.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../../lib/cleanup.h"

#define NR_ERRORS 12
#define NR_LAST 15
#define LINE_SIZE 200

static bool says_error(const char *line)
{
	/* make's own line comes last and says least, but is better than
	   nothing; "error:" includes "fatal error:". */
	static const char *const marks[] = {
		"error:",	     "Error:",	  "ERROR:",
		"undefined reference", "*** ",	  "FAILED:",
		"command not found", "cannot find", "internal compiler",
		"No space left",
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (strstr(line, marks[i]))
			return true;
	return false;
}

static int add_line(struct strings *lines, const char *line)
{
	char text[LINE_SIZE + 4];
	size_t size = 0;

	for (; line[size] && line[size] != '\n' && size < LINE_SIZE; size++)
		text[size] = isprint((unsigned char)line[size]) ||
					     line[size] == '\t' ?
				     line[size] :
				     '?';
	strcpy(text + size, line[size] && line[size] != '\n' ? "..." : "");
	return strings_add(lines, text);
}

/* The last lines, in a ring. */
struct ring {
	char *lines[NR_LAST];
	size_t nr;
};

static void ring_release(struct ring *ring)
{
	for (size_t i = 0; i < NR_LAST; i++)
		free(ring->lines[i]);
}

static int ring_add(struct ring *ring, const char *line)
{
	char **slot = &ring->lines[ring->nr++ % NR_LAST];

	free(*slot);
	*slot = strdup(line);
	return *slot ? 0 : -ENOMEM;
}

static int ring_lines(const struct ring *ring, struct strings *lines)
{
	size_t first = ring->nr > NR_LAST ? ring->nr - NR_LAST : 0;
	int r = 0;

	for (size_t i = first; i < ring->nr && !r; i++)
		r = add_line(lines, ring->lines[i % NR_LAST]);
	return r;
}

int build_log_lines(const char *path, off_t from, struct strings *lines)
{
	owned(fclose_p) FILE *file = fopen(path, "re");
	owned(free_p) char *line = NULL;
	struct ring ring = { 0 };
	size_t capacity = 0;
	int r = 0;

	if (!file || fseeko(file, from, SEEK_SET) < 0)
		return -errno;
	while (!r && lines->nr < NR_ERRORS &&
	       getline(&line, &capacity, file) >= 0)
		r = says_error(line) ? add_line(lines, line) :
				       ring_add(&ring, line);
	if (!r && !lines->nr)
		r = ring_lines(&ring, lines);
	ring_release(&ring);
	return r;
}
