#!/bin/bash
# Two hundred times in and out of a process that calls the function all the
# time: nothing grows. (bench/ does ten thousand.)
. "$(dirname "$0")/lib.sh"

# Memory of the process's own, counted page by page (VmRSS of status may be off
# by 32 pages a processor). Pages of files do not count: reading unwind tables
# of a library through /proc/PID/mem makes them resident.
own_kib() { awk '/^Anonymous:/ { print $2 }' /proc/$PID/smaps_rollup; }

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
	before=$(own_kib)
	for ((i = 0; i < 200; i++)); do
		hotfix apply "$FIX" -p $PID --wait 20s
		hotfix revert own -p $PID --wait 20s
	done
	after=$(own_kib)
	expect calls 'bad 0'
	expect value 1
	unchanged
	[ $after -le $((before + 16)) ] ||
		fail "own memory: $before KiB before, $after KiB after"
	finish
}

run_tests "$@"
