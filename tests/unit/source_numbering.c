/*
 * #line after changes: which are put where, and which are not.
 */
#include "../tap.h"

#include "../../lib/cleanup.h"
#include "../../patcher/source/numbering.h"
#include "../../patcher/source/scratch.h"

static struct buffer text_of(const char *text)
{
	return (struct buffer){ (uint8_t *)(uintptr_t)text, strlen(text) };
}

/* Changes as diff(1) finds them. */
static void check_kept(const char *old, const char *new, const char *want)
{
	struct buffer old_text = text_of(old), new_text = text_of(new);
	owned(free_p) struct line_change *lines = NULL;
	struct buffer got = { 0 };
	struct scratch scratch;
	size_t nr = 0;

	CHECK_EQ(scratch_open(&scratch, NULL), 0);
	CHECK_EQ(scratch_line_changes(&scratch, &old_text, &new_text, &lines,
				      &nr, NULL),
		 0);
	scratch_close(&scratch);
	CHECK_EQ(numbering_keep(&old_text, &new_text, lines, nr, &got), 0);
	if (got.size != strlen(want) || memcmp(got.data, want, got.size))
		printf("# got:\n%.*s# want:\n%s", (int)got.size,
		       (char *)got.data, want);
	CHECK_EQ(got.size, strlen(want));
	CHECK_BYTES(got.data, want, got.size);
	buffer_release(&got);
}

TEST(added_removed_and_equal)
{
	check_kept("a;\nb;\nc;\n", "a;\nx;\nb;\nc;\n",
		   "a;\nx;\n#line 2\nb;\nc;\n");
	if (tap_failed)
		return;
	check_kept("a;\nb;\nc;\n", "a;\nc;\n", "a;\n#line 3\nc;\n");
	if (tap_failed)
		return;
	/* As many as before, or nothing behind: no directive. */
	check_kept("a;\nb;\nc;\n", "a;\nx;\nc;\n", "a;\nx;\nc;\n");
	if (tap_failed)
		return;
	check_kept("a;\nb;\n", "a;\nb;\nc;\n", "a;\nb;\nc;\n");
	if (tap_failed)
		return;
	check_kept("a;\nb;", "a;\nx;\nb;", "a;\nx;\n#line 2\nb;");
}

TEST(several_changes)
{
	/* The second takes back what the first has moved. */
	check_kept("a;\nb;\nc;\nd;\ne;\n", "x;\na;\nb;\nc;\ne;\n",
		   "x;\n#line 1\na;\nb;\nc;\n#line 5\ne;\n");
	if (tap_failed)
		return;
	/* Between them no place is safe: one directive for both. */
	check_kept("f(a,\nb,\nc,\nd);\ne;\n", "f(a,\nx,\nb,\nc,\ny,\nd);\ne;\n",
		   "f(a,\nx,\nb,\nc,\ny,\nd);\n#line 5\ne;\n");
	if (tap_failed)
		return;
	check_kept("f(a,\nb,\nc,\nd);\ne;\n", "f(a,\nx,\nb,\nc);\ne;\n",
		   "f(a,\nx,\nb,\nc);\ne;\n");
}

TEST(first_safe_place)
{
	check_kept("/* a\nb */\nc;\n", "/* a\nx\nb */\nc;\n",
		   "/* a\nx\nb */\n#line 3\nc;\n");
	if (tap_failed)
		return;
	check_kept("#define A \\\n b\nc;\n", "#define A \\\n x \\\n b\nc;\n",
		   "#define A \\\n x \\\n b\n#line 3\nc;\n");
	if (tap_failed)
		return;
	check_kept("x = \"a\\\nb\";\nc;\n", "y;\nx = \"a\\\nb\";\nc;\n",
		   "y;\n#line 1\nx = \"a\\\nb\";\nc;\n");
}

TEST(branches)
{
	/* In one branch: the other, too, and behind both, since the second
	   directive is one line more for who has read the first. */
	check_kept("#if A\na;\n#else\nb;\n#endif\nc;\n",
		   "#if A\nx;\na;\n#else\nb;\n#endif\nc;\n",
		   "#if A\nx;\n#line 2\na;\n#else\n#line 4\nb;\n"
		   "#endif\n#line 6\nc;\n");
	if (tap_failed)
		return;
	/* Without #else the directive may not have been seen. */
	check_kept("#if A\na;\n#endif\nc;\n", "#if A\nx;\na;\n#endif\nc;\n",
		   "#if A\nx;\n#line 2\na;\n#endif\n#line 4\nc;\n");
	if (tap_failed)
		return;
	/* #elif is no #else. */
	check_kept("#if A\na;\n#elif B\nb;\n#endif\nc;\n",
		   "#if A\nx;\na;\n#elif B\nb;\n#endif\nc;\n",
		   "#if A\nx;\n#line 2\na;\n#elif B\n#line 4\nb;\n#endif\n"
		   "#line 6\nc;\n");
	if (tap_failed)
		return;
	/* And where both branches are off by the same, neither may be taken. */
	check_kept("#if A\na;\n#elif B\nb;\nc;\n#endif\nd;\n",
		   "#if A\nx;\na;\n#elif B\nc;\n#endif\nd;\n",
		   "#if A\nx;\n#line 2\na;\n#elif B\n#line 5\nc;\n#endif\n"
		   "#line 7\nd;\n");
	if (tap_failed)
		return;
	/* The last line of a branch: one directive, behind the #endif. */
	check_kept("#if A\na;\n#endif\nc;\n", "#if A\na;\nx;\n#endif\nc;\n",
		   "#if A\na;\nx;\n#endif\n#line 4\nc;\n");
	if (tap_failed)
		return;
	/* Dead for certain: its own lines do not matter. */
	check_kept("#if 0\na;\n#endif\nc;\n", "#if 0\nx;\na;\n#endif\nc;\n",
		   "#if 0\nx;\na;\n#endif\n#line 4\nc;\n");
	if (tap_failed)
		return;
	/* A branch that does not change anything, behind the change. */
	check_kept("a;\n#if A\nb;\n#endif\nc;\n", "x;\na;\n#if A\nb;\n#endif\nc;\n",
		   "x;\n#line 1\na;\n#if A\nb;\n#endif\nc;\n");
	if (tap_failed)
		return;
	/* A whole conditional that is new. */
	check_kept("a;\nb;\n", "a;\n#if A\nx;\n#endif\nb;\n",
		   "a;\n#if A\nx;\n#endif\n#line 2\nb;\n");
}

TEST(directives_of_its_own)
{
	/* Behind its own #line it is that which counts. */
	check_kept("a;\n#line 50 \"g.y\"\nb;\nc;\n",
		   "x;\na;\n#line 50 \"g.y\"\nb;\nc;\n",
		   "x;\n#line 1\na;\n#line 50 \"g.y\"\nb;\nc;\n");
	if (tap_failed)
		return;
	check_kept("a;\n#line 50 \"g.y\"\nb;\nc;\n",
		   "a;\n#line 50 \"g.y\"\nb;\nx;\nc;\n",
		   "a;\n#line 50 \"g.y\"\nb;\nx;\n#line 51\nc;\n");
	if (tap_failed)
		return;
	/* The generated file as shipped, after a change of the grammar. */
	check_kept("a;\n# 50 \"g.y\"\nb;\nc;\n", "a;\n# 53 \"g.y\"\nb;\nc;\n",
		   "a;\n# 53 \"g.y\"\n#line 50\nb;\nc;\n");
	if (tap_failed)
		return;
	/* Not to be known: nothing is better than something wrong. */
	check_kept("a;\n#line N\nb;\nc;\n", "a;\n#line N\nb;\nx;\nc;\n",
		   "a;\n#line N\nb;\nx;\nc;\n");
	if (tap_failed)
		return;
	check_kept("#if A\n#line 50\nb;\n#endif\nc;\nd;\n",
		   "#if A\n#line 50\nb;\n#endif\nc;\nx;\nd;\n",
		   "#if A\n#line 50\nb;\n#endif\nc;\nx;\nd;\n");
}

TEST(which_files)
{
	static const struct {
		const char *path, *text;
		bool want;
	} cases[] = {
		{ "a.c", "", true },
		{ "dir.c/a.h", "", true },
		{ "a.cc", "", true },
		{ "a.C", "", true },
		{ "a.hpp", "", true },
		{ "a.inc", "X(a)\n", true },
		{ "a.inc", "  mov\n; nasm\n", false },
		{ "a.inc", "%macro x 1\n", false },
		{ "a.def", "EXPORTS\n f\n", false },
		{ "a.def", "X(a)\n", true },
		{ "a.y", "", false },
		{ "a.l", "", false },
		{ "a.S", "", false },
		{ "a.s", "", false },
		{ "dir.c/Makefile", "", false },
		{ "configure.ac", "", false },
		{ "a.h.in", "", false },
		{ "c", "", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buffer text = text_of(cases[i].text);

		if (numbering_fits(cases[i].path, &text) != cases[i].want)
			TAP_FAIL("%s: %s", cases[i].path,
				 cases[i].want ? "no" : "yes");
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
