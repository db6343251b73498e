/*
 * What is said about a process, to people and to programs.
 */
#include "../../agent/report.h"
#include "../../agent/table.h"
#include "../tap.h"

#include <errno.h>

#include "../../lib/cleanup.h"

/* An output that ends in memory. */
struct capture {
	struct output output;
	char *out, *err;
	size_t out_size, err_size;
};

static void capture_open(struct capture *capture, bool json)
{
	*capture = (struct capture){ 0 };
	output_open(&capture->output, "apply", "results", json);
	capture->output.color = capture->output.error_color = false;
	capture->output.utf8 = false;
	capture->output.out = open_memstream(&capture->out, &capture->out_size);
	capture->output.err = open_memstream(&capture->err, &capture->err_size);
}

static enum hf_exit capture_close(struct capture *capture, enum hf_exit status)
{
	status = output_close(&capture->output, status);
	fclose(capture->output.out);
	fclose(capture->output.err);
	return status;
}

static void capture_free(struct capture *capture)
{
	free(capture->out);
	free(capture->err);
}

static struct operation_site sites[] = {
	{ .name = "charge", .function = 0x5581c0de1230,
	  .replacement = 0x5581bfff2000, .strategy = SITE_JUMP, .size = 5 },
	{ .name = "refund_all", .function = 0x5581c0de2340,
	  .replacement = 0x5581bfff2100, .strategy = SITE_SHORT_JUMP,
	  .size = 2 },
};

static struct operation_report report_example(void)
{
	return (struct operation_report){
		.pid = 4711,
		.command = "checkout",
		.patch = "fix-charge",
		.outcome = OUTCOME_APPLIED,
		.nr_threads = 9,
		.image = 0x5581bfff0000,
		.image_size = 12288,
		.pause_ns = 143200,
		.longest_stop_ns = 143200,
		.wait_ns = 400000,
		.total_ns = 6200000,
		.attempts = 1,
		.sites = sites,
		.nr_sites = 2,
	};
}

TEST(applied_for_people)
{
	struct operation_report report = report_example();
	struct capture capture;

	snprintf(report.notes, sizeof(report.notes), "one\ntwo\n");
	capture_open(&capture, false);
	report_print(&capture.output, &report, 0, NULL);
	CHECK_EQ(capture_close(&capture, HF_EXIT_DONE), HF_EXIT_DONE);
	CHECK_STR(capture.out,
		  "applied fix-charge to checkout (pid 4711, 9 threads)\n"
		  "  charge      0x5581c0de1230 -> 0x5581bfff2000   "
		  "jump, 5 bytes\n"
		  "  refund_all  0x5581c0de2340 -> 0x5581bfff2100   "
		  "short-jump, 2 bytes\n"
		  "  pause 143 us, waited 400 us, total 6.2 ms\n"
		  "  note: one\n"
		  "  note: two\n");
	CHECK_STR(capture.err, "");
	capture_free(&capture);
}

TEST(failure_for_people)
{
	struct operation_report report = { .pid = 33, .command = "checkout" };
	struct capture capture;
	struct hf_diag diag = { 0 };
	int r;

	r = hf_refuse(&diag, "build-id-mismatch", "another build\nof it");
	hf_hint(&diag, "do this");
	hf_hint(&diag, "or that");
	capture_open(&capture, false);
	report_print(&capture.output, &report, r, &diag);
	capture_close(&capture, HF_EXIT_REFUSED);
	CHECK_STR(capture.out, "");
	CHECK_STR(capture.err, "hotfix: error: checkout (pid 33): another build\n"
			       "  of it\n"
			       "  hint: do this\n"
			       "  hint: or that\n");
	capture_free(&capture);
}

/* A process is called what it likes; the terminal is not its to command. */
TEST(escape_sequences_stay_out)
{
	struct operation_report report = report_example();
	struct capture capture;
	struct hf_diag diag = { 0 };

	snprintf(report.command, sizeof(report.command), "a\033[2J\nb\xc2\x9b");
	hf_error(&diag, -EIO, "x", "\033]0;title\a");
	capture_open(&capture, false);
	report_print(&capture.output, &report, 0, NULL);
	report_print(&capture.output, &report, -EIO, &diag);
	capture_close(&capture, HF_EXIT_DONE);
	CHECK(!strchr(capture.out, '\033') && !strchr(capture.err, '\033'));
	CHECK_CONTAINS(capture.out, "to a?[2J?b?? (pid 4711");
	CHECK_CONTAINS(capture.err, "a?[2J?b?? (pid 4711): ?]0;title?\n");
	capture_free(&capture);
}

static json_t *json_of(struct capture *capture)
{
	return json_loads(capture->out, JSON_REJECT_DUPLICATES, NULL);
}

TEST(result_for_programs)
{
	struct operation_report report = report_example();
	const char *outcome, *from, *image;
	struct capture capture;
	double pause, wait;
	json_t *root;
	int exit_status;

	snprintf(report.command, sizeof(report.command), "\xff\xfe");
	capture_open(&capture, true);
	json_add(json_array_of(capture.output.root, "results"),
		 report_json(&report, 0, NULL));
	report_print(&capture.output, &report, 0, NULL);
	CHECK_EQ(capture_close(&capture, HF_EXIT_DONE), HF_EXIT_DONE);
	root = json_of(&capture);
	CHECK(root);
	CHECK_EQ(json_unpack(root, "{s:[{s:s,s:F,s:F,s:s,s:[{s:s},{}]}],s:i}",
			     "results", "outcome", &outcome, "pause_us", &pause,
			     "wait_ms", &wait, "image", &image, "functions",
			     "from", &from, "exit", &exit_status), 0);
	CHECK_STR(outcome, "applied");
	CHECK_STR(from, "0x5581c0de1230");
	CHECK_STR(image, "0x5581bfff0000");
	CHECK_EQ(pause * 10, 1432);
	CHECK_EQ(wait * 10, 4);
	CHECK_EQ(exit_status, 0);
	CHECK_CONTAINS(capture.out, "\"process\":\"??\"");
	CHECK_CONTAINS(capture.out, "\"pause_us\":143.2,");
	json_decref(root);
	capture_free(&capture);
}

TEST(failure_for_programs)
{
	struct capture capture;
	struct hf_diag diag = { 0 };

	hf_error(&diag, -EINVAL, "usage", "wrong");
	capture_open(&capture, true);
	output_failure(&capture.output, &diag, HF_EXIT_USAGE);
	CHECK_EQ(capture_close(&capture, HF_EXIT_USAGE), HF_EXIT_USAGE);
	CHECK_STR(capture.out, "{\"command\":\"apply\",\"results\":[],\"error\":"
			       "{\"code\":\"usage\",\"message\":\"wrong\"},"
			       "\"exit\":2}\n");
	CHECK_STR(capture.err, "");
	capture_free(&capture);
}

TEST(outcome_names)
{
	CHECK_STR(outcome_name(OUTCOME_RETIRED, 0), "retired");
	CHECK_STR(outcome_name(OUTCOME_WOULD_APPLY, 0), "would-apply");
	CHECK_STR(outcome_name(OUTCOME_APPLIED, -ECANCELED), "refused");
	CHECK_STR(outcome_name(OUTCOME_NOTHING, -ETIMEDOUT), "timed-out");
	CHECK_STR(outcome_name(OUTCOME_NOTHING, -EUCLEAN), "interrupted");
	CHECK_STR(outcome_name(OUTCOME_NOTHING, -ESRCH), "failed");
}

/* A report that did not reach its reader is no success. */
TEST(full_disk_is_an_error)
{
	for (int json = 0; json < 2; json++) {
		FILE *full = fopen("/dev/full", "w");
		struct capture capture;
		FILE *memory;

		CHECK(full);
		capture_open(&capture, json);
		memory = capture.output.out;
		capture.output.out = full;
		output_print(&capture.output, "applied\n");
		CHECK_EQ(output_close(&capture.output, HF_EXIT_DONE),
			 HF_EXIT_FAILED);
		fclose(capture.output.err);
		CHECK_CONTAINS(capture.err, "cannot write the report");
		fclose(full);
		fclose(memory);
		capture_free(&capture);
	}
}

TEST(table_columns)
{
	struct table table = { .nr_columns = 3 };
	struct capture capture;
	struct table_row *row;

	row = table_row_add(&table);
	CHECK(row);
	table_cell_set(row, 0, "PID");
	table_cell_set(row, 1, "PROCESS");
	table_cell_set(row, 2, "STATE");
	row = table_row_add(&table);
	CHECK(row);
	table_cell_set(row, 0, "%d", 12345);
	table_cell_set(row, 1, "a\nb");
	capture_open(&capture, false);
	table_print(&table, &capture.output);
	capture_close(&capture, HF_EXIT_DONE);
	CHECK_STR(capture.out, "PID    PROCESS  STATE\n"
			       "12345  a?b\n");
	table_release(&table);
	capture_free(&capture);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
