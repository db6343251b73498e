/*
 * The target's compiler flags, from DW_AT_producer and compile_commands.json,
 * and the names that a source's text promises.
 */
#include "../tap.h"

#include <errno.h>

#include "../../lib/cleanup.h"
#include "../../patcher/compile.h"
#include "../../patcher/flags.h"
#include "../../patcher/symbols.h"

TEST(which_flags_are_kept)
{
	static const struct {
		const char *flag;
		bool want;
	} cases[] = {
		{ "-O2", true },
		{ "-march=x86-64", true },
		{ "-mavx2", true },
		{ "-std=gnu99", true },
		{ "-fno-strict-aliasing", true },
		{ "-fpack-struct=1", true },
		{ "-fshort-enums", true },
		{ "-fstack-protector-strong", true },
		{ "-fcf-protection", true },
		{ "-fcf-protection=none", true },
		{ "--param=ssp-buffer-size=4", true },
		{ "-fPIE", false },
		{ "-fpie", false },
		{ "-fPIC", false },
		{ "-fno-pic", false },
		{ "-flto", false },
		{ "-flto=auto", false },
		{ "-fprofile-use", false },
		{ "-fsanitize=address", false },
		{ "-fpatchable-function-entry=5", false },
		{ "-fvisibility=default", false },
		{ "-ftls-model=local-exec", false },
		{ "-fcommon", false },
		{ "-mcmodel=medium", false },
		{ "-pg", false },
		{ "-g", false },
		{ "-ggdb3", false },
		{ "-Wall", false },
		{ "-c", false },
		{ "-shared", false },
		{ "srv.c", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (flag_is_kept(cases[i].flag) != cases[i].want)
			TAP_FAIL("%s is %s", cases[i].flag,
				 cases[i].want ? "dropped" : "kept");
}

static void check_producer(const char *producer, const char *want,
			   const char *compiler, const char *version)
{
	owned(free_p) char *joined = NULL;
	struct flags flags;

	CHECK_EQ(flags_from_producer(producer, &flags), 0);
	joined = strings_join(&flags.arguments);
	CHECK_STR(joined, want);
	if (compiler)
		CHECK_STR(flags.compiler, compiler);
	CHECK_STR(flags.version, version);
	flags_release(&flags);
}

TEST(producers)
{
	check_producer("GNU C17 12.2.0 -mtune=generic -march=x86-64 -g -O2 "
		       "-fstack-protector-strong -fPIE",
		       "-mtune=generic -march=x86-64 -O2 "
		       "-fstack-protector-strong -std=gnu17",
		       "gcc", "12.2.0");
	if (tap_failed)
		return;
	check_producer("GNU C99 9.4.0 -O1 -std=c99", "-O1 -std=c99", "gcc",
		       "9.4.0");
	if (tap_failed)
		return;
	check_producer("Debian clang version 14.0.6", "", "clang", "14.0.6");
	if (tap_failed)
		return;
	check_producer("clang version 15.0.1 /usr/bin/clang -O3 -D X=1 -o out",
		       "-O3 -D X=1", "clang", "15.0.1");
	if (tap_failed)
		return;
	check_producer("", "", NULL, "");
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

TEST(compile_commands)
{
	char path[] = "/tmp/patcher_flags.XXXXXX";
	owned(close_p) int fd = mkstemp(path);
	owned(free_p) char *joined = NULL;
	struct flags flags = { 0 };
	struct hf_diag diag;

	CHECK(fd >= 0);
	write_file(path,
		   "[{\"directory\": \"/b\", \"file\": \"/b/x.c\","
		   "  \"command\": \"cc -O9 -c x.c\"},"
		   " {\"directory\": \"/b\", \"file\": \"src/y.c\","
		   "  \"arguments\": [\"gcc-12\", \"-O1\", \"-Iinc\","
		   "  \"-I\", \"/abs\", \"-DA=b c\", \"-o\", \"-O3\","
		   "  \"-c\", \"src/y.c\"]}]");
	CHECK_EQ(flags_from_commands(path, "/b/src/y.c", &flags, NULL), 0);
	joined = strings_join(&flags.arguments);
	CHECK_STR(joined, "-O1 -I/b/inc -I/abs -DA=b c");
	CHECK_EQ(flags.arguments.nr, 4);
	CHECK_STR(flags.compiler, "gcc-12");
	flags_release(&flags);
	CHECK_EQ(flags_from_commands(path, "/b/z.c", &flags, NULL), -ENOENT);
	write_file(path, "[{]");
	CHECK_EQ(flags_from_commands(path, "/b/z.c", &flags, &diag), -EBADMSG);
	CHECK_STR(diag.code, "commands-malformed");
	/* Well-formed, but something else. */
	write_file(path, "{\"a\": [1, 2]}");
	CHECK_EQ(flags_from_commands(path, "/b/z.c", &flags, &diag), -ENOENT);
	write_file(path, "[1, {}, {\"file\": 7}, {\"file\": \"z.c\"}]");
	CHECK_EQ(flags_from_commands(path, "/b/z.c", &flags, &diag), 0);
	CHECK_EQ(flags.arguments.nr, 0);
	flags_release(&flags);
	unlink(path);
}

TEST(names_in_the_text)
{
	owned(free_p) char *joined = NULL;
	struct strings names = { 0 };

	CHECK_EQ(compile_scan_names(
			 "int f(void);\nHOTFIX_REPLACE(f);\n"
			 "HOTFIX_REPLACE_AS( g , h);\n"
			 "HOTFIX_REPLACE_IN(\"a.c\",\n\tk, l);\n"
			 "HOTFIX_REPLACE; HOTFIX_REPLACE(); HOTFIX_REPLACE(",
			 &names),
		 0);
	joined = strings_join(&names);
	CHECK_STR(joined, "f g k");
	strings_release(&names);
}

TEST(source_paths)
{
	static const struct {
		const char *path, *suffix;
		bool want;
	} cases[] = {
		{ "/build/src/pay.c", "pay.c", true },
		{ "/build/src/pay.c", "src/pay.c", true },
		{ "/build/src/pay.c", "/build/src/pay.c", true },
		{ "/build/src/pay.c", "rc/pay.c", false },
		{ "/build/src/pay.c", "lib/pay.c", false },
		{ "/build/src/pay.c", "", true },
		{ "/build/src/pay.c", NULL, true },
		{ "pay.c", "src/pay.c", true }, /* only this much is known */
		{ "pay.c", "src/repay.c", false },
		{ NULL, "pay.c", false },
		{ NULL, "", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (source_matches(cases[i].path, cases[i].suffix) !=
		    cases[i].want)
			TAP_FAIL("%s as %s", cases[i].path ?: "(null)",
				 cases[i].suffix ?: "(null)");
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
