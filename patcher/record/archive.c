/*
 *	!<arch>\n                                     or !<thin>\n
 *	header: name[16] date[12] uid[6] gid[6] mode[8] size[10] "`\n"
 *	size bytes, and one more where size is odd
 *	header …
 *
 * Names: "a.o/" (GNU), "/17" (at 17 of the table "//", ends with "/\n"),
 * "#1/20" (BSD: the first 20 bytes of the content). "/", "/SYM64/" and
 * "__.SYMDEF" are indexes. In a thin archive only the tables have content; the
 * members' names are paths from the archive's directory.
 */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../array.h"

enum { MAGIC_SIZE = 8, HEADER_SIZE = 60, NAME_SIZE = 16, SIZE_AT = 48 };

#define MAX_SIZE ((size_t)4 << 30)

int archive_open(const char *path, struct archive **ret_archive,
		 struct hf_diag *diag)
{
	owned(archive_close_p) struct archive *archive =
		calloc(1, sizeof(*archive));
	int r;

	if (!archive || !(archive->path = strdup(path)))
		return hf_fail(diag, -ENOMEM, "cannot read %s", path);
	r = file_read(AT_FDCWD, path, MAX_SIZE, &archive->bytes, diag);
	if (r < 0)
		return r;
	if (archive->bytes.size < MAGIC_SIZE ||
	    (memcmp(archive->bytes.data, "!<arch>\n", MAGIC_SIZE) &&
	     memcmp(archive->bytes.data, "!<thin>\n", MAGIC_SIZE)))
		return hf_error(diag, -ENOEXEC, "not-archive",
				"%s is no archive", path);
	archive->thin = archive->bytes.data[2] == 't';
	archive->next = MAGIC_SIZE;
	*ret_archive = take_ptr(archive);
	return 0;
}

void archive_close(struct archive *archive)
{
	buffer_release(&archive->bytes);
	free(archive->path);
	free(archive);
}

void archive_member_release(struct archive_member *member)
{
	free(member->name);
	free(member->path);
	*member = (struct archive_member){ 0 };
}

/* A decimal number, padded with blanks. Return: false when it is none. */
static bool read_number(const char *text, size_t size, size_t *ret_value)
{
	size_t value = 0, i = 0;

	for (; i < size && text[i] >= '0' && text[i] <= '9'; i++)
		value = value * 10 + (size_t)(text[i] - '0');
	if (!i || (i < size && text[i] != ' '))
		return false;
	*ret_value = value;
	return true;
}

static int damaged(const struct archive *archive, struct hf_diag *diag)
{
	return hf_error(diag, -EBADMSG, "archive-damaged",
			"the archive %s is damaged near byte %zu",
			archive->path, archive->next);
}

/* Length of a name up to @end or the end of its field. */
static size_t name_length(const char *name, size_t size, char end)
{
	const char *stop = memchr(name, end, size);

	return stop ? (size_t)(stop - name) : size;
}

/* "/17": from the table. NULL: out of bounds, or ENOMEM. */
static char *long_name(const struct archive *archive, const char *field)
{
	size_t offset, length;
	const char *name;

	if (!archive->names ||
	    !read_number(field + 1, NAME_SIZE - 1, &offset) ||
	    offset >= archive->names_size)
		return NULL;
	name = archive->names + offset;
	length = name_length(name, archive->names_size - offset, '\n');
	if (length && name[length - 1] == '/')
		length--;
	return strndup(name, length);
}

/* The content begins with the name. */
static char *bsd_name(const char *field, struct archive_member *member)
{
	size_t length;
	char *name;

	if (!read_number(field + 3, NAME_SIZE - 3, &length) ||
	    length > member->size)
		return NULL;
	name = strndup((const char *)member->data, length);
	member->data += length;
	member->size -= length;
	return name;
}

static char *short_name(const char *field)
{
	size_t length = name_length(field, NAME_SIZE, '/');

	while (length && field[length - 1] == ' ')
		length--;
	return strndup(field, length);
}

static bool is_index(const char *field)
{
	return !strncmp(field, "/ ", 2) || !strncmp(field, "/SYM64/", 7) ||
	       !strncmp(field, "__.SYMDEF", 9);
}

static bool is_name_table(const char *field)
{
	return !strncmp(field, "// ", 3);
}

static char *member_path(const struct archive *archive, const char *name)
{
	const char *slash = strrchr(archive->path, '/');
	int directory = slash ? (int)(slash - archive->path) + 1 : 0;

	if (*name == '/')
		return strdup(name);
	return text_format("%.*s%s", directory, archive->path, name);
}

static int name_member(const struct archive *archive, const char *field,
		       struct archive_member *member, struct hf_diag *diag)
{
	if (field[0] == '/')
		member->name = long_name(archive, field);
	else if (!strncmp(field, "#1/", 3) && !archive->thin)
		member->name = bsd_name(field, member);
	else
		member->name = short_name(field);
	if (!member->name)
		return damaged(archive, diag);
	if (!archive->thin)
		return 0;
	member->data = NULL;
	member->path = member_path(archive, member->name);
	return member->path ? 0 : -ENOMEM;
}

/* One header: 1 for an object, 0 for a table. Moves on. */
static int read_member(struct archive *archive, struct archive_member *member,
		       struct hf_diag *diag)
{
	const char *header = (const char *)archive->bytes.data + archive->next;
	size_t left = archive->bytes.size - archive->next, size;
	bool table;

	if (left < HEADER_SIZE || header[58] != '`' || header[59] != '\n' ||
	    !read_number(header + SIZE_AT, 10, &size))
		return damaged(archive, diag);
	table = is_index(header) || is_name_table(header);
	left -= HEADER_SIZE;
	if ((table || !archive->thin) && size > left)
		return damaged(archive, diag);
	if (is_name_table(header)) {
		archive->names = header + HEADER_SIZE;
		archive->names_size = size;
	}
	member->data = (const uint8_t *)header + HEADER_SIZE;
	member->size = size;
	if (!table) {
		int r = name_member(archive, header, member, diag);

		if (r < 0)
			return r;
	}
	archive->next += HEADER_SIZE;
	if (table || !archive->thin)
		archive->next += size + size % 2;
	return !table;
}

int archive_next(struct archive *archive, struct archive_member *ret_member,
		 struct hf_diag *diag)
{
	struct archive_member member = { 0 };
	int r = 0;

	while (!r && archive->next < archive->bytes.size)
		r = read_member(archive, &member, diag);
	if (r < 0)
		archive_member_release(&member);
	else if (r > 0)
		*ret_member = member;
	return r;
}
