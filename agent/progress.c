/*
 * The thread sleeps on a condition variable, so that progress_end() need not
 * wait for it.
 */
#include "progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRESS_FIRST_MS 300
#define PROGRESS_NEXT_MS 100

struct progress {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool done, shown;
	const char *text;
	FILE *file;
	struct timespec begin;
};

static struct timespec time_add(struct timespec time, long ms)
{
	time.tv_sec += ms / 1000;
	time.tv_nsec += ms % 1000 * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_sec++;
		time.tv_nsec -= 1000000000;
	}
	return time;
}

static double seconds_since(const struct timespec *begin)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin->tv_sec) +
	       (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

static void *progress_run(void *argument)
{
	struct progress *progress = argument;
	struct timespec next = time_add(progress->begin, PROGRESS_FIRST_MS);

	pthread_mutex_lock(&progress->lock);
	while (!progress->done) {
		if (!pthread_cond_timedwait(&progress->wake, &progress->lock,
					    &next))
			continue;
		fprintf(progress->file, "\r\033[K%s ... %.1f s", progress->text,
			seconds_since(&progress->begin));
		fflush(progress->file);
		progress->shown = true;
		next = time_add(next, PROGRESS_NEXT_MS);
	}
	pthread_mutex_unlock(&progress->lock);
	return NULL;
}

/* Every signal is for the thread that works: it waits for some of them. */
static int thread_start(struct progress *progress)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&progress->thread, NULL, progress_run, progress);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

static int progress_start(struct progress *progress)
{
	pthread_condattr_t attributes;

	clock_gettime(CLOCK_MONOTONIC, &progress->begin);
	pthread_mutex_init(&progress->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	return thread_start(progress);
}

struct progress *progress_begin(const struct output *output, const char *text)
{
	struct progress *progress;

	if (!output->progress)
		return NULL;
	progress = calloc(1, sizeof(*progress));
	if (!progress)
		return NULL;
	progress->text = text;
	progress->file = output->err;
	if (progress_start(progress)) {
		free(progress);
		return NULL;
	}
	return progress;
}

void progress_end(struct progress *progress)
{
	if (!progress)
		return;
	pthread_mutex_lock(&progress->lock);
	progress->done = true;
	pthread_cond_signal(&progress->wake);
	pthread_mutex_unlock(&progress->lock);
	pthread_join(progress->thread, NULL);
	if (progress->shown) {
		fputs("\r\033[K", progress->file);
		fflush(progress->file);
	}
	pthread_cond_destroy(&progress->wake);
	pthread_mutex_destroy(&progress->lock);
	free(progress);
}
