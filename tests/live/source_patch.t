#!/bin/bash
# What a diff does to a source, as compilers see it: functions that it does not
# touch are the same, byte for byte, though their lines have moved.
. "$(dirname "$0")/lib.sh"

APPLY=$HOTFIX_O/tests/tools/apply_diff

# The tree before and after: $TMP/old, $TMP/new, and fix.patch between them.
trees()
{
	mkdir -p "$TMP/old" "$TMP/new"
}

# Applies fix.patch to a copy of old, which is left as `tree`.
apply()
{
	(cd "$TMP" && diff -Naur old new >fix.patch) || [ $? = 1 ]
	rm -rf "$TMP/tree"
	cp -a "$TMP/old" "$TMP/tree"
	"$APPLY" "$TMP/tree" "$TMP/map" "$TMP/fix.patch" >"$TMP/said" ||
		fail "$(<"$TMP/said")"
}

# The code of a function with its relocations, strings and assert's numbers.
code_of() # TREE COMPILER FLAGS FUNCTION
{
	(cd "$TMP/$1" && $2 $3 -ffunction-sections -c -o "../$1.o" main.c &&
		objdump -dr --no-show-raw-insn -M intel --disassemble="$4" "../$1.o" |
		sed -n '/>:$/,$p')
}

# FUNCTION must be as it was; and would not be without #line.
check_same() # FLAGS FUNCTION
{
	local compiler
	for compiler in gcc clang; do
		command -v $compiler >/dev/null || continue
		is "$(code_of tree $compiler "$1" $2)" \
			"$(code_of old $compiler "$1" $2)" "$compiler $1: $2"
		[ "$(code_of new $compiler "$1" $2)" != \
		  "$(code_of old $compiler "$1" $2)" ] ||
			fail "$2 has nothing that shows its lines"
	done
}

check_changed() # FLAGS FUNCTION
{
	[ "$(code_of tree gcc "$1" $2)" != "$(code_of old gcc "$1" $2)" ] ||
		fail "$2 is as it was"
}

test_functions_with_assert()
{
	trees
	cat >"$TMP/old/main.c" <<-'EOF'
		#include <assert.h>
		int first(int a)
		{
			assert(a > 1);
			return a;
		}
		int second(int a)
		{
			assert(a > 2);
			return a + 1;
		}
	EOF
	sed '/a > 1/i\	if (a == 7)\n\t\treturn 8;' "$TMP/old/main.c" >"$TMP/new/main.c"
	apply
	check_same -O2 second
	check_changed -O2 first
	# Its own assert has its old number, too.
	code_of old gcc -O0 first | grep -o 'mov *edx,.*' >"$TMP/number"
	code_of tree gcc -O0 first | grep -qF -f "$TMP/number" ||
		fail 'the number in first() has changed'
}

test_headers()
{
	trees
	cat >"$TMP/old/x.h" <<-'EOF'
		#include <assert.h>
		#define LIMIT 3
		static inline int checked(int a)
		{
			assert(a > LIMIT);
			return a;
		}
	EOF
	echo '#include "x.h"
	int main(int c, char **v) { (void)v; return checked(c); }' | tee "$TMP/old/main.c" >"$TMP/new/main.c"
	sed '/LIMIT 3/i #define OTHER \\\n	4' "$TMP/old/x.h" >"$TMP/new/x.h"
	apply
	check_same -O2 main
}

# One change in a branch: every way to compile it has the old numbers.
test_branches()
{
	trees
	cat >"$TMP/old/main.c" <<-'EOF'
		#ifdef A
		int a(void) { return __LINE__; }
		#elif defined(B)
		int b(void) { return __LINE__; }
		#else
		int c(void) { return __LINE__; }
		#endif
		#ifdef C
		int d(void) { return __LINE__; }
		#endif
		int e(void) { return __LINE__; }
	EOF
	sed -e '1a int x;\nint y;' -e '/#ifdef C/a int z;' "$TMP/old/main.c" >"$TMP/new/main.c"
	apply
	check_same -DA a
	check_same -DB b
	check_same -O2 c
	check_same -DC d
	for flags in -DA -DB -O2 -DC '-DA -DC' '-DB -DC'; do
		check_same "$flags" e
	done
}

# Conditionals, comments, macros over lines: 60 random files, every number of
# an unchanged line that a compiler can see is the old one.
test_random_files()
{
	command -v gcc >/dev/null || skip 'no gcc'
	"$PYTHON" "$LIVE/random_lines.py" "$TMP" "$APPLY" 60
}

test_file_names_and_dates_stay()
{
	trees
	echo 'const char *f(void) { return __FILE__; }' >"$TMP/old/main.c"
	sed '1i int x;' "$TMP/old/main.c" >"$TMP/new/main.c"
	touch -d 2001-01-01 "$TMP/old/other.c"
	cp -a "$TMP/old/other.c" "$TMP/new/"
	apply
	(cd "$TMP/tree" && gcc -E -P main.c) | grep -q '"main.c"' ||
		fail '__FILE__ is another'
	is "$(stat -c %Y "$TMP/tree/other.c")" "$(stat -c %Y "$TMP/old/other.c")"
}

# make builds what the diff touches, and only that, at once.
test_make_sees_it()
{
	trees
	mkdir "$TMP/old/sub"
	echo 'int main(void) { return 0; }' >"$TMP/old/main.c"
	echo 'int x;' >"$TMP/old/sub/x.c"
	printf 'main: main.o sub/x.o\n\t@echo link; gcc -o $@ $^\n%%.o: %%.c\n\t@echo $@; gcc -c -o $@ $<\n' >"$TMP/old/Makefile"
	cp -a "$TMP/old/." "$TMP/new/"
	make -s -C "$TMP/old" >/dev/null
	cp -a "$TMP/old/." "$TMP/new/"
	sed -i '1i int y;' "$TMP/new/sub/x.c"
	apply
	is "$(make -s -C "$TMP/tree")" 'sub/x.o
link'
	is "$(make -s -C "$TMP/tree")" "" 'a second make'
}

# The numbers that bison gives to a grammar's code, whatever the diff added.
test_bison()
{
	command -v bison >/dev/null || skip 'no bison'
	trees
	cat >"$TMP/old/gram.y" <<-'EOF'
		%{
		#include <assert.h>
		int yylex(void);
		void yyerror(const char *);
		%}
		%token A B
		%%
		all: A { assert($$ > 1); }
		   | B { assert($$ > 2); }
		   ;
		%%
		int tail(int a)
		{
			assert(a);
			return a;
		}
		int last(int a)
		{
			assert(a > 5);
			return a;
		}
	EOF
	sed -e '/^%token/a /* more */\n/* and more */' \
		-e '/return a;/{s/^/	if (a == 3)\n		return 9;\n/;:a;n;ba}' \
		"$TMP/old/gram.y" >"$TMP/new/gram.y"
	apply
	for tree in old new tree; do
		(cd "$TMP/$tree" && bison -o main.c gram.y)
	done
	"$HOTFIX_O/tests/tools/restore_lines" "$TMP/tree/main.c" "$TMP/tree" "$TMP/map"
	check_same -O2 last
	check_changed -O2 tail
	check_same -O2 yyparse
}

run_tests "$@"
