/*
 * The ledger: what was done to which process, when and by whom, kept on the host.
 *
 * STATE/ledger.db (state_dir.h): SQLite, with a write-ahead log because many agents
 * write it and power fails.
 *
 * An entry is one JSON object, never changed. Each carries the BLAKE2b-256 of the
 * hash before it and its own text, and the table `head` says which is the last:
 *
 *   hash(0) = 32 zero bytes      hash(N) = BLAKE2b(hash(N-1), record(N))
 *
 * So a change, a removal or an insertion shows, unless all that follows is computed
 * anew: against that the journal has the hashes, too (journal.h).
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "../lib/cleanup.h"
#include "../lib/diag.h"

#define LEDGER_HASH_SIZE 32

struct ledger;

/**
 * ledger_open() - the ledger of this user on this host
 * @write: makes it where there is none
 * @ret_ledger: owned by the caller; ledger_close()
 *
 * Return: 0; -ENOENT there is none yet (only without @write); -EACCES, -EROFS,
 * -ENOSPC...: why it cannot be had, with the path; -EBADMSG: no ledger of ours.
 */
int ledger_open(bool write, struct ledger **ret_ledger, struct hf_diag *diag);
void ledger_close(struct ledger *ledger);
DEFINE_CLEANUP(struct ledger, ledger_close)

const char *ledger_path(const struct ledger *ledger);

/**
 * ledger_append() - add entries, all of them or none
 * @records: array of objects; each gets its members "id" and "hash"
 *
 * Waits up to 10 s for other agents. On disk when it returns.
 *
 * Return: 0; -ENOSPC, -EROFS, -EIO, -EBUSY, -ENOMEM.
 */
int ledger_append(struct ledger *ledger, json_t *records, struct hf_diag *diag);

/* @record: borrowed. Return: anything but 0 ends the walk. */
typedef int ledger_visit_fn(void *context, const json_t *record);

/* The oldest first. Return: 0; what @visit returned; -EIO; -EBADMSG. */
int ledger_each(struct ledger *ledger, ledger_visit_fn *visit, void *context,
		struct hf_diag *diag);

struct ledger_proof {
	uint64_t nr_entries;
	char last_hash[2 * LEDGER_HASH_SIZE + 1];
};

/**
 * ledger_verify() - whether every entry is there, and as it was written
 *
 * Return: 0; -EBADMSG (code "ledger-damaged"): which one is not; -EIO.
 */
int ledger_verify(struct ledger *ledger, struct ledger_proof *ret_proof,
		  struct hf_diag *diag);
