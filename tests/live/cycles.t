#!/bin/bash
# Two hundred times in and out of a process that calls the function all the
# time: nothing grows. (bench/ does ten thousand.)
. "$(dirname "$0")/lib.sh"

resident_kib() { awk '/^VmRSS/ { print $2 }' /proc/$PID/status; }

test_nothing_grows()
{
	local i before after
	start_target calc
	ask 'workers 4'
	fix own calc <<-'EOF'
		#include <string.h>
		static char room[5000];
		int value(void)
		{
			memset(room, 1, sizeof(room));
			return room[4999] + 1;
		}
		HOTFIX_REPLACE(value);
	EOF
	expect calls 'bad 0'
	# The first rounds make what stays: our copies of its pages.
	for i in 1 2 3; do
		hotfix apply "$FIX" -p $PID --wait 20s
		expect value 2
		hotfix revert own -p $PID --wait 20s
	done
	snapshot
	before=$(resident_kib)
	for ((i = 0; i < 200; i++)); do
		hotfix apply "$FIX" -p $PID --wait 20s
		hotfix revert own -p $PID --wait 20s
	done
	after=$(resident_kib)
	expect calls 'bad 0'
	expect value 1
	unchanged
	[ $after -le $((before + 64)) ] ||
		fail "resident: $before KiB before, $after KiB after"
	finish
}

run_tests "$@"
