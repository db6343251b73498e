/* Unified and context diffs: hunks lie in the text, names stay inside. */
#include "../../patcher/source/diff_file.h"
#include "fuzz.h"

static void section_check(const struct diff_file *file,
			  const struct diff_section *section)
{
	for (size_t i = 0; i < section->nr_hunks; i++) {
		const struct diff_hunk *hunk = &section->hunks[i];
		owned(free_p) struct diff_line *lines = NULL;
		size_t nr = 0;

		PROMISE(hunk->at <= file->text.size);
		PROMISE(hunk->size <= file->text.size - hunk->at);
		PROMISE(!diff_hunk_old_lines(file, section, hunk, &lines, &nr));
		for (size_t j = 0; j < nr; j++)
			PROMISE(lines[j].text >= (char *)file->text.data &&
				lines[j].text + lines[j].size <=
					(char *)file->text.data +
						file->text.size);
	}
}

static bool read_diff(const uint8_t *bytes, size_t size)
{
	struct diff_file file = { 0 };
	struct hf_diag diag = { 0 };

	if (diff_file_read(fuzz_file(bytes, size), &file, &diag)) {
		PROMISE(diag.message[0]);
		return false;
	}
	PROMISE(file.nr_sections > 0);
	for (size_t i = 0; i < file.nr_sections; i++)
		section_check(&file, &file.sections[i]);
	diff_file_release(&file);
	return true;
}

static const char *const diffs[] = {
	"From 1234 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] fix\n\n"
	"--- not a diff\n---\n src/a.c | 1 +\n\n"
	"diff --git a/src/a.c b/src/a.c\nindex 1..2 100644\n"
	"--- a/src/a.c\n+++ b/src/a.c\n"
	"@@ -1,5 +1,6 @@\n one\n two\n+two and a half\n three\n four\n five\n"
	"@@ -9,3 +10,2 @@ f(void)\n nine\n-ten\n eleven\n-- \n2.39.2\n\n",
	"Index: pkg-1.0/src/a.c\n======\n--- pkg-1.0.orig/src/a.c\n"
	"+++ pkg-1.0/src/a.c\t2020-01-01 00:00:00 +0000\n"
	"@@ -1 +1 @@\n-one\n+two\n\\ No newline at end of file\n",
	"*** a/src/a.c\tdate\n--- b/src/a.c\tdate\n***************\n"
	"*** 1,5 ****\n--- 1,6 ----\n  one\n  two\n+ two and a half\n"
	"  three\n  four\n  five\n",
	"diff --git \"a/sp\\303\\244t.c\" \"b/sp\\303\\244t.c\"\n"
	"similarity index 90%\nrename from \"sp\\303\\244t.c\"\n"
	"rename to new.c\n--- \"a/sp\\303\\244t.c\"\n+++ b/new.c\n"
	"@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
	"diff --git a/gone.c b/gone.c\ndeleted file mode 100644\n"
	"--- a/gone.c\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
	"diff --git a/made.c b/made.c\nnew file mode 100755\n"
	"--- /dev/null\n+++ b/made.c\n@@ -0,0 +1 @@\n+a\n",
};

static void seeds(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(diffs); i++)
		fuzz_seed(diffs[i], strlen(diffs[i]));
}

const struct fuzz_target fuzz_target = {
	.read = read_diff, .seeds = seeds, .text = true,
};
