/*
 * A load that knows how long each answer took.
 *
 *   latency PORT CONNECTIONS RATE REQUEST
 *
 * RATE times a second REQUEST and "\r\n" is sent, the connections taking turns,
 * and a line that ends so is waited for. A request is due at its time, whether or
 * not the one before has been answered: the wait counts from then, so that a
 * server that stands still makes all those late that came meanwhile. With
 * real-time priority, if it may. Commands on standard input, one answer line each:
 *   begin   forget what was measured
 *   end     "ANSWERS P50_NS P99_NS P999_NS MAX_NS"
 * A connection that ends, or an answer that is an error, ends the program.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define UNIT_NS 1000u
#define NR_UNITS 1000000u /* up to a second */

static struct connection {
	int fd;
	bool waiting;
	uint64_t due_ns; /* the next request; of the last one while waiting */
} connections[CONNECTIONS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t counts[NR_UNITS + 1];
static uint64_t nr_answers, longest_ns;
static char request[256];
static int nr_connections;
static uint64_t period_ns; /* between two requests of one connection */
static int events_fd;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void ask(struct connection *connection)
{
	size_t size = strlen(request);

	connection->waiting = true;
	if (write(connection->fd, request, size) != (ssize_t)size)
		die("write");
}

static void note(uint64_t took_ns)
{
	uint64_t unit = took_ns / UNIT_NS;

	pthread_mutex_lock(&lock);
	counts[unit < NR_UNITS ? unit : NR_UNITS]++;
	nr_answers++;
	if (took_ns > longest_ns)
		longest_ns = took_ns;
	pthread_mutex_unlock(&lock);
}

static void answered(struct connection *connection)
{
	char text[4096];
	ssize_t n = read(connection->fd, text, sizeof(text));

	if (n <= 0 || text[0] == '-' || !strncmp(text, "ERROR", 5))
		die("answer");
	if (n < 2 || text[n - 1] != '\n')
		return;
	note(now_ns() - connection->due_ns);
	connection->due_ns += period_ns;
	connection->waiting = false;
}

/* Return: when the next one is due; UINT64_MAX: all are waiting. */
static uint64_t ask_due(void)
{
	uint64_t next_ns = UINT64_MAX, now = now_ns();

	for (int i = 0; i < nr_connections; i++) {
		struct connection *connection = &connections[i];

		if (connection->waiting)
			continue;
		if (connection->due_ns <= now)
			ask(connection);
		else if (connection->due_ns < next_ns)
			next_ns = connection->due_ns;
	}
	return next_ns;
}

static int wait_until(uint64_t next_ns, struct epoll_event *events, int room)
{
	uint64_t now = now_ns();
	struct timespec timeout = { 0 };

	if (next_ns == UINT64_MAX)
		return epoll_wait(events_fd, events, room, -1);
	if (next_ns > now)
		timeout.tv_nsec = (long)((next_ns - now) % 1000000000u);
	return epoll_pwait2(events_fd, events, room, &timeout, NULL);
}

static void *drive(void *unused)
{
	const struct sched_param param = { .sched_priority = 10 };
	struct epoll_event events[64];

	(void)unused;
	(void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	for (;;) {
		int nr = wait_until(ask_due(), events, 64);

		for (int i = 0; i < nr; i++)
			answered(events[i].data.ptr);
	}
	return NULL;
}

static void begin(struct connection *connection, int port, uint64_t due_ns)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event event = { .events = EPOLLIN,
				     .data.ptr = connection };
	int one = 1;

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 ||
	    connect(connection->fd, (const void *)&address, sizeof(address)))
		die("connect");
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(events_fd, EPOLL_CTL_ADD, connection->fd, &event);
	connection->due_ns = due_ns;
}

/* The time within which @share of the answers came, in ns. */
static uint64_t percentile(double share)
{
	uint64_t wanted = (uint64_t)((double)nr_answers * share), seen = 0;

	for (uint64_t unit = 0; unit <= NR_UNITS; unit++) {
		seen += counts[unit];
		if (seen > wanted)
			return unit * UNIT_NS;
	}
	return longest_ns;
}

static void forget(void)
{
	memset(counts, 0, sizeof(counts));
	nr_answers = longest_ns = 0;
}

static void obey(const char *line)
{
	pthread_mutex_lock(&lock);
	if (!strncmp(line, "begin", 5)) {
		forget();
		puts("ok");
	} else if (!strncmp(line, "end", 3)) {
		printf("%lu %lu %lu %lu %lu\n", (unsigned long)nr_answers,
		       (unsigned long)percentile(.5),
		       (unsigned long)percentile(.99),
		       (unsigned long)percentile(.999),
		       (unsigned long)longest_ns);
	}
	pthread_mutex_unlock(&lock);
}

int main(int argc, char **argv)
{
	uint64_t now = now_ns(), gap_ns;
	pthread_t thread;
	char line[64];

	if (argc < 5 || atoi(argv[2]) < 1 || atoi(argv[2]) > CONNECTIONS_MAX ||
	    atoi(argv[3]) < 1)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	nr_connections = atoi(argv[2]);
	gap_ns = 1000000000u / (uint64_t)atoi(argv[3]);
	period_ns = gap_ns * (uint64_t)nr_connections;
	snprintf(request, sizeof(request), "%s\r\n", argv[4]);
	events_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < nr_connections; i++)
		begin(&connections[i], atoi(argv[1]), now + (uint64_t)i * gap_ns);
	if (pthread_create(&thread, NULL, drive, NULL))
		return 1;
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
