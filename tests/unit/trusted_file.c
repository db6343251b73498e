/*
 * Who may have written a file: owners and mode bits, as a table.
 */
#include "../../agent/trusted_file.h"

#include <errno.h>

#include "../tap.h"

/* The caller is user 1000 with a group of his own. */
static int check(bool root_only, enum trust_place place, uid_t uid, gid_t gid,
		 mode_t mode, struct hf_diag *diag)
{
	struct trust trust = {
		.uid = 1000,
		.gid = 1000,
		.root_only = root_only,
	};
	struct stat status = {
		.st_uid = uid,
		.st_gid = gid,
		.st_mode = mode | (place == TRUST_FILE ? S_IFREG : S_IFDIR),
	};

	return trust_check(&trust, place, "/x", &status, diag);
}

TEST(rules)
{
	static const struct {
		enum trust_place place;
		uid_t uid;
		gid_t gid;
		mode_t mode;
		bool own, root_only; /* may be believed */
	} cases[] = {
		{ TRUST_FILE, 0, 0, 0644, true, true },
		{ TRUST_FILE, 1000, 1000, 0600, true, false },
		{ TRUST_FILE, 1001, 1000, 0600, false, false },
		{ TRUST_FILE, 0, 0, 0664, false, false },
		{ TRUST_FILE, 1000, 1000, 0664, false, false },
		{ TRUST_FILE, 0, 0, 0646, false, false },
		{ TRUST_FILE, 0, 0, 01646, false, false },
		{ TRUST_DIRECTORY, 0, 0, 0755, true, true },
		{ TRUST_DIRECTORY, 0, 0, 0775, true, true },
		{ TRUST_DIRECTORY, 0, 50, 0775, false, false },
		{ TRUST_DIRECTORY, 1000, 1000, 0775, true, false },
		{ TRUST_DIRECTORY, 1000, 50, 0775, false, false },
		{ TRUST_DIRECTORY, 1000, 1000, 0777, false, false },
		{ TRUST_DIRECTORY, 1001, 1001, 0755, false, false },
		{ TRUST_DIRECTORY, 0, 0, 01777, true, true },
		{ TRUST_DIRECTORY, 1001, 0, 01777, false, false },
		{ TRUST_ABOVE, 1001, 1001, 0775, true, true },
		{ TRUST_ABOVE, 0, 0, 01777, true, true },
		{ TRUST_ABOVE, 0, 0, 0777, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct hf_diag diag = { 0 };
		int own = check(false, cases[i].place, cases[i].uid,
				cases[i].gid, cases[i].mode, &diag);
		int root = check(true, cases[i].place, cases[i].uid,
				 cases[i].gid, cases[i].mode, &diag);

		if ((own == 0) != cases[i].own ||
		    (root == 0) != cases[i].root_only)
			TAP_FAIL("case %zu: %d, root only: %d", i, own, root);
	}
}

TEST(words)
{
	struct hf_diag diag = { 0 };

	CHECK_EQ(check(false, TRUST_FILE, 1001, 0, 0644, &diag), -ECANCELED);
	CHECK_STR(diag.code, "untrusted-file");
	CHECK(strstr(diag.message, "belongs to user 1001"));
	CHECK(strstr(diag.hint, "chown root '/x'"));
	CHECK_EQ(check(false, TRUST_FILE, 0, 50, 0664, &diag), -ECANCELED);
	CHECK(strstr(diag.message, "written by group 50 (mode 0664)"));
	CHECK(strstr(diag.hint, "chmod go-w '/x'"));
	CHECK_EQ(check(false, TRUST_FILE, 0, 50, 0666, &diag), -ECANCELED);
	CHECK(strstr(diag.message, "written by everybody"));
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
