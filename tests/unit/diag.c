#include "../../lib/diag.h"

#include <errno.h>

#include "../tap.h"

static struct hf_diag diag;

TEST(fail_appends_errno)
{
	CHECK_EQ(hf_fail(&diag, -ENOENT, "cannot open %s", "x"), -ENOENT);
	CHECK_STR(diag.message, "cannot open x: No such file or directory");
	CHECK_STR(diag.code, "");
}

/* ESRCH is also what reads of a process say that has called exec. */
TEST(process_is_not_said_to_be_missing)
{
	hf_fail(&diag, -ESRCH, "cannot read x");
	CHECK_STR(diag.message, "cannot read x: the process has ended, or has "
				"executed another program meanwhile");
}

/* A new reason forgets the old one, its code and its hints. */
TEST(reason_starts_afresh)
{
	CHECK_EQ(hf_refuse(&diag, "some-code", "no"), -ECANCELED);
	hf_hint(&diag, "do that");
	hf_fail(&diag, -EIO, "other");
	CHECK_STR(diag.message, "other: Input/output error");
	CHECK_STR(diag.code, "");
	CHECK_STR(diag.hint, "");
}

TEST(error_has_code_and_no_errno_text)
{
	CHECK_EQ(hf_error(&diag, -EBADMSG, "bad", "it is %d", 7), -EBADMSG);
	CHECK_STR(diag.message, "it is 7");
	CHECK_STR(diag.code, "bad");
}

TEST(context_detail_hint)
{
	hf_refuse(&diag, "c", "inner");
	CHECK_EQ(hf_context(&diag, -ECANCELED, "patch %s", "p"), -ECANCELED);
	hf_detail(&diag, "line %d", 2);
	hf_hint(&diag, "one");
	hf_hint(&diag, "two");
	CHECK_STR(diag.message, "patch p: inner\nline 2");
	CHECK_STR(diag.hint, "one\ntwo");
	CHECK_STR(diag.code, "c");
}

/* The diag's own text may be an argument. */
TEST(own_text_as_argument)
{
	hf_refuse(&diag, "c", "inner");
	hf_error(&diag, -EIO, diag.code, "outer (%s)", diag.message);
	CHECK_STR(diag.message, "outer (inner)");
	CHECK_STR(diag.code, "c");
}

TEST(too_long_ends_in_dots)
{
	static char text[3 * sizeof(diag.message)];

	memset(text, 'x', sizeof(text) - 1);
	hf_fail(&diag, -EIO, "%s", text);
	CHECK_EQ(strlen(diag.message), sizeof(diag.message) - 1);
	CHECK_STR(diag.message + sizeof(diag.message) - 5, "x...");
	hf_context(&diag, 0, "more");
	hf_detail(&diag, "%s", text);
	hf_hint(&diag, "%s", text);
	hf_hint(&diag, "%s", text);
	CHECK_EQ(strlen(diag.message), sizeof(diag.message) - 1);
	CHECK_EQ(strlen(diag.hint), sizeof(diag.hint) - 1);
	CHECK_STR(diag.hint + sizeof(diag.hint) - 4, "...");
	hf_error(&diag, -EIO, text, "x");
	CHECK_EQ(strlen(diag.code), sizeof(diag.code) - 1);
}

TEST(null_is_allowed)
{
	CHECK_EQ(hf_fail(NULL, -EIO, "x"), -EIO);
	CHECK_EQ(hf_error(NULL, -EIO, "c", "x"), -EIO);
	CHECK_EQ(hf_refuse(NULL, "c", "x"), -ECANCELED);
	CHECK_EQ(hf_context(NULL, -EIO, "x"), -EIO);
	hf_detail(NULL, "x");
	hf_hint(NULL, "x");
}

TEST(exit_statuses)
{
	CHECK_EQ(diag_exit_status(0), HF_EXIT_DONE);
	CHECK_EQ(diag_exit_status(-EIO), HF_EXIT_FAILED);
	CHECK_EQ(diag_exit_status(-ECANCELED), HF_EXIT_REFUSED);
	CHECK_EQ(diag_exit_status(-ETIMEDOUT), HF_EXIT_TIMED_OUT);
	CHECK_EQ(diag_exit_status(-EUCLEAN), HF_EXIT_INTERRUPTED);
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
