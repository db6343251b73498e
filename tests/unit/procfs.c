/*
 * /proc's text, parsed: from a made-up /proc/PID, so that every odd line can
 * be shown to the parser.
 */
#include "../../agent/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../../lib/io.h"
#include "../tap.h"

/* A directory that stands for /proc/PID and for its task/. */
struct fake {
	char path[64];
	struct process process;
};

static void fake_make(struct fake *fake)
{
	*fake = (struct fake){ .path = "/tmp/hotfix-procfs-XXXXXX" };
	if (!mkdtemp(fake->path))
		abort();
	fake->process.pid = 77;
	fake->process.dir = open(fake->path, O_RDONLY | O_DIRECTORY);
	fake->process.task = fake->process.dir;
	fake->process.mem = -1;
}

static void fake_write(struct fake *fake, const char *name, const char *text,
		       size_t size)
{
	int fd = openat(fake->process.dir, name, O_WRONLY | O_CREAT | O_TRUNC,
			0600);

	if (fd < 0 || write_full_at(fd, text, size, 0))
		abort();
	close(fd);
}

static void fake_remove(struct fake *fake)
{
	static const char *const names[] = { "maps", "77/status", "77/syscall",
					     "77/stat", "stat", "auxv", "12",
					     "9", "100" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(fake->process.dir, names[i], 0);
	unlinkat(fake->process.dir, "77", AT_REMOVEDIR);
	close(fake->process.dir);
	rmdir(fake->path);
}

static int maps_of(const char *text, struct mappings *ret_mappings,
		   struct hf_diag *diag)
{
	struct fake fake;
	int r;

	fake_make(&fake);
	fake_write(&fake, "maps", text, strlen(text));
	r = mappings_read(&fake.process, ret_mappings, diag);
	fake_remove(&fake);
	return r;
}

TEST(mappings)
{
	static const char text[] =
		"55d0c0000000-55d0c0001000 r-xp 00002000 fe:01 1234 "
		"                      /srv/a b/prog (deleted)\n"
		"7f0000000000-7f0000002000 rw-s 00000000 00:05 9 /dev/zero\n"
		"7f0000002000-7f0000003000 ---p 00000000 00:00 0 \n"
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0"
		"                  [vsyscall]\n";
	struct mappings mappings;
	const struct mapping *m;

	CHECK_EQ(maps_of(text, &mappings, NULL), 0);
	CHECK_EQ(mappings.nr, 4);
	m = mappings.entries;
	CHECK_EQ(m[0].range.start, 0x55d0c0000000);
	CHECK_EQ(m[0].range.end, 0x55d0c0001000);
	CHECK_EQ(m[0].protection, PROT_READ | PROT_EXEC);
	CHECK_EQ(m[0].shared, false);
	CHECK_EQ(m[0].offset, 0x2000);
	CHECK_EQ(m[0].inode, 1234);
	CHECK_EQ(m[0].device, 0xfe01);
	CHECK_STR(m[0].path, "/srv/a b/prog (deleted)");
	CHECK_EQ(m[1].protection, PROT_READ | PROT_WRITE);
	CHECK_EQ(m[1].shared, true);
	CHECK_EQ(m[2].protection, PROT_NONE);
	CHECK_STR(m[2].path, "");
	CHECK_EQ(m[3].range.start, 0xffffffffff600000);
	CHECK_STR(m[3].path, "[vsyscall]");
	mappings_release(&mappings);
	CHECK_EQ(mappings.nr, 0);
}

TEST(mappings_long_path)
{
	static char text[40000];
	int used = sprintf(text, "1000-2000 r--p 00000000 00:01 5 /");
	struct mappings mappings;

	memset(text + used, 'x', 30000);
	CHECK_EQ(maps_of(text, &mappings, NULL), 0);
	CHECK_EQ(strlen(mappings.entries[0].path), 30001);
	mappings_release(&mappings);
}

/* Merged while the kernel wrote the list: it begins before what was written. */
TEST(mappings_that_change)
{
	static const char text[] = "1000-3000 r--p 00004000 00:01 5 /x\n"
				   "2000-5000 r-xp 00005000 00:01 5 /x\n"
				   "5000-7000 ---p 00000000 00:00 0 \n"
				   "6000-9000 rw-p 00000000 00:00 0 \n";
	struct mappings mappings;
	const struct mapping *m;

	CHECK_EQ(maps_of(text, &mappings, NULL), 0);
	CHECK_EQ(mappings.nr, 4);
	m = mappings.entries;
	CHECK_EQ(m[0].range.end, 0x3000);
	CHECK_EQ(m[1].range.start, 0x3000);
	CHECK_EQ(m[1].range.end, 0x5000);
	CHECK_EQ(m[1].offset, 0x6000);
	CHECK_EQ(m[2].range.end, 0x7000);
	CHECK_EQ(m[3].range.start, 0x7000);
	CHECK_EQ(m[3].offset, 0);
	mappings_release(&mappings);
}

TEST(mappings_malformed)
{
	static const struct { const char *text; int want; } cases[] = {
		{ "", -ESRCH }, /* as the kernel shows an ended process */
		{ "nonsense\n", -EBADMSG },
		{ "1000-2000 r--p 0 00:01\n", -EBADMSG },
		{ "1000-2000 r- 0 00:01 5 /x\n", -EBADMSG },
		{ "2000-1000 r--p 0 00:01 5 /x\n", -EBADMSG },
		{ "1000-1000 r--p 0 00:01 5 /x\n", -EBADMSG },
		{ "1000-3000 r--p 0 00:01 5 /x\n1000-3000 r--p 0 0:1 5 /x\n",
		  -EBADMSG },
		{ "3000-4000 r--p 0 00:01 5 /x\n1000-2000 r--p 0 0:1 5 /x\n",
		  -EBADMSG },
	};
	struct mappings mappings = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		printf("# case %zu\n", i);
		CHECK_EQ(maps_of(cases[i].text, &mappings, NULL),
			 cases[i].want);
		CHECK(!mappings.entries);
	}
}

TEST(mappings_find)
{
	static const char text[] = "1000-2000 r--p 0 0:0 0\n"
				   "3000-5000 r--p 0 0:0 0\n"
				   "5000-6000 r--p 0 0:0 0\n";
	static const struct { hf_addr address; int want; } cases[] = {
		{ 0, -1 },	{ 0xfff, -1 },	{ 0x1000, 0 },
		{ 0x1fff, 0 },	{ 0x2000, -1 }, { 0x3000, 1 },
		{ 0x4fff, 1 },	{ 0x5000, 2 },	{ 0x5fff, 2 },
		{ 0x6000, -1 }, { ~0ull, -1 },
	};
	struct mappings mappings;

	CHECK_EQ(maps_of(text, &mappings, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct mapping *found =
			mappings_find(&mappings, cases[i].address);

		CHECK_EQ(found ? found - mappings.entries : -1, cases[i].want);
	}
	mappings_release(&mappings);
}

TEST(threads_sorted)
{
	struct fake fake;
	pid_t *tids;
	size_t nr;

	fake_make(&fake);
	fake_write(&fake, "100", "", 0);
	fake_write(&fake, "9", "", 0);
	fake_write(&fake, "12", "", 0);
	CHECK_EQ(threads_read(&fake.process, &tids, &nr, NULL), 0);
	/* Twice: the directory's position must not be shared. */
	free(tids);
	CHECK_EQ(threads_read(&fake.process, &tids, &nr, NULL), 0);
	fake_remove(&fake);
	CHECK_EQ(nr, 3);
	CHECK_EQ(tids[0], 9);
	CHECK_EQ(tids[1], 12);
	CHECK_EQ(tids[2], 100);
	free(tids);
}

TEST(status)
{
	static const char text[] =
		"Name:\tTracerPid:\t5\nState:\tt (tracing stop)\nTgid:\t70\n"
		"TracerPid:\t4242\nUid:\t1000\t1001\t1002\t1003\n"
		"SigPnd:\t0000000000000001\nShdPnd:\t0000000000004000\n"
		"SigBlk:\tfffffffe7ffbfeff\nNoNewPrivs:\t1\nSeccomp:\t2\n"
		"x86_Thread_features:\tshstk wrss \n";
	struct thread_status status;
	struct fake fake;
	int r;

	fake_make(&fake);
	mkdirat(fake.process.dir, "77", 0700);
	fake_write(&fake, "77/status", text, strlen(text));
	r = thread_status_read(&fake.process, 77, &status, NULL);
	CHECK_EQ(thread_status_read(&fake.process, 78, &status, NULL), -ESRCH);
	fake_remove(&fake);
	CHECK_EQ(r, 0);
	CHECK_EQ(status.state, 't');
	CHECK_EQ(status.thread_group, 70);
	CHECK_EQ(status.tracer, 4242);
	CHECK_EQ(status.uid, 1001);
	CHECK_EQ(status.pending, 0x4001);
	CHECK_EQ(status.blocked, 0xfffffffe7ffbfeff);
	CHECK_EQ(status.no_new_privs, true);
	CHECK_EQ(status.seccomp, 2);
	CHECK_EQ(status.shadow_stack, true);
}

TEST(status_without_fields)
{
	/* The word on another line is not the field's. */
	static const char text[] = "x86_Thread_features:\t\n"
				   "x86_Thread_features_locked:\tshstk\n";
	struct thread_status status;
	struct fake fake;
	int r;

	fake_make(&fake);
	mkdirat(fake.process.dir, "77", 0700);
	fake_write(&fake, "77/status", text, strlen(text));
	r = thread_status_read(&fake.process, 77, &status, NULL);
	fake_remove(&fake);
	CHECK_EQ(r, 0);
	CHECK_EQ(status.state, 0);
	CHECK_EQ(status.tracer, 0);
	CHECK_EQ(status.shadow_stack, false);
}

/* A command with everything that a careless parser trips over. */
TEST(stat_command)
{
	static const char text[] =
		"77 (a) R 1 (b) S 1 2 3 4 5 2097152 7 8 9 10 11 12 13 14 15 16 "
		"3 0 987654321 1 2 3\n";
	struct process_stat stat;
	struct fake fake;
	int r;

	fake_make(&fake);
	fake_write(&fake, "stat", text, strlen(text));
	r = process_stat_read(fake.process.dir, "stat", &stat);
	fake_write(&fake, "stat", "77 (x) S 1 2", 12);
	CHECK_EQ(process_stat_read(fake.process.dir, "stat", &stat), -EBADMSG);
	fake_remove(&fake);
	CHECK_EQ(r, 0);
	CHECK_STR(stat.command, "a) R 1 (b");
	CHECK_EQ(stat.state, 'S');
	CHECK_EQ(stat.flags, 0x200000);
	CHECK_EQ(stat.nr_threads, 3);
	CHECK_EQ(stat.start_time, 987654321);
}

TEST(syscall)
{
	static const struct { const char *text; long want; } cases[] = {
		{ "running\n", -1 },
		{ "-1 0x7ffc0 0x7f00\n", -1 },
		{ "0 0x3 0x7f 0x1 0x0 0x0 0x0 0x7ffc 0x7f\n", 0 },
		{ "232 0x3 0x7f 0x1 0x0 0x0 0x0 0x7ffc 0x7f\n", 232 },
		{ "", -1 },
	};
	struct fake fake;

	fake_make(&fake);
	mkdirat(fake.process.dir, "77", 0700);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		fake_write(&fake, "77/syscall", cases[i].text,
			   strlen(cases[i].text));
		CHECK_EQ(thread_syscall(&fake.process, 77), cases[i].want);
	}
	CHECK_EQ(thread_syscall(&fake.process, 78), -1);
	fake_remove(&fake);
}

TEST(syscall_names)
{
	CHECK_STR(syscall_name(SYS_epoll_wait), "epoll_wait");
	CHECK_STR(syscall_name(0), "read");
	CHECK(!syscall_name(-1));
	CHECK(!syscall_name(400)); /* never assigned on x86-64 */
	CHECK(!syscall_name(1l << 40));
}

TEST(auxv)
{
	static const uint64_t pairs[] = { AT_ENTRY, 0x401000, AT_BASE, 0 };
	struct fake fake;
	uint64_t value = 7;

	fake_make(&fake);
	fake_write(&fake, "auxv", (const char *)pairs, sizeof(pairs));
	CHECK_EQ(auxv_read(&fake.process, AT_ENTRY, &value), 0);
	CHECK_EQ(value, 0x401000);
	CHECK_EQ(auxv_read(&fake.process, AT_PHDR, &value), -ENOENT);
	/* A half pair at the end is not looked at. */
	fake_write(&fake, "auxv", (const char *)pairs, 24);
	CHECK_EQ(auxv_read(&fake.process, AT_BASE, &value), -ENOENT);
	fake_remove(&fake);
	CHECK_EQ(value, 0x401000);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
