#include "digest.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

/* Needs no sodium_init(): libsodium's SHA-256 has one implementation. */
void sha256(const void *data, size_t size, uint8_t ret_digest[SHA256_SIZE])
{
	_Static_assert(SHA256_SIZE == crypto_hash_sha256_BYTES, "size");
	crypto_hash_sha256(ret_digest, data, size);
}

void hex_encode(const uint8_t *bytes, size_t size, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * size] = '\0';
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *text, size_t capacity, uint8_t *ret_bytes,
	       size_t *ret_size)
{
	size_t length = strlen(text);

	if (length % 2 || length / 2 > capacity)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (digit_value(text[i]) < 0)
			return -EINVAL;
	for (size_t i = 0; i < length / 2; i++)
		ret_bytes[i] = (uint8_t)(digit_value(text[2 * i]) << 4 |
					 digit_value(text[2 * i + 1]));
	*ret_size = length / 2;
	return 0;
}
