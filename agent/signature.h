/*
 * Detached signatures of patch files, as minisign(1) makes and checks them:
 * Ed25519, by libsodium.
 *
 *   public key   untrusted comment: ...
 *                base64: "Ed", key id (8 bytes), key (32)
 *
 *   signature    untrusted comment: ...
 *                base64: algorithm, key id (8), signature (64)
 *                trusted comment: TEXT
 *                base64: signature (64) of the one above and TEXT
 *
 * The algorithm is "ED", where BLAKE2b-512 of the file is signed, or the older
 * "Ed", where the file itself is. The layout is that of minisign's manual page
 * (minisign.7, "FORMAT").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/diag.h"

#define SIGNATURE_SUFFIX ".minisig"
#define SIGNATURE_FILE_MAX 8192
#define SIGNATURE_COMMENT_MAX 1024
#define SIGNATURE_KEY_ID_SIZE 8
#define SIGNATURE_KEY_ID_TEXT (2 * SIGNATURE_KEY_ID_SIZE + 1)

struct signature_key {
	uint8_t id[SIGNATURE_KEY_ID_SIZE];
	uint8_t key[32];
};

struct signature {
	uint8_t key_id[SIGNATURE_KEY_ID_SIZE];
	bool prehashed;
	uint8_t bytes[64];
	uint8_t global[64]; /* of bytes and comment */
	char comment[SIGNATURE_COMMENT_MAX]; /* believed only once verified */
};

/**
 * signature_key_parse() - a public key: the line, or a .pub file with it
 *
 * Return: 0; -EBADMSG.
 */
int signature_key_parse(const char *text, struct signature_key *ret_key);

/* The text of a signature file, NUL-terminated. Return: 0; -EBADMSG. */
int signature_parse(const char *text, struct signature *ret_signature);

/**
 * signature_verify() - did the owner of @key sign these bytes, and the comment?
 * @key: that of the signature's key id
 *
 * Return: 0; -EBADMSG: no.
 */
int signature_verify(const struct signature *signature,
		     const struct signature_key *key, const void *bytes,
		     size_t size);

/* As minisign writes it: the bytes as a number, lowest first. */
const char *signature_key_id(const uint8_t id[SIGNATURE_KEY_ID_SIZE],
			     char ret_text[SIGNATURE_KEY_ID_TEXT]);
