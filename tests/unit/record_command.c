/* What calls of compilers and linkers are understood to mean. */
#include <fcntl.h>
#include <unistd.h>

#include "../../patcher/record/compile_command.h"
#include "../../patcher/record/link_command.h"
#include "../../patcher/record/program_name.h"
#include "../../patcher/record/response_file.h"
#include "../tap.h"

TEST(names_of_compilers_and_linkers)
{
	static const struct {
		const char *path;
		enum program_kind want;
	} cases[] = {
		{ "gcc", PROGRAM_COMPILER },
		{ "/usr/bin/cc", PROGRAM_COMPILER },
		{ "./c99", PROGRAM_COMPILER },
		{ "g++-12", PROGRAM_COMPILER },
		{ "gcc-4.9.2", PROGRAM_COMPILER },
		{ "clang++-14", PROGRAM_COMPILER },
		{ "x86_64-linux-gnu-gcc-12", PROGRAM_COMPILER },
		{ "x86_64-pc-linux-gnu-clang", PROGRAM_COMPILER },
		{ "ld", PROGRAM_LINKER },
		{ "/opt/bin/ld.lld-14", PROGRAM_LINKER },
		{ "x86_64-linux-gnu-ld.gold", PROGRAM_LINKER },
		{ "collect-ld", PROGRAM_LINKER },
		{ "/usr/lib/gcc/x/12/lto-wrapper", PROGRAM_OPTIMISER },
		{ "lto1", PROGRAM_OTHER },
		{ "gcc-ar", PROGRAM_OTHER },
		{ "x86_64-linux-gnu-gcc-ar-12", PROGRAM_OTHER },
		{ "clang-format-14", PROGRAM_OTHER },
		{ "clang-tidy", PROGRAM_OTHER },
		{ "c++filt", PROGRAM_OTHER },
		{ "ccache", PROGRAM_OTHER },
		{ "cc1", PROGRAM_OTHER },
		{ "gcc-", PROGRAM_OTHER },
		{ "gcc-12.", PROGRAM_OTHER },
		{ "my-cc", PROGRAM_OTHER },
		{ "/gcc/sh", PROGRAM_OTHER },
		{ "ld.so", PROGRAM_OTHER },
		{ "ld-linux-x86-64.so.2", PROGRAM_OTHER },
		{ "", PROGRAM_OTHER },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (program_kind(cases[i].path) != cases[i].want)
			TAP_FAIL("%s is %d", cases[i].path,
				 (int)program_kind(cases[i].path));
}

/* Also of no words a list that ends with NULL. */
static void split(struct strings *list, const char *words)
{
	list->items = calloc(1, sizeof(*list->items));
	strings_add_words(list, words);
}

/* "mode output sources", of a command in words. */
static char *describe(const char *words)
{
	static const char *const modes[] = { "as-is", "compile", "link" };
	struct strings list = { 0 };
	struct compile_command command;
	char *text;

	split(&list, words);
	if (compile_command_parse(list.items, &command) < 0)
		return NULL;
	text = text_format("%s %s", modes[command.mode],
			   command.output ?: "-");
	for (size_t i = 0; i < command.nr_inputs; i++) {
		char *longer = text_format(
			"%s%s%s", text,
			command_input_is_source(&command.inputs[i]) ? " " :
								      " +",
			command.inputs[i].name);

		free(text);
		text = longer;
	}
	compile_command_release(&command);
	strings_release(&list);
	return text;
}

TEST(what_a_compiler_is_asked_for)
{
	static const struct {
		const char *words, *want;
	} cases[] = {
		{ "-c a.c", "compile - a.c" },
		{ "-c a.c -o b.o", "compile b.o a.c" },
		{ "-c a.c -ob.o", "compile b.o a.c" },
		{ "-c a.c --output=b.o", "compile b.o a.c" },
		{ "-c a.c -MD -MF x.c -MT y.c -MQ z.c", "compile - a.c" },
		{ "-c a.c -I x.c -D y.c -include z.h", "compile - a.c" },
		{ "-c a.c -isystem x -Xlinker y.c -Xclang z.c",
		  "compile - a.c" },
		{ "-c a.c b.cc c.S d.s", "compile - a.c b.cc c.S d.s" },
		{ "-c -x c gram.y", "compile - gram.y" },
		{ "-c -xc gram.y -x none d.o", "compile - gram.y +d.o" },
		{ "-c -- a.c", "compile - a.c" },
		{ "-c -Wp,-MD,x.d -O2 -g3 -march=native a.c", "compile - a.c" },
		{ "-c a.h", "compile - +a.h" },
		{ "-c a.o", "as-is - +a.o" },
		{ "-S a.c", "as-is - a.c" },
		{ "-c -E a.c", "as-is - a.c" },
		{ "-MM a.c", "as-is - a.c" },
		{ "-c -MMD a.c", "compile - a.c" },
		{ "-fsyntax-only a.c", "as-is - a.c" },
		{ "--version", "as-is -" },
		{ "-v", "as-is -" },
		{ "-print-file-name=a.c", "as-is -" },
		{ "-c -o /dev/null a.c", "as-is /dev/null a.c" },
		{ "-c -x c -", "as-is - -" },
		{ "-c conftest.c", "as-is - conftest.c" },
		{ "a.o -o conftest", "as-is conftest +a.o" },
		{ "-c CMakeFiles/CMakeScratch/TryCompile-x/a.c",
		  "as-is - CMakeFiles/CMakeScratch/TryCompile-x/a.c" },
		{ "a.o b.o", "link - +a.o +b.o" },
		{ "-o p a.c b.o -lm", "link p a.c +b.o" },
		{ "-shared -o p -Wl,-soname,x.c a.o -l m",
		  "link p +a.o" },
		{ "-o p a.o -T x.ld -u main -z now -e start",
		  "link p +a.o" },
		{ "-r -o p a.o", "link p +a.o" },
		{ "", "as-is -" },
		{ "-o", "as-is -" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = describe(cases[i].words);

		if (!got || strcmp(got, cases[i].want))
			TAP_FAIL("%s: \"%s\", not \"%s\"", cases[i].words,
				 got ?: "", cases[i].want);
		free(got);
	}
}

static char *amend(const char *words, const char *prefix_map,
		   const char *epoch)
{
	struct strings list = { 0 }, amended = { 0 };
	struct compile_command command = { 0 };
	char *text = NULL;

	split(&list, words);
	if (!compile_command_parse(list.items, &command) &&
	    !compile_command_amend(&command, list.items, prefix_map, epoch,
				   &amended))
		text = strings_join(&amended);
	compile_command_release(&command);
	strings_release(&amended);
	strings_release(&list);
	return text;
}

#define FLAGS "-ffunction-sections -fdata-sections -g -fno-eliminate-unused-debug-types"

TEST(what_is_added)
{
	static const struct {
		const char *words, *map, *want;
	} cases[] = {
		{ "-O2 -c a.c", NULL, "-O2 -c a.c " FLAGS },
		{ "-c a.c", "x=y", "-c a.c " FLAGS " -ffile-prefix-map=x=y" },
		{ "-c -- a.c", NULL, "-c " FLAGS " -- a.c" },
		{ "-gsplit-dwarf -c a.c", NULL,
		  "-gsplit-dwarf -c a.c " FLAGS " -gno-split-dwarf" },
		{ "-gsplit-dwarf -gno-split-dwarf -c a.c", NULL,
		  "-gsplit-dwarf -gno-split-dwarf -c a.c " FLAGS },
		{ "-c a.s", "x=y", "-c a.s" },
		{ "-c a.S", "x=y", "-c a.S -ffile-prefix-map=x=y" },
		{ "-c -x assembler a.c", NULL, "-c -x assembler a.c" },
		{ "-o p a.o", "x=y", "-o p a.o" },
		{ "-o p a.o b.c", NULL, "-o p a.o b.c " FLAGS },
		{ "a.h", NULL, "a.h " FLAGS },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = amend(cases[i].words, cases[i].map, NULL);

		if (!got || strcmp(got, cases[i].want))
			TAP_FAIL("%s: \"%s\", not \"%s\"", cases[i].words,
				 got ?: "", cases[i].want);
		free(got);
	}
}

TEST(date_of_a_compiler_that_has_only_the_clock)
{
	static const struct {
		const char *words, *epoch, *want;
	} cases[] = {
		{ "-c a.c", "0",
		  "-c a.c " FLAGS " -Wno-builtin-macro-redefined "
		  "-D__DATE__=\"Jan  1 1970\" -D__TIME__=\"00:00:00\"" },
		{ "-c a.c", "1700000000",
		  "-c a.c " FLAGS " -Wno-builtin-macro-redefined "
		  "-D__DATE__=\"Nov 14 2023\" -D__TIME__=\"22:13:20\"" },
		/* The build has its own. */
		{ "-D__DATE__=1 -c a.c", "0", "-D__DATE__=1 -c a.c " FLAGS },
		{ "-D __TIME__=1 -c a.c", "0", "-D __TIME__=1 -c a.c " FLAGS },
		{ "-c a.s", "0", "-c a.s" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *got = amend(cases[i].words, NULL, cases[i].epoch);

		if (!got || strcmp(got, cases[i].want))
			TAP_FAIL("%s: \"%s\", not \"%s\"", cases[i].words,
				 got ?: "", cases[i].want);
		free(got);
	}
}

TEST(default_outputs)
{
	static const struct {
		const char *source, *want;
	} cases[] = {
		{ "a.c", "a.o" },
		{ "/x/y.z/a.b.cc", "a.b.o" },
		{ "x.d/a", "a.o" },
	};
	const struct compile_command command = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct command_input input = { .name =
						       (char *)cases[i].source };
		char *got = compile_command_output(&command, &input);

		CHECK_STR(got, cases[i].want);
		free(got);
	}
}

/* --- response files ---------------------------------------------------------- */

static char directory[] = "/tmp/record_command.XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

static char *expand(const char *words)
{
	struct strings list = { 0 }, expanded = { 0 };
	char *text = NULL;

	split(&list, words);
	for (size_t i = 0; i < list.nr; i++)
		if (list.items[i][0] == '@') {
			char *path = text_format("@%s/%s", directory,
						 list.items[i] + 1);

			free(list.items[i]);
			list.items[i] = path;
		}
	if (!response_expand(list.items, &expanded)) {
		/* '|' shows where words end. */
		for (size_t i = 0; i < expanded.nr; i++) {
			char *longer = text_format("%s%s|", text ?: "",
						   expanded.items[i]);

			free(text);
			text = longer;
		}
		strings_release(&expanded);
	}
	strings_release(&list);
	return text;
}

TEST(response_files)
{
	char itself[300], *got;

	if (!mkdtemp(directory))
		TAP_FAIL("no directory");
	write_file("words", " -c\n'a b'.c \"it's\" back\\ slash \"q\\\"\"\t\n");
	write_file("empty", " \n");
	snprintf(itself, sizeof(itself), "x @%s/itself", directory);
	write_file("itself", itself);
	got = expand("-O2 @words @empty last");
	CHECK_STR(got, "-O2|-c|a b.c|it's|back slash|q\"|last|");
	free(got);
	got = expand("@absent");
	CHECK_CONTAINS(got, "/absent|");
	free(got);
	got = expand("@itself");
	CHECK_CONTAINS(got, "x|x|");
	free(got);
	for (const char *const *name = (const char *const[]){ "words", "empty",
							      "itself", NULL };
	     *name; name++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/%s", directory, *name);
		unlink(path);
	}
	rmdir(directory);
}

/* --- linkers ------------------------------------------------------------------- */

TEST(what_a_linker_is_asked_for)
{
	static const struct {
		const char *words, *output, *files;
		bool links, relocatable, talkative;
	} cases[] = {
		{ "a.o", "a.out", "a.o", true, false, false },
		{ "-o p -m elf_x86_64 a.o -L x -lc b.a", "p", "a.o b.a", true,
		  false, false },
		{ "-op a.o", "p", "a.o", true, false, false },
		{ "--output=p a.o --oformat binary", "p", "a.o", true, false,
		  false },
		{ "-r -o p a.o", "p", "a.o", true, true, false },
		{ "--relocatable a.o", "a.out", "a.o", true, true, false },
		{ "-i a.o", "a.out", "a.o", true, true, false },
		{ "-dynamic-linker /ld.so -soname x -z now -plugin y a.o",
		  "a.out", "a.o", true, false, false },
		{ "-rpath x --version-script y -T z -e w a.o", "a.out", "a.o",
		  true, false, false },
		{ "-t a.o", "a.out", "a.o", true, false, true },
		{ "--print-map a.o", "a.out", "a.o", true, false, true },
		{ "--version a.o", "a.out", "a.o", false, false, false },
		{ "-v", "a.out", "", false, false, false },
		{ "-v a.o", "a.out", "a.o", true, false, false },
		{ "-o conftest a.o", "conftest", "a.o", false, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct strings list = { 0 };
		struct link_command command;
		char *files;

		split(&list, cases[i].words);
		CHECK_EQ(link_command_parse(list.items, &command), 0);
		files = strings_join(&command.files);
		if (strcmp(command.output, cases[i].output) ||
		    strcmp(files, cases[i].files) ||
		    command.links != cases[i].links ||
		    command.relocatable != cases[i].relocatable ||
		    command.talkative != cases[i].talkative)
			TAP_FAIL("%s: %s from \"%s\", %d %d %d",
				 cases[i].words, command.output, files,
				 command.links, command.relocatable,
				 command.talkative);
		free(files);
		link_command_release(&command);
		strings_release(&list);
	}
}

/* /dev/null stands for any file that exists. */
TEST(trace_lines)
{
	static const struct {
		const char *line, *file, *member;
		int want;
	} cases[] = {
		{ "/dev/null", "/dev/null", NULL, 1 },
		{ "trace: /dev/null", "/dev/null", NULL, 1 },
		{ "(/dev/null)b.o", "/dev/null", "b.o", 1 },
		{ "/dev/null(b.o)", "/dev/null", "b.o", 1 },
		{ "/dev/null(a (b).o)", "/dev/null", "a (b).o", 1 },
		{ "(/dev/null)a (b).o", "/dev/null", "a (b).o", 1 },
		{ "/dev/null()", "/dev/null", "", 1 },
		{ "/absent/a.o", NULL, NULL, 0 },
		{ "/absent.a(b.o)", NULL, NULL, 0 },
		{ "(/dev/null)", NULL, NULL, 0 },
		{ "(", NULL, NULL, 0 },
		{ ")", NULL, NULL, 0 },
		{ "", NULL, NULL, 0 },
		{ "Memory region  Used Size", NULL, NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *file = NULL, *member = NULL;

		CHECK_EQ(link_trace_line(cases[i].line, &file, &member),
			 cases[i].want);
		if (cases[i].file)
			CHECK_STR(file, cases[i].file);
		if (cases[i].member)
			CHECK_STR(member, cases[i].member);
		else
			CHECK(!member);
		free(file);
		free(member);
	}
}

int main(int argc, char **argv)
{
	return tap_main(argc, argv);
}
