/*
 * restore_lines SOURCE DIRECTORY LINE_MAP: what hotfix-cc does to a generated
 * source before it is compiled.
 */
#include <stdio.h>

#include "../../patcher/source/generated.h"

int main(int argc, char **argv)
{
	struct hf_diag diag = { 0 };
	int r;

	if (argc != 4)
		return HF_EXIT_USAGE;
	r = generated_restore_lines(argv[1], argv[2], argv[3], &diag);
	if (r)
		fprintf(stderr, "%s\n", diag.message);
	return (int)diag_exit_status(r);
}
