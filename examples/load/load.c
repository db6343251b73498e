/*
 * load: customers for the example servers.
 *
 *   load WORKLOAD PORT
 *
 * Every client has a thread and a connection that it keeps. Phases are cut by
 * commands on standard input, each answered with a line on standard output:
 *
 *   begin NAME                   from now on, count anew: "begun"
 *   end EXCHANGES FAILURES MS    when there were so many in at least so long,
 *                                or after ten seconds: the counts, as
 *                                "good=1 wrong=0 lost=0 p50_us=... note=..."
 *
 * It ends with its input: every client finishes its exchange and closes. With a
 * terminal on standard error, a line a second tells how it goes.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "workload.h"

static const struct workload *const workloads[] = {
	&checkout_workload, &vault_workload, &ledgerd_workload,
	&prefork_workload,
};

static const struct workload *workload;
static atomic_bool stopping;

static void pause_us(unsigned int us)
{
	const struct timespec pause = { .tv_sec = us / 1000000,
					.tv_nsec = us % 1000000 * 1000 };

	nanosleep(&pause, NULL);
}

static void client_turn(struct client *client)
{
	unsigned int phase = stats_phase();
	uint64_t began = clock_us();
	enum verdict verdict = VERDICT_LOST;

	if (client->fd >= 0 || client_connect(client))
		verdict = workload->exchange(client);
	stats_add(phase, verdict, clock_us() - began);
	client->nr_exchanges++;
	if (verdict == VERDICT_LOST)
		client_close(client);
}

static void *client_main(void *arg)
{
	struct client *client = arg;

	while (!atomic_load(&stopping)) {
		client_turn(client);
		pause_us(workload->pause_us);
	}
	client_close(client);
	return NULL;
}

/* One line a second, on a terminal. */
static void *progress_main(void *arg)
{
	for (;;) {
		struct counts counts;
		char name[24];

		pause_us(1000000);
		stats_read(name, &counts);
		fprintf(stderr,
			"     %-8s %4.0f s  %8llu %s  %6llu %s  %4llu dropped  "
			"max %.1f ms\n",
			name, counts.seconds,
			(unsigned long long)counts.verdicts[VERDICT_GOOD],
			workload->unit,
			(unsigned long long)counts.verdicts[VERDICT_WRONG],
			workload->wrong,
			(unsigned long long)counts.verdicts[VERDICT_LOST],
			(double)counts.max_us / 1000);
	}
	return arg;
}

static void counts_print(void)
{
	struct counts counts;
	char name[24], note[96];

	stats_read(name, &counts);
	stats_read_note(note);
	printf("good=%llu wrong=%llu lost=%llu lost_ever=%llu p50_us=%llu "
	       "p99_us=%llu max_us=%llu note=%s\n",
	       (unsigned long long)counts.verdicts[VERDICT_GOOD],
	       (unsigned long long)counts.verdicts[VERDICT_WRONG],
	       (unsigned long long)counts.verdicts[VERDICT_LOST],
	       (unsigned long long)counts.lost_ever,
	       (unsigned long long)counts.p50_us,
	       (unsigned long long)counts.p99_us,
	       (unsigned long long)counts.max_us, note);
}

static void commands_obey(void)
{
	char line[128], name[24];
	struct goal goal;

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "begin %23s", name) == 1) {
			stats_begin(name);
			puts("begun");
		} else if (sscanf(line,
				  "end %" SCNu64 " %" SCNu64 " %" SCNu64,
				  &goal.exchanges, &goal.failures,
				  &goal.ms) == 3) {
			stats_wait(&goal);
			counts_print();
		} else {
			puts("begin NAME, or end EXCHANGES FAILURES MS");
		}
		fflush(stdout);
	}
}

static const struct workload *workload_find(const char *name)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++)
		if (!strcmp(workloads[i]->name, name))
			return workloads[i];
	return NULL;
}

static void clients_run(uint16_t port)
{
	struct client *clients = calloc(workload->clients, sizeof(*clients));
	pthread_t *threads = calloc(workload->clients, sizeof(*threads));
	unsigned int nr = 0;

	if (!clients || !threads)
		exit(1);
	for (; nr < workload->clients; nr++) {
		clients[nr] = (struct client){ .nr = nr, .port = port,
					       .fd = -1 };
		if (pthread_create(&threads[nr], NULL, client_main,
				   &clients[nr]))
			exit(1);
	}
	commands_obey();
	atomic_store(&stopping, true);
	while (nr-- > 0)
		pthread_join(threads[nr], NULL);
	free(threads);
	free(clients);
}

int main(int argc, char **argv)
{
	unsigned long port = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	pthread_t progress;

	workload = argc == 3 ? workload_find(argv[1]) : NULL;
	if (!workload || !port || port > UINT16_MAX) {
		fprintf(stderr, "usage: load "
			"checkout|vault|ledgerd|prefork PORT\n");
		return 2;
	}
	stats_begin("start");
	if (isatty(STDERR_FILENO) &&
	    pthread_create(&progress, NULL, progress_main, NULL))
		return 1;
	clients_run((uint16_t)port);
	return 0;
}
