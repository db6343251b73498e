#include "newcomers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "process.h"

/* What a process was at the last look. An exec gives it another first stack. */
struct known {
	pid_t pid;
	uint64_t start_time;
	hf_addr start_stack;
};

struct look {
	struct known *all; /* ascending */
	size_t nr, capacity;
};

struct newcomers {
	struct proc_events *events; /* NULL: by looking */
	struct look look;
	struct known *found; /* of the last look, not yet told */
	size_t nr_found, nr_told;
	uint64_t looked_at_ns;
};

struct newcomers *newcomers_new(struct proc_events *events)
{
	struct newcomers *newcomers = calloc(1, sizeof(*newcomers));

	if (newcomers)
		newcomers->events = events;
	return newcomers;
}

void newcomers_free(struct newcomers *newcomers)
{
	if (!newcomers)
		return;
	free(newcomers->look.all);
	free(newcomers->found);
	free(newcomers);
}

/* --- told ------------------------------------------------------------------ */

static int event_next(struct newcomers *newcomers, unsigned int timeout_ms,
		      struct process_event *ret_event)
{
	struct pollfd socket = { .fd = proc_events_fd(newcomers->events),
				 .events = POLLIN };
	int r = proc_events_next(newcomers->events, ret_event);

	if (r || poll(&socket, 1, (int)timeout_ms) <= 0)
		return r;
	return proc_events_next(newcomers->events, ret_event);
}

/* --- looked for ------------------------------------------------------------ */

static int known_compare(const void *a, const void *b)
{
	const struct known *left = a, *right = b;

	return (left->pid > right->pid) - (left->pid < right->pid);
}

static bool known_add(struct look *look, const struct known *known)
{
	if (look->nr == look->capacity) {
		size_t capacity = look->capacity ? 2 * look->capacity : 512;
		struct known *grown = reallocarray(look->all, capacity,
						   sizeof(*grown));

		if (!grown)
			return false;
		look->all = grown;
		look->capacity = capacity;
	}
	look->all[look->nr++] = *known;
	return true;
}

/* Kernel threads have no first stack. */
static void look_at_all(struct look *look)
{
	owned(closedir_p) DIR *proc = opendir("/proc");
	const struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		struct process_stat stat;
		char path[300];

		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (!process_stat_read(AT_FDCWD, path, &stat) &&
		    stat.start_stack && stat.state != 'Z')
			(void)known_add(look, &(struct known){
				atoi(entry->d_name), stat.start_time,
				stat.start_stack });
	}
	if (look->nr)
		qsort(look->all, look->nr, sizeof(*look->all), known_compare);
}

static bool was_known(const struct look *before, const struct known *known)
{
	const struct known *same = before->nr ?
		bsearch(known, before->all, before->nr, sizeof(*known),
			known_compare) : NULL;

	return same && same->start_time == known->start_time &&
	       same->start_stack == known->start_stack;
}

static void look_again(struct newcomers *newcomers)
{
	struct look now = { 0 };
	struct known *found;

	look_at_all(&now);
	found = reallocarray(newcomers->found, now.nr + 1, sizeof(*found));
	newcomers->nr_found = newcomers->nr_told = 0;
	newcomers->looked_at_ns = monotonic_ns();
	if (!found) {
		free(now.all);
		return;
	}
	newcomers->found = found;
	for (size_t i = 0; i < now.nr; i++)
		if (!was_known(&newcomers->look, &now.all[i]))
			found[newcomers->nr_found++] = now.all[i];
	free(newcomers->look.all);
	newcomers->look = now;
}

static int found_next(struct newcomers *newcomers, unsigned int timeout_ms,
		      struct process_event *ret_event)
{
	uint64_t next_ns = newcomers->looked_at_ns +
			   NEWCOMERS_GAP_MS * NS_PER_MS;
	uint64_t now_ns = monotonic_ns();

	if (newcomers->nr_told == newcomers->nr_found) {
		if (next_ns > now_ns + timeout_ms * NS_PER_MS) {
			sleep_ns(timeout_ms * NS_PER_MS);
			return 0;
		}
		if (next_ns > now_ns)
			sleep_ns(next_ns - now_ns);
		look_again(newcomers);
	}
	if (newcomers->nr_told == newcomers->nr_found)
		return 0;
	*ret_event = (struct process_event){
		.kind = PROC_EXEC,
		.pid = newcomers->found[newcomers->nr_told++].pid,
	};
	return 1;
}

int newcomers_next(struct newcomers *newcomers, unsigned int timeout_ms,
		   struct process_event *ret_event)
{
	return newcomers->events ?
		       event_next(newcomers, timeout_ms, ret_event) :
		       found_next(newcomers, timeout_ms, ret_event);
}
