#define _GNU_SOURCE
#include "store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define NR_ENTRIES 256
#define NR_BUCKETS 64
#define NR_ATTEMPTS 64

/* Guarded by the lock, all of it. An entry, once made, never changes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry entries[NR_ENTRIES];
static unsigned int nr_entries;
static struct entry *buckets[NR_BUCKETS];
static struct attempt attempts[NR_ATTEMPTS];
static uint64_t nr_attempts;
static struct store_counts counts;

/* Where the entry of that name hangs, or is to be hung up. */
static struct entry **entry_find(const char *name)
{
	uint32_t hash = 2166136261u;
	struct entry **link;

	for (const char *next = name; *next; next++)
		hash = (hash ^ (unsigned char)*next) * 16777619u;
	link = &buckets[hash % NR_BUCKETS];
	while (*link && strcmp((*link)->name, name))
		link = &(*link)->next;
	return link;
}

/* Keeps account of who wanted what: the last attempts, for the operator. */
static void attempt_note(const char *name, enum action action, bool allowed)
{
	struct attempt *attempt = &attempts[nr_attempts++ % NR_ATTEMPTS];

	attempt->when = time(NULL);
	attempt->action = action;
	attempt->allowed = allowed;
	snprintf(attempt->name, sizeof(attempt->name), "%s", name);
	if (!allowed) {
		counts.denied++;
		counts.last = *attempt;
	} else if (action == ACTION_PUT) {
		counts.kept++;
	} else {
		counts.opened++;
	}
}

static bool token_make(char ret_token[static TOKEN_SIZE])
{
	unsigned char random[(TOKEN_SIZE - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(ret_token + 2 * i, 3, "%02x", random[i]);
	return true;
}

bool store_put(const char *name, const char *secret,
	       char ret_token[static TOKEN_SIZE])
{
	struct entry **link, *entry = NULL;

	pthread_mutex_lock(&lock);
	link = entry_find(name);
	if (!*link && nr_entries < NR_ENTRIES &&
	    token_make(entries[nr_entries].token)) {
		entry = &entries[nr_entries++];
		snprintf(entry->name, sizeof(entry->name), "%s", name);
		snprintf(entry->secret, sizeof(entry->secret), "%s", secret);
		memcpy(ret_token, entry->token, TOKEN_SIZE);
		*link = entry;
	}
	attempt_note(name, ACTION_PUT, entry);
	pthread_mutex_unlock(&lock);
	return entry;
}

bool store_open(const char *name, const char *token,
		char ret_secret[static SECRET_SIZE])
{
	const struct entry *entry;
	bool opened = false;

	pthread_mutex_lock(&lock);
	entry = *entry_find(name);
	if (entry && *token && !strncmp(entry->token, token, strlen(token))) {
		memcpy(ret_secret, entry->secret, SECRET_SIZE);
		opened = true;
	}
	attempt_note(name, ACTION_OPEN, opened);
	pthread_mutex_unlock(&lock);
	return opened;
}

void store_count(struct store_counts *ret_counts)
{
	pthread_mutex_lock(&lock);
	*ret_counts = counts;
	pthread_mutex_unlock(&lock);
}
