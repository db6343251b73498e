/*
 * One target process. See process.h.
 */
#include "process.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../lib/io.h"
#include "../lib/text.h"
#include "procfs.h"
#include "stall.h"

#define PF_KTHREAD 0x00200000u
#define STAT_SIZE_MAX 4096
#define STATUS_SIZE_MAX 65536
#define NR_PAGES_AWAITED 64

/* Fields of "stat" are counted from 1; these stand behind the command. */
enum {
	STAT_STATE = 3,
	STAT_FLAGS = 9,
	STAT_USER_TICKS = 14,
	STAT_SYSTEM_TICKS = 15,
	STAT_THREADS = 20,
	STAT_START = 22,
	STAT_RESIDENT = 24,
	STAT_START_STACK = 28,
};

static void stat_set(struct process_stat *stat, int field, const char *word)
{
	switch (field) {
	case STAT_STATE:
		stat->state = *word;
		break;
	case STAT_FLAGS:
		stat->flags = (unsigned int)strtoul(word, NULL, 10);
		break;
	case STAT_USER_TICKS:
		stat->user_ticks = strtoull(word, NULL, 10);
		break;
	case STAT_SYSTEM_TICKS:
		stat->system_ticks = strtoull(word, NULL, 10);
		break;
	case STAT_THREADS:
		stat->nr_threads = strtol(word, NULL, 10);
		break;
	case STAT_START:
		stat->start_time = strtoull(word, NULL, 10);
		break;
	case STAT_RESIDENT:
		stat->resident_pages = strtoull(word, NULL, 10);
		break;
	case STAT_START_STACK:
		stat->start_stack = strtoull(word, NULL, 10);
		break;
	default:
		break;
	}
}

int process_stat_read(int dirfd, const char *path, struct process_stat *ret_stat)
{
	struct process_stat stat = { 0 };
	struct buffer text;
	char *open, *close, *rest = NULL;
	int field = STAT_STATE - 1, r;

	r = file_read(dirfd, path, STAT_SIZE_MAX, &text, NULL);
	if (r)
		return r == -ENOENT ? -ESRCH : r;

	/* The command may hold any character, parentheses and blanks too. */
	open = strchr((char *)text.data, '(');
	close = strrchr((char *)text.data, ')');
	if (open && close && open < close) {
		*close = '\0';
		snprintf(stat.command, sizeof(stat.command), "%.16s", open + 1);
		text_one_line(stat.command);
		for (char *word = strtok_r(close + 1, " \n", &rest); word;
		     word = strtok_r(NULL, " \n", &rest))
			stat_set(&stat, ++field, word);
	}
	buffer_release(&text);
	if (field < STAT_START)
		return -EBADMSG;
	*ret_stat = stat;
	return 0;
}

/* --- opening ------------------------------------------------------------- */

static int pid_check(pid_t pid, struct hf_diag *diag)
{
	if (pid <= 0)
		return hf_error(diag, -EINVAL, "bad-pid",
				"%d is not a process id", (int)pid);
	if (pid == getpid())
		return hf_refuse(diag, "self",
				 "process %d is this hotfix command itself",
				 (int)pid);
	return procfs_check(diag);
}

/* A signal could reach it, so it is there. */
static int hidden_process(pid_t pid, struct hf_diag *diag)
{
	int r = hf_error(diag, -EPERM, "not-permitted",
			 "process %d is hidden from this user: /proc is "
			 "mounted with hidepid",
			 (int)pid);

	hf_hint(diag, "run hotfix as root, or as a member of the group that "
		      "/proc is mounted for (gid=)");
	return r;
}

static int no_such_process(pid_t pid, struct hf_diag *diag)
{
	int r;

	if (!kill(pid, 0) || errno == EPERM)
		return hidden_process(pid, diag);
	r = hf_error(diag, -ESRCH, "no-such-process",
			 "there is no process %d", (int)pid);

	hf_hint(diag, "a process in a container has another PID outside: "
		      "look for it with ps on this host");
	return r;
}

static int directories_open(struct process *process, struct hf_diag *diag)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", (int)process->pid);
	process->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->dir < 0)
		return errno == ENOENT ?
			       no_such_process(process->pid, diag) :
			       hf_fail(diag, -errno, "cannot open %s", path);
	process->task = openat(process->dir, "task",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process->task < 0)
		return errno == ENOENT || errno == ESRCH ?
			       no_such_process(process->pid, diag) :
			       hf_fail(diag, -errno, "cannot open %s/task",
				       path);
	return 0;
}

/* /proc/TID exists for every thread, though it is not listed. */
static int leader_check(const struct process *process, struct hf_diag *diag)
{
	struct thread_status status;
	int r = thread_status_read(process, process->pid, &status, diag);

	if (r)
		return r;
	if (status.thread_group == process->pid)
		return 0;
	hf_refuse(diag, "not-a-process", "%d is a thread of process %d",
		  (int)process->pid, (int)status.thread_group);
	hf_hint(diag, "use the process id %d", (int)status.thread_group);
	return -ECANCELED;
}

/* The main thread may end before the others; one of them has the memory. */
static int living_thread_open(struct process *process, struct hf_diag *diag)
{
	owned(free_p) pid_t *tids = NULL;
	size_t nr;
	int r = threads_read(process, &tids, &nr, diag);

	if (r)
		return r;
	for (size_t i = 0; i < nr; i++) {
		struct process_stat stat;
		char name[32];
		int dir;

		snprintf(name, sizeof(name), "%d/stat", (int)tids[i]);
		if (process_stat_read(process->task, name, &stat) ||
		    strchr("ZX", stat.state))
			continue;
		snprintf(name, sizeof(name), "%d", (int)tids[i]);
		dir = openat(process->task, name,
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			continue;
		close(process->dir);
		process->dir = dir;
		return 0;
	}
	return hf_error(diag, -ESRCH, "zombie",
			"process %d (%s) has ended and waits for its parent to "
			"notice (zombie)",
			(int)process->pid, process->command);
}

static int identity_read(struct process *process, struct hf_diag *diag)
{
	struct process_stat stat;
	int r = process_stat_read(process->dir, "stat", &stat);

	if (r == -ESRCH)
		return no_such_process(process->pid, diag);
	if (r)
		return hf_fail(diag, r, "cannot read /proc/%d/stat",
			       (int)process->pid);
	memcpy(process->command, stat.command, sizeof(process->command));
	process->start_time = stat.start_time;
	if (stat.flags & PF_KTHREAD)
		return hf_refuse(diag, "kernel-thread",
				 "%d (%s) is a kernel thread",
				 (int)process->pid, stat.command);
	if (strchr("ZX", stat.state))
		return living_thread_open(process, diag);
	return 0;
}

static int memory_open(struct process *process, struct hf_diag *diag)
{
	struct process_stat stat;

	/* Of the program before, if it starts one in between: then they differ. */
	if (!process_stat_read(process->dir, "stat", &stat))
		process->start_stack = stat.start_stack;
	process->mem = openat(process->dir, "mem", O_RDWR | O_CLOEXEC);
	if (process->mem >= 0)
		process->pagemap =
			openat(process->dir, "pagemap", O_RDONLY | O_CLOEXEC);
	/* Not every kernel has it, nor shows it to everybody. */
	if (process->mem >= 0 &&
	    (process->pagemap >= 0 || (errno != EMFILE && errno != ENFILE &&
				       errno != ENOMEM)))
		return 0;
	if (errno == EACCES || errno == EPERM)
		return process_denied(process, diag);
	if (errno == ENOENT || errno == ESRCH)
		return no_such_process(process->pid, diag);
	return hf_fail(diag, -errno, "cannot open the memory of process %d",
		       (int)process->pid);
}

static int executable_name_read(struct process *process, struct hf_diag *diag)
{
	static const char deleted[] = " (deleted)";
	const size_t suffix = sizeof(deleted) - 1;
	char link[4096 + sizeof(deleted)];
	ssize_t size = readlinkat(process->dir, "exe", link, sizeof(link) - 1);

	if (size < 0)
		return errno == ENOENT || errno == ESRCH ?
			       no_such_process(process->pid, diag) :
			       hf_fail(diag, -errno,
				       "cannot see what process %d executes",
				       (int)process->pid);
	link[size] = '\0';
	text_one_line(link);
	if ((size_t)size > suffix && !strcmp(link + size - suffix, deleted)) {
		link[(size_t)size - suffix] = '\0';
		process->executable_deleted = true;
	}
	process->executable = strdup(link);
	return process->executable ? 0 : hf_fail(diag, -ENOMEM, "process %d",
						 (int)process->pid);
}

/*
 * The link leads to the very file that runs, replaced or not, and the kernel
 * lets nobody write to that.
 */
static int class_check(struct process *process, struct hf_diag *diag)
{
	Elf64_Ehdr header;
	owned(close_p) int fd =
		openat(process->dir, "exe", O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : read_full_at(fd, &header, sizeof(header), 0);

	if (r)
		return hf_fail(diag, r, "cannot read the executable of "
			       "process %d (%s)",
			       (int)process->pid, process->command);
	if (memcmp(header.e_ident, ELFMAG, SELFMAG))
		return hf_refuse(diag, "not-elf",
				 "process %d (%s) runs no ELF program",
				 (int)process->pid, process->command);
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return hf_refuse(diag, "wrong-class",
				 "process %d (%s) is a 32-bit program; only "
				 "64-bit programs can be patched",
				 (int)process->pid, process->command);
	process->machine = header.e_machine;
	return 0;
}

int process_open(pid_t pid, struct process **ret_process, struct hf_diag *diag)
{
	owned(process_free_p) struct process *process = NULL;
	int r;

	r = pid_check(pid, diag);
	if (r)
		return r;
	process = calloc(1, sizeof(*process));
	if (!process)
		return hf_fail(diag, -ENOMEM, "process %d", (int)pid);
	process->pid = pid;
	process->dir = process->task = -1;
	process->mem = process->pagemap = -1;

	r = directories_open(process, diag);
	if (!r)
		r = identity_read(process, diag);
	if (!r)
		r = leader_check(process, diag);
	if (!r)
		r = memory_open(process, diag);
	if (!r)
		r = executable_name_read(process, diag);
	if (!r)
		r = class_check(process, diag);
	if (r)
		return r;
	stall_watch();
	*ret_process = take_ptr(process);
	return 0;
}

void process_free(struct process *process)
{
	if (!process)
		return;
	close_p(&process->mem);
	close_p(&process->pagemap);
	close_p(&process->task);
	close_p(&process->dir);
	free(process->executable);
	free(process);
}

bool process_alive(const struct process *process)
{
	struct process_stat stat;
	char path[32];
	int r;

	/*
	 * Through /proc/PID/task, which is bound to the process: its main
	 * thread may be a zombie while others live.
	 */
	snprintf(path, sizeof(path), "%d/stat", (int)process->pid);
	r = process_stat_read(process->task, path, &stat);
	if (r)
		return !procfs_gone(r);
	return !strchr("ZX", stat.state) || stat.nr_threads > 1;
}

/*
 * The memory that was opened stays that of the old program, and reads as empty
 * when nobody else uses it: a child of vfork() leaves it to its parent.
 */
bool process_same_program(const struct process *process)
{
	struct process_stat stat;
	char byte;

	if (!pread(process->mem, &byte, 1, (off_t)process->start_stack))
		return false;
	return process_stat_read(process->dir, "stat", &stat) ||
	       !stat.start_stack || stat.start_stack == process->start_stack;
}

/* --- memory -------------------------------------------------------------- */

/* What a failed or empty transfer means. */
static int memory_error(const struct process *process, ssize_t done)
{
	if (done < 0 && errno != EIO && errno != EFAULT && errno != EINVAL &&
	    errno != ENXIO)
		return -errno;
	return process_alive(process) && done < 0 ? -EFAULT : -ESRCH;
}

/*
 * A page that a file system or another process has yet to bring is waited for
 * here, a byte of each: this wait ends when we are killed. Reading mem, the kernel
 * waits for a file's page as if it were its own (__folio_lock()), whatever happens to
 * us. What cannot be read this way may be read that way: mem asks for no protection,
 * and stays with the program that was opened. process_vm_readv(2).
 */
static void pages_await(const struct process *process, hf_addr address,
			size_t size)
{
	struct iovec theirs[NR_PAGES_AWAITED];
	char bytes[NR_PAGES_AWAITED];

	for (hf_addr at = address; at - address < size;) {
		unsigned long nr = 0;

		for (; nr < NR_PAGES_AWAITED && at - address < size; nr++) {
			theirs[nr] = (struct iovec){ (void *)at, 1 };
			at = align_down(at, HF_PAGE_SIZE) + HF_PAGE_SIZE;
		}
		process_vm_readv(process->pid, &(struct iovec){ bytes, nr }, 1,
				 theirs, nr, 0);
	}
}

/* One transfer of what is left. Return: 0: go on; -errno. */
static int transfer_end(const struct process *process, ssize_t n, size_t *done)
{
	if (n < 0 && errno == EINTR)
		return 0;
	if (n <= 0)
		return memory_error(process, n);
	*done += (size_t)n;
	return 0;
}

int process_peek(const struct process *process, hf_addr address, void *data,
		 size_t size)
{
	size_t done = 0;
	int r = 0;

	while (!r && done < size)
		r = transfer_end(process,
				 pread(process->mem, (char *)data + done,
				       size - done, (off_t)(address + done)),
				 &done);
	return r;
}

int process_read(const struct process *process, hf_addr address, void *data,
		 size_t size)
{
	int r;

	stall_begin(process->pid);
	pages_await(process, address, size);
	r = process_peek(process, address, data, size);
	stall_end();
	return r;
}

int process_write(const struct process *process, hf_addr address,
		  const void *data, size_t size)
{
	size_t done = 0;
	int r = 0;

	while (!r && done < size)
		r = transfer_end(process,
				 pwrite(process->mem,
					(const char *)data + done, size - done,
					(off_t)(address + done)),
				 &done);
	return r;
}

int process_read_string(const struct process *process, hf_addr address,
			char *ret_text, size_t size)
{
	for (size_t done = 0; done < size;) {
		size_t to_page_end =
			(size_t)(align_down(address + done, HF_PAGE_SIZE) +
				 HF_PAGE_SIZE - (address + done));
		size_t part = to_page_end < size - done ? to_page_end :
							  size - done;
		int r = process_read(process, address + done, ret_text + done,
				     part);

		if (r)
			return r;
		if (memchr(ret_text + done, '\0', part))
			return 0;
		done += part;
	}
	return -ENAMETOOLONG;
}

/* --- why not ------------------------------------------------------------- */

/* A capability of ours, from the kernel: no library needed for one bit. */
static bool have_capability(unsigned int capability)
{
	struct buffer text;
	uint64_t effective = 0;
	char *line;

	if (file_read(AT_FDCWD, "/proc/self/status", STATUS_SIZE_MAX, &text,
		      NULL))
		return false;
	line = strstr((char *)text.data, "\nCapEff:");
	if (line)
		effective = strtoull(line + sizeof("\nCapEff:") - 1, NULL, 16);
	buffer_release(&text);
	return effective & (1ull << capability);
}

static long yama_scope(void)
{
	struct buffer text;
	long scope;

	if (file_read(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", 64,
		      &text, NULL))
		return 0;
	scope = strtol((char *)text.data, NULL, 10);
	buffer_release(&text);
	return scope;
}

/* The number of the user namespace that is there from boot on. */
#define FIRST_USER_NAMESPACE 0xeffffffdu

/* Another one: its number shows, or it is hidden from us in a later one. */
static bool foreign_user_namespace(const struct process *process)
{
	struct stat ours, theirs;

	if (stat("/proc/self/ns/user", &ours))
		return false;
	if (fstatat(process->dir, "ns/user", &theirs, 0))
		return ours.st_ino != FIRST_USER_NAMESPACE;
	return ours.st_ino != theirs.st_ino;
}

/* The kernel gives the files of an undumpable process to root. */
static bool undumpable(const struct process *process, uid_t owner)
{
	struct stat stat;

	return !fstatat(process->dir, "mem", &stat, AT_SYMLINK_NOFOLLOW) &&
	       stat.st_uid != owner;
}

static void denied_with_capability(const struct process *process, uid_t owner,
				   long scope, struct hf_diag *diag)
{
	if (scope == 3) {
		hf_detail(diag, "kernel.yama.ptrace_scope is 3: nobody may "
				"trace until the next boot");
		hf_hint(diag, "set kernel.yama.ptrace_scope below 3 in "
			      "/etc/sysctl.d and boot");
	} else if (foreign_user_namespace(process)) {
		hf_detail(diag, "it lives in another user namespace, where our "
				"CAP_SYS_PTRACE does not count");
		hf_hint(diag, "run hotfix as root of the host, not inside "
			      "a container");
	} else if (owner != geteuid() && !have_capability(CAP_DAC_OVERRIDE)) {
		hf_detail(diag, "its memory (/proc/%d/mem) belongs to user %u, "
				"and CAP_DAC_OVERRIDE is missing",
			  (int)process->pid, (unsigned int)owner);
		hf_hint(diag, "give hotfix CAP_DAC_OVERRIDE, too");
	} else {
		hf_detail(diag, "we have CAP_SYS_PTRACE, so a security module "
				"(SELinux, AppArmor) or a container's limits "
				"forbid it");
		hf_hint(diag, "look for a denial in the kernel log (dmesg) or "
			      "the audit log");
	}
}

static void denied_without_capability(const struct process *process,
				      uid_t owner, long scope,
				      struct hf_diag *diag)
{
	if (owner != geteuid())
		hf_detail(diag, "it runs as user %u and we are user %u without "
				"CAP_SYS_PTRACE",
			  (unsigned int)owner, (unsigned int)geteuid());
	else if (undumpable(process, owner))
		hf_detail(diag, "it has protected itself from its own user "
				"(set-user-id, capabilities or "
				"PR_SET_DUMPABLE)");
	else if (scope >= 1)
		hf_detail(diag, "kernel.yama.ptrace_scope is %ld: only %s may "
				"trace",
			  scope, scope == 1 ? "a parent" : "CAP_SYS_PTRACE");
	else
		hf_detail(diag, "CAP_SYS_PTRACE is missing; a security module "
				"or a namespace border forbids the rest");
	hf_hint(diag, "run hotfix as root, or give it CAP_SYS_PTRACE");
	if (owner == geteuid() && scope == 1)
		hf_hint(diag, "or allow it: sysctl kernel.yama.ptrace_scope=0");
}

int process_denied(const struct process *process, struct hf_diag *diag)
{
	struct thread_status status = { 0 };
	long scope = yama_scope();

	(void)thread_status_read(process, process->pid, &status, NULL);
	hf_error(diag, -EPERM, "not-permitted",
		 "no permission to touch process %d (%s)", (int)process->pid,
		 process->command);
	if (have_capability(CAP_SYS_PTRACE))
		denied_with_capability(process, status.uid, scope, diag);
	else
		denied_without_capability(process, status.uid, scope, diag);
	return -EPERM;
}

int process_unwritable(const struct process *process, struct hf_diag *diag)
{
	hf_error(diag, -EPERM, "not-permitted",
		 "this kernel does not let the code of process %d (%s) be "
		 "written through /proc/%d/mem",
		 (int)process->pid, process->command, (int)process->pid);
	hf_hint(diag, "boot with proc_mem.force_override=always (\"never\", or "
		      "CONFIG_PROC_MEM_NO_FORCE, forbids it)");
	return -EPERM;
}
