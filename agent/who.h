/*
 * Who is at work: the user, and the one behind sudo or su.
 */
#pragma once

#include <jansson.h>

/*
 * An object: "uid", "user", "login_uid" (of /proc/self/loginuid, which su and sudo do
 * not change; null: no login), "login_user", "terminal" (null: none), "sudo_user" (what
 * sudo says of itself, null: nothing). Owned by the caller; NULL: no memory.
 */
json_t *who_json(void);

/* @who in few words: "root (ada)", who is root and had logged in as ada. */
void who_format(const json_t *who, char *ret_text, size_t size);
