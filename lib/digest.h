/*
 * SHA-256 (libsodium) and the hexadecimal forms of bytes.
 */
#pragma once

#include "types.h"

/* 2 digits a byte and the NUL. */
#define HEX_SIZE(size) ((size)*2 + 1)

void sha256(const void *data, size_t size, uint8_t ret_digest[SHA256_SIZE]);

/* Writes HEX_SIZE(size) characters to @ret_text. */
void hex_encode(const uint8_t *bytes, size_t size, char *ret_text);

/**
 * hex_decode() - exactly the bytes that @text spells
 * @ret_bytes: room for @capacity bytes
 *
 * Return: 0; -EINVAL if @text is not hexadecimal, odd, or too long.
 */
int hex_decode(const char *text, size_t capacity, uint8_t *ret_bytes,
	       size_t *ret_size);
