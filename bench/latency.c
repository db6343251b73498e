/*
 * A load that knows how long each answer took.
 *
 *   latency PORT CONNECTIONS REQUEST
 *
 * Every connection sends REQUEST and "\r\n", waits for a line that ends so, and
 * sends again: as fast as the server is. Commands on standard input, one answer
 * line each:
 *   begin   forget what was measured
 *   end     "ANSWERS P50_NS P99_NS P999_NS MAX_NS"
 * A connection that ends, or an answer that is an error, ends the program.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
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
	uint64_t sent_ns;
} connections[CONNECTIONS_MAX];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t counts[NR_UNITS + 1];
static uint64_t nr_answers, longest_ns;
static char request[256];
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

	connection->sent_ns = now_ns();
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
	note(now_ns() - connection->sent_ns);
	ask(connection);
}

static void *drive(void *unused)
{
	struct epoll_event events[64];

	(void)unused;
	for (;;) {
		int nr = epoll_wait(events_fd, events, 64, -1);

		for (int i = 0; i < nr; i++)
			answered(events[i].data.ptr);
	}
	return NULL;
}

static void begin(struct connection *connection, int port)
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
	ask(connection);
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
	int nr = argc > 3 ? atoi(argv[2]) : 0;
	pthread_t thread;
	char line[64];

	if (nr < 1 || nr > CONNECTIONS_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(request, sizeof(request), "%s\r\n", argv[3]);
	events_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < nr; i++)
		begin(&connections[i], atoi(argv[1]));
	if (pthread_create(&thread, NULL, drive, NULL))
		return 1;
	puts("ready");
	while (fgets(line, sizeof(line), stdin))
		obey(line);
	return 0;
}
