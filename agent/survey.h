/*
 * What a process carries of ours, read without stopping it; and which processes
 * of the host carry anything.
 */
#pragma once

#include "pids.h"
#include "target.h"

struct survey {
	struct target target;
	bool stub; /* the remote stub stands at its entry point */
	bool busy; /* an agent is at work on it */
};

/* Return: 0; -ESRCH; -EPERM and whatever else process_open() says. */
int survey_read(pid_t pid, struct survey *ret_survey, struct hf_diag *diag);
void survey_release(struct survey *survey);

static inline void survey_release_p(struct survey *survey)
{
	survey_release(survey);
}

/* A state that lasts only while an agent is at work: between two states. */
bool control_is_transient(const struct control *control);

/* An agent died at work: traces of work, and nobody who does it. */
bool survey_is_interrupted(const struct survey *survey);

struct host {
	struct pids carriers; /* ascending */
	size_t nr_unreadable; /* processes that we may not look into */
};

/**
 * host_scan() - every process with a mapping of ours, or the stub of a dead
 *               agent
 *
 * Goes by the names of mappings, so it costs one read of /proc/PID/maps per
 * process. Images that the kernel would not give a name (neither memfd nor
 * PR_SET_VMA_ANON_NAME) are seen only when their process is asked for by PID.
 *
 * Return: 0; -ENOMEM; -errno of reading /proc.
 */
int host_scan(struct host *ret_host, struct hf_diag *diag);
void host_release(struct host *host);

static inline void host_release_p(struct host *host)
{
	host_release(host);
}
