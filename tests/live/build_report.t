#!/bin/bash
# What hotfix-build says of patches that are large: people read lines, programs
# read all of it.
. "$(dirname "$0")/lib.sh"

BUILD=$HOTFIX_O/hotfix-build

# TABLES functions, each with a table of its own, and the diff that changes all.
sources() # TABLES
{
	local i
	mkdir -p "$TMP/src" "$TMP/tmp"
	for i in $(seq "$1"); do
		echo "static const int table$i[] = { 1, 2, 3, $i, OTHER };"
		echo "__attribute__((noinline)) int use$i(int n)"
		echo "{ return n < 0 ? -1 : table$i[n % 5] * n; }"
	done >"$TMP/src/use.h"
	{
		printf '#include <stdlib.h>\n#define OTHER 5\n#include "use.h"\n'
		echo 'int main(int argc, char **argv)'
		echo '{ int n = argc > 1 ? atoi(argv[1]) : 0;'
		for i in $(seq "$1"); do echo "n += use$i(n);"; done
		echo 'return n; }'
	} >"$TMP/src/prog.c"
	cat >"$TMP/fix.patch" <<-'DIFF'
		--- a/prog.c
		+++ b/prog.c
		@@ -1,3 +1,3 @@
		 #include <stdlib.h>
		-#define OTHER 5
		+#define OTHER 6
		 #include "use.h"
	DIFF
	gcc -g -O2 -Wl,--build-id -o "$TMP/prog" "$TMP/src/prog.c" ||
		fail 'the program does not compile'
}

build() # OPTION...
{
	TMPDIR=$TMP/tmp program_exit 0 "$BUILD" --target "$TMP/prog" \
		--source "$TMP/src" --diff "$TMP/fix.patch" "$@" \
		-o "$TMP/fix.hotfix.so" -- gcc -g -O2 -o prog prog.c
}

count() # REGEX FILE
{
	grep -cE -- "$1" "$TMP/$2" || :
}

test_few_are_described()
{
	sources 5
	build
	is "$(count '^  use[0-9]+\(\), .*prog.c$' stdout)" 5
	is "$(count '^    changed: constant' stdout)" 5
	is "$(count '^    proven: ' stdout)" 5
	is "$(count 'warning: 5 constants change: ' stderr)" 1
	stderr_says '^  (variable table[1-5] \(prog.c\),? ?(and )?){5}$'
}

test_many_are_listed()
{
	sources 20
	build
	is "$(count '^  use[0-9]+\(\), .*prog.c: constant: .*; [0-9]+ -> [0-9]+ bytes$' stdout)" 20
	is "$(count '^    ' stdout)" 0
	stdout_says '^  proven: 20 of 20 functions are what the target runs$'
	is "$(count '^  new: ' stdout)" 12
	stdout_says '^  new: 9 more, see --json$'
	is "$(count 'warning: ' stderr)" 1
	stderr_says 'warning: 20 constants change: '
	stderr_says '^  (variable table[0-9]+ \(prog.c\),? ){4}and 16 more$'
}

test_programs_get_all()
{
	sources 20
	build --json
	is "$(json notices.0.code)" constant-changed
	[[ $(json notices.0.names.19) = 'variable table'*' (prog.c)' ]] ||
		fail "$STDOUT"
	is "$("$PYTHON" -c 'import json, sys
result = json.load(open(sys.argv[1]))
print(len(result["functions"]), len(result["new"]), len(result["warnings"]),
      len(result["notices"]), len(result["notices"][0]["names"]))' "$TMP/stdout")" \
		'20 20 1 1 20'
}

run_tests "$@"
