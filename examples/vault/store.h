/*
 * The secrets, each behind a token of 32 hexadecimal digits that only its owner
 * was told.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NAME_SIZE 32
#define TOKEN_SIZE 33
#define SECRET_SIZE 64

struct entry {
	struct entry *next; /* in its bucket */
	char name[NAME_SIZE];
	char token[TOKEN_SIZE];
	char secret[SECRET_SIZE];
};

enum action {
	ACTION_PUT,
	ACTION_OPEN,
};

struct attempt {
	time_t when;
	enum action action;
	bool allowed;
	char name[NAME_SIZE];
};

struct store_counts {
	uint64_t kept, opened, denied;
	struct attempt last; /* of the attempts that were denied */
};

/* Keeps a secret and makes its token; false when the name is taken. */
bool store_put(const char *name, const char *secret,
	       char ret_token[static TOKEN_SIZE]);

/* Hands out a secret to who has its token. */
bool store_open(const char *name, const char *token,
		char ret_secret[static SECRET_SIZE]);

void store_count(struct store_counts *ret_counts);
