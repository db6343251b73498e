#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/io.h"
#include "busy.h"
#include "stall.h"

#define WORKERS_MAX 16
/* Between two looks for a signal, which may be for us alone. */
#define SIGNAL_LOOK_MS 50

/* What all of them share. */
struct shared {
	atomic_size_t next;  /* the first number that nobody has taken */
	atomic_int signal;   /* that came to us; nobody takes another one */
	atomic_size_t doing[WORKERS_MAX]; /* number + 1; 0: none */
};

struct workers {
	const struct pids *pids;
	const struct batch_step *step;
	struct shared *shared;
	unsigned int nr;
	pid_t workers[WORKERS_MAX];
	int pipes[WORKERS_MAX]; /* -1: closed */
};

/* --- results through a pipe -------------------------------------------------- */

/* Both ends are the same program: structs go as they are. */
struct message {
	size_t index;
	int error;
	struct hf_diag diag;
	size_t nr;
};

static bool text_send(int fd, const char *text)
{
	size_t size = strlen(text) + 1;

	return !write_full(fd, &size, sizeof(size)) &&
	       !write_full(fd, text, size);
}

static char *text_receive(int fd)
{
	size_t size;
	char *text;

	if (read_full(fd, &size, sizeof(size)))
		return NULL;
	text = malloc(size);
	if (text && read_full(fd, text, size)) {
		free(text);
		return NULL;
	}
	return text;
}

static bool report_send(int fd, const struct operation_report *report)
{
	bool sent = !write_full(fd, report, sizeof(*report)) &&
		    !write_full(fd, report->sites,
				report->nr_sites * sizeof(*report->sites));

	for (size_t i = 0; sent && i < report->nr_replaced; i++)
		sent = text_send(fd, report->replaced[i]);
	if (sent && report->busy)
		sent = !write_full(fd, report->busy, sizeof(*report->busy));
	return sent;
}

static bool busy_receive(int fd, struct operation_report *report, bool is_there)
{
	if (!is_there)
		return true;
	report->busy = malloc(sizeof(*report->busy));
	return report->busy &&
	       !read_full(fd, report->busy, sizeof(*report->busy));
}

/* What was received of it is to be released, also in failure. */
static bool report_receive(int fd, struct operation_report *report)
{
	size_t nr_sites, nr_replaced;
	bool has_busy;

	if (read_full(fd, report, sizeof(*report))) {
		memset(report, 0, sizeof(*report));
		return false;
	}
	nr_sites = report->nr_sites;
	nr_replaced = report->nr_replaced;
	has_busy = report->busy != NULL;
	report->nr_sites = report->nr_replaced = 0;
	report->busy = NULL;
	report->sites = calloc(nr_sites + 1, sizeof(*report->sites));
	report->replaced = calloc(nr_replaced + 1, sizeof(*report->replaced));
	if (!report->sites || !report->replaced ||
	    read_full(fd, report->sites, nr_sites * sizeof(*report->sites)))
		return false;
	report->nr_sites = nr_sites;
	for (size_t i = 0; i < nr_replaced; i++) {
		report->replaced[i] = text_receive(fd);
		if (!report->replaced[i])
			return false;
		report->nr_replaced++;
	}
	return busy_receive(fd, report, has_busy);
}

static bool result_send(int fd, size_t index, const struct batch_result *result)
{
	const struct message message = { index, result->error, result->diag,
					 result->nr };
	bool sent = !write_full(fd, &message, sizeof(message));

	for (size_t i = 0; sent && i < result->nr; i++)
		sent = report_send(fd, &result->reports[i]);
	return sent;
}

static bool result_receive(int fd, struct batch_result *results, size_t nr)
{
	struct message message;
	struct batch_result *result;

	if (read_full(fd, &message, sizeof(message)) || message.index >= nr)
		return false;
	result = &results[message.index];
	result->error = message.error;
	result->diag = message.diag;
	result->reports = calloc(message.nr + 1, sizeof(*result->reports));
	if (!result->reports)
		return false;
	while (result->nr < message.nr)
		if (!report_receive(fd, &result->reports[result->nr++]))
			return false;
	result->known = true;
	return true;
}

void batch_result_release(struct batch_result *result)
{
	for (size_t i = 0; i < result->nr; i++)
		operation_report_release(&result->reports[i]);
	free(result->reports);
	memset(result, 0, sizeof(*result));
}

void batch_result_make(const struct batch_step *step, pid_t pid,
		       struct batch_result *ret_result)
{
	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->error = step->run(step->context, pid, &ret_result->reports,
				      &ret_result->nr, &ret_result->diag);
	ret_result->known = true;
}

/* --- a worker ------------------------------------------------------------------ */

/* Return: whether there was one. */
static bool take(struct workers *workers, size_t *ret_index)
{
	if (!workers->step->to_the_end && signal_waiting())
		return false;
	*ret_index = workers->shared->next++;
	return *ret_index < workers->pids->nr;
}

static void worker_run(struct workers *workers, unsigned int me, int pipe)
{
	struct batch_result result;
	size_t index;

	signals_listen(&workers->shared->signal);
	stall_on_end(NULL, NULL); /* our end tells enough: worker_lost() */
	while (take(workers, &index)) {
		workers->shared->doing[me] = index + 1;
		batch_result_make(workers->step, workers->pids->entries[index],
				  &result);
		/* Nobody reads it any more: we have been killed. */
		if (!result_send(pipe, index, &result))
			_exit(1);
		workers->shared->doing[me] = 0;
		batch_result_release(&result);
	}
	_exit(0);
}

/* --- all of them ----------------------------------------------------------------- */

static unsigned int nr_useful(size_t nr_pids)
{
	cpu_set_t processors;
	size_t nr = 1;

	if (!sched_getaffinity(0, sizeof(processors), &processors))
		nr = (size_t)CPU_COUNT(&processors);
	if (nr > nr_pids)
		nr = nr_pids;
	return nr < WORKERS_MAX ? (unsigned int)nr : WORKERS_MAX;
}

static bool worker_start(struct workers *workers)
{
	unsigned int me = workers->nr;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	pid = fork();
	if (pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return false;
	}
	if (!pid) {
		for (unsigned int i = 0; i < me; i++)
			close(workers->pipes[i]);
		close(ends[0]);
		worker_run(workers, me, ends[1]);
	}
	close(ends[1]);
	workers->workers[me] = pid;
	workers->pipes[me] = ends[0];
	workers->nr++;
	return true;
}

static struct workers *workers_new(const struct pids *pids,
				   const struct batch_step *step)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	void *shared;

	if (!workers)
		return NULL;
	shared = mmap(NULL, sizeof(*workers->shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		free(workers);
		return NULL;
	}
	workers->pids = pids;
	workers->step = step;
	workers->shared = shared;
	return workers;
}

struct workers *workers_start(const struct pids *pids,
			      const struct batch_step *step)
{
	unsigned int wanted = nr_useful(pids->nr);
	struct workers *workers;

	if (wanted < 2)
		return NULL;
	workers = workers_new(pids, step);
	while (workers && workers->nr < wanted && worker_start(workers))
		;
	if (workers && !workers->nr) {
		workers_end(workers);
		return NULL;
	}
	return workers;
}

/* It has ended before it could tell what came of a process. */
static void worker_lost(struct workers *workers, unsigned int i,
			struct batch_result *results)
{
	size_t doing = workers->shared->doing[i];
	struct batch_result *result;

	close(workers->pipes[i]);
	workers->pipes[i] = -1;
	if (!doing || results[doing - 1].known)
		return;
	result = &results[doing - 1];
	batch_result_release(result);
	result->known = true;
	result->error = hf_error(&result->diag, -EIO, "worker-died",
				 "the part of hotfix that was at work on it "
				 "has died (killed, out of memory, or memory "
				 "of the process that never came)");
	hf_hint(&result->diag, "see what is left, and undo it: hotfix recover "
			       "-p %d",
		(int)workers->pids->entries[doing - 1]);
}

bool workers_wait(struct workers *workers, struct batch_result *results)
{
	struct pollfd pipes[WORKERS_MAX];
	bool some = false;

	for (unsigned int i = 0; i < workers->nr; i++) {
		pipes[i] = (struct pollfd){ .fd = workers->pipes[i],
					    .events = POLLIN };
		some |= workers->pipes[i] >= 0;
	}
	workers->shared->signal = signal_waiting();
	if (!some || poll(pipes, workers->nr, SIGNAL_LOOK_MS) <= 0)
		return some;
	for (unsigned int i = 0; i < workers->nr; i++)
		if (pipes[i].fd >= 0 && pipes[i].revents &&
		    !result_receive(pipes[i].fd, results, workers->pids->nr))
			worker_lost(workers, i, results);
	return true;
}

void workers_end(struct workers *workers)
{
	for (unsigned int i = 0; i < workers->nr; i++) {
		if (workers->pipes[i] >= 0)
			close(workers->pipes[i]);
		while (waitpid(workers->workers[i], NULL, 0) < 0 &&
		       errno == EINTR)
			;
	}
	munmap(workers->shared, sizeof(*workers->shared));
	free(workers);
}
