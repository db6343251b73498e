/*
 * One thread in each blocking system call. A call that must never return and
 * does, or a sleep that ends early or much too late, is counted and printed on
 * request: "report" on standard input prints one line each,
 *
 *   bad NAME COUNT last RESULT errno NUMBER
 *   slow NAME MILLISECONDS
 *
 * then "end THREADS". "quit" ends the program with status 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAP_MS 200
#define NAP_NS (NAP_MS * 1000000l)

struct entry {
	const char *name;
	long (*call)(int context);
	int context;
	bool sleeps; /* returns after NAP_MS */
	atomic_int nr_bad;
	atomic_long result, error, longest_ms;
};

static const struct timespec forever = { .tv_sec = 100000 };
static const struct timespec nap = { .tv_nsec = NAP_NS };

static int silent_pipe(void)
{
	int fds[2];

	return pipe(fds) ? -1 : fds[0];
}

static int full_pipe(void)
{
	static char zeros[65536];
	int fds[2];

	if (pipe(fds))
		return -1;
	fcntl(fds[1], F_SETPIPE_SZ, 4096);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (write(fds[1], zeros, sizeof(zeros)) > 0)
		;
	fcntl(fds[1], F_SETFL, 0);
	return fds[1];
}

static void set_timeouts(int fd)
{
	struct timeval long_time = { .tv_sec = 100000 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof(long_time));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &long_time, sizeof(long_time));
}

static int silent_socket(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ? -1 : fds[0];
}

static int silent_socket_timed(void)
{
	int fd = silent_socket();

	set_timeouts(fd);
	return fd;
}

static int full_socket_timed(void)
{
	static char zeros[65536];
	int fd = silent_socket();

	while (send(fd, zeros, sizeof(zeros), MSG_DONTWAIT) > 0)
		;
	set_timeouts(fd);
	return fd;
}

static int listener(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	bind(fd, (void *)&address, sizeof(address));
	listen(fd, 5);
	return fd;
}

static int listener_timed(void)
{
	int fd = listener();

	set_timeouts(fd);
	return fd;
}

/* A connection to a unix socket whose backlog is full waits for ever. */
static struct sockaddr_un full_address = { .sun_family = AF_UNIX };

static int connector_timed(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), i;

	snprintf(full_address.sun_path + 1, sizeof(full_address.sun_path) - 1,
		 "hotfix-test-%d", (int)getpid());
	bind(fd, (void *)&full_address, sizeof(full_address));
	listen(fd, 0);
	for (i = 0; i < 4; i++) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fd, (void *)&full_address, sizeof(full_address)))
			break;
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	set_timeouts(fd);
	return fd;
}

static int silent_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0);

	epoll_ctl(fd, EPOLL_CTL_ADD, silent_pipe(), &event);
	return fd;
}

static int silent_timer(void)
{
	struct itimerspec setting = { .it_value = forever };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	timerfd_settime(fd, 0, &setting, NULL);
	return fd;
}

static int silent_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return signalfd(-1, &set, 0);
}

static int locked_file(void)
{
	char path[] = "/tmp/hotfix-lock-XXXXXX";
	int fd = mkstemp(path);

	flock(fd, LOCK_EX);
	fd = open(path, O_RDWR);
	unlink(path);
	return fd;
}

static int sem_ids[2] = { -1, -1 }, message_id = -1;
static char fifo_path[64];

/* Everything that would outlive the process. */
static void remove_ids(void)
{
	for (int i = 0; i < 2; i++)
		if (sem_ids[i] >= 0)
			semctl(sem_ids[i], 0, IPC_RMID);
	if (message_id >= 0)
		msgctl(message_id, IPC_RMID, NULL);
	unlink(fifo_path);
}

/* Sleeps until its parent has ended, however, and then cleans up after it. */
static int sleeping_child(void)
{
	static int life[2];
	char c;
	pid_t pid;

	if (!life[0] && pipe(life))
		return -1;
	pid = fork();
	if (!pid) {
		close(life[1]);
		while (read(life[0], &c, 1) > 0)
			;
		remove_ids();
		_exit(0);
	}
	return pid;
}

static aio_context_t aio_context;

static int make_aio(void)
{
	return (int)syscall(SYS_io_setup, 4, &aio_context);
}

static int silent_uring(void)
{
	struct io_uring_params params = { 0 };

	return (int)syscall(SYS_io_uring_setup, 4, &params);
}

static int message_queue(void)
{
	char name[64];
	mqd_t queue;

	snprintf(name, sizeof(name), "/hotfix-test-%d", (int)getpid());
	queue = mq_open(name, O_RDWR | O_CREAT, 0600, NULL);
	mq_unlink(name);
	return (int)queue;
}

static int fifo(void)
{
	return mkfifo(fifo_path, 0600);
}

static char byte[4096];

static long call_read(int fd) { return read(fd, byte, 1); }
static long call_read_many(int fd) { return read(fd, byte, sizeof(byte)); }
static long call_write(int fd) { return write(fd, byte, 4096); }
static long call_recv(int fd) { return recv(fd, byte, 1, 0); }
static long call_send(int fd) { return send(fd, byte, 4096, 0); }
static long call_accept(int fd) { return accept(fd, NULL, NULL); }
static long call_flock(int fd) { return flock(fd, LOCK_EX); }
static long call_pause(int context) { (void)context; return pause(); }

static long call_recvmsg(int fd)
{
	struct iovec part = { byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	return recvmsg(fd, &message, 0);
}

static long call_connect(int fd)
{
	return connect(fd, (void *)&full_address, sizeof(full_address));
}

static long call_epoll_wait(int fd)
{
	struct epoll_event event;

	return epoll_wait(fd, &event, 1, -1);
}

static long call_epoll_wait_timed(int fd)
{
	struct epoll_event event;

	return epoll_wait(fd, &event, 1, 100000000);
}

static long call_epoll_pwait(int fd)
{
	struct epoll_event event;
	sigset_t set;

	sigfillset(&set);
	return epoll_pwait(fd, &event, 1, -1, &set);
}

static long call_epoll_pwait2(int fd)
{
	struct epoll_event event;

	return syscall(SYS_epoll_pwait2, fd, &event, 1, &forever, NULL, 0);
}

static long call_poll(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, -1);
}

static long call_ppoll(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	sigset_t set;

	sigfillset(&set);
	return ppoll(&poll_fd, 1, NULL, &set);
}

static long call_select(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, NULL);
}

static long call_pselect(int fd)
{
	sigset_t signals;
	fd_set set;

	sigfillset(&signals);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return pselect(fd + 1, &set, NULL, NULL, NULL, &signals);
}

static long call_futex(int context)
{
	static int word;

	(void)context;
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

static long call_futex_timed(int context)
{
	static int word;

	(void)context;
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &forever, NULL, 0);
}

static long call_mutex(int context)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	(void)context;
	pthread_mutex_lock(&mutex);
	return pthread_mutex_lock(&mutex);
}

static long call_semop(int id)
{
	struct sembuf operation = { .sem_op = -1 };

	return semop(id, &operation, 1);
}

static long call_semtimedop(int id)
{
	struct sembuf operation = { .sem_op = -1 };

	return semtimedop(id, &operation, 1, &forever);
}

static int semaphores(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);

	semctl(id, 0, SETVAL, 0);
	return id;
}

static int semaphore_one(void) { return sem_ids[0] = semaphores(); }
static int semaphore_two(void) { return sem_ids[1] = semaphores(); }

static int messages(void)
{
	return message_id = msgget(IPC_PRIVATE, 0600);
}

static long call_msgrcv(int id)
{
	struct { long type; char text[8]; } message;

	return msgrcv(id, &message, sizeof(message.text), 0, 0);
}

static long call_mq_receive(int queue)
{
	static char text[65536];

	return mq_receive((mqd_t)queue, text, sizeof(text), NULL);
}

static long call_sigtimedwait(int context)
{
	sigset_t set;

	(void)context;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return sigtimedwait(&set, NULL, &forever);
}

static long call_sigwaitinfo(int context)
{
	sigset_t set;

	(void)context;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 8);
}

static long call_sigsuspend(int context)
{
	sigset_t set;

	(void)context;
	sigemptyset(&set);
	return sigsuspend(&set);
}

static long call_wait4(int pid) { return waitpid(pid, NULL, 0); }

static long call_waitid(int pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED);
}

static long call_io_getevents(int context)
{
	struct io_event event;

	(void)context;
	return syscall(SYS_io_getevents, aio_context, 1, 1, &event, NULL);
}

static long call_io_uring(int fd)
{
	return syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS,
		       NULL, 0);
}

static long call_open_fifo(int context)
{
	(void)context;
	return open(fifo_path, O_RDONLY);
}

/* --- those that sleep for NAP_MS ----------------------------------------- */

static long nap_nanosleep(int context)
{
	(void)context;
	return nanosleep(&nap, NULL);
}

static long nap_clock(int context)
{
	(void)context;
	return clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
}

static struct timespec nap_end(clockid_t clock)
{
	struct timespec end;

	clock_gettime(clock, &end);
	end.tv_nsec += NAP_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	return end;
}

static long nap_clock_absolute(int context)
{
	struct timespec end = nap_end(CLOCK_MONOTONIC);

	(void)context;
	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static long nap_poll(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, NAP_MS);
}

static long nap_ppoll(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return ppoll(&poll_fd, 1, &nap, NULL);
}

static long nap_select(int fd)
{
	struct timeval time = { .tv_usec = NAP_MS * 1000 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &time);
}

static long nap_pselect(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return pselect(fd + 1, &set, NULL, NULL, &nap, NULL);
}

static long nap_futex(int context)
{
	static int word;

	(void)context;
	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &nap, NULL, 0) == -1 &&
			       errno == ETIMEDOUT ?
		       0 :
		       -1;
}

static long nap_semaphore(int context)
{
	struct timespec end = nap_end(CLOCK_REALTIME);
	static sem_t semaphore;

	(void)context;
	return sem_timedwait(&semaphore, &end) && errno == ETIMEDOUT ? 0 : -1;
}

#define MAX_ENTRIES 64
static struct entry entries[MAX_ENTRIES];
static int nr_entries;

static void add(const char *name, long (*call)(int), int context, bool sleeps)
{
	struct entry *entry = &entries[nr_entries++];

	if (context == -1) {
		printf("missing %s\n", name);
		nr_entries--;
		return;
	}
	entry->name = name;
	entry->call = call;
	entry->context = context;
	entry->sleeps = sleeps;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void bad(struct entry *entry, long result, int error)
{
	entry->nr_bad++;
	entry->result = result;
	entry->error = error;
	usleep(1000);
}

static void *run(void *argument)
{
	struct entry *entry = argument;

	for (;;) {
		long start = now_ms(), took;
		long result = entry->call(entry->context);
		int error = errno;

		took = now_ms() - start;
		if (!entry->sleeps || result || took < NAP_MS - 1) {
			bad(entry, result, error);
			continue;
		}
		if (took > entry->longest_ms)
			entry->longest_ms = took;
	}
	return NULL;
}

static void add_all(void)
{
	add("read pipe", call_read, silent_pipe(), false);
	add("read eventfd", call_read_many, eventfd(0, 0), false);
	add("read timerfd", call_read_many, silent_timer(), false);
	add("read signalfd", call_read_many, silent_signalfd(), false);
	add("read inotify", call_read_many, inotify_init(), false);
	add("read socket", call_read, silent_socket(), false);
	add("read socket timed", call_read, silent_socket_timed(), false);
	add("write pipe", call_write, full_pipe(), false);
	add("recv", call_recv, silent_socket(), false);
	add("recv timed", call_recv, silent_socket_timed(), false);
	add("recvmsg timed", call_recvmsg, silent_socket_timed(), false);
	add("send timed", call_send, full_socket_timed(), false);
	add("write socket timed", call_write, full_socket_timed(), false);
	add("accept", call_accept, listener(), false);
	add("accept timed", call_accept, listener_timed(), false);
	add("connect timed", call_connect, connector_timed(), false);
	add("epoll_wait", call_epoll_wait, silent_epoll(), false);
	add("epoll_wait timed", call_epoll_wait_timed, silent_epoll(), false);
	add("epoll_pwait", call_epoll_pwait, silent_epoll(), false);
	add("epoll_pwait2", call_epoll_pwait2, silent_epoll(), false);
	add("poll", call_poll, silent_pipe(), false);
	add("ppoll", call_ppoll, silent_pipe(), false);
	add("select", call_select, silent_pipe(), false);
	add("pselect", call_pselect, silent_pipe(), false);
	add("futex", call_futex, 0, false);
	add("futex timed", call_futex_timed, 0, false);
	add("mutex", call_mutex, 0, false);
	add("semop", call_semop, semaphore_one(), false);
	add("semtimedop", call_semtimedop, semaphore_two(), false);
	add("msgrcv", call_msgrcv, messages(), false);
	add("mq_receive", call_mq_receive, message_queue(), false);
	add("sigtimedwait", call_sigtimedwait, 0, false);
	add("sigwaitinfo", call_sigwaitinfo, 0, false);
	add("sigsuspend", call_sigsuspend, 0, false);
	add("pause", call_pause, 0, false);
	add("wait4", call_wait4, sleeping_child(), false);
	add("waitid", call_waitid, sleeping_child(), false);
	add("flock", call_flock, locked_file(), false);
	add("io_getevents", call_io_getevents, make_aio(), false);
	add("io_uring_enter", call_io_uring, silent_uring(), false);
	add("open fifo", call_open_fifo, fifo(), false);
	add("nanosleep", nap_nanosleep, 0, true);
	add("clock_nanosleep", nap_clock, 0, true);
	add("clock_nanosleep absolute", nap_clock_absolute, 0, true);
	add("poll nap", nap_poll, silent_pipe(), true);
	add("ppoll nap", nap_ppoll, silent_pipe(), true);
	add("select nap", nap_select, silent_pipe(), true);
	add("pselect nap", nap_pselect, silent_pipe(), true);
	add("futex nap", nap_futex, 0, true);
	add("sem_timedwait nap", nap_semaphore, 0, true);
}

static void report(void)
{
	for (int i = 0; i < nr_entries; i++) {
		struct entry *entry = &entries[i];

		if (entry->nr_bad)
			printf("bad %s %d last %ld errno %ld\n", entry->name,
			       (int)entry->nr_bad, (long)entry->result,
			       (long)entry->error);
		if (entry->longest_ms > 3 * NAP_MS)
			printf("slow %s %ld\n", entry->name,
			       (long)entry->longest_ms);
	}
	printf("end %d\n", nr_entries);
}

int main(void)
{
	static char line[64];
	pthread_t thread;
	sigset_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	snprintf(fifo_path, sizeof(fifo_path), "/tmp/hotfix-fifo-%d",
		 (int)getpid());
	add_all();
	for (int i = 0; i < nr_entries; i++)
		if (pthread_create(&thread, NULL, run, &entries[i]))
			return 1;
	usleep(100000);
	puts("ready");
	while (fgets(line, sizeof(line), stdin)) {
		if (!strcmp(line, "report\n"))
			report();
		else
			break;
	}
	_exit(0);
}
