/*
 * A debugger: traces the process given by PID until its input ends.
 */
#include <sys/ptrace.h>

#include "target.h"

int main(int argc, char **argv)
{
	static const struct command commands[] = { { NULL, NULL } };

	if (argc != 2 ||
	    ptrace(PTRACE_SEIZE, (pid_t)atoi(argv[1]), NULL, NULL)) {
		answer("%s", strerror(errno));
		return 1;
	}
	return target_main(commands);
}
