#include "tree_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "../../lib/cleanup.h"
#include "../command.h"
#include "tree_walk.h"

#define PIECE_SIZE (256u << 10)

struct tree_digest {
	crypto_hash_sha256_state state;
	const char *root;
	bool contents;
	unsigned char piece[PIECE_SIZE];
};

struct tree_digest *tree_digest_new(void)
{
	struct tree_digest *digest = calloc(1, sizeof(*digest));

	if (digest)
		crypto_hash_sha256_init(&digest->state);
	return digest;
}

void tree_digest_finish(struct tree_digest *digest,
			char ret_text[HEX_SIZE(SHA256_SIZE)])
{
	uint8_t bytes[SHA256_SIZE];

	crypto_hash_sha256_final(&digest->state, bytes);
	hex_encode(bytes, sizeof(bytes), ret_text);
	free(digest);
}

/* With its NUL: no two lists of texts are one. */
void tree_digest_add_text(struct tree_digest *digest, const char *text)
{
	crypto_hash_sha256_update(&digest->state,
				  (const unsigned char *)text,
				  strlen(text) + 1);
}

static void add_number(struct tree_digest *digest, uint64_t number)
{
	crypto_hash_sha256_update(&digest->state,
				  (const unsigned char *)&number,
				  sizeof(number));
}

static int add_file(struct tree_digest *digest, const struct walk_entry *entry)
{
	owned(close_p) int fd = openat(entry->directory, entry->name,
				       O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t size = 0;
	ssize_t nr;

	if (fd < 0)
		return -errno;
	while ((nr = read(fd, digest->piece, PIECE_SIZE)) > 0) {
		crypto_hash_sha256_update(&digest->state, digest->piece,
					  (size_t)nr);
		size += (uint64_t)nr;
	}
	add_number(digest, size);
	return nr < 0 ? -errno : 0;
}

static int add_link(struct tree_digest *digest, const struct walk_entry *entry)
{
	char target[4097] = "";

	if (readlinkat(entry->directory, entry->name, target,
		       sizeof(target) - 1) < 0)
		return -errno;
	tree_digest_add_text(digest, target);
	return 0;
}

static int add_entry(struct tree_digest *digest, const struct walk_entry *entry)
{
	const struct stat *st = entry->st;

	tree_digest_add_text(digest, entry->path);
	add_number(digest, st->st_mode);
	if (S_ISLNK(st->st_mode))
		return add_link(digest, entry);
	if (!S_ISREG(st->st_mode))
		return 0;
	if (digest->contents)
		return add_file(digest, entry);
	add_number(digest, (uint64_t)st->st_size);
	add_number(digest, (uint64_t)st->st_mtim.tv_sec);
	add_number(digest, (uint64_t)st->st_mtim.tv_nsec);
	return 0;
}

static int visit(const struct walk_entry *entry, void *context,
		 struct hf_diag *diag)
{
	struct tree_digest *digest = context;
	int r = command_stopped(diag);

	if (r || entry->step == WALK_LEAVE)
		return r;
	r = add_entry(digest, entry);
	if (!r)
		return 0;
	hf_fail(diag, r, "cannot read %s/%s", digest->root, entry->path);
	if (r == -EACCES)
		hf_hint(diag, "run this as the owner of the source, or make "
			      "the file readable");
	return r;
}

int tree_digest_add(struct tree_digest *digest, const char *path, bool contents,
		    struct hf_diag *diag)
{
	digest->root = path;
	digest->contents = contents;
	return tree_walk(path, visit, digest, diag);
}
