/*
 * A thread in every system call that waits, restartable or not, with and
 * without a timeout. Counts what comes back otherwise than it has to: before
 * its time, unasked for, with other bytes, with EINTR.
 *
 *   start [MS]   a thread of each kind; answers when all wait
 *   wake         ends each wait without a timeout once, in an orderly way
 *   due          until each with a timeout has come back once more
 *   report       "wrong N NAME RESULT", how many came back, the longest delay
 *   stream       much data through a pipe; streamed: has it arrived?
 */
#include "waiters_others.h"
#include "waiters_sockets.h"
#include "waiters_streams.h"

#define WAITERS_MAX 128

static struct waiter waiters[WAITERS_MAX];
static size_t nr_waiters;

static volatile int value_base = 1;

PATCHABLE int value(void)
{
	return value_base;
}

/* --- the threads ---------------------------------------------------------- */

/* A clock tick is up to 10 ms, and some timeouts count in them. */
#define EARLY_NS 10000000

static bool in_time(struct waiter *waiter)
{
	uint64_t took_ns = now_ns(CLOCK_MONOTONIC) - waiter->began_ns;
	uint64_t due_ns = (uint64_t)wait_ms * 1000000;
	uint64_t late_ns = took_ns > due_ns ? took_ns - due_ns : 0;

	if (late_ns > atomic_load(&waiter->longest_ns))
		atomic_store(&waiter->longest_ns, late_ns);
	return took_ns + EARLY_NS >= due_ns;
}

/* Whether somebody has ended the call, or its time is over. */
static bool asked_for(struct waiter *waiter)
{
	if (!waiter->wait->wake)
		return in_time(waiter);
	return atomic_load(&waiter->nr_woken) >
	       atomic_load(&waiter->nr_returned);
}

static void *waiter_run(void *arg)
{
	struct waiter *waiter = arg;

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	for (;;) {
		bool right;

		waiter->began_ns = now_ns(CLOCK_MONOTONIC);
		right = waiter->wait->call(waiter);
		if (!asked_for(waiter))
			right = false;
		if (!right)
			atomic_fetch_add(&waiter->nr_wrong, 1);
		atomic_fetch_add(&waiter->nr_returned, 1);
	}
	return NULL;
}

static bool is_asleep(pid_t tid)
{
	char path[64], text[256] = "", *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	state = strrchr(text, ')');
	return state && state[2] == 'S';
}

static void waiter_start(const struct wait *wait, char *skipped)
{
	struct waiter *waiter = &waiters[nr_waiters];
	pthread_attr_t small;

	waiter->wait = wait;
	if (!wait->prepare(waiter)) {
		strcat(skipped, " ");
		strcat(skipped, wait->name);
		return;
	}
	nr_waiters++;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	must(!pthread_create(&waiter->thread, &small, waiter_run, waiter),
	     "pthread_create");
	while (!__atomic_load_n(&waiter->tid, __ATOMIC_ACQUIRE) ||
	       !is_asleep(waiter->tid))
		usleep(100);
}

/* --- commands ------------------------------------------------------------- */

static void do_start(int nr, char **args)
{
	static const struct wait *const tables[] = { file_waits, socket_waits,
						     other_waits };
	char skipped[400] = "";
	sigset_t set;

	if (nr > 1)
		wait_ms = number(nr, args, 1);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct wait *wait = tables[i]; wait->name; wait++)
			waiter_start(wait, skipped);
	answer("%zu%s", nr_waiters, skipped);
}

/* What was woken has to come back: the test waits for our answer. */
static void do_wake(int nr, char **args)
{
	unsigned int count = 0;

	(void)nr, (void)args;
	for (size_t i = 0; i < nr_waiters; i++) {
		struct waiter *waiter = &waiters[i];
		unsigned long before = atomic_load(&waiter->nr_returned);

		if (!waiter->wait->wake)
			continue;
		atomic_fetch_add(&waiter->nr_woken, 1);
		waiter->wait->wake(waiter);
		for (int ms = 0; atomic_load(&waiter->nr_returned) == before;
		     ms++) {
			usleep(1000);
			if (ms == 5000) {
				answer("%s did not come back",
				       waiter->wait->name);
				return;
			}
		}
		count++;
	}
	answer("woken %u", count);
}

static void do_due(int nr, char **args)
{
	unsigned long before[WAITERS_MAX];

	(void)nr, (void)args;
	for (size_t i = 0; i < nr_waiters; i++)
		before[i] = atomic_load(&waiters[i].nr_returned);
	for (size_t i = 0; i < nr_waiters; i++)
		while (!waiters[i].wait->wake &&
		       atomic_load(&waiters[i].nr_returned) == before[i])
			usleep(1000);
	answer("due");
}

struct longest {
	uint64_t ns;
	const char *name;
};

static void longest_note(struct longest *longest, const struct waiter *waiter)
{
	uint64_t ns = atomic_load(&waiter->longest_ns);

	if (ns >= longest->ns)
		*longest = (struct longest){ ns, waiter->wait->name };
}

/*
 * "wrong N[ NAME RESULT ERROR]; kept N late US NAME; forgot N late US NAME":
 * timeouts that came back, of those whose rest the kernel keeps and of those
 * whose rest it forgets.
 */
static void do_report(int nr, char **args)
{
	struct longest kept = { 0 }, forgot = { 0 };
	unsigned long nr_kept = 0, nr_forgot = 0, nr_wrong = 0;
	char first[128] = "";

	(void)nr, (void)args;
	for (size_t i = 0; i < nr_waiters; i++) {
		struct waiter *waiter = &waiters[i];
		unsigned long wrong = atomic_load(&waiter->nr_wrong);
		unsigned long nr_back = atomic_load(&waiter->nr_returned);

		if (wrong && !*first)
			snprintf(first, sizeof(first), " %s %ld %s",
				 waiter->wait->name, waiter->result,
				 waiter->error ?
					 strerrorname_np(waiter->error) : "-");
		nr_wrong += wrong;
		if (waiter->wait->wake)
			continue;
		longest_note(waiter->wait->forgets ? &forgot : &kept, waiter);
		*(waiter->wait->forgets ? &nr_forgot : &nr_kept) += nr_back;
	}
	answer("wrong %lu%s; kept %lu late %lu %s; forgot %lu late %lu %s",
	       nr_wrong, first, nr_kept, kept.ns / 1000, kept.name, nr_forgot,
	       forgot.ns / 1000, forgot.name);
}

static void do_value(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", value());
}

static void clean_up(void)
{
	for (size_t i = 0; i < nr_waiters; i++)
		ipc_remove(&waiters[i]);
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },	 { "start", do_start },
		{ "wake", do_wake },	 { "due", do_due },
		{ "report", do_report }, { "stream", do_stream },
		{ "streamed", do_streamed },
		{ NULL, NULL },
	};

	atexit(clean_up);
	return target_main(commands);
}
