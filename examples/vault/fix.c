/*
 * store_open() compares as many digits of a token as the client sends, so that
 * one right digit opens everything. Compare the whole token, and in a time that
 * does not tell how much of it was right.
 *
 * The store is static in store.c; this file reads and writes it in place.
 */
#include <pthread.h>
#include <string.h>

#include <hotfix/hotfix.h>

#include "store.h"

extern pthread_mutex_t lock;
extern struct entry entries[];
extern unsigned int nr_entries;
extern void attempt_note(const char *name, enum action action, bool allowed);

/* Looks at every digit, whatever the first ones are. */
static bool token_matches(const struct entry *entry, const char *token)
{
	unsigned char difference = 0;

	if (strlen(token) != TOKEN_SIZE - 1)
		return false;
	for (unsigned int i = 0; i < TOKEN_SIZE - 1; i++)
		difference |= (unsigned char)(entry->token[i] ^ token[i]);
	return !difference;
}

bool store_open(const char *name, const char *token,
		char ret_secret[static SECRET_SIZE])
{
	bool opened = false;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < nr_entries && !opened; i++) {
		if (strcmp(entries[i].name, name) ||
		    !token_matches(&entries[i], token))
			continue;
		memcpy(ret_secret, entries[i].secret, SECRET_SIZE);
		opened = true;
	}
	attempt_note(name, ACTION_OPEN, opened);
	pthread_mutex_unlock(&lock);
	return opened;
}
HOTFIX_REPLACE(store_open);
