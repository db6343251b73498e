/*
 * The peak memory of a command.
 *
 *   peak COMMAND ARGUMENT...    "PEAK_KIB" on standard error, after the rest
 *
 * A process counts what its parent had in use when it was forked (getrusage(2)
 * of a child of Python is never less than Python), so the parent must be small.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status = 0;
	pid_t child = fork();

	if (child < 0 || argc < 2)
		return 2;
	if (!child) {
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (wait4(child, &status, 0, &usage) != child)
		return 2;
	fprintf(stderr, "%ld\n", usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
