/*
 * Diffs of every kind applied to a small tree, and the refusals.
 */
#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../../patcher/source/source_patch.h"

static char top[] = "/tmp/hotfix-source.XXXXXX";

static struct strings warnings;
static struct source_changes changes;
static struct hf_diag diag;

__attribute__((format(printf, 2, 3))) static void
put(const char *name, const char *format, ...)
{
	owned(free_p) char *path = text_format("%s/%s", top, name);
	FILE *file;
	va_list arguments;

	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "w");
	va_start(arguments, format);
	vfprintf(file, format, arguments);
	va_end(arguments);
	fclose(file);
}

static char *get(const char *name)
{
	owned(free_p) char *path = text_format("%s/%s", top, name);
	struct buffer text;

	if (file_read(AT_FDCWD, path, 1 << 20, &text, NULL))
		return strdup("(none)");
	return (char *)text.data;
}

#define CHECK_FILE(name, want)                                                 \
	do {                                                                   \
		owned(free_p) char *is_ = get(name);                           \
		CHECK_STR(is_, want);                                          \
	} while (0)

/* A shell command, with $TOP; it must succeed. */
static void run(const char *command)
{
	fflush(stdout);
	if (system(command))
		abort();
}

static void forget(void)
{
	strings_release(&warnings);
	source_changes_release(&changes);
	diag = (struct hf_diag){ 0 };
}

/* A new tree with a few files. */
static void begin(void)
{
	forget();
	run("rm -rf $TOP/*");
	put("tree/src/a.c", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
	put("tree/b.h", "1\n2\n3\n");
	put("tree/gram.y", "%%%%\n1\n2\n3\n");
}

static int apply(const char *first, const char *second)
{
	owned(free_p) char *tree = text_format("%s/tree", top);
	owned(free_p) char *map = text_format("%s/map", top);
	struct strings diffs = { 0 };
	int r;

	strings_addf(&diffs, "%s/%s", top, first);
	if (second)
		strings_addf(&diffs, "%s/%s", top, second);
	r = source_patch_apply(tree, &diffs, map, &changes, &warnings, &diag);
	strings_release(&diffs);
	if (r)
		printf("# %s: %s\n", diag.code, diag.message);
	return r;
}

/* Refused with @code, and nothing at all was changed. */
static void check_refused(const char *diff, const char *code)
{
	run("cp -a $TOP/tree $TOP/before");
	put("fix.patch", "%s", diff);
	CHECK_EQ(apply("fix.patch", NULL), -ECANCELED);
	CHECK_STR(diag.code, code);
	CHECK(*diag.hint);
	run("diff -r $TOP/tree $TOP/before && rm -rf $TOP/before");
}

#define A_C_HUNK                                                               \
	"@@ -1,5 +1,6 @@\n one\n two\n+two and a half\n three\n four\n five\n"
#define A_C_FIXED                                                              \
	"one\ntwo\ntwo and a half\n#line 3\nthree\nfour\nfive\nsix\nseven\n"

TEST(kinds_of_diffs)
{
	static const char *const diffs[] = {
		/* git format-patch: message, signature. */
		"From 1234 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] fix\n\n"
		"--- not a diff\n---\n src/a.c | 1 +\n\n"
		"diff --git a/src/a.c b/src/a.c\nindex 1..2 100644\n"
		"--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK "-- \n2.39.2\n\n",
		/* Debian's, with a DEP-3 header, made by quilt. */
		"Description: fix\n --- a word\nOrigin: upstream\n---\n"
		"Index: pkg-1.0/src/a.c\n======\n--- pkg-1.0.orig/src/a.c\n"
		"+++ pkg-1.0/src/a.c\n" A_C_HUNK,
		/* svn, -p0, with dates. */
		"Index: src/a.c\n--- src/a.c\t(revision 1)\n"
		"+++ src/a.c\t(working copy)\n" A_C_HUNK,
		/* A backup beside it. */
		"--- src/a.c.orig\t2020-01-01 00:00:00 +0000\n"
		"+++ src/a.c\t2020-01-01 00:00:00 +0000\n" A_C_HUNK,
		/* A context diff; its old half has no change and is left out. */
		"*** a/src/a.c\tdate\n--- b/src/a.c\tdate\n***************\n"
		"*** 1,5 ****\n--- 1,6 ----\n  one\n  two\n+ two and a half\n"
		"  three\n  four\n  five\n",
		/* With offsets only. */
		"--- a/src/a.c\n+++ b/src/a.c\n"
		"@@ -101,5 +101,6 @@ f()\n one\n two\n+two and a half\n"
		" three\n four\n five\n",
		/* Through a mail: CR before each newline. */
		"--- a/src/a.c\r\n+++ b/src/a.c\r\n@@ -2,2 +2,3 @@\r\n two\r\n"
		"+two and a half\r\n three\r\n",
		/* An absolute name beside a good one; git's quotes. */
		"--- /usr/src/a.c\n+++ src/a.c\n" A_C_HUNK,
		"--- \"a/src/a.c\"\n+++ \"b/s\\162c/a.c\"\n" A_C_HUNK,
	};

	for (size_t i = 0; i < sizeof(diffs) / sizeof(*diffs); i++) {
		begin();
		put("fix.patch", "%s", diffs[i]);
		if (apply("fix.patch", NULL))
			TAP_FAIL("diff %zu: %s", i, diag.message);
		CHECK_FILE("tree/src/a.c", A_C_FIXED);
		CHECK_EQ(changes.nr, 1);
		CHECK_EQ(changes.items[0].kind, SOURCE_MODIFIED);
		CHECK_STR(changes.items[0].path, "src/a.c");
		CHECK_EQ(changes.items[0].nr_lines, 1);
		CHECK_EQ(changes.items[0].lines[0].old, 3);
		CHECK_EQ(changes.items[0].lines[0].nr_old, 0);
		CHECK_EQ(changes.items[0].lines[0].new, 3);
		CHECK_EQ(changes.items[0].lines[0].nr_new, 1);
		CHECK_EQ(warnings.nr, 0);
	}
}

TEST(files_that_come_and_go)
{
	begin();
	put("fix.patch",
	    "diff --git a/new/x.c b/new/x.c\nnew file mode 100755\n"
	    "index 0..1\n--- /dev/null\n+++ b/new/x.c\n@@ -0,0 +1,2 @@\n+1\n"
	    "+2\n"
	    "diff --git a/b.h b/b.h\ndeleted file mode 100644\nindex 1..0\n"
	    "--- a/b.h\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-1\n-2\n-3\n"
	    "diff --git a/src/a.c b/lib/c.c\nsimilarity index 90%%\n"
	    "rename from src/a.c\nrename to lib/c.c\n--- a/src/a.c\n"
	    "+++ b/lib/c.c\n@@ -6,2 +6,2 @@\n six\n-seven\n+7\n"
	    "diff --git a/gram.y b/gram.y\nold mode 100644\nnew mode 100755\n"
	    "diff --git a/empty b/empty\nnew file mode 100644\nindex 0..e\n");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/new/x.c", "1\n2\n");
	CHECK_FILE("tree/b.h", "(none)");
	CHECK_FILE("tree/src/a.c", "(none)");
	CHECK_FILE("tree/lib/c.c", "one\ntwo\nthree\nfour\nfive\nsix\n7\n");
	CHECK_FILE("tree/empty", "");
	run("test -x $TOP/tree/new/x.c && test -x $TOP/tree/gram.y &&"
	    "! test -x $TOP/tree/lib/c.c");
	CHECK_EQ(changes.nr, 6);
}

TEST(taken_back)
{
	owned(free_p) char *tree = text_format("%s/tree", top);
	owned(free_p) char *source = text_format("%s/source", top);

	begin();
	run("cp -a $TOP/tree $TOP/source");
	put("fix.patch",
	    "--- /dev/null\n+++ b/new/x.c\n@@ -0,0 +1,2 @@\n+1\n+2\n"
	    "--- a/b.h\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-1\n-2\n-3\n"
	    "--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK);
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/src/a.c", A_C_FIXED);
	CHECK_EQ(source_patch_take_back(tree, source, &changes, &diag), 0);
	CHECK_FILE("tree/src/a.c",
		   "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
	CHECK_FILE("tree/b.h", "1\n2\n3\n");
	CHECK_FILE("tree/new/x.c", "(none)");
	run("test $TOP/tree/src/a.c -nt $TOP/source/src/a.c");
}

/* Both names are there: the shorter one is meant. */
TEST(a_backup_that_is_there)
{
	begin();
	put("tree/src/a.c.orig", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
	put("fix.patch", "--- src/a.c.orig\n+++ src/a.c\n" A_C_HUNK);
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/src/a.c", A_C_FIXED);
	begin();
	put("tree/src/a.c.orig", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
	put("fix.patch", "--- src/a.c\n+++ src/a.c.orig\n" A_C_HUNK);
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/src/a.c", A_C_FIXED);
}

/* Plain diff -N: told by the date. */
TEST(files_by_date)
{
	begin();
	put("fix.patch",
	    "diff -Naur a/n.c b/n.c\n--- a/n.c\t1970-01-01 01:00:00 +0100\n"
	    "+++ b/n.c\t2020-01-01 00:00:00 +0000\n@@ -0,0 +1 @@\n+n\n"
	    "--- a/b.h\t2020-01-01 00:00:00 +0000\n"
	    "+++ b/b.h\t1970-01-01 00:00:00 +0000\n"
	    "@@ -1,3 +0,0 @@\n-1\n-2\n-3\n");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/n.c", "n\n");
	CHECK_FILE("tree/b.h", "(none)");
}

TEST(one_after_the_other)
{
	begin();
	put("1.patch", "--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK);
	put("2.patch", "--- a/src/a.c\n+++ b/src/a.c\n@@ -2,3 +2,3 @@\n two\n"
		       "-two and a half\n+2.5\n three\n");
	CHECK_EQ(apply("1.patch", "2.patch"), 0);
	CHECK_FILE("tree/src/a.c",
		   "one\ntwo\n2.5\n#line 3\nthree\nfour\nfive\nsix\nseven\n");
	CHECK_EQ(changes.nr, 1);

	/* The second does not apply: the first has changed nothing. */
	begin();
	put("1.patch", "--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK);
	put("2.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n-5\n+6\n");
	CHECK_EQ(apply("1.patch", "2.patch"), -ECANCELED);
	CHECK_STR(diag.code, "diff-does-not-apply");
	CHECK_FILE("tree/src/a.c", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");

	/* And back again. */
	begin();
	put("1.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n-2\n+6\n");
	put("2.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n-6\n+2\n");
	CHECK_EQ(apply("1.patch", "2.patch"), -ECANCELED);
	CHECK_STR(diag.code, "diff-empty");
}

TEST(what_stands_there_instead)
{
	begin();
	check_refused("--- a/src/a.c\n+++ b/src/a.c\n"
		      "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
		      "@@ -4,4 +4,4 @@\n four\n five\n-size\n+6\n seven\n",
		      "diff-does-not-apply");
	if (tap_failed)
		return;
	CHECK_CONTAINS(diag.message, "src/a.c: hunk 2 of 2 (line 8 of the");
	CHECK_CONTAINS(diag.message, "the diff, line 11, expects:  size");
	CHECK_CONTAINS(diag.message, "line 6 of the file is:  six");
	check_refused("*** a/src/a.c\n--- b/src/a.c\n***************\n"
		      "*** 1,2 ****\n  one\n! too\n--- 1,2 ----\n  one\n! 2\n",
		      "diff-does-not-apply");
	if (tap_failed)
		return;
	CHECK_CONTAINS(diag.message, "expects:  too");
	CHECK_CONTAINS(diag.message, "line 2 of the file is:  two");
	check_refused("--- a/src/z.c\n+++ b/src/z.c\n" A_C_HUNK,
		      "diff-does-not-apply");
	CHECK_CONTAINS(diag.message, "no file a/src/z.c");
	check_refused("--- /dev/null\n+++ b/b.h\n@@ -0,0 +1 @@\n+9\n",
		      "diff-does-not-apply");
	if (tap_failed)
		return;
	check_refused("--- a/b.h\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n",
		      "diff-does-not-apply");
	CHECK_CONTAINS(diag.message, "the file holds more than the diff");
}

TEST(fuzz_is_said)
{
	begin();
	put("fix.patch", "--- a/src/a.c\n+++ b/src/a.c\n"
			 "@@ -1,6 +1,7 @@\n ONE\n two\n three\n+3.5\n four\n"
			 " five\n six\n");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_EQ(warnings.nr, 1);
	CHECK_CONTAINS(warnings.items[0],
		       "hunk 1 of src/a.c (line 3 of the diff) applied at line "
		       "1 only with fuzz 1");
	CHECK_FILE("tree/src/a.c", "one\ntwo\nthree\n3.5\n#line 4\nfour\nfive\n"
				   "six\nseven\n");
}

TEST(applied_already)
{
	begin();
	put("tree/src/a.c", "one\ntwo\ntwo and a half\nthree\nfour\nfive\n");
	check_refused("--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK,
		      "diff-applied-already");
	if (tap_failed)
		return;
	check_refused("--- /dev/null\n+++ b/b.h\n@@ -0,0 +1,3 @@\n+1\n+2\n+3\n",
		      "diff-applied-already");
}

TEST(names_that_lead_outside)
{
	static const char *const diffs[] = {
		"--- /etc/a.c\n+++ /etc/a.c\n" A_C_HUNK,
		"--- a/../../x\n+++ b/../../x\n" A_C_HUNK,
		"--- a/../x\n+++ b/../x\n" A_C_HUNK,
		"--- /dev/null\n+++ b/link/x\n@@ -0,0 +1 @@\n+1\n",
		"--- /dev/null\n+++ b/link/sub/x\n@@ -0,0 +1 @@\n+1\n",
		"--- a/src/../src/a.c\n+++ b/src/../src/a.c\n" A_C_HUNK,
		"--- a/file\n+++ b/file\n" A_C_HUNK,
		"diff --git a/b.h b/../x\nrename from b.h\nrename to ../x\n",
	};

	for (size_t i = 0; i < sizeof(diffs) / sizeof(*diffs); i++) {
		begin();
		run("mkdir $TOP/out; ln -s ../out $TOP/tree/link;"
		    "ln -s src/a.c $TOP/tree/file");
		check_refused(diffs[i], "diff-outside");
		run("test -z \"$(ls -A $TOP/out)\" && ! test -e $TOP/x");
		if (tap_failed)
			TAP_FAIL("diff %zu", i);
	}
}

TEST(damaged_diffs)
{
	static const struct {
		const char *diff, *code;
	} cases[] = {
		{ "", "diff-empty" },
		{ "only words\n", "diff-empty" },
		{ "3c3\n< a\n---\n> b\n", "diff-empty" },
		{ "--- a/b.h\n+++ b/b.h\n@@ -1,3 +1,3 @@\n 1\n-2\n+x\n",
		  "diff-does-not-apply" /* a line is lost, no blank one */ },
		{ "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n-2\n+x\n 3\n"
		  "@@ -x +3 @@\n",
		  "diff-malformed" },
		{ "--- a/b.h\n+++ b/b.h\n@@ -1,9 +1,9 @@\n 1\n-2\n+x\n 3\n",
		  "diff-malformed" },
		{ "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n?2\n",
		  "diff-malformed" },
		{ "--- a/b.h\n+++ b/b.h\n@@ -1,1 +1,1 @@\n-1\n+x\n"
		  "@@ -0 @@\n",
		  "diff-malformed" },
		{ "@@ -1,1 +1,1 @@\n-1\n+x\n", "diff-malformed" },
		{ "*** a/b.h\n--- b/b.h\n***************\n*** 1,3 ****\n"
		  "! 1\n--- 1 ----\n! x\n",
		  "diff-malformed" },
		{ "diff --git a/x.bin b/x.bin\nindex 1..2 100644\n"
		  "GIT binary patch\nliteral 3\n",
		  "diff-binary" },
		{ "Binary files a/x and b/x differ\n", "diff-binary" },
		{ "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n"
		  "+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
		  "diff-malformed" },
		{ "--- \"a/b\\n.h\"\n+++ \"b/b\\n.h\"\n" A_C_HUNK,
		  "diff-malformed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin();
		check_refused(cases[i].diff, cases[i].code);
		if (tap_failed)
			TAP_FAIL("diff %zu", i);
	}
}

/* Blank lines at a mail's end, and a last line without a newline. */
TEST(lost_and_missing_newlines)
{
	begin();
	put("tree/b.h", "1\n2\n\n");
	put("fix.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,3 +1,3 @@\n 1\n-2\n+x\n");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/b.h", "1\nx\n\n");
	begin();
	put("tree/b.h", "1\n2");
	put("fix.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,3 @@\n 1\n-2\n"
			 "\\ No newline at end of file\n+x\n+2\n"
			 "\\ No newline at end of file\n");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/b.h", "1\nx\n#line 2\n2");
}

static struct timespec mtime_of(const char *name)
{
	owned(free_p) char *path = text_format("%s/%s", top, name);
	struct stat st = { 0 };

	stat(path, &st);
	return st.st_mtim;
}

static bool is_after(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec :
				      a.tv_nsec > b.tv_nsec;
}

/* Changed files are newer than anything there was, others keep their time. */
TEST(time_stamps)
{
	struct timespec before;

	begin();
	put("fix.patch", "--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK);
	put("tree/object.o", "1");
	before = mtime_of("tree/b.h");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK(is_after(mtime_of("tree/src/a.c"), mtime_of("tree/object.o")));
	CHECK_EQ(mtime_of("tree/b.h").tv_nsec, before.tv_nsec);
	put("tree/object.o", "2");
	CHECK(!is_after(mtime_of("tree/src/a.c"), mtime_of("tree/object.o")));
	/* Nothing is left beside the files. */
	run("test \"$(find $TOP/tree -type f | wc -l)\" = 4");
}

/* A file that the second diff puts back is not a changed one. */
TEST(time_stamp_of_what_came_back)
{
	struct timespec before;

	begin();
	put("1.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n-2\n+6\n");
	put("2.patch", "--- a/b.h\n+++ b/b.h\n@@ -1,2 +1,2 @@\n 1\n-6\n+2\n"
		       "--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK);
	before = mtime_of("tree/b.h");
	CHECK_EQ(apply("1.patch", "2.patch"), 0);
	CHECK_EQ(changes.nr, 1);
	CHECK(!is_after(mtime_of("tree/b.h"), before));
}

/* Only files that cannot hold #line are in the map. */
TEST(line_map)
{
	begin();
	put("fix.patch", "--- a/src/a.c\n+++ b/src/a.c\n" A_C_HUNK
			 "--- a/gram.y\n+++ b/gram.y\n"
			 "@@ -1,3 +1,4 @@\n %%%%\n+0\n 1\n 2\n");
	CHECK_EQ(apply("fix.patch", NULL), 0);
	CHECK_FILE("tree/gram.y", "%%\n0\n1\n2\n3\n");
	run("grep -q '^file gram.y$' $TOP/map &&"
	    "grep -q '^lines 2 0 2 1$' $TOP/map && ! grep -q a.c $TOP/map");
}

int main(int argc, char **argv)
{
	int r;

	if (!mkdtemp(top))
		return 1;
	setenv("TOP", top, 1);
	r = tap_main(argc, argv);
	forget();
	run("rm -rf $TOP");
	return r;
}
