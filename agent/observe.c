#include "observe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "probe.h"
#include "process.h"

#define LOOK_GAP_NS (100 * NS_PER_MS)
#define PROBE_GAP_NS NS_PER_S
/* Over shorter times a processor's ticks say nothing. */
#define CPU_WINDOW_NS OBSERVE_NORMAL_NS
/* What a small process needs more is no matter. */
#define MEMORY_RISE_MIN (16ull << 20)

struct usage {
	uint64_t at_ns;
	uint64_t cpu_ns;
	uint64_t memory; /* bytes that are resident */
};

struct observed {
	pid_t pid;
	int pidfd; /* -1: it was gone */
	char command[17];
	bool patched;
	uint64_t patched_at_ns;
	uint64_t usual_cpu; /* hundredths of a processor */
	struct usage before; /* at the begin of the window at hand */
	uint64_t usual_memory;
	int status; /* of wait(2), when it has been told */
};

struct observer {
	const struct observe_request *request;
	struct observed *all;
	size_t nr;
	double usual_exits; /* of all their children, a second */
	uint64_t nr_exits; /* since anybody is patched */
	uint64_t exits_since_ns;
	struct process_event last_exit;
};

/* --- one process ------------------------------------------------------------ */

static int usage_read(const struct observed *observed, struct usage *ret_usage)
{
	struct process_stat stat;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)observed->pid);
	r = process_stat_read(AT_FDCWD, path, &stat);
	if (r)
		return r;
	*ret_usage = (struct usage){
		.at_ns = monotonic_ns(),
		.cpu_ns = (stat.user_ticks + stat.system_ticks) * NS_PER_S /
			  (uint64_t)sysconf(_SC_CLK_TCK),
		.memory = stat.resident_pages * HF_PAGE_SIZE,
	};
	return 0;
}

/* In hundredths of a processor. */
static uint64_t cpu_between(const struct usage *before, const struct usage *now)
{
	uint64_t ns = now->at_ns - before->at_ns;

	return ns && now->cpu_ns > before->cpu_ns ?
		       100 * (now->cpu_ns - before->cpu_ns) / ns : 0;
}

static bool has_ended(const struct observed *observed)
{
	struct pollfd pidfd = { .fd = observed->pidfd, .events = POLLIN };

	return observed->pidfd < 0 || poll(&pidfd, 1, 0) > 0;
}

static void observed_begin(struct observed *observed, pid_t pid)
{
	char path[32];
	struct process_stat stat;

	*observed = (struct observed){ .pid = pid,
				       .pidfd = pidfd_open(pid, 0) };
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!process_stat_read(AT_FDCWD, path, &stat))
		snprintf(observed->command, sizeof(observed->command), "%s",
			 stat.command);
	(void)usage_read(observed, &observed->before);
	observed->usual_memory = observed->before.memory;
}

static int ended_refuse(const struct observed *observed, struct hf_diag *diag)
{
	uint64_t ms = (monotonic_ns() - observed->patched_at_ns) / NS_PER_MS;
	char how[64] = "has ended";

	if (observed->status && WIFSIGNALED(observed->status))
		snprintf(how, sizeof(how), "was killed by SIG%s",
			 sigabbrev_np(WTERMSIG(observed->status)));
	else if (observed->status)
		snprintf(how, sizeof(how), "has ended with status %d",
			 WEXITSTATUS(observed->status));
	return hf_refuse(diag, "process-ended",
			 "process %d (%s) %s %u.%u s after it was patched",
			 (int)observed->pid, observed->command, how,
			 (unsigned int)(ms / 1000),
			 (unsigned int)(ms % 1000 / 100));
}

static int cpu_check(const struct observer *observer, struct observed *observed,
		     const struct usage *now, struct hf_diag *diag)
{
	uint64_t limit = observer->request->limits.cpu, used;

	if (limit == LIMIT_OFF ||
	    now->at_ns - observed->before.at_ns < CPU_WINDOW_NS)
		return 0;
	used = cpu_between(&observed->before, now);
	observed->before = *now;
	if (used <= observed->usual_cpu + limit)
		return 0;
	return hf_refuse(diag, "cpu-rose",
			 "process %d (%s) uses %u %% of a processor since it was "
			 "patched, %u %% before; %u %% more is the limit",
			 (int)observed->pid, observed->command,
			 (unsigned int)used, (unsigned int)observed->usual_cpu,
			 (unsigned int)limit);
}

static int memory_check(const struct observer *observer,
			const struct observed *observed,
			const struct usage *now, struct hf_diag *diag)
{
	uint64_t limit = observer->request->limits.memory;
	uint64_t usual = observed->usual_memory;

	if (limit == LIMIT_OFF || now->memory <= usual + MEMORY_RISE_MIN ||
	    now->memory - usual <= usual / 100 * limit)
		return 0;
	return hf_refuse(diag, "memory-rose",
			 "process %d (%s) has %u MiB resident since it was "
			 "patched, %u MiB before; %u %% more is the limit",
			 (int)observed->pid, observed->command,
			 (unsigned int)(now->memory >> 20),
			 (unsigned int)(usual >> 20), (unsigned int)limit);
}

/* --- their children ------------------------------------------------------------ */

static struct observed *observed_find(const struct observer *observer, pid_t pid)
{
	for (size_t i = 0; i < observer->nr; i++)
		if (observer->all[i].pid == pid)
			return &observer->all[i];
	return NULL;
}

/* Return: whether it was a child that counts. */
static bool exit_take(struct observer *observer,
		      const struct process_event *event, bool patched_only)
{
	struct observed *self = observed_find(observer, event->pid);
	struct observed *parent = observed_find(observer, event->parent);

	if (self)
		self->status = event->status;
	if (!parent || (patched_only && !parent->patched))
		return false;
	observer->last_exit = *event;
	return true;
}

/* Takes what has been told. Return: how many children ended with an error. */
static uint64_t exits_take(struct observer *observer, bool patched_only)
{
	struct proc_events *events = observer->request->events;
	struct process_event event;
	uint64_t nr = 0;

	while (events && proc_events_next(events, &event) == 1) {
		if (event.kind != PROC_EXIT || !event.status)
			continue;
		nr += exit_take(observer, &event, patched_only);
	}
	return nr;
}

static int exits_check(struct observer *observer, struct hf_diag *diag)
{
	uint64_t limit = observer->request->limits.exits;
	double seconds, usual;

	observer->nr_exits += exits_take(observer, true);
	if (limit == LIMIT_OFF || !observer->nr_exits)
		return 0;
	seconds = (double)(monotonic_ns() - observer->exits_since_ns) / 1e9;
	usual = observer->usual_exits * seconds;
	if ((double)observer->nr_exits <= usual + (double)limit)
		return 0;
	return hf_refuse(diag, "error-exits",
			 "%llu children of patched processes have ended with an "
			 "error, the last one pid %d with status %d; %.0f are "
			 "usual in that time, %llu more the limit",
			 (unsigned long long)observer->nr_exits,
			 (int)observer->last_exit.pid,
			 WIFSIGNALED(observer->last_exit.status) ?
				 128 + WTERMSIG(observer->last_exit.status) :
				 WEXITSTATUS(observer->last_exit.status),
			 usual, (unsigned long long)limit);
}

/* --- all of them ----------------------------------------------------------------- */

static int observed_check(struct observer *observer,
			  struct observed *observed, struct hf_diag *diag)
{
	struct usage now;
	int r;

	if (has_ended(observed)) {
		/* How has perhaps been told meanwhile. */
		observer->nr_exits += exits_take(observer, true);
		return ended_refuse(observed, diag);
	}
	/* Gone since; or nobody's memory for the moment: seen the next time. */
	if (usage_read(observed, &now))
		return 0;
	r = memory_check(observer, observed, &now, diag);
	return r < 0 ? r : cpu_check(observer, observed, &now, diag);
}

int observer_new(const struct pids *pids, const struct observe_request *request,
		 struct observer **ret_observer, struct hf_diag *diag)
{
	owned(observer_free_p) struct observer *observer =
		calloc(1, sizeof(*observer));

	if (observer)
		observer->all = calloc(pids->nr + 1, sizeof(*observer->all));
	if (!observer || !observer->all)
		return hf_fail(diag, -ENOMEM, "cannot observe processes");
	observer->request = request;
	while (observer->nr < pids->nr) {
		size_t i = observer->nr++;

		observed_begin(&observer->all[i], pids->entries[i]);
	}
	*ret_observer = take_ptr(observer);
	return 0;
}

void observer_free(struct observer *observer)
{
	if (!observer)
		return;
	for (size_t i = 0; i < observer->nr; i++)
		close_p(&observer->all[i].pidfd);
	free(observer->all);
	free(observer);
}

static bool to_be_ended(const struct observer *observer)
{
	return observer->request->give_up && observer->request->give_up();
}

int observer_measure_normal(struct observer *observer)
{
	uint64_t began_ns = monotonic_ns(), nr_exits = 0;

	while (monotonic_ns() - began_ns < OBSERVE_NORMAL_NS) {
		if (to_be_ended(observer))
			return -EINTR;
		sleep_ns(LOOK_GAP_NS);
		nr_exits += exits_take(observer, false);
	}
	observer->usual_exits = (double)nr_exits / (OBSERVE_NORMAL_NS / 1e9);
	for (size_t i = 0; i < observer->nr; i++) {
		struct observed *observed = &observer->all[i];
		struct usage now;

		if (!usage_read(observed, &now))
			observed->usual_cpu =
				cpu_between(&observed->before, &now);
	}
	return 0;
}

void observer_patched(struct observer *observer, pid_t pid)
{
	struct observed *observed = observed_find(observer, pid);

	if (!observed)
		return;
	if (!observer->exits_since_ns)
		observer->exits_since_ns = monotonic_ns();
	observed->patched = true;
	observed->patched_at_ns = monotonic_ns();
	(void)usage_read(observed, &observed->before);
}

static int all_check(struct observer *observer, struct hf_diag *diag)
{
	int r = exits_check(observer, diag);

	for (size_t i = 0; r == 0 && i < observer->nr; i++)
		if (observer->all[i].patched)
			r = observed_check(observer, &observer->all[i], diag);
	return r;
}

int observer_watch(struct observer *observer, uint64_t duration_ns,
		   struct hf_diag *diag)
{
	const char *probe = observer->request->probe;
	uint64_t until_ns = monotonic_ns() + duration_ns, probe_at_ns = 0;
	int r;

	for (;;) {
		uint64_t now_ns = monotonic_ns();

		r = all_check(observer, diag);
		if (r == 0 && probe && now_ns >= probe_at_ns) {
			r = probe_run(probe, diag);
			probe_at_ns = monotonic_ns() + PROBE_GAP_NS;
		}
		if (r < 0 || now_ns >= until_ns)
			return r;
		if (to_be_ended(observer))
			return -EINTR;
		sleep_ns(until_ns - now_ns < LOOK_GAP_NS ? until_ns - now_ns :
							   LOOK_GAP_NS);
	}
}
