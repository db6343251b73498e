#!/bin/bash
# Locks that are always taken by somebody: nothing waits for them.
. "$(dirname "$0")/lib.sh"

# Two hundred switches under malloc and the loader's lock: refused at times
# perhaps, stuck never; and the target goes on.
test_allocating_and_loading()
{
	local i status applied=0
	start_target threads
	fix_value two threads 2
	expect "allocate 15 $TARGETS/libplug.so" ok
	expect rounds 'broken 0'
	for ((i = 0; i < 100; i++)); do
		status=0
		timeout -k 1 20 "$BIN/hotfix" apply "$FIX" -p $PID \
			>"$TMP/stdout" 2>"$TMP/stderr" || status=$?
		[[ $status = [034] ]] || fail "status $status: $(<"$TMP/stderr")"
		ask value
		[ $ANSWER = 1 ] || ((++applied))
		status=0
		timeout -k 1 20 "$BIN/hotfix" revert two -p $PID \
			>"$TMP/stdout" 2>"$TMP/stderr" || status=$?
		[[ $status = [0134] ]] || fail "status $status: $(<"$TMP/stderr")"
	done
	expect rounds 'broken 0'
	expect stop ok
	[ $applied -gt 0 ] || fail 'always refused'
}

run_tests "$@"
