#!/bin/bash
# One source diff for a program and its library: built once, one patch for both,
# switched together, reverted together.
. "$(dirname "$0")/lib.sh"

BUILD=$HOTFIX_O/hotfix-build

sources()
{
	mkdir -p "$TMP/src" "$TMP/bin" "$TMP/tmp"
	cat >"$TMP/src/work.h" <<-'CODE'
		int library_part(int n);
	CODE
	cat >"$TMP/src/work.c" <<-'CODE'
		#include "work.h"

		__attribute__((noinline)) int library_part(int n)
		{
			return n * 2 + 1;
		}
	CODE
	cat >"$TMP/src/prog.c" <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>
		#include "work.h"

		__attribute__((noinline)) static int own_part(int n)
		{
			return n * 3 + 1;
		}

		int main(void)
		{
			char line[100];

			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin) && *line != 'q')
				printf("%d %d\n", own_part(atoi(line)),
				       library_part(atoi(line)));
			return 0;
		}
	CODE
	printf '%s\n' 'notes' >"$TMP/src/README"
	cat >"$TMP/src/Makefile" <<-'CODE'
		CFLAGS = -g -O2
		LIBRARY = -fPIC -shared -Wl,--build-id -Wl,-soname,libwork.so
		all: prog libwork.so
		prog: prog.c libwork.so ; $(CC) $(CFLAGS) -Wl,--build-id -o $@ prog.c -L. -lwork
		libwork.so: work.c ; $(CC) $(CFLAGS) $(LIBRARY) -o $@ work.c
	CODE
}

make_it()
{
	(unset MAKEFLAGS MAKELEVEL; make -s -C "$TMP/src" "$@" >"$TMP/make.log" 2>&1) ||
		fail "$(<"$TMP/make.log")"
}

# A part of the diff.
change() # FILE SED-SCRIPT
{
	sed "$2" "$TMP/src/$1" >"$TMP/changed"
	diff -u --label "a/$1" --label "b/$1" "$TMP/src/$1" "$TMP/changed" \
		>>"$TMP/fix.patch" && fail "$1: nothing changed"
	rm "$TMP/changed"
}

project()
{
	sources
	make_it
	mv "$TMP/src/prog" "$TMP/src/libwork.so" "$TMP/bin"
}

build_both() # STATUS [OPTION]...
{
	local status=$1
	shift
	TMPDIR=$TMP/tmp program_exit "$status" env -u MAKEFLAGS -u MAKELEVEL \
		"$BUILD" --target "$TMP/bin/prog" --target "$TMP/bin/libwork.so" \
		--source "$TMP/src" --diff "$TMP/fix.patch" \
		-o "$TMP/fix.hotfix.so" "$@" -- make -s
	STDOUT=$(<"$TMP/stdout") STDERR=$(<"$TMP/stderr")
	is "$(ls -A "$TMP/tmp")" '' 'temporary files left'
}

start_project()
{
	export LD_LIBRARY_PATH=$TMP/bin
	start_program "$TMP/bin/prog"
	unset LD_LIBRARY_PATH
}

test_both_switched_together()
{
	project
	change prog.c 's/n \* 3 + 1/n * 3 + 5/'
	change work.c 's/n \* 2 + 1/n * 2 + 7/'
	build_both 0
	stdout_says own_part
	stdout_says library_part
	start_project
	expect 10 '31 21'
	snapshot
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	stdout_says own_part
	stdout_says library_part
	expect 10 '35 27'
	hotfix revert fix -p $PID
	expect 10 '31 21'
	unchanged
}

test_only_the_library()
{
	project
	change work.c 's/n \* 2 + 1/n * 2 + 7/'
	build_both 0
	stdout_says 'for library libwork.so'
	stdout_says '^left out: .*/prog: the diff changes nothing of it'
	start_project
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	expect 10 '31 27'
	hotfix revert fix -p $PID
	expect 10 '31 21'
}

test_neither()
{
	project
	change README 's/notes/better notes/'
	build_both 3
	stderr_says 'changes none of the 2 targets'
	[ ! -e "$TMP/fix.hotfix.so" ] || fail 'there is a patch'
}

# What is to be said of the builds is said once.
test_warnings_are_not_repeated()
{
	local line
	project
	change prog.c 's/n \* 3 + 1/n * 3 + 5/'
	change work.c 's/n \* 2 + 1/n * 2 + 7/'
	# A hunk whose surroundings are not as in the diff is warned of.
	sed -i '2s,.*,/* another line */,' "$TMP/src/work.c"
	make_it
	mv "$TMP/src/prog" "$TMP/src/libwork.so" "$TMP/bin"
	build_both 0
	grep 'warning: ' "$TMP/stderr" >"$TMP/warnings" || fail 'no warning'
	stderr_says 'work.c.*fuzz'
	line=$(sort "$TMP/warnings" | uniq -d)
	is "$line" '' 'said twice'
	build_both 0 --json
	"$PYTHON" - "$TMP/stdout" <<-'CODE' || fail 'said twice in JSON'
		import json, sys
		warnings = json.load(open(sys.argv[1]))["warnings"]
		sys.exit(len(warnings) != len(set(warnings)) or not warnings)
	CODE
}

run_tests "$@"
