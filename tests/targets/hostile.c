/*
 * A process that deceives whoever works on it: one way per command.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "target.h"

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

/* --- a descriptor that becomes another file ------------------------------- */

static int victim, next_descriptor, swap_when_filled;
static atomic_int nr_swaps;

static int descriptor_is_due(void)
{
	struct stat status;

	return swap_when_filled ?
		       !fstat(next_descriptor, &status) && status.st_size :
		       fcntl(next_descriptor, F_GETFD) >= 0;
}

/* Whatever gets the next number is our file, a moment later. */
static void *swap_descriptors(void *unused)
{
	(void)unused;
	for (;;) {
		if (!descriptor_is_due())
			continue;
		dup2(victim, next_descriptor);
		nr_swaps++;
		/* It may have come too late and be nobody's to close. */
		usleep(5000);
		close(next_descriptor);
	}
	return NULL;
}

/* swap FILE [filled]: of which we may only read; not before it has bytes. */
static void do_swap(int nr, char **args)
{
	pthread_t thread;

	victim = nr > 1 ? open(args[1], O_RDONLY | O_NONBLOCK) : -1;
	if (victim < 0) {
		answer("open: %s", strerror(errno));
		return;
	}
	swap_when_filled = nr > 2;
	next_descriptor = dup(victim);
	close(next_descriptor);
	errno = pthread_create(&thread, NULL, swap_descriptors, NULL);
	answer("%s", errno ? strerror(errno) : "ok");
}

static void do_swaps(int nr, char **args)
{
	(void)nr, (void)args;
	answer("%d", nr_swaps);
}

/* --- a name that is a command to the terminal ------------------------------ */

/* Hexadecimal, for the test's shell has no such characters either. */
static void name_set(const char *digits)
{
	char name[16] = "";
	unsigned int byte;

	for (int i = 0; i < 15 && sscanf(digits + 2 * i, "%2x", &byte) == 1; i++)
		name[i] = (char)byte;
	prctl(PR_SET_NAME, name);
}

static void do_name(int nr, char **args)
{
	name_set(nr > 1 ? args[1] : "");
	answer("ok");
}

PATCHABLE int held(int fd)
{
	char byte;

	return (int)read(fd, &byte, 1) + value_base;
}

static int pipe_ends[2];
static char thread_name[64];

static void *hold(void *unused)
{
	(void)unused;
	name_set(thread_name);
	answer("ok");
	held(pipe_ends[0]);
	return NULL;
}

/* hold NAME: a thread of that name stays inside a function. */
static void do_hold(int nr, char **args)
{
	pthread_t thread;

	snprintf(thread_name, sizeof(thread_name), "%s", nr > 1 ? args[1] : "");
	if (pipe(pipe_ends) || pthread_create(&thread, NULL, hold, NULL))
		answer("no thread");
}

int main(void)
{
	static const struct command commands[] = {
		{ "value", do_value },
		{ "swap", do_swap },
		{ "swaps", do_swaps },
		{ "name", do_name },
		{ "hold", do_hold },
		{ NULL, NULL },
	};

	return target_main(commands);
}
