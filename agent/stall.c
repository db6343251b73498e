#include "stall.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"

#define NR_LOOKS 4

/* Odd: a transfer is under way. No clock: looks only compare. */
static atomic_ulong transfers;
static _Atomic pid_t target;

static pid_t watched; /* us; a child that was forked has no such thread */
static stall_tell_fn *tell_user;
static void *tell_context;

void stall_on_end(stall_tell_fn *tell, void *context)
{
	tell_user = tell;
	tell_context = context;
}

void stall_begin(pid_t pid)
{
	atomic_store_explicit(&target, pid, memory_order_relaxed);
	atomic_fetch_add(&transfers, 1);
}

void stall_end(void)
{
	atomic_fetch_add(&transfers, 1);
}

static _Noreturn void give_up(void)
{
	struct hf_diag diag = { 0 };
	int pid = (int)atomic_load(&target);

	hf_error(&diag, -ETIMEDOUT, "memory-stalled",
		 "memory of process %d has not come for %d s: it lies in a "
		 "file whose file system does not answer (FUSE, NFS)",
		 pid, STALL_LIMIT_MS / 1000);
	hf_hint(&diag, "mend or end that file system: cat /proc/%d/maps "
		       "names the files, umount -f ends it", pid);
	_exit(tell_user ? tell_user(tell_context, pid, &diag) : 1);
}

static void *watch(void *unused)
{
	unsigned long before = 0;
	int nr_same = 0;

	(void)unused;
	for (;;) {
		unsigned long now;

		sleep_ns(STALL_LIMIT_MS / NR_LOOKS * NS_PER_MS);
		now = atomic_load(&transfers);
		nr_same = now == before && now % 2 ? nr_same + 1 : 0;
		before = now;
		if (nr_same == NR_LOOKS)
			give_up();
	}
	return NULL;
}

/* Every signal is for the thread that works: it waits for some of them. */
void stall_watch(void)
{
	pthread_t thread;
	sigset_t all, mask;

	if (watched == getpid())
		return;
	watched = getpid();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &mask);
	if (!pthread_create(&thread, NULL, watch, NULL))
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
}
