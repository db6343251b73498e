/*
 * restore_lines SOURCE DIRECTORY LINE_MAP [GENERATED]: what hotfix-cc does to a generated
 * source before it is compiled.
 */
#include <stdio.h>

#include "../../patcher/source/generated.h"

int main(int argc, char **argv)
{
	struct generated_origin origin;
	struct hf_diag diag = { 0 };
	int r;

	if (argc != 4 && argc != 5)
		return HF_EXIT_USAGE;
	origin = (struct generated_origin){ argv[3], argv[4] };
	r = generated_restore_lines(argv[1], argv[2], &origin, &diag);
	if (r)
		fprintf(stderr, "%s\n", diag.message);
	return (int)diag_exit_status(r);
}
