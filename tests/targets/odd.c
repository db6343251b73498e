/*
 * A process in odd circumstances, one per command: under seccomp filters,
 * without room in its address space, with pages of its own making, forking,
 * becoming another program.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "target.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

/* --- system calls forbidden ---------------------------------------------- */

#define LOAD(member)                                                           \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define IF_EQUAL(what, skip)                                                   \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, what, 0, skip)
#define IF_SET(bits, skip) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, skip)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)

static void filter_set(struct sock_filter *code, size_t nr)
{
	struct sock_fprog program = { (unsigned short)nr, code };
	int r = 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		r = errno;
	answer("%s", r ? strerror(r) : "ok");
}

/* Whoever makes a memfd or executable memory is killed. */
static void do_seccomp_kill(int nr, char **args)
{
	struct sock_filter code[] = {
		LOAD(nr),
		IF_EQUAL(SYS_memfd_create, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		IF_EQUAL(SYS_mmap, 4),
		LOAD(args[2]),
		IF_SET(PROT_EXEC, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		RETURN(SECCOMP_RET_ALLOW),
		IF_EQUAL(SYS_mprotect, 3),
		LOAD(args[2]),
		IF_SET(PROT_EXEC, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		RETURN(SECCOMP_RET_ALLOW),
	};

	(void)nr, (void)args;
	filter_set(code, sizeof(code) / sizeof(code[0]));
}

/* mprotect(PROT_EXEC) fails with EPERM, as hardening services sets it up. */
static void do_seccomp_mprotect(int nr, char **args)
{
	struct sock_filter code[] = {
		LOAD(nr),
		IF_EQUAL(SYS_mprotect, 3),
		LOAD(args[2]),
		IF_SET(PROT_EXEC, 1),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
		RETURN(SECCOMP_RET_ALLOW),
	};

	(void)nr, (void)args;
	filter_set(code, sizeof(code) / sizeof(code[0]));
}

/* memfd_create is answered with ENOSYS: the anonymous way remains. */
static void do_seccomp_memfd(int nr, char **args)
{
	struct sock_filter code[] = {
		LOAD(nr),
		IF_EQUAL(SYS_memfd_create, 1),
		RETURN(SECCOMP_RET_ERRNO | ENOSYS),
		RETURN(SECCOMP_RET_ALLOW),
	};

	(void)nr, (void)args;
	filter_set(code, sizeof(code) / sizeof(code[0]));
}

/* The mapping of the C library's code. */
static int libc_range(uint64_t *ret_start, uint64_t *ret_size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t wanted = (uint64_t)(uintptr_t)&write, start, end;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &start, &end) != 2 ||
		    wanted < start || wanted >= end)
			continue;
		fclose(maps);
		*ret_start = start;
		*ret_size = end - start;
		return 0;
	}
	return -1;
}

/*
 * System calls are made by the C library only; one from anywhere else raises
 * SIGSYS, for a handler that emulates it. So does Wine.
 */
static void do_user_dispatch(int nr, char **args)
{
	static char selector = 1; /* block */
	uint64_t start, size;

	(void)nr, (void)args;
	if (libc_range(&start, &size) ||
	    prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, start, size,
		  &selector))
		answer("%s", strerror(errno));
	else
		answer("ok");
}

/* No memory that is or was writable may become executable. */
static void do_mdwe(int nr, char **args)
{
	(void)nr, (void)args;
	if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0))
		answer("%s", strerror(errno));
	else
		answer("ok");
}

/* Its own user may not look at it any more. */
static void do_undumpable(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%s", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? strerror(errno) :
							   "ok");
}

static void do_dumpable(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

/* --- memory -------------------------------------------------------------- */

/* Takes every free page within 3 GiB of the program. */
static void do_fill(int nr, char **args)
{
	static char maps[1 << 16];
	uint64_t here = (uint64_t)(uintptr_t)&value, reach = 3ull << 30;
	uint64_t gap = here > reach + (1 << 16) ? here - reach : 1 << 16;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got;

	(void)nr, (void)args;
	gap &= ~0xfffull;
	while ((got = read(fd, maps + size, sizeof(maps) - 1 - size)) > 0)
		size += (size_t)got;
	close(fd);
	for (char *line = maps; *line && gap < here + reach;
	     line = strchr(line, '\n') + 1) {
		uint64_t start = strtoull(line, &line, 16);
		uint64_t end = strtoull(line + 1, NULL, 16);

		if (start > here + reach)
			start = (here + reach) & ~0xfffull;
		if (start > gap)
			mmap((void *)(uintptr_t)gap, start - gap, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
				     MAP_FIXED_NOREPLACE,
			     -1, 0);
		gap = end > gap ? end : gap;
	}
	answer("ok");
}

/* Makes mappings until the kernel allows no more. */
static void do_crowd(int nr, char **args)
{
	int protection = PROT_NONE, count = 0;

	(void)nr, (void)args;
	while (mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) != MAP_FAILED) {
		/* Neighbours that differ are not joined. */
		protection ^= PROT_READ;
		count++;
	}
	answer("%d", count);
}

/* Makes the page of value() writable and executable, as some JITs do. */
static void do_rwx(int nr, char **args)
{
	uintptr_t page = (uintptr_t)&value & ~(uintptr_t)4095;

	(void)nr, (void)args;
	if (mprotect((void *)page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
		answer("%s", strerror(errno));
	else
		answer("%lx", (unsigned long)page);
}

/* Writes over value(): poke OFFSET BYTES, two hexadecimal digits each. */
static void do_poke(int nr, char **args)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	off_t at = (off_t)(uintptr_t)&value + number(nr, args, 1);
	unsigned char bytes[16];
	size_t size = 0;

	while (nr > 2 && size < sizeof(bytes) &&
	       sscanf(args[2] + 2 * size, "%2hhx", &bytes[size]) == 1)
		size++;
	if (fd < 0 || pwrite(fd, bytes, size, at) != (ssize_t)size)
		answer("%s", strerror(errno));
	else
		answer("ok");
	close(fd);
}

/* --- processes ----------------------------------------------------------- */

static int to_child[2], from_child[2];
static pid_t child;

/* A child that answers "child-value" with its own value(). */
static void do_fork(int nr, char **args)
{
	char byte;

	(void)nr, (void)args;
	if (pipe(to_child) || pipe(from_child))
		abort();
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (read(to_child[0], &byte, 1) == 1) {
			byte = (char)value();
			if (write(from_child[1], &byte, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	answer("%d", child);
}

static void do_child_value(int nr, char **args)
{
	char byte = -1;

	(void)nr, (void)args;
	if (write(to_child[1], "", 1) != 1 ||
	    read(from_child[0], &byte, 1) != 1)
		answer("no child");
	else
		answer("%d", byte);
}

/*
 * A child that shares our memory until a byte comes through the pipe; we are
 * held in vfork() meanwhile, and answer when it is over.
 */
static void do_vfork(int nr, char **args)
{
	char byte;

	(void)nr, (void)args;
	answer("going");
	child = vfork();
	if (!child) {
		/* The next line of our input ends it. */
		if (read(STDIN_FILENO, &byte, 1) != 1)
			_exit(1);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	answer("back");
}

/* A child that nobody waits for. */
static void do_zombie(int nr, char **args)
{
	siginfo_t info;

	(void)nr, (void)args;
	child = fork();
	if (!child)
		_exit(0);
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	answer("%d", child);
}

/* exec PROGRAM ARG...: the answer is the new program's "ready". */
static void do_exec(int nr, char **args)
{
	args[nr] = NULL;
	execv(args[1], args + 1);
	answer("%s", strerror(errno));
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ "seccomp-kill", do_seccomp_kill },
		{ "seccomp-mprotect", do_seccomp_mprotect },
		{ "seccomp-memfd", do_seccomp_memfd },
		{ "mdwe", do_mdwe },
		{ "user-dispatch", do_user_dispatch },
		{ "undumpable", do_undumpable },
		{ "dumpable", do_dumpable },
		{ "fill", do_fill },
		{ "crowd", do_crowd },
		{ "rwx", do_rwx },
		{ "poke", do_poke },
		{ "fork", do_fork },
		{ "child-value", do_child_value },
		{ "vfork", do_vfork },
		{ "zombie", do_zombie },
		{ "exec", do_exec },
		{ NULL, NULL },
	};

	return target_main(commands);
}
