/*
 * The same entries to the host's log, where the ledger's disk does not reach: the
 * systemd journal with a field for each fact, or syslog with a line.
 */
#pragma once

#include <jansson.h>

/* @record: an entry of the ledger, with or without "hash". Never fails: a host
 * without a log has none. */
void journal_tell(const json_t *record);
