#include "ledger.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../lib/digest.h"
#include "state_dir.h"

#define WAIT_MS 10000
#define SCHEMA_VERSION 1

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY,"
	" record TEXT NOT NULL, hash BLOB NOT NULL) STRICT;"
	"CREATE TABLE IF NOT EXISTS head (one INTEGER PRIMARY KEY CHECK (one = 1),"
	" id INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;"
	"INSERT OR IGNORE INTO head VALUES (1, 0, zeroblob(32));"
	"PRAGMA user_version = 1;"
	"COMMIT;";

struct ledger {
	sqlite3 *db;
	char path[PATH_MAX];
};

struct link {
	int64_t id;
	uint8_t hash[LEDGER_HASH_SIZE];
};

/* --- SQLite's errors ----------------------------------------------------------- */

static int sql_errno(const struct ledger *ledger)
{
	int os = ledger->db ? sqlite3_system_errno(ledger->db) : ENOMEM;

	switch (ledger->db ? sqlite3_errcode(ledger->db) : SQLITE_NOMEM) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_READONLY: return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EBUSY;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT: return -EBADMSG;
	case SQLITE_CANTOPEN: return os ? -os : -EACCES;
	default: return os ? -os : -EIO;
	}
}

static int sql_fail(const struct ledger *ledger, const char *doing,
		    struct hf_diag *diag)
{
	int r = hf_error(diag, sql_errno(ledger), "ledger", "%s %s: %s", doing,
			 ledger->path,
			 ledger->db ? sqlite3_errmsg(ledger->db) : "no memory");

	if (r == -EBADMSG)
		hf_hint(diag, "move it away and keep it: a new one is begun");
	return r;
}

static int run(struct ledger *ledger, const char *sql, struct hf_diag *diag)
{
	return sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) == SQLITE_OK ?
		       0 : sql_fail(ledger, "cannot write the ledger", diag);
}

/* --- open and close ----------------------------------------------------------- */

static int version_read(struct ledger *ledger, int *ret_version,
			struct hf_diag *diag)
{
	sqlite3_stmt *query = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(ledger->db, "PRAGMA user_version", -1, &query,
			       NULL) != SQLITE_OK ||
	    sqlite3_step(query) != SQLITE_ROW)
		r = sql_fail(ledger, "cannot read the ledger", diag);
	else
		*ret_version = sqlite3_column_int(query, 0);
	sqlite3_finalize(query);
	return r;
}

static int schema_ensure(struct ledger *ledger, bool write, struct hf_diag *diag)
{
	int version = 0, r = version_read(ledger, &version, diag);

	if (r == 0 && version > SCHEMA_VERSION)
		return hf_error(diag, -EBADMSG, "ledger",
				"%s was written by a later version of hotfix",
				ledger->path);
	if (r || version == SCHEMA_VERSION)
		return r;
	if (!write)
		return hf_error(diag, -ENOENT, "no-ledger",
				"%s has no entries yet", ledger->path);
	r = run(ledger, "PRAGMA journal_mode = WAL", diag);
	return r ? r : run(ledger, schema, diag);
}

static bool is_read_only(const char *path)
{
	struct statvfs disk;

	return !statvfs(path, &disk) && (disk.f_flag & ST_RDONLY);
}

/*
 * A database with a write-ahead log cannot be read where nothing can be written, but
 * as one that nobody changes. https://sqlite.org/wal.html, "Read-Only Databases"
 */
static int open_immutable(struct ledger *ledger)
{
	static const char plain[] = "/._-~";
	char uri[sizeof("file:?immutable=1") + 3 * PATH_MAX] = "file:";
	char *to = uri + strlen(uri);

	for (const char *at = ledger->path; *at; at++)
		if (isalnum((unsigned char)*at) || strchr(plain, *at))
			*to++ = *at;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*at);
	strcpy(to, "?immutable=1");
	return sqlite3_open_v2(uri, &ledger->db,
			       SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
}

static int database_open(struct ledger *ledger, bool write,
			 struct hf_diag *diag)
{
	int flags = SQLITE_OPEN_READWRITE | (write ? SQLITE_OPEN_CREATE : 0);
	int r;

	if (!is_read_only(ledger->path))
		r = sqlite3_open_v2(ledger->path, &ledger->db, flags, NULL);
	else if (!write)
		r = open_immutable(ledger);
	else
		return hf_error(diag, -EROFS, "ledger",
				"cannot write the ledger %s: its file system "
				"is read-only", ledger->path);
	return r == SQLITE_OK ? 0 : sql_fail(ledger, "cannot open the ledger",
					     diag);
}

int ledger_open(bool write, struct ledger **ret_ledger, struct hf_diag *diag)
{
	owned(ledger_close_p) struct ledger *ledger = calloc(1, sizeof(*ledger));
	int r;

	if (!ledger)
		return hf_fail(diag, -ENOMEM, "cannot open the ledger");
	r = write ? state_directory_make(diag) : 0;
	if (r == 0)
		r = state_path("ledger.db", ledger->path, diag);
	if (r)
		return r;
	if (!write && access(ledger->path, F_OK))
		return hf_error(diag, -ENOENT, "no-ledger",
				"there is no ledger yet: %s", ledger->path);
	r = database_open(ledger, write, diag);
	if (r)
		return r;
	sqlite3_extended_result_codes(ledger->db, 0);
	sqlite3_busy_timeout(ledger->db, WAIT_MS);
	r = run(ledger, "PRAGMA synchronous = FULL", diag);
	if (r == 0)
		r = schema_ensure(ledger, write, diag);
	if (r)
		return r;
	*ret_ledger = take_ptr(ledger);
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	sqlite3_close(ledger->db);
	free(ledger);
}

const char *ledger_path(const struct ledger *ledger)
{
	return ledger->path;
}

/* --- the chain ------------------------------------------------------------------ */

static void link_next(struct link *link, const char *record, size_t size)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, LEDGER_HASH_SIZE);
	crypto_generichash_update(&state, link->hash, sizeof(link->hash));
	crypto_generichash_update(&state, (const uint8_t *)record, size);
	crypto_generichash_final(&state, link->hash, sizeof(link->hash));
	link->id++;
}

static bool column_is_hash(sqlite3_stmt *row, int column)
{
	return sqlite3_column_bytes(row, column) == LEDGER_HASH_SIZE &&
	       sqlite3_column_blob(row, column);
}

static int head_read(struct ledger *ledger, struct link *ret_link,
		     struct hf_diag *diag)
{
	sqlite3_stmt *query = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(ledger->db, "SELECT id, hash FROM head", -1,
			       &query, NULL) != SQLITE_OK) {
		r = sql_fail(ledger, "cannot read the ledger", diag);
	} else if (sqlite3_step(query) != SQLITE_ROW ||
		   !column_is_hash(query, 1)) {
		r = hf_error(diag, -EBADMSG, "ledger-damaged",
			     "%s does not say which entry is the last",
			     ledger->path);
	} else {
		ret_link->id = sqlite3_column_int64(query, 0);
		memcpy(ret_link->hash, sqlite3_column_blob(query, 1),
		       sizeof(ret_link->hash));
	}
	sqlite3_finalize(query);
	return r;
}

/* --- writing --------------------------------------------------------------------- */

static int bind_and_run(struct ledger *ledger, const char *sql,
			const struct link *link, const char *record,
			struct hf_diag *diag)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 1, link->id);
	if (r == SQLITE_OK)
		r = sqlite3_bind_blob(statement, 2, link->hash,
				      sizeof(link->hash), SQLITE_STATIC);
	if (r == SQLITE_OK && record)
		r = sqlite3_bind_text(statement, 3, record, -1, SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 :
				  sql_fail(ledger, "cannot write the ledger",
					   diag);
}

static int entry_insert(struct ledger *ledger, struct link *link,
			json_t *record, struct hf_diag *diag)
{
	owned(free_p) char *text =
		json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);
	char hash[HEX_SIZE(LEDGER_HASH_SIZE)];
	int r;

	if (!text)
		return hf_fail(diag, -ENOMEM, "cannot write the ledger");
	link_next(link, text, strlen(text));
	r = bind_and_run(ledger,
			 "INSERT INTO entries (id, hash, record)"
			 " VALUES (?1, ?2, ?3)",
			 link, text, diag);
	if (r)
		return r;
	hex_encode(link->hash, sizeof(link->hash), hash);
	json_object_set_new(record, "id", json_integer(link->id));
	json_object_set_new(record, "hash", json_string(hash));
	return 0;
}

static int entries_insert(struct ledger *ledger, json_t *records,
			  struct hf_diag *diag)
{
	struct link link;
	json_t *record;
	size_t i;
	int r = head_read(ledger, &link, diag);

	json_array_foreach(records, i, record)
		if (r == 0)
			r = entry_insert(ledger, &link, record, diag);
	if (r == 0)
		r = bind_and_run(ledger, "UPDATE head SET id = ?1, hash = ?2",
				 &link, NULL, diag);
	return r;
}

int ledger_append(struct ledger *ledger, json_t *records, struct hf_diag *diag)
{
	int r = run(ledger, "BEGIN IMMEDIATE", diag);

	if (r)
		return r;
	r = entries_insert(ledger, records, diag);
	if (r == 0)
		r = run(ledger, "COMMIT", diag);
	if (r)
		sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* --- reading --------------------------------------------------------------------- */

static int damaged(const struct ledger *ledger, int64_t id, const char *how,
		   struct hf_diag *diag)
{
	hf_error(diag, -EBADMSG, "ledger-damaged", "%s: entry %lld %s",
		 ledger->path, (long long)id, how);
	hf_hint(diag, "the journal has the hash of each entry: journalctl "
		      "SYSLOG_IDENTIFIER=hotfix -o json");
	return -EBADMSG;
}

static int row_visit(struct ledger *ledger, sqlite3_stmt *row,
		     ledger_visit_fn *visit, void *context,
		     struct hf_diag *diag)
{
	char hash[HEX_SIZE(LEDGER_HASH_SIZE)] = "";
	int64_t id = sqlite3_column_int64(row, 0);
	json_t *record = json_loads((const char *)sqlite3_column_text(row, 1) ?:
				    "", 0, NULL);
	int r;

	if (!json_is_object(record)) {
		json_decref(record);
		return damaged(ledger, id, "cannot be read", diag);
	}
	if (column_is_hash(row, 2))
		hex_encode(sqlite3_column_blob(row, 2), LEDGER_HASH_SIZE, hash);
	json_object_set_new(record, "id", json_integer(id));
	json_object_set_new(record, "hash", json_string(hash));
	r = visit(context, record);
	json_decref(record);
	return r;
}

/* Calls @row for each, the oldest first. */
static int rows(struct ledger *ledger, int (*row)(void *context,
						  sqlite3_stmt *row),
		void *context, struct hf_diag *diag)
{
	sqlite3_stmt *query = NULL;
	int step = SQLITE_DONE, r = 0;

	if (sqlite3_prepare_v2(ledger->db,
			       "SELECT id, record, hash FROM entries"
			       " ORDER BY id", -1, &query, NULL) != SQLITE_OK)
		return sql_fail(ledger, "cannot read the ledger", diag);
	while (r == 0 && (step = sqlite3_step(query)) == SQLITE_ROW)
		r = row(context, query);
	if (r == 0 && step != SQLITE_DONE)
		r = sql_fail(ledger, "cannot read the ledger", diag);
	sqlite3_finalize(query);
	return r;
}

struct reading {
	struct ledger *ledger;
	ledger_visit_fn *visit;
	void *context;
	struct link link;
	struct hf_diag *diag;
};

static int read_one(void *context, sqlite3_stmt *row)
{
	struct reading *reading = context;

	return row_visit(reading->ledger, row, reading->visit,
			 reading->context, reading->diag);
}

int ledger_each(struct ledger *ledger, ledger_visit_fn *visit, void *context,
		struct hf_diag *diag)
{
	struct reading reading = { .ledger = ledger, .visit = visit,
				   .context = context, .diag = diag };

	return rows(ledger, read_one, &reading, diag);
}

static int verify_one(void *context, sqlite3_stmt *row)
{
	struct reading *reading = context;
	struct link *link = &reading->link;
	const char *text = (const char *)sqlite3_column_text(row, 1);
	int64_t id = sqlite3_column_int64(row, 0);

	if (id != link->id + 1)
		return damaged(reading->ledger, link->id + 1, "is missing",
			       reading->diag);
	link_next(link, text ? text : "",
		  (size_t)sqlite3_column_bytes(row, 1));
	if (!column_is_hash(row, 2) ||
	    memcmp(link->hash, sqlite3_column_blob(row, 2), LEDGER_HASH_SIZE))
		return damaged(reading->ledger, id,
			       "is not as it was written", reading->diag);
	return 0;
}

int ledger_verify(struct ledger *ledger, struct ledger_proof *ret_proof,
		  struct hf_diag *diag)
{
	struct reading reading = { .ledger = ledger, .diag = diag };
	struct link head;
	/* One moment of it: others may add entries meanwhile. */
	int r = run(ledger, "BEGIN", diag);

	if (r)
		return r;
	r = head_read(ledger, &head, diag);
	if (r == 0)
		r = rows(ledger, verify_one, &reading, diag);
	sqlite3_exec(ledger->db, "COMMIT", NULL, NULL, NULL);
	if (r)
		return r;
	if (reading.link.id < head.id)
		return damaged(ledger, reading.link.id + 1, "is missing", diag);
	if (reading.link.id > head.id ||
	    memcmp(reading.link.hash, head.hash, LEDGER_HASH_SIZE))
		return damaged(ledger, head.id + 1, "was put there by another",
			       diag);
	ret_proof->nr_entries = (uint64_t)head.id;
	hex_encode(head.hash, sizeof(head.hash), ret_proof->last_hash);
	return 0;
}
