#include "signature.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED "trusted comment: "

/* What stands before the key or the signature in its line. */
struct line_head {
	uint8_t algorithm[2];
	uint8_t key_id[SIGNATURE_KEY_ID_SIZE];
};

struct key_line {
	struct line_head head;
	uint8_t key[32];
};

struct signature_line {
	struct line_head head;
	uint8_t bytes[64];
};

_Static_assert(sizeof(struct key_line) == 42, "no padding");
_Static_assert(sizeof(struct signature_line) == 74, "no padding");

/* --- lines ------------------------------------------------------------------ */

/* The next line of @text without its end, and where the one after it begins. */
static const char *line_next(const char **text, size_t *ret_size)
{
	const char *line = *text;
	size_t size = strcspn(line, "\n");

	*text = line + size + (line[size] == '\n');
	if (size && line[size - 1] == '\r')
		size--;
	*ret_size = size;
	return line;
}

/*
 * A line of base64 that is exactly @size bytes. libsodium also takes bytes above
 * 0x7f for some characters.
 */
static bool line_decode(const char **text, void *ret_bytes, size_t size)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789+/=";
	size_t line_size, found;
	const char *line = line_next(text, &line_size), *end;

	return strspn(line, alphabet) >= line_size &&
	       !sodium_base642bin(ret_bytes, size, line, line_size, NULL,
				  &found, &end,
				  sodium_base64_VARIANT_ORIGINAL) &&
	       found == size && end == line + line_size;
}

/* What follows @prefix in the line; NULL: it begins otherwise. */
static const char *line_after(const char **text, const char *prefix,
			      size_t *ret_size)
{
	const char *line = line_next(text, ret_size);
	size_t size = strlen(prefix);

	if (*ret_size < size || strncmp(line, prefix, size))
		return NULL;
	*ret_size -= size;
	return line + size;
}

static void untrusted_skip(const char **text)
{
	size_t size;

	if (!strncmp(*text, UNTRUSTED, strlen(UNTRUSTED)))
		(void)line_next(text, &size);
}

/* --- keys and signatures ------------------------------------------------------ */

int signature_key_parse(const char *text, struct signature_key *ret_key)
{
	struct key_line line;

	untrusted_skip(&text);
	if (!line_decode(&text, &line, sizeof(line)) || *text ||
	    memcmp(line.head.algorithm, "Ed", 2))
		return -EBADMSG;
	memcpy(ret_key->id, line.head.key_id, sizeof(ret_key->id));
	memcpy(ret_key->key, line.key, sizeof(ret_key->key));
	return 0;
}

int signature_parse(const char *text, struct signature *ret_signature)
{
	struct signature signature = { 0 };
	struct signature_line line;
	const char *comment;
	size_t size;

	if (!line_after(&text, UNTRUSTED, &size) ||
	    !line_decode(&text, &line, sizeof(line)))
		return -EBADMSG;
	if (memcmp(line.head.algorithm, "ED", 2) &&
	    memcmp(line.head.algorithm, "Ed", 2))
		return -EBADMSG;
	comment = line_after(&text, TRUSTED, &size);
	if (!comment || size >= sizeof(signature.comment) ||
	    !line_decode(&text, signature.global, sizeof(signature.global)) ||
	    *text)
		return -EBADMSG;
	signature.prehashed = line.head.algorithm[1] == 'D';
	memcpy(signature.key_id, line.head.key_id, sizeof(signature.key_id));
	memcpy(signature.bytes, line.bytes, sizeof(signature.bytes));
	memcpy(signature.comment, comment, size);
	*ret_signature = signature;
	return 0;
}

static int bytes_verify(const struct signature *signature,
			const struct signature_key *key, const void *bytes,
			size_t size)
{
	uint8_t hash[crypto_generichash_BYTES_MAX];

	if (!signature->prehashed)
		return crypto_sign_verify_detached(signature->bytes, bytes,
						   size, key->key);
	crypto_generichash(hash, sizeof(hash), bytes, size, NULL, 0);
	return crypto_sign_verify_detached(signature->bytes, hash,
					   sizeof(hash), key->key);
}

static int comment_verify(const struct signature *signature,
			  const struct signature_key *key)
{
	uint8_t signed_bytes[sizeof(signature->bytes) + SIGNATURE_COMMENT_MAX];
	size_t size = strlen(signature->comment);

	memcpy(signed_bytes, signature->bytes, sizeof(signature->bytes));
	memcpy(signed_bytes + sizeof(signature->bytes), signature->comment,
	       size);
	return crypto_sign_verify_detached(signature->global, signed_bytes,
					   sizeof(signature->bytes) + size,
					   key->key);
}

int signature_verify(const struct signature *signature,
		     const struct signature_key *key, const void *bytes,
		     size_t size)
{
	if (sodium_init() < 0 ||
	    memcmp(signature->key_id, key->id, sizeof(key->id)) ||
	    bytes_verify(signature, key, bytes, size) ||
	    comment_verify(signature, key))
		return -EBADMSG;
	return 0;
}

const char *signature_key_id(const uint8_t id[SIGNATURE_KEY_ID_SIZE],
			     char ret_text[SIGNATURE_KEY_ID_TEXT])
{
	uint64_t number = 0;

	for (size_t i = SIGNATURE_KEY_ID_SIZE; i-- > 0;)
		number = number << 8 | id[i];
	snprintf(ret_text, SIGNATURE_KEY_ID_TEXT, "%016" PRIX64, number);
	return ret_text;
}
