/*
 * PIDs from the command line. Nothing but decimal digits is taken: what looks
 * half like a number must never reach a ptrace of another process.
 */
#include "pids.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int pids_add(struct pids *pids, pid_t pid, struct hf_diag *diag)
{
	pid_t *entries;

	for (size_t i = 0; i < pids->nr; i++)
		if (pids->entries[i] == pid)
			return 0;
	entries = reallocarray(pids->entries, pids->nr + 1, sizeof(*entries));
	if (!entries)
		return hf_fail(diag, -ENOMEM, "cannot list the processes");
	entries[pids->nr++] = pid;
	pids->entries = entries;
	return 0;
}

static int pid_parse(const char **text, pid_t *ret_pid)
{
	long value = 0;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	for (; isdigit((unsigned char)**text); (*text)++) {
		value = value * 10 + (**text - '0');
		if (value > INT_MAX)
			return -EINVAL;
	}
	if (!value || (**text && **text != ','))
		return -EINVAL;
	*ret_pid = (pid_t)value;
	return 0;
}

int pids_parse(struct pids *pids, const char *text, struct hf_diag *diag)
{
	const char *rest = text;
	pid_t pid;
	int r;

	for (;;) {
		r = pid_parse(&rest, &pid);
		if (r)
			return hf_error(diag, r, "usage",
					"\"%s\" is no process id", text);
		r = pids_add(pids, pid, diag);
		if (r)
			return r;
		if (!*rest)
			return 0;
		rest++;
	}
}

void pids_release(struct pids *pids)
{
	free(pids->entries);
	*pids = (struct pids){ 0 };
}
