/*
 * What /proc says of a process. See procfs.h.
 */
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../lib/io.h"

/* 65,530 mappings (vm.max_map_count) of the longest path fit. */
#define MAPS_SIZE_MAX (512u << 20)
#define SMALL_SIZE_MAX 65536

static int proc_failed(const struct process *process, int error,
		       const char *what, struct hf_diag *diag)
{
	if (error == -ENOENT || error == -ESRCH)
		return hf_error(diag, -ESRCH, "process-gone",
				"process %d has ended", (int)process->pid);
	if (error == -EACCES)
		return process_denied(process, diag);
	return hf_fail(diag, error, "cannot read %s of process %d", what,
		       (int)process->pid);
}

int procfs_check(struct hf_diag *diag)
{
	char link[32] = "";
	struct stat status;
	int r;

	/* Where we are not to be seen, the link is there and leads nowhere. */
	if (readlink("/proc/self", link, sizeof(link) - 1) < 0 &&
	    (errno != ENOENT || lstat("/proc/self", &status))) {
		r = hf_fail(diag, -errno, "cannot look at processes in /proc");
		hf_hint(diag, "mount it: mount -t proc proc /proc");
		return r;
	}
	if (strtol(link, NULL, 10) == getpid())
		return 0;
	hf_refuse(diag, "foreign-proc",
		  "/proc belongs to another PID namespace");
	hf_hint(diag, "enter the namespace with its own /proc, e.g. "
		      "nsenter --pid --mount --target PID hotfix ...");
	return -ECANCELED;
}

/* --- mappings ------------------------------------------------------------ */

static int protection_parse(const char *text)
{
	return (text[0] == 'r' ? PROT_READ : 0) |
	       (text[1] == 'w' ? PROT_WRITE : 0) |
	       (text[2] == 'x' ? PROT_EXEC : 0);
}

/* "start-end perms offset major:minor inode     path" */
static int mapping_parse(const char *line, struct mapping *ret_mapping)
{
	struct mapping mapping = { 0 };
	unsigned int major, minor;
	char protection[5];
	int path = 0;

	if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %n", &mapping.range.start,
		   &mapping.range.end, protection, &mapping.offset, &major,
		   &minor, &mapping.inode, &path) != 7 ||
	    !path || strlen(protection) != 4 ||
	    mapping.range.start >= mapping.range.end)
		return -EBADMSG;
	mapping.protection = protection_parse(protection);
	mapping.shared = protection[3] == 's';
	mapping.device = makedev(major, minor);
	mapping.path = strdup(line + path);
	if (!mapping.path)
		return -ENOMEM;
	*ret_mapping = mapping;
	return 0;
}

/*
 * The kernel lets go of the address space while it writes the list, and goes on
 * behind the last address that it wrote: what was merged with that in between
 * begins before it. What was written first stays.
 */
static int mapping_clip(struct mapping *mapping, hf_addr start)
{
	if (mapping->range.start >= start)
		return 0;
	if (mapping->range.end <= start)
		return -EBADMSG;
	if (mapping->inode)
		mapping->offset += start - mapping->range.start;
	mapping->range.start = start;
	return 0;
}

static int mappings_append(struct mappings *mappings, size_t *room,
			   const char *line)
{
	struct mapping *last, *entries;
	int r;

	if (mappings->nr == *room) {
		size_t more = *room ? *room * 2 : 64;

		entries = reallocarray(mappings->entries, more,
				       sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		mappings->entries = entries;
		*room = more;
	}
	r = mapping_parse(line, &mappings->entries[mappings->nr]);
	if (r)
		return r;
	last = &mappings->entries[mappings->nr++];
	return mappings->nr > 1 ? mapping_clip(last, last[-1].range.end) : 0;
}

static int mappings_parse(char *text, struct mappings *mappings)
{
	size_t room = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		int r = mappings_append(mappings, &room, line);

		if (r)
			return r;
	}
	/* The kernel shows no mappings at all of a process that has ended. */
	return mappings->nr ? 0 : -ESRCH;
}

int mappings_read(const struct process *process, struct mappings *ret_mappings,
		  struct hf_diag *diag)
{
	struct mappings mappings = { 0 };
	struct buffer text;
	int r = file_read(process->dir, "maps", MAPS_SIZE_MAX, &text, NULL);

	if (r)
		return proc_failed(process, r, "the mappings", diag);
	r = mappings_parse((char *)text.data, &mappings);
	buffer_release(&text);
	if (r) {
		mappings_release(&mappings);
		return proc_failed(process, r, "the mappings", diag);
	}
	*ret_mappings = mappings;
	return 0;
}

void mappings_release(struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->nr; i++)
		free(mappings->entries[i].path);
	free(mappings->entries);
	*mappings = (struct mappings){ 0 };
}

const struct mapping *mappings_find(const struct mappings *mappings,
				    hf_addr address)
{
	size_t low = 0, high = mappings->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mapping *mapping = &mappings->entries[middle];

		if (range_contains(&mapping->range, address))
			return mapping;
		if (address < mapping->range.start)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* --- threads ------------------------------------------------------------- */

static int pid_compare(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

static int tids_collect(DIR *dir, pid_t **tids, size_t *nr)
{
	size_t room = 0;

	for (;;) {
		struct dirent *entry;
		char *end;
		long tid;

		errno = 0;
		entry = readdir(dir);
		if (!entry)
			return -errno;
		tid = strtol(entry->d_name, &end, 10);
		if (*end || tid <= 0)
			continue;
		if (*nr == room) {
			pid_t *more;

			room = room ? room * 2 : 64;
			more = reallocarray(*tids, room, sizeof(**tids));
			if (!more)
				return -ENOMEM;
			*tids = more;
		}
		(*tids)[(*nr)++] = (pid_t)tid;
	}
}

int threads_read(const struct process *process, pid_t **ret_tids,
		 size_t *ret_nr, struct hf_diag *diag)
{
	owned(free_p) pid_t *tids = NULL;
	owned(closedir_p) DIR *dir = NULL;
	size_t nr = 0;
	int fd, r;

	/* A description of its own: two readers must not share a position. */
	fd = openat(process->task, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return proc_failed(process, -errno, "the threads", diag);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return hf_fail(diag, -ENOMEM, "cannot list threads");
	}
	r = tids_collect(dir, &tids, &nr);
	if (!r && !nr)
		r = -ESRCH;
	if (r)
		return proc_failed(process, r, "the threads", diag);
	qsort(tids, nr, sizeof(*tids), pid_compare);
	*ret_tids = take_ptr(tids);
	*ret_nr = nr;
	return 0;
}

/* The value of "NAME:" at the start of a line, or NULL. */
static const char *status_field(const char *text, const char *name)
{
	size_t size = strlen(name);

	while (text) {
		if (!strncmp(text, name, size) && text[size] == ':')
			return text + size + 1 +
			       strspn(text + size + 1, " \t");
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

static uint64_t status_number(const char *text, const char *name, int base)
{
	const char *value = status_field(text, name);

	return value ? strtoull(value, NULL, base) : 0;
}

static bool status_has_word(const char *text, const char *name,
			    const char *word)
{
	const char *value = status_field(text, name);
	const char *found = value ? strstr(value, word) : NULL;

	return found && found < value + strcspn(value, "\n");
}

/* "Uid: REAL EFFECTIVE ..." */
static void status_ids(const char *text, const char *name,
		       unsigned int *ret_real, unsigned int *ret_effective)
{
	const char *value = status_field(text, name);
	char *second;

	if (!value)
		return;
	*ret_real = (unsigned int)strtoul(value, &second, 10);
	*ret_effective = (unsigned int)strtoul(second, NULL, 10);
}

static void status_parse(const char *text, struct thread_status *status)
{
	const char *state = status_field(text, "State");

	status->state = state ? *state : '\0';
	status->tracer = (pid_t)status_number(text, "TracerPid", 10);
	status->thread_group = (pid_t)status_number(text, "Tgid", 10);
	status->seccomp = (unsigned int)status_number(text, "Seccomp", 10);
	status->no_new_privs = status_number(text, "NoNewPrivs", 10);
	status->shadow_stack =
		status_has_word(text, "x86_Thread_features", "shstk");
	status->pending = status_number(text, "SigPnd", 16) |
			  status_number(text, "ShdPnd", 16);
	status->blocked = status_number(text, "SigBlk", 16);
	status_ids(text, "Uid", &status->real_uid, &status->uid);
	status_ids(text, "Gid", &status->real_gid, &status->gid);
}

int thread_status_read(const struct process *process, pid_t tid,
		       struct thread_status *ret_status, struct hf_diag *diag)
{
	struct thread_status status = { 0 };
	struct buffer text;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "%d/status", (int)tid);
	r = file_read(process->task, path, SMALL_SIZE_MAX, &text, NULL);
	if (r)
		return proc_failed(process, r, "the status", diag);
	status_parse((const char *)text.data, &status);
	buffer_release(&text);
	*ret_status = status;
	return 0;
}

long thread_syscall(const struct process *process, pid_t tid)
{
	struct buffer text;
	char path[32];
	char *end;
	long number;

	snprintf(path, sizeof(path), "%d/syscall", (int)tid);
	if (file_read(process->task, path, SMALL_SIZE_MAX, &text, NULL))
		return -1;
	number = strtol((char *)text.data, &end, 10);
	if (end == (char *)text.data) /* "running" */
		number = -1;
	buffer_release(&text);
	return number;
}

int auxv_read(const struct process *process, unsigned long type,
	      uint64_t *ret_value)
{
	struct buffer bytes;
	uint64_t pair[2];
	int r = file_read(process->dir, "auxv", SMALL_SIZE_MAX, &bytes, NULL);

	if (r)
		return r;
	r = -ENOENT;
	for (size_t at = 0; r && at + sizeof(pair) <= bytes.size;
	     at += sizeof(pair)) {
		memcpy(pair, bytes.data + at, sizeof(pair));
		if (pair[0] != type)
			continue;
		*ret_value = pair[1];
		r = 0;
	}
	buffer_release(&bytes);
	return r;
}

bool procfs_gone(int r)
{
	return r == -ENOENT || r == -ESRCH;
}

char thread_state_char(const struct process *process, pid_t tid)
{
	struct process_stat stat;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "%d/stat", (int)tid);
	r = process_stat_read(process->task, path, &stat);
	if (r)
		return procfs_gone(r) ? 'X' : '?';
	return stat.state;
}

bool pages_present(const struct process *process, const struct range *range)
{
	uint64_t entries[64];
	uint64_t page = range->start / HF_PAGE_SIZE;
	uint64_t end = (range->end + HF_PAGE_SIZE - 1) / HF_PAGE_SIZE;

	while (page < end) {
		size_t nr = end - page < ARRAY_SIZE(entries) ?
				    end - page : ARRAY_SIZE(entries);

		if (read_full_at(process->pagemap, entries,
				 nr * sizeof(*entries),
				 (off_t)(page * sizeof(*entries))) < 0)
			return false;
		for (size_t i = 0; i < nr; i++)
			if (!(entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)))
				return false;
		page += nr;
	}
	return true;
}
