#include "build_progress.h"

#include <string.h>

#include "../../lib/cleanup.h"

static unsigned int count_entries(const char *path)
{
	owned(closedir_p) DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned int nr = 0;

	while (dir && (entry = readdir(dir)))
		nr += strstr(entry->d_name, ".json") != NULL;
	return nr;
}

static bool is_terminal(void)
{
	const char *kind = getenv("TERM");

	return isatty(STDERR_FILENO) && kind && *kind && strcmp(kind, "dumb");
}

void build_progress_show(struct build_progress *progress)
{
	unsigned int nr;

	if (!is_terminal())
		return;
	nr = count_entries(progress->compiles);
	fprintf(stderr, "\r\033[Kbuilding %s: %u file%s compiled",
		progress->what, nr, nr == 1 ? "" : "s");
	fflush(stderr);
	progress->is_shown = true;
}

void build_progress_end(struct build_progress *progress)
{
	if (!progress->is_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->is_shown = false;
}
