#!/bin/bash
# Builds run in a copy of the source, at its own path, and leave the source
# alone; what a cache holds is whole or not used.
. "$(dirname "$0")/lib.sh"
# Our own make's flags are not those of the builds here.
unset MAKEFLAGS MFLAGS MAKELEVEL

# The recorder is looked for beside the program.
tools()
{
	mkdir -p "$TMP/bin" "$TMP/tmp"
	cp "$HOTFIX_O/hotfix-cc" "$HOTFIX_O/hotfix-record.so" \
		"$HOTFIX_O/tests/tools/build_twice" "$TMP/bin"
	export TMPDIR=$TMP/tmp
}

# A source with everything that a copy could lose.
source_tree()
{
	tools
	mkdir -p "$TMP/src/sub" "$TMP/src/empty"
	printf 'prog: main.o sub/x.o\n\t$(CC) -o $@ $^\n' >"$TMP/src/Makefile"
	printf '%%.o: %%.c\n\t$(CC) -c -o $@ $<\n' >>"$TMP/src/Makefile"
	echo 'int x(void); int main(void) { return x(); }' >"$TMP/src/main.c"
	printf 'int\nx(void)\n{\n\treturn 1;\n}\n' >"$TMP/src/sub/x.c"
	printf '#!/bin/sh\necho run\n' >"$TMP/src/tool.sh"
	chmod 751 "$TMP/src/tool.sh"
	ln -s sub/x.c "$TMP/src/link.c"
	ln -s nowhere "$TMP/src/dangling"
	ln "$TMP/src/main.c" "$TMP/src/hard.c"
	touch -d '2001-02-03 04:05:06.123456789' "$TMP/src/sub/x.c"
	chmod 555 "$TMP/src/empty"
	at_end 'chmod -R u+w "$TMP/src"'
	printf '%s\n' '--- a/sub/x.c' '+++ b/sub/x.c' '@@ -3,3 +3,3 @@' ' {' \
		'-	return 1;' '+	return 2;' ' }' >"$TMP/fix.patch"
}

listing() # DIRECTORY
{
	(cd "$1" && find . -printf '%P %y %m %T@ %n %l\n' | sort &&
		find . -type f -exec sha256sum {} + | sort)
}

twice() # STATUS OPTION...
{
	local status=$1 before
	shift
	before=$(listing "$TMP/src")
	program_exit "$status" "$TMP/bin/build_twice" "$@"
	is "$(listing "$TMP/src")" "$before" 'the source'
}

says() { grep -qE -- "$1" "$TMP/stdout" || fail "no '$1' in
$(<"$TMP/stdout")"; }
says_not() { ! grep -qE -- "$1" "$TMP/stdout" || fail "'$1' in
$(<"$TMP/stdout")"; }
no_files() { is "$(ls -A "$TMP/tmp")" '' 'temporary files'; }

test_twice_at_its_own_path()
{
	source_tree
	twice 0 -d "$TMP/fix.patch" "$TMP/src" make
	says "built in a copy, at its own path $TMP/src\$"
	says '^original: 2 compiles, 1 links'
	says "^original compile $TMP/src/main.c in $TMP/src to $TMP/src/main.o"
	says "^original link $TMP/src/prog"
	says '^patched: 1 compiles, 1 links'
	says "^patched compile $TMP/src/sub/x.c in $TMP/src to $TMP/src/sub/x.o"
	no_files
}

# Nobody watches who starts the build command itself.
test_compiler_as_build_command()
{
	source_tree
	twice 0 -d "$TMP/fix.patch" "$TMP/src" gcc -o prog main.c sub/x.c
	says '^original: 2 compiles, 1 links'
	says '^patched: 2 compiles, 1 links'
}

# The patched build links objects that only the original one has made.
test_partial_link_is_not_made_again()
{
	source_tree
	printf '%s\n' 'prog: all.o sub/x.o' '	$(CC) -o $@ $^' \
		'all.o: main.o' '	ld -r -o $@ $^' '%.o: %.c' \
		'	$(CC) -c -o $@ $<' >"$TMP/src/Makefile"
	twice 0 -d "$TMP/fix.patch" "$TMP/src" make
	says '^patched: 1 compiles, 1 links'
	says "^original input $TMP/src/main.o of $TMP/src/main.c\$"
	says "^patched input $TMP/src/main.o of $TMP/src/main.c\$"
}

# What the build sees is the source as it is.
test_the_copy_is_exact()
{
	source_tree
	mkfifo "$TMP/src/fifo"
	twice 0 "$TMP/src" sh -c "cd $TMP/src && gcc -c -o '$TMP/x.o' main.c &&
		find . ! -name fifo -printf '%P %y %m %T@ %n %l\n' | sort >$TMP/seen"
	rm "$TMP/src/fifo"
	listing "$TMP/src" | sed '/^[0-9a-f]\{64\} /d' >"$TMP/want"
	# A FIFO is left out, and was removed here: the root has another date.
	is "$(grep -v '^ d' "$TMP/seen")" "$(grep -v '^ d' "$TMP/want")"
	grep -q '2001\|981173106.1234567890' "$TMP/seen" || fail 'no nanoseconds'
}

# Nothing but the build itself sees the mount.
test_nobody_else_sees_it()
{
	source_tree
	mkfifo "$TMP/go"
	"$TMP/bin/build_twice" "$TMP/src" sh -c "gcc -c main.c; touch made; read line <$TMP/go" >"$TMP/stdout" &
	local pid=$!
	STARTED+=($pid)
	await eval 'ls "$TMP"/tmp/*/tree/made'
	[ ! -e "$TMP/src/made" ] || fail 'the source has a new file'
	! grep -qF "$TMP/src" /proc/self/mounts || fail 'the mount is seen'
	echo >"$TMP/go"
	wait $pid
	no_files
}

# As somebody who is not root, by way of a user namespace.
test_without_privileges()
{
	[ $(id -u) = 0 ] || skip 'is the case already'
	command -v setpriv >/dev/null || skip 'no setpriv'
	setpriv --reuid 65534 --regid 65534 --clear-groups unshare -Ur true 2>/dev/null ||
		skip 'no user namespaces'
	source_tree
	chmod 755 "$TMP/empty" 2>/dev/null || true
	chown -R 65534:65534 "$TMP/src" "$TMP/tmp"
	twice_as() { program_exit 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
	dir=$TMP
	while [ "$dir" != / ]; do
		setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$dir" || skip "$dir is closed"
		dir=$(dirname "$dir")
	done
	twice_as "$TMP/bin/build_twice" -d "$TMP/fix.patch" "$TMP/src" sh -c 'id -u >id; make'
	says "built in a copy, at its own path $TMP/src\$"
	says '^patched: 1 compiles, 1 links'
	no_files
}

# Where mounts are refused it runs in the copy, and says so.
test_without_namespaces()
{
	source_tree
	program_exit 0 "$PYTHON" "$LIVE/without_namespaces.py" \
		"$TMP/bin/build_twice" -d "$TMP/fix.patch" "$TMP/src" make
	says "built in a copy at $TMP/tmp/hotfix-build-.*/tree, since"
	says '^original: 2 compiles, 1 links'
	says "^patched compile $TMP/tmp/hotfix-build-[^/]*/tree/sub/x.c"
	no_files
}

test_jobs()
{
	source_tree
	export MAKEFLAGS=k
	twice 0 -j 3 "$TMP/src" sh -c \
		"gcc -c main.c; echo \"\$MAKEFLAGS,\$CMAKE_BUILD_PARALLEL_LEVEL,\$PWD\" >$TMP/seen"
	is "$(<"$TMP/seen")" "k -j3,3,$TMP/src"
	unset MAKEFLAGS
}

# The lines that matter, the log's path, and everything is kept.
test_a_build_that_fails()
{
	source_tree
	echo 'int main(void) { return undeclared; }' >"$TMP/src/main.c"
	twice 1 "$TMP/src" make
	stderr_says '^build-failed: building the original failed: make ended with status 2'
	stderr_says "error: .undeclared. undeclared"
	stderr_says 'make(\[[0-9]\])?: \*\*\* \[Makefile:[0-9]*: main.o\] Error 1'
	log=$(sed -n 's/.*it printed is in //p' "$TMP/stderr")
	grep -q '^== building the original: make' "$log"
	[ -e "$(dirname "$log")/tree/main.c" ] || fail 'nothing was kept'
}

test_a_build_that_says_no_error()
{
	source_tree
	twice 1 "$TMP/src" sh -c 'seq 100; exit 7'
	stderr_says 'ended with status 7'
	stderr_says '^  86$'
	stderr_says '^  100$'
	! grep -qx '  85' "$TMP/stderr" || fail 'too many lines'
	twice 1 "$TMP/src" sh -c 'kill -9 $$'
	stderr_says 'was killed by signal 9'
	twice 1 "$TMP/src" no-such-command --now
	stderr_says 'cannot run the build command no-such-command'
	rm -rf "$TMP"/tmp/*
	twice 1 "$TMP/src" true
	stderr_says '^build-unseen: '
}

# SIGINT ends the build with all that it started, and nothing is left.
test_interrupted()
{
	source_tree
	"$TMP/bin/build_twice" "$TMP/src" sh -c \
		"trap '' INT; sh -c 'echo \$\$ >$TMP/pid; exec sleep 1000'; true" 2>"$TMP/stderr" &
	local pid=$! status=0
	STARTED+=($pid)
	await test -s "$TMP/pid"
	# A shell's background jobs ignore SIGINT.
	kill -TERM $pid
	wait $pid || status=$?
	is $status 1
	stderr_says '^interrupted'
	await is_dead "$(<"$TMP/pid")"
	no_files
}

is_dead() { ! grep -q '^State:[[:space:]]*[^Z]' /proc/$1/status; }

test_cache()
{
	source_tree
	twice 0 -c "$TMP/cache" -d "$TMP/fix.patch" "$TMP/src" make
	says '^original: 2 compiles'
	says_not "cache's"
	cp "$TMP/stdout" "$TMP/first"
	is "$(ls "$TMP"/cache/*/ | grep -v line_map)" 'build.log
built
built.digest
original'
	# Again, and nothing of the original is compiled.
	twice 0 -c "$TMP/cache" -d "$TMP/fix.patch" "$TMP/src" make
	says "the original build is the cache's"
	! grep 'building the original' "$TMP"/cache/*/build.log || fail 'built again'
	is "$(sed 1d "$TMP/stdout")" "$(sed 1d "$TMP/first")"
	# Another source, another build command.
	echo 'int y;' >>"$TMP/src/main.c"
	twice 0 -c "$TMP/cache" "$TMP/src" make
	says_not "cache's"
	twice 0 -c "$TMP/cache" "$TMP/src" make prog
	says_not "cache's"
	CFLAGS=-O1 twice 0 -c "$TMP/cache" "$TMP/src" make
	says_not "cache's"
	chmod a+x "$TMP/src/main.c"
	twice 0 -c "$TMP/cache" "$TMP/src" make
	says_not "cache's"
	no_files
}

test_damaged_cache()
{
	source_tree
	local damage
	for damage in 'rm $entry/built/main.o' 'truncate -s 1 $entry/built/main.o' \
		'touch $entry/built/main.o' 'rm -r $entry/original/objects' \
		'rm $entry/built.digest' ': >$entry/built.digest' 'rm -r $entry/built'; do
		rm -rf "$TMP/cache"
		twice 0 -c "$TMP/cache" "$TMP/src" make
		entry=$(echo "$TMP"/cache/*/)
		eval "$damage"
		twice 0 -c "$TMP/cache" -d "$TMP/fix.patch" "$TMP/src" make
		says_not "cache's"
		says '^patched: 1 compiles'
		twice 0 -c "$TMP/cache" "$TMP/src" make
		says "cache's"
	done
}

# A failed build is not taken for a cache.
test_failed_build_is_not_cached()
{
	source_tree
	twice 1 -c "$TMP/cache" "$TMP/src" sh -c 'make && test -e /nowhere'
	[ -e "$(sed -n 's/.*it printed is in //p' "$TMP/stderr")" ] || fail 'no log'
	twice 1 -c "$TMP/cache" "$TMP/src" sh -c 'make && test -e /nowhere'
	says_not "cache's"
}

# Two at once: one builds, the other waits for it and uses what it made.
test_cache_at_once()
{
	source_tree
	local i pids=()
	for i in 1 2 3; do
		"$TMP/bin/build_twice" -c "$TMP/cache" -d "$TMP/fix.patch" "$TMP/src" make >"$TMP/out.$i" 2>&1 &
		pids+=($!)
		STARTED+=($!)
	done
	for i in "${pids[@]}"; do wait $i; done
	is "$(cat "$TMP"/out.? | grep -c "cache's")" 2
	is "$(cat "$TMP"/out.? | grep -c '^patched: 1 compiles')" 3
}

test_places_inside_of_the_source()
{
	source_tree
	twice 1 -c "$TMP/src/empty" "$TMP/src" make
	stderr_says '^workspace-inside: .* is inside of the source'
	TMPDIR=$TMP/src/sub twice 1 "$TMP/src" make
	stderr_says 'choose a place outside of it with TMPDIR='
	program_exit 1 "$TMP/bin/build_twice" "$TMP/none" make
	stderr_says 'cannot find the source'
	program_exit 1 "$TMP/bin/build_twice" "$TMP/src/main.c" make
	stderr_says 'Not a directory'
	no_files
}

test_no_room()
{
	[ $(id -u) = 0 ] || skip 'needs root to mount'
	source_tree
	mkdir "$TMP/small"
	dd if=/dev/urandom of="$TMP/src/big" bs=1M count=3 status=none
	program_exit 1 unshare -m sh -c "mount -t tmpfs -o size=1M none $TMP/small &&
		TMPDIR=$TMP/small exec '$TMP/bin/build_twice' '$TMP/src' make"
	stderr_says 'it needs [34] MB, 1 MB are free: No space left'
	stderr_says 'choose another place with TMPDIR='
}

test_unreadable_file()
{
	[ $(id -u) = 0 ] || skip 'needs another user'
	source_tree
	echo x >"$TMP/src/secret"
	chmod 600 "$TMP/src/secret"
	chown 65534 "$TMP/tmp"
	local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	"${nobody[@]}" test -x "$TMP/src" ||
		skip "another user does not reach $TMP"
	program_exit 1 "${nobody[@]}" \
		"$TMP/bin/build_twice" "$TMP/src" make
	stderr_says 'cannot copy .*/src/secret: Permission denied'
	stderr_says 'as the owner of the source'
	no_files
}

# Progress on a terminal, and no trace of it afterwards.
test_progress()
{
	command -v script >/dev/null || skip 'no script(1)'
	source_tree
	program_exit 0 env TERM=xterm script -qec \
		"'$TMP/bin/build_twice' '$TMP/src' sh -c 'make; sleep 0.6'" /dev/null
	grep -q 'building the original: 2 files compiled' "$TMP/stdout" ||
		fail "$(cat -v "$TMP/stdout")"
	twice 0 "$TMP/src" make
	is "$STDERR" ''
}

run_tests "$@"
