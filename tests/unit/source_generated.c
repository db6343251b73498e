/*
 * Generated sources and the lines that they say they came from.
 */
#include "../tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/cleanup.h"
#include "../../lib/io.h"
#include "../../patcher/source/generated.h"
#include "../../patcher/source/line_map.h"

#define MARK "/* hotfix: numbers of #line restored */\n"

static char top[] = "/tmp/hotfix-generated.XXXXXX";

static char *path_of(const char *name)
{
	return text_format("%s/%s", top, name);
}

static void put(const char *name, const char *text)
{
	owned(free_p) char *path = path_of(name);
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void stamp(const char *name, long seconds)
{
	const struct timespec times[] = { { seconds, 7 }, { seconds, 7 } };
	owned(free_p) char *path = path_of(name);

	utimensat(AT_FDCWD, path, times, 0);
}

/* src/gram.y: a line before 10 and three before 20; other/lex.l: one gone. */
static void write_map(void)
{
	static struct line_change gram[] = { { 10, 0, 10, 1 },
					     { 20, 0, 21, 3 } };
	static struct line_change lex[] = { { 5, 1, 5, 0 } };
	const struct source_change changes[] = {
		{ SOURCE_MODIFIED, (char[]){ "src/gram.y" }, gram, 2 },
		{ SOURCE_MODIFIED, (char[]){ "other/lex.l" }, lex, 1 },
	};
	const struct source_change *const files[] = { &changes[0], &changes[1],
						      NULL };
	owned(free_p) char *map = path_of("map"), *tree = path_of("tree");

	if (line_map_write(map, tree, files, NULL))
		abort();
	stamp("map", 1000);
}

/* With the original build's files in before/. */
static int restore_in(const char *directory)
{
	owned(free_p) char *source = path_of("tree/src/gram.c");
	owned(free_p) char *where = path_of(directory);
	owned(free_p) char *map = path_of("map");
	owned(free_p) char *before = path_of("before");
	const struct generated_origin origin = { map, before };

	return generated_restore_lines(source, where, &origin, NULL);
}

static void check_restored(const char *text, const char *want)
{
	owned(free_p) char *path = path_of("tree/src/gram.c");
	struct buffer got;

	put("tree/src/gram.c", text);
	stamp("tree/src/gram.c", 2000);
	CHECK_EQ(restore_in("tree/src"), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &got, NULL), 0);
	CHECK_STR((char *)got.data, want);
	buffer_release(&got);
	/* A second compile of the same source. */
	CHECK_EQ(restore_in("tree/src"), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &got, NULL), 0);
	CHECK_STR((char *)got.data, want);
	buffer_release(&got);
}

TEST(numbers_go_back)
{
	/* Before, at, and behind the changes. */
	check_restored("#line 9 \"gram.y\"\na;\n#line 4 \"gram.c\"\n"
		       "#line 12 \"gram.y\"\nb;\n# 30 \"gram.y\" 2\nc;\n",
		       "#line 9 \"gram.y\"\na;\n#line 4 \"gram.c\"\n"
		       "#line 11 \"gram.y\"\nb;\n# 26 \"gram.y\" 2\nc;\n" MARK);
	if (tap_failed)
		return;
	/* Without a newline at the end. */
	check_restored("#line 12 \"gram.y\"\nb;", "#line 11 \"gram.y\"\nb;\n"
						  MARK);
}

TEST(lines_that_moved_within_an_action)
{
	check_restored("#line 9 \"gram.y\"\na9;\nx;\na10;\na11;\n"
		       "#line 6 \"gram.c\"\nb;\n",
		       "#line 9 \"gram.y\"\na9;\nx;\n#line 10\na10;\na11;\n"
		       "#line 6 \"gram.c\"\nb;\n" MARK);
	if (tap_failed)
		return;
	/* From within a change to behind it, and from the one to the other. */
	check_restored("#line 22 \"gram.y\"\nx;\nx;\na20;\n"
		       "#line 5 \"gram.y\"\na;\n",
		       "#line 21 \"gram.y\"\nx;\nx;\n#line 20\na20;\n"
		       "#line 5 \"gram.y\"\na;\n" MARK);
}

/* A place that is safe only in the next change: behind that. */
TEST(not_within_a_change)
{
	check_restored("#line 19 \"gram.y\"\nf(\ng);\nx;\nx;\nx;\na20;\n"
		       "#line 9 \"gram.y\"\nf(\nx,\na10);\na11;\n",
		       "#line 18 \"gram.y\"\nf(\ng);\nx;\nx;\nx;\n"
		       "#line 20\na20;\n"
		       "#line 9 \"gram.y\"\nf(\nx,\na10);\n#line 11\na11;\n"
		       MARK);
	if (tap_failed)
		return;
	check_restored("#line 9 \"gram.y\"\nf(\nx,\n1,\n2,\n3,\n4,\n5,\n"
		       "6,\n7,\n8,\n9,\n10);\nx;\nx;\nx;\na20;\n",
		       "#line 9 \"gram.y\"\nf(\nx,\n1,\n2,\n3,\n4,\n5,\n"
		       "6,\n7,\n8,\n9,\n10);\nx;\nx;\nx;\n#line 20\na20;\n" MARK);
}

TEST(names)
{
	/* From another directory, absolute, and of a file that is elsewhere. */
	check_restored("#line 6 \"../other/lex.l\"\na;\n",
		       "#line 7 \"../other/lex.l\"\na;\n" MARK);
	if (tap_failed)
		return;
	check_restored("#line 6 \"no/such/lex.l\"\na;\n",
		       "#line 7 \"no/such/lex.l\"\na;\n" MARK);
	if (tap_failed)
		return;
	/* Another file of the same name, that nothing has changed. */
	check_restored("#line 12 \"../gram.y\"\na;\n",
		       "#line 12 \"../gram.y\"\na;\n");
	if (tap_failed)
		return;
	check_restored("#line 12 \"gram.c\"\na;\n#line 14\nb;\n",
		       "#line 12 \"gram.c\"\na;\n#line 14\nb;\n");
	if (tap_failed)
		return;
	check_restored("#line 12 \"/etc/passwd\"\na;\n",
		       "#line 12 \"/etc/passwd\"\na;\n");
	if (tap_failed)
		return;
	/* In a comment, in a string. */
	check_restored("/*\n#line 12 \"gram.y\"\n*/\n\"\\\n"
		       "#line 12 \\\"gram.y\\\"\";\n",
		       "/*\n#line 12 \"gram.y\"\n*/\n\"\\\n"
		       "#line 12 \\\"gram.y\\\"\";\n");
}

static void check_counterpart(const char *before, const char *text,
			      const char *want)
{
	owned(free_p) char *path = path_of("before/src/gram.c");

	put("before/src/gram.c", before);
	check_restored(text, want);
	unlink(path);
}

/* Nothing in the text says where its lines come from. */
TEST(numbers_of_the_counterpart)
{
	check_counterpart("a;\nb;\nc;\n", "a;\nx;\nx;\nb;\nc;\n",
			  "a;\nx;\nx;\n#line 2\nb;\nc;\n" MARK);
	if (tap_failed)
		return;
	check_counterpart("a;\nb;\nc;\n", "b;\nc;\n",
			  "#line 2\nb;\nc;\n" MARK);
	if (tap_failed)
		return;
	/* Equal lines, or equally many: nothing to do. */
	check_counterpart("a;\nb;\n", "a;\nb;\n", "a;\nb;\n");
	if (tap_failed)
		return;
	check_counterpart("a;\nb;\n", "x;\nb;\n", "x;\nb;\n");
}

/* A #line of a part, counted in that part, leads astray in the whole. */
TEST(directives_of_a_part)
{
	check_counterpart("a;\nb;\nc;\nd;\n", "a;\nb;\nx;\n#line 1\nc;\nd;\n",
			  "a;\nb;\nx;\n#line 1\n#line 3\nc;\nd;\n" MARK);
	if (tap_failed)
		return;
	/* Of a grammar, and of the generated file itself behind an action. */
	check_counterpart("#line 9 \"gram.y\"\na9;\na10;\n#line 5 \"gram.c\"\n"
			  "b;\n",
			  "#line 9 \"gram.y\"\na9;\nx;\na10;\n"
			  "#line 6 \"gram.c\"\nb;\n",
			  "#line 9 \"gram.y\"\na9;\nx;\n#line 10\n#line 10\na10;\n"
			  "#line 6 \"gram.c\"\n#line 5\nb;\n" MARK);
}

static bool lines_moved(const char *before, const char *text, long time)
{
	owned(free_p) char *path = path_of("tree/src/gram.c");
	owned(free_p) char *map = path_of("map");
	owned(free_p) char *generated = path_of("before");
	const struct generated_origin origin = { map, generated };

	put("before/src/gram.c", before);
	put("tree/src/gram.c", text);
	stamp("tree/src/gram.c", time);
	return generated_lines_moved(path, "src/gram.c", &origin);
}

TEST(whether_lines_moved)
{
	owned(free_p) char *path = path_of("before/src/gram.c");

	CHECK(lines_moved("a\nb\n", "a\nx\nb\n", 2000));
	CHECK(!lines_moved("a\nb\n", "a\nx\nb\n", 1000));
	CHECK(!lines_moved("a\nb\n", "a\nx\n", 2000));
	CHECK(!lines_moved("a\nb\n", "a\nb\n" MARK, 2000));
	unlink(path);
}

/* What was not generated anew has the old numbers still. */
TEST(older_than_the_diff)
{
	owned(free_p) char *path = path_of("tree/src/gram.c");
	struct buffer got;

	put("tree/src/gram.c", "#line 12 \"gram.y\"\n");
	stamp("tree/src/gram.c", 1000);
	CHECK_EQ(restore_in("tree/src"), 0);
	CHECK_EQ(file_read(AT_FDCWD, path, 1 << 20, &got, NULL), 0);
	CHECK_STR((char *)got.data, "#line 12 \"gram.y\"\n");
	buffer_release(&got);
}

TEST(time_and_mode_are_kept)
{
	owned(free_p) char *path = path_of("tree/src/gram.c");
	struct stat st;

	put("tree/src/gram.c", "#line 12 \"gram.y\"\n");
	chmod(path, 0640);
	stamp("tree/src/gram.c", 2000);
	CHECK_EQ(restore_in("tree/src"), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(st.st_mtim.tv_sec, 2000);
	CHECK_EQ(st.st_mtim.tv_nsec, 7);
	CHECK(st.st_size > 20);
	chmod(path, 0644);
}

TEST(damaged_maps)
{
	static const char *const maps[] = {
		"",
		"something else\n",
		"hotfix-line-map 1\nlines 1 2 3 4\n",
		"hotfix-line-map 1\nfile a\nlines 1 2 3\n",
		"hotfix-line-map 1\nfile a\nlines 1 2 3 4 5\n",
		"hotfix-line-map 1\ntree x y\n",
		"hotfix-line-map 1\nnonsense\n",
	};

	put("tree/src/gram.c", "#line 12 \"gram.y\"\n");
	stamp("tree/src/gram.c", 2000);
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		put("map", maps[i]);
		stamp("map", 1000);
		if (restore_in("tree/src") != -EBADMSG)
			TAP_FAIL("map %zu was read", i);
	}
	write_map();
}

static void run(const char *command)
{
	if (system(command))
		abort();
}

int main(int argc, char **argv)
{
	int r;

	if (!mkdtemp(top))
		return 1;
	setenv("TOP", top, 1);
	run("cd $TOP && mkdir -p tree/src tree/other before/src &&"
	    "touch tree/gram.y tree/src/gram.y tree/other/lex.l");
	write_map();
	r = tap_main(argc, argv);
	run("rm -rf $TOP");
	return r;
}
