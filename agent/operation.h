/*
 * What an operator can ask of one process: apply, revert, recover, check.
 * Each works on one process, changes all or nothing, and reports into a struct
 * that the commands print. No printing here.
 */
#pragma once

#include "../lib/patch_file.h"
#include "control.h"
#include "process.h"

struct busy_list;

enum switch_mode {
	SWITCH_QUIESCENT, /* no thread has a replaced function on its stack */
	SWITCH_ENTRY,	  /* only the overwritten bytes must be free */
};

struct policies;

struct operation_options {
	enum switch_mode mode;
	unsigned int wait_ms;	   /* for busy functions */
	uint64_t max_pause_ns;	   /* longest stop that is allowed; 0: any */
	bool scan_all;		   /* coroutine stacks anywhere in memory */
	bool dry_run;		   /* everything but touching the target */
	bool replace_active;	   /* revert the module's other patches at once */
	const struct policies *policies; /* apply, check; NULL: none */
	/* Asked between two looks at busy functions: give up? NULL: never. */
	bool (*give_up)(void);
};

struct operation_site {
	char name[128];
	hf_addr function;
	hf_addr replacement;
	enum site_strategy strategy;
	uint8_t size; /* bytes written at the entry */
};

enum operation_outcome {
	OUTCOME_NOTHING,	 /* failed or refused */
	OUTCOME_APPLIED,
	OUTCOME_ALREADY,	 /* the same patch is active: nothing to do */
	OUTCOME_WOULD_APPLY,	 /* dry run */
	OUTCOME_REVERTED,
	OUTCOME_RETIRED,	 /* reverted; the mapping had to stay */
	OUTCOME_RECOVERED,
	OUTCOME_CLEAN,		 /* recover: there was nothing to do */
};

/* What an operation was about, for the record: as much of it as was known. */
struct operation_subject {
	char executable[256];
	uint8_t digest[SHA256_SIZE]; /* of the patch file; zeros: not known */
	struct build_id build_id;    /* of the (first) module */
	char reason[512], ticket[128], author[128];
	int64_t applied_at_ns; /* CLOCK_REALTIME; 0: is not, or not known */
};

struct operation_report {
	pid_t pid;
	char command[17];
	char patch[MANIFEST_NAME_MAX + 1];
	enum operation_outcome outcome;
	enum switch_mode mode;
	size_t nr_threads;
	hf_addr image;		/* base of the (first) mapping */
	uint64_t image_size;	/* of all of them */
	uint64_t pause_ns;	/* of the joint stop that switched */
	uint64_t longest_stop_ns; /* of all joint stops, also the vain ones */
	uint64_t wait_ns;	/* from the first look to the switch */
	uint64_t total_ns;
	unsigned int attempts;	/* joint stops made */
	struct operation_site *sites; /* released by operation_report_release */
	size_t nr_sites;
	char **replaced; /* names of patches reverted by --replace-active */
	size_t nr_replaced;
	struct busy_list *busy; /* threads in the way; NULL: not given up */
	char notes[1024]; /* lines: what the operator should know */
	struct operation_subject subject;
};

void operation_report_release(struct operation_report *report);

/**
 * operation_apply() - make one process run a patch
 *
 * Return: 0 (see outcome); -ECANCELED refused; -ETIMEDOUT the functions stayed
 * busy, the message lists thread, frame, system call and since when; -EUCLEAN
 * an interrupted operation was found; -errno. On failure the target is as it
 * was; @report then holds what is known.
 */
int operation_apply(pid_t pid, const struct patch_file *patch,
		    const struct operation_options *options,
		    struct operation_report *report, struct hf_diag *diag);

/* As operation_apply(), for the active patch of that name; -ENOENT: none. */
int operation_revert(pid_t pid, const char *name,
		     const struct operation_options *options,
		     struct operation_report *report, struct hf_diag *diag);

/**
 * operation_revert_everything() - take away all patches in one switch
 * @ret_reports: one per patch, owned by the caller (each released, then free)
 *
 * Return: as above; -ENOENT when the process carries none.
 */
int operation_revert_everything(pid_t pid,
				const struct operation_options *options,
				struct operation_report **ret_reports,
				size_t *ret_nr, struct hf_diag *diag);

/* Undoes whatever a dead agent left: stub, descriptors, staged or half-switched
 * images, retired mappings that nothing points to any more. */
int operation_recover(pid_t pid, const struct operation_options *options,
		      struct operation_report *report, struct hf_diag *diag);

/* One line of `hotfix check`. */
struct check_item {
	char what[96];
	bool ok;
	char detail[512];
};

struct check_report {
	struct check_item *items; /* released by check_report_release() */
	size_t nr;
};

void check_report_release(struct check_report *report);

/*
 * Everything that apply would check in a live process, touching nothing.
 * Return: 0; the first failed item's errno; -errno. @report is filled as far as
 * the look came; release it in every case.
 */
int operation_check(pid_t pid, const struct patch_file *patch,
		    const struct operation_options *options,
		    struct check_report *report, struct hf_diag *diag);

/* The same against a file: build-id, function bytes, sites. */
int operation_check_file(const char *path, const struct patch_file *patch,
			 struct check_report *report, struct hf_diag *diag);
