#!/bin/bash
# A source that is not what runs: refused with what differs; accepted by an
# explicit word, which stays in the patch file.
. "$(dirname "$0")/lib.sh"

BUILD=$HOTFIX_O/hotfix-build

# The program is delivered at -O2.
project()
{
	mkdir -p "$TMP/src" "$TMP/bin"
	cat >"$TMP/src/prog.c" <<-'CODE'
		#include <stdio.h>
		#include <stdlib.h>

		static int table[8] = { 3, 1, 4, 1, 5, 9, 2, 6 };

		__attribute__((noinline)) static int total(int n)
		{
			int sum = 0;
			for (int i = 0; i < n; i++)
				sum += table[i & 7] * (i + n);
			return sum + 1;
		}

		__attribute__((noinline)) static int other(int n)
		{
			return n + table[n & 7];
		}

		int main(void)
		{
			char line[100];

			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin) && *line != 'q')
				printf("%d %d\n", total(atoi(line)), other(atoi(line)));
			return 0;
		}
	CODE
	sed 's/sum + 1/sum + 2/' "$TMP/src/prog.c" >"$TMP/fixed.c"
	diff -u --label a/prog.c --label b/prog.c "$TMP/src/prog.c" \
		"$TMP/fixed.c" >"$TMP/fix.patch" && fail 'nothing changed'
	gcc -g -O2 -fPIE -pie -Wl,--build-id -o "$TMP/bin/prog" "$TMP/src/prog.c" ||
		fail 'cannot build the program'
}

build_with() # STATUS LEVEL [OPTION]...
{
	local status=$1 level=$2
	shift 2
	program_exit "$status" env -u MAKEFLAGS -u MAKELEVEL \
		"$BUILD" --target "$TMP/bin/prog" --source "$TMP/src" \
		--diff "$TMP/fix.patch" -o "$TMP/fix.hotfix.so" "$@" -- \
		gcc -g "$level" -fPIE -pie -Wl,--build-id -o prog prog.c
}

test_refused_with_what_differs()
{
	project
	build_with 3 -Os
	stderr_says 'total\(\)'
	stderr_says '^  rebuilt total\+0: xorl '
	stderr_says '^  running total\+0: testl '
	stderr_says '^  here: .*gcc .*-Os'
	stderr_says '^  target: GNU C17 .*-O2'
	stderr_says 'hint: .*other flags'
	stderr_says 'hint: .*--accept-unproven'
	[ ! -e "$TMP/fix.hotfix.so" ] || fail 'there is a patch'
	build_with 3 -Os --json
	json_is error.code identity
}

test_accepted_for_ever()
{
	project
	build_with 0 -Os --accept-unproven
	stderr_says 'warning: total\(\) of .* is not proven'
	"$BIN/hotfix" show "$TMP/fix.hotfix.so" >"$TMP/stdout"
	stdout_says 'accept-unproven: total\(\) of '
	hotfix show "$TMP/fix.hotfix.so" --json
	json_is functions.0.identity.proven false
	start_program "$TMP/bin/prog"
	expect 2 '10 6'
	snapshot
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	stderr_says 'warning: built against advice: accept-unproven: total\(\) of '
	expect 2 '11 6'
	hotfix apply "$TMP/fix.hotfix.so" -p $PID --json
	[[ $(json overrides.0) = 'accept-unproven: total() of '* ]] ||
		fail "no override in: $STDOUT"
	rm "$TMP/fix.hotfix.so"
	hotfix status -p $PID --json
	[[ $(json processes.0.patches.0.overrides.0) = 'accept-unproven: total() of '* ]] ||
		fail "status has no override: $STDOUT"
	hotfix revert fix -p $PID
	expect 2 '10 6'
	unchanged
}

# With the right command nothing has to be accepted, whatever was said.
test_nothing_to_accept()
{
	project
	build_with 0 -O2 --accept-unproven
	hotfix show "$TMP/fix.hotfix.so" --json
	json_is functions.0.identity.proven true
	"$BIN/hotfix" show "$TMP/fix.hotfix.so" >"$TMP/stdout"
	! grep -q 'accept-unproven' "$TMP/stdout" || fail 'an override that was none'
}

run_tests "$@"
