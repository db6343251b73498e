#!/bin/bash
# The C library itself, in a process of sixteen threads that call it.
. "$(dirname "$0")/lib.sh"

libc_path() { awk '/r-xp.*\/libc[.-]/ { print $6; exit }' /proc/$PID/maps; }

test_libc_function()
{
	local libc id
	start_target threads
	libc=$(libc_path)
	id=$(readelf -n "$libc" | sed -n 's/.*Build ID: //p')
	[ -e "/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug" ] ||
		skip 'no debug information of libc: apt-get install libc6-dbg'
	fix dice "$libc" <<-'EOF'
		/* chosen by fair dice roll */
		int rand(void) { return 4; }
		HOTFIX_REPLACE(rand);
	EOF
	expect 'random 15' ok
	expect rand random
	expect rounds 'broken 0'
	snapshot
	hotfix apply "$FIX" -p $PID --wait 20s
	expect rand four
	hotfix revert dice -p $PID --wait 20s
	expect rand random
	unchanged
	expect stop ok
}

# The same with a library of ours, which every machine can build.
test_library_function()
{
	start_target pair
	ask 'left-workers 15'
	is "$ANSWER" 15
	fix left libleft.so <<-'EOF'
		int left_value(void) { return 11; }
		HOTFIX_REPLACE(left_value);
	EOF
	expect left-calls 'bad 0'
	snapshot
	hotfix apply "$FIX" -p $PID --wait 20s
	expect left '11 22'
	expect left-calls 'bad 0'
	hotfix revert left -p $PID --wait 20s
	expect left '10 20'
	expect left-calls 'bad 0'
	unchanged
}

run_tests "$@"
