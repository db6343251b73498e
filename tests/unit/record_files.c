/* Archives, kinds of objects and paths, also damaged ones. */
#include <elf.h>
#include <errno.h>
#include <unistd.h>

#include "../../patcher/record/archive.h"
#include "../../patcher/record/journal.h"
#include "../../patcher/record/object_kind.h"
#include "../tap.h"

#define HEADER(name, size)                                                     \
	name "0           0     0     644     " size "`\n"

static char path[] = "/tmp/record_files.XXXXXX";

static struct archive *open_archive(const void *data, size_t size)
{
	struct archive *archive = NULL;
	int fd;

	strcpy(path, "/tmp/record_files.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	if (archive_open(path, &archive, NULL) < 0)
		archive = NULL;
	unlink(path);
	return archive;
}

/* The members as "name=content " and how it ended. */
static void read_archive(const void *data, size_t size, char *text,
			 size_t text_size)
{
	struct archive *archive = open_archive(data, size);
	struct archive_member member;
	size_t used = 0;
	int r = -ENOEXEC;

	text[0] = '\0';
	while (archive && (r = archive_next(archive, &member, NULL)) > 0) {
		used += (size_t)snprintf(text + used, text_size - used,
					 "%s=%.*s ", member.name,
					 member.data ? (int)member.size : 0,
					 (const char *)member.data ?: "");
		archive_member_release(&member);
	}
	snprintf(text + used, text_size - used, "%d", r);
	if (archive)
		archive_close(archive);
}

TEST(archives)
{
	static const struct {
		const char *data, *want;
	} cases[] = {
		{ "!<arch>\n", "0" },
		{ "!<arch>\n" HEADER("a.o/            ", "3         ") "abc\n"
		  HEADER("b.o/            ", "2         ") "de",
		  "a.o=abc b.o=de 0" },
		/* The index is skipped, long names come from their table. */
		{ "!<arch>\n" HEADER("/               ", "4         ") "xxxx"
		  HEADER("//              ", "20        ")
		  "long name.o/\nz.o/\n\n\n"
		  HEADER("/0              ", "1         ") "a\n"
		  HEADER("/13             ", "1         ") "b\n",
		  "long name.o=a z.o=b 0" },
		{ "!<arch>\n" HEADER("#1/4            ", "6         ") "b.o\0hi",
		  NULL },
		/* Damaged: no table, outside of it, too long, no header. */
		{ "!<arch>\n" HEADER("/0              ", "1         ") "a\n",
		  "-74" },
		{ "!<arch>\n" HEADER("//              ", "2         ") "a\n"
		  HEADER("/99             ", "1         ") "a\n", "-74" },
		{ "!<arch>\n" HEADER("a.o/            ", "4         ") "abc",
		  "-74" },
		{ "!<arch>\n" HEADER("a.o/            ", "x         ") "abc",
		  "-74" },
		{ "!<arch>\n" HEADER("a.o/            ", "9999999999") "abc",
		  "-74" },
		{ "!<arch>\n" HEADER("#1/40           ", "3         ") "abc",
		  "-74" },
		{ "!<arch>\nabc", "-74" },
		{ "!<ark>\n", "-8" },
		{ "", "-8" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* One case holds a NUL. */
		size_t size = cases[i].want ? strlen(cases[i].data) : 8 + 60 + 6;

		read_archive(cases[i].data, size, text, sizeof(text));
		CHECK_STR(text, cases[i].want ?: "b.o=hi 0");
	}
}

TEST(thin_archive)
{
	static const char data[] =
		"!<thin>\n" HEADER("//              ", "16        ")
		"../x/a.o/\n/b.o/\n" HEADER("/0              ", "100       ")
		HEADER("/10             ", "5         ");
	struct archive *archive = open_archive(data, sizeof(data) - 1);
	struct archive_member member;

	CHECK(archive != NULL);
	CHECK_EQ(archive_next(archive, &member, NULL), 1);
	CHECK_STR(member.path, "/tmp/../x/a.o");
	CHECK(!member.data);
	archive_member_release(&member);
	CHECK_EQ(archive_next(archive, &member, NULL), 1);
	CHECK_STR(member.path, "/b.o");
	archive_member_release(&member);
	CHECK_EQ(archive_next(archive, &member, NULL), 0);
	archive_close(archive);
}

/* Cut anywhere, nothing is read beyond the end (run under sanitizers). */
TEST(archives_that_are_cut)
{
	static const char data[] =
		"!<arch>\n" HEADER("//              ", "14        ")
		"long name.o/\n\n" HEADER("/0              ", "1         ") "a\n"
		HEADER("#1/4            ", "6         ") "b.o\0hi";
	char text[256];

	for (size_t size = 0; size < sizeof(data) - 1; size++)
		read_archive(data, size, text, sizeof(text));
	CHECK_STR(text, "long name.o=a -74");
	read_archive(data, sizeof(data) - 1, text, sizeof(text));
	CHECK_STR(text, "long name.o=a b.o=hi 0");
}

/* --- objects --------------------------------------------------------------------- */

struct object {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3]; /* none, one that matters, names */
	char names[32];
};

static struct object object_with(const char *name, uint32_t type,
				 uint64_t flags, uint64_t size)
{
	struct object object = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
					 ELFDATA2LSB },
			    .e_type = ET_REL,
			    .e_shoff = offsetof(struct object, sections),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 3,
			    .e_shstrndx = 2 },
		.sections[1] = { .sh_name = 1,
				 .sh_type = type,
				 .sh_flags = flags,
				 .sh_size = size },
		.sections[2] = { .sh_type = SHT_STRTAB,
				 .sh_offset = offsetof(struct object, names),
				 .sh_size = 32 },
	};

	strcpy(object.names + 1, name);
	return object;
}

TEST(kinds_of_objects)
{
	struct object object =
		object_with(".text", SHT_PROGBITS, SHF_ALLOC, 4);

	CHECK_EQ(object_kind((void *)&object, sizeof(object)), OBJECT_MACHINE);
	CHECK(!object_is_intermediate((void *)&object, sizeof(object)));
	object.header.e_type = ET_DYN;
	CHECK_EQ(object_kind((void *)&object, sizeof(object)), OBJECT_OTHER);
	object = object_with(".gnu.lto_.decls", SHT_PROGBITS, SHF_EXCLUDE, 4);
	CHECK_EQ(object_kind((void *)&object, sizeof(object)), OBJECT_LTO);
	CHECK(object_is_intermediate((void *)&object, sizeof(object)));
	object.sections[1].sh_flags = SHF_ALLOC;
	CHECK_EQ(object_kind((void *)&object, sizeof(object)), OBJECT_MACHINE);
	CHECK(object_is_intermediate((void *)&object, sizeof(object)));
	for (size_t size = 0; size < sizeof(object); size++)
		object_is_intermediate((void *)&object, size);
	object.header.e_type = ET_DYN;
	CHECK(!object_is_intermediate((void *)&object, sizeof(object)));
	object = object_with(".gnu.lto_.decls", SHT_PROGBITS, SHF_EXCLUDE, 4);
	object.header.e_shoff = UINT64_MAX - 8;
	CHECK_EQ(object_kind((void *)&object, sizeof(object)), OBJECT_MACHINE);
	for (size_t size = 0; size < sizeof(object); size++)
		object_kind((void *)&object, size);
	CHECK_EQ(object_kind((const void *)"BC\xc0\xde", 4), OBJECT_LTO);
	CHECK_EQ(object_kind((const void *)"!<arch>\n", 8), OBJECT_OTHER);
	CHECK_EQ(object_kind((const void *)"", 0), OBJECT_OTHER);
}

/* --- texts and paths ---------------------------------------------------------------- */

TEST(paths_that_do_not_exist)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "/absent/./a//b/../c", "/absent/a/c" },
		{ "/absent/../../..", "/" },
		{ "/absent/..b/.c", "/absent/..b/.c" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = journal_path(cases[i].path);

		CHECK_STR(got, cases[i].want);
		free(got);
	}
}

TEST(texts_that_are_no_utf8)
{
	static const char *const texts[] = { "", "plain", "\xff\x01", "\xe4z" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *value = journal_text(texts[i]);
		char *got = journal_text_of(value);

		CHECK_STR(got, texts[i]);
		free(got);
		json_decref(value);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
