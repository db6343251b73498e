/*
 * apply_diff TREE LINE_MAP DIFF...: apply diffs to a tree, and say what
 * happened.
 */
#include <stdio.h>

#include "../../patcher/source/source_patch.h"

int main(int argc, char **argv)
{
	struct source_changes changes = { 0 };
	struct strings diffs = { 0 }, warnings = { 0 };
	struct hf_diag diag = { 0 };
	int r;

	if (argc < 4)
		return HF_EXIT_USAGE;
	for (int i = 3; i < argc; i++)
		strings_add(&diffs, argv[i]);
	r = source_patch_apply(argv[1], &diffs, argv[2], &changes, &warnings,
			       &diag);
	for (size_t i = 0; i < warnings.nr; i++)
		printf("warning: %s\n", warnings.items[i]);
	for (size_t i = 0; i < changes.nr; i++)
		printf("%c %s\n", "MAR"[changes.items[i].kind],
		       changes.items[i].path);
	if (r)
		printf("%s: %s\nhint: %s\n", diag.code, diag.message,
		       diag.hint);
	strings_release(&diffs);
	strings_release(&warnings);
	source_changes_release(&changes);
	return (int)diag_exit_status(r);
}
