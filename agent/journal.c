/*
 * The journal takes datagrams of fields, "KEY=value\n", or for values of several
 * lines "KEY\n", their size as 8 bytes little endian, the value, "\n".
 * Source: systemd, "Native Journal Protocol".
 */
#include "journal.h"

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "../lib/cleanup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct field {
	const char *key;
	const char *member; /* of the record, or of its object "who" or "error" */
} fields[] = {
	{ "HOTFIX_COMMAND", "command" },   { "HOTFIX_PATCH", "patch" },
	{ "HOTFIX_OUTCOME", "outcome" },   { "HOTFIX_PID", "pid" },
	{ "HOTFIX_PROCESS", "process" },   { "HOTFIX_EXECUTABLE", "executable" },
	{ "HOTFIX_BUILD_ID", "build_id" }, { "HOTFIX_DIGEST", "digest" },
	{ "HOTFIX_REASON", "reason" },	   { "HOTFIX_TICKET", "ticket" },
	{ "HOTFIX_PAUSE_US", "pause_us" }, { "HOTFIX_WAIT_MS", "wait_ms" },
	{ "HOTFIX_TIME", "time" },	   { "HOTFIX_ID", "id" },
	{ "HOTFIX_HASH", "hash" },	   { "HOTFIX_UID", "who.uid" },
	{ "HOTFIX_LOGIN_UID", "who.login_uid" },
	{ "HOTFIX_SUDO_USER", "who.sudo_user" },
	{ "HOTFIX_TERMINAL", "who.terminal" },
	{ "HOTFIX_ERROR", "error.code" },  { "HOTFIX_MESSAGE", "error.message" },
};

static const json_t *member(const json_t *record, const char *path)
{
	const char *dot = strchr(path, '.');
	char first[16];

	if (!dot)
		return json_object_get(record, path);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
	return json_object_get(json_object_get(record, first), dot + 1);
}

static void field_write(FILE *to, const char *key, const char *value)
{
	uint64_t size = htole64(strlen(value));

	if (!strchr(value, '\n')) {
		fprintf(to, "%s=%s\n", key, value);
		return;
	}
	fprintf(to, "%s\n", key);
	fwrite(&size, sizeof(size), 1, to);
	fprintf(to, "%s\n", value);
}

static void fields_write(FILE *to, const json_t *record)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const json_t *value = member(record, fields[i].member);
		char number[32];

		if (json_is_string(value)) {
			field_write(to, fields[i].key, json_string_value(value));
		} else if (json_is_number(value)) {
			snprintf(number, sizeof(number), "%.15g",
				 json_number_value(value));
			field_write(to, fields[i].key, number);
		}
	}
}

static const char *text_of(const json_t *record, const char *path)
{
	const char *text = json_string_value(member(record, path));

	return text ? text : "";
}

static void message_format(const json_t *record, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s %s: pid %lld (%s): %s%s%s",
		 text_of(record, "command"), text_of(record, "patch"),
		 (long long)json_integer_value(member(record, "pid")),
		 text_of(record, "process"), text_of(record, "outcome"),
		 member(record, "error.message") ? ": " : "",
		 text_of(record, "error.message"));
}

static int priority(const json_t *record)
{
	return json_integer_value(member(record, "exit")) ? LOG_WARNING :
							     LOG_NOTICE;
}

static bool journal_send(const char *message, const json_t *record)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX,
						    .sun_path = JOURNAL_SOCKET };
	owned(close_p) int fd =
		socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	owned(free_p) char *bytes = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&bytes, &size);

	if (!to)
		return false;
	field_write(to, "MESSAGE", message);
	fprintf(to, "PRIORITY=%d\nSYSLOG_IDENTIFIER=hotfix\n",
		priority(record));
	fields_write(to, record);
	if (fclose(to) || fd < 0)
		return false;
	return sendto(fd, bytes, size, MSG_NOSIGNAL,
		      (const struct sockaddr *)&address,
		      sizeof(address)) == (ssize_t)size;
}

void journal_tell(const json_t *record)
{
	char message[1024];

	message_format(record, message, sizeof(message));
	if (journal_send(message, record))
		return;
	openlog("hotfix", LOG_PID, LOG_USER);
	syslog(priority(record), "%s", message);
	closelog();
}
