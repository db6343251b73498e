/*
 * One operation on several processes: what goes on, what stops, and which exit
 * status comes of it. The operation is ours, so no process is needed.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include "../../agent/batch.h"
#include "../tap.h"

/* The result of each "process" by its number; anything else is success. */
enum {
	PID_DONE = 900000001,
	PID_DONE_TOO,
	PID_REFUSED,
	PID_REFUSED_TOO,
	PID_TIMED_OUT,
	PID_INTERRUPTED,
	PID_FAILED,
	PID_RAISES,
};

/* Shared with the workers that do it. */
static atomic_size_t *nr_tried;

static int step_run(const void *context, pid_t pid,
		    struct operation_report **ret_reports, size_t *ret_nr,
		    struct hf_diag *diag)
{
	(void)context;
	++*nr_tried;
	if (pid == PID_FAILED) /* before there is any report */
		return hf_error(diag, -EIO, "broken", "broken");
	*ret_reports = batch_report_new(pid, ret_nr);
	switch (pid) {
	case PID_REFUSED:
	case PID_REFUSED_TOO:
		return hf_refuse(diag, "unsafe", "unsafe");
	case PID_TIMED_OUT:
		return hf_error(diag, -ETIMEDOUT, "busy", "busy");
	case PID_INTERRUPTED:
		return hf_error(diag, -EUCLEAN, "interrupted", "half-way");
	case PID_RAISES:
		raise(SIGTERM);
		break;
	}
	(*ret_reports)->outcome = OUTCOME_APPLIED;
	return 0;
}

static const struct batch_step step = {
	.doing = "applying fix to",
	.patch = "fix",
	.run = step_run,
};

static char *out, *err;
static size_t out_size, err_size;

/* Runs @nr of @entries; the text is in `out` and `err`. */
static enum hf_exit run(pid_t *entries, size_t nr, bool json)
{
	struct pids pids = { entries, nr };
	struct output output;
	enum hf_exit status;

	free(out);
	free(err);
	*nr_tried = 0;
	output_open(&output, "apply", "results", json);
	output.color = output.error_color = output.progress = false;
	output.out = open_memstream(&out, &out_size);
	output.err = open_memstream(&err, &err_size);
	status = output_close(&output, batch_run(&output, &pids, &step));
	fclose(output.out);
	fclose(output.err);
	return status;
}

#define RUN(json, ...)                                                         \
	run((pid_t[]){ __VA_ARGS__ },                                          \
	    sizeof((pid_t[]){ __VA_ARGS__ }) / sizeof(pid_t), json)

TEST(exit_status_of_many)
{
	CHECK_EQ(RUN(false, PID_DONE), HF_EXIT_DONE);
	CHECK_EQ(RUN(false, PID_DONE, PID_DONE_TOO), HF_EXIT_DONE);
	CHECK_EQ(RUN(false, PID_REFUSED), HF_EXIT_REFUSED);
	CHECK_EQ(RUN(false, PID_REFUSED, PID_REFUSED_TOO), HF_EXIT_REFUSED);
	CHECK_EQ(RUN(false, PID_REFUSED, PID_DONE), HF_EXIT_PARTIAL);
	CHECK_EQ(RUN(false, PID_DONE, PID_INTERRUPTED), HF_EXIT_PARTIAL);
	CHECK_EQ(RUN(false, PID_REFUSED, PID_TIMED_OUT), HF_EXIT_FAILED);
	CHECK_EQ(RUN(false, PID_TIMED_OUT), HF_EXIT_TIMED_OUT);
	CHECK_EQ(RUN(false, PID_INTERRUPTED), HF_EXIT_INTERRUPTED);
	CHECK_EQ(RUN(false, PID_FAILED), HF_EXIT_FAILED);
}

TEST(a_failure_stops_nothing)
{
	CHECK_EQ(RUN(false, PID_FAILED, PID_DONE, PID_REFUSED, PID_DONE_TOO,
		     PID_REFUSED_TOO), HF_EXIT_PARTIAL);
	CHECK_EQ(*nr_tried, 5);
	CHECK_CONTAINS(err, "hotfix: error: pid 900000007: broken\n");
	CHECK_CONTAINS(err, "hotfix: error: pid 900000003: unsafe\n");
	CHECK_CONTAINS(out, "1 failed (pid 900000007), 2 applied, "
			    "2 refused (pid 900000003, 900000004)\n");
}

TEST(every_process_has_its_result)
{
	json_t *root, *results;

	CHECK_EQ(RUN(true, PID_FAILED, PID_DONE), HF_EXIT_PARTIAL);
	CHECK_STR(err, "");
	root = json_loads(out, 0, NULL);
	CHECK(root);
	results = json_object_get(root, "results");
	CHECK_EQ(json_array_size(results), 2);
	CHECK_STR(json_string_value(json_object_get(
			  json_array_get(results, 0), "outcome")), "failed");
	CHECK_STR(json_string_value(json_object_get(
			  json_array_get(results, 0), "patch")), "fix");
	CHECK_STR(json_string_value(json_object_get(
			  json_array_get(results, 1), "outcome")), "applied");
	CHECK_EQ(json_integer_value(json_object_get(root, "exit")), 5);
	json_decref(root);
}

/* The process at hand is done whole; those behind it are said to be untried. */
TEST(signal_between_processes)
{
	cpu_set_t all, one;
	sigset_t before, after;
	int signal;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	/* One processor: by ourselves, one after the other. */
	sched_setaffinity(0, sizeof(one), &one);

	sigprocmask(SIG_SETMASK, NULL, &before);
	signals_block();
	CHECK_EQ(RUN(false, PID_DONE, PID_RAISES, PID_DONE_TOO),
		 HF_EXIT_PARTIAL);
	CHECK_EQ(*nr_tried, 2);
	CHECK_EQ(signal_waiting(), SIGTERM);
	CHECK_CONTAINS(err, "pid 900000002: not tried: stopped by SIGTERM\n");
	CHECK_CONTAINS(out, "2 applied, 1 failed (pid 900000002)\n");
	CHECK_EQ(RUN(false, PID_DONE), HF_EXIT_FAILED);
	CHECK_EQ(*nr_tried, 0);

	sigemptyset(&after);
	sigaddset(&after, SIGTERM);
	CHECK_EQ(sigwait(&after, &signal), 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	CHECK_EQ(signal_waiting(), 0);
	sched_setaffinity(0, sizeof(all), &all);
}

int main(int argc, char **argv)
{
	nr_tried = mmap(NULL, sizeof(*nr_tried), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (nr_tried == MAP_FAILED)
		return 99;
	return tap_main(argc, argv);
}
