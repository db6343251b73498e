/* Archives, plain and thin: each member lies in the file. */
#include "../../patcher/record/archive.h"
#include "fuzz.h"

static void member_check(const struct archive *archive,
			 const struct archive_member *member)
{
	const uint8_t *bytes = archive->bytes.data;

	PROMISE(member->name);
	if (archive->thin) {
		PROMISE(member->path && !member->data);
		return;
	}
	PROMISE(member->data >= bytes);
	PROMISE(member->size <= archive->bytes.size -
					(size_t)(member->data - bytes));
}

static bool read_archive(const uint8_t *bytes, size_t size)
{
	owned(archive_close_p) struct archive *archive = NULL;
	struct archive_member member;
	struct hf_diag diag = { 0 };
	int r;

	if (archive_open(fuzz_file(bytes, size), &archive, &diag))
		return false;
	while ((r = archive_next(archive, &member, &diag)) > 0) {
		member_check(archive, &member);
		archive_member_release(&member);
	}
	PROMISE(r == 0 || diag.message[0]);
	return r == 0;
}

static void seeds(void)
{
	fuzz_seed_built("tiny.a");
	fuzz_seed_built("tiny-thin.a");
}

/* Headers of the first members. */
static size_t place(const struct buffer *input)
{
	(void)input;
	return fuzz_random_below(300);
}

const struct fuzz_target fuzz_target = {
	.read = read_archive, .seeds = seeds, .place = place, .text = true,
};
