#include "who.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/cleanup.h"
#include "output.h"

#define LINE_SIZE 1024

/*
 * /etc/passwd alone: a directory service that does not answer must not keep an
 * operator waiting.
 */
static json_t *user_name(uid_t uid)
{
	owned(fclose_p) FILE *file = fopen("/etc/passwd", "re");
	struct passwd entry, *found;
	char line[LINE_SIZE];

	while (file && !fgetpwent_r(file, &entry, line, sizeof(line), &found))
		if (found->pw_uid == uid)
			return json_text(found->pw_name);
	return json_null();
}

/* Return: whether anybody has logged in; audit's "unset" is (uid_t)-1. */
static bool login_uid_read(uid_t *ret_uid)
{
	owned(fclose_p) FILE *file = fopen("/proc/self/loginuid", "re");
	unsigned int uid;

	if (!file || fscanf(file, "%u", &uid) != 1 || uid == UINT32_MAX)
		return false;
	*ret_uid = uid;
	return true;
}

static json_t *terminal(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		char name[64];

		if (isatty(fd) && !ttyname_r(fd, name, sizeof(name)))
			return json_text(name);
	}
	return json_null();
}

json_t *who_json(void)
{
	json_t *who = json_object();
	uid_t login;
	bool logged_in = login_uid_read(&login);

	json_put(who, "uid", json_integer(getuid()));
	json_put(who, "user", user_name(getuid()));
	json_put(who, "login_uid",
		 logged_in ? json_integer(login) : json_null());
	json_put(who, "login_user", logged_in ? user_name(login) : json_null());
	json_put(who, "terminal", terminal());
	json_put(who, "sudo_user", json_text(getenv("SUDO_USER")));
	return who;
}

static const char *text_of(const json_t *who, const char *key)
{
	const char *text = json_string_value(json_object_get(who, key));

	return text ? text : "";
}

void who_format(const json_t *who, char *ret_text, size_t size)
{
	const char *user = text_of(who, "user");
	const char *login = text_of(who, "login_user");

	if (!*login)
		login = text_of(who, "sudo_user");
	if (*login && strcmp(login, user))
		snprintf(ret_text, size, "%s (%s)", user, login);
	else if (*user)
		snprintf(ret_text, size, "%s", user);
	else
		snprintf(ret_text, size, "uid %lld",
			 (long long)json_integer_value(
				 json_object_get(who, "uid")));
}
