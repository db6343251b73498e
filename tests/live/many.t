#!/bin/bash
# Many processes by one command, parents and children, services that fork.
. "$(dirname "$0")/lib.sh"

each() # COMMAND ANSWER, for all of PIDS
{
	for PID in "${PIDS[@]}"; do
		expect "$@"
	done
}

# A program with a build-id of its own: --all must not meet other tests'.
start_many() # COUNT
{
	PIDS=()
	local i
	gcc -O2 -g -pthread -D_GNU_SOURCE -fPIE -pie \
		-Wl,--build-id=0x$(md5sum <<<"$TMP" | cut -c1-32) \
		-o "$TMP/service" "$HOTFIX_TOP/tests/targets/calc.c"
	for ((i = 0; i < $1; i++)); do
		start_program "$TMP/service"
		PIDS+=($PID)
	done
	fix_value two "$TMP/service" 2
}

test_all_of_three()
{
	start_many 3
	start_target calc
	local stranger=$PID
	snapshot
	hotfix apply "$FIX" --all --json
	json_is results.# 3
	json_is exit 0
	each value 2
	unchanged $stranger
	PID=$stranger
	expect value 1
	# Of every process here: some other test's may be in the middle (6).
	"$BIN/hotfix" status --json >"$TMP/stdout" || is $? 6
	for PID in "${PIDS[@]}"; do
		stdout_says "\"pid\": ?$PID\b"
	done
	hotfix revert two --all
	each value 1
}

# Some have it already.
test_all_where_some_have_it()
{
	start_many 3
	hotfix apply "$FIX" -p ${PIDS[1]}
	hotfix apply "$FIX" --all
	each value 2
}

test_all_of_none()
{
	start_many 1
	finish
	hotfix_exit 1 apply "$FIX" --all
	stderr_says 'no process'
	hotfix_exit 1 revert two --all
}

# Within a time limit; each ends in order afterwards.
test_stress()
{
	start_many 30
	for PID in "${PIDS[@]}"; do
		ask 'workers 2'
	done
	local start=$SECONDS
	hotfix apply "$FIX" --all --json
	json_is results.# 30
	[ $((SECONDS - start)) -le 10 ] ||
		fail "$((SECONDS - start)) s for thirty processes"
	each value 2
	each calls 'bad 0'
	hotfix revert two --all
	each value 1
	for PID in "${PIDS[@]}"; do
		finish
	done
}

# A fork of a patched process has the patch, and can be reverted by itself.
test_children_inherit()
{
	local child
	start_target odd
	fix_value two odd 2
	hotfix apply "$FIX" -p $PID
	ask fork
	child=$ANSWER
	expect child-value 2
	hotfix status -p $child --json
	json_is processes.0.patches.0.name two
	json_is processes.0.patches.0.state active
	hotfix revert two -p $child
	expect child-value 1
	expect value 2
	hotfix revert two -p $PID
	expect value 1
}

# The parent and the child that was there before.
test_parent_and_child()
{
	local child
	start_target odd
	fix_value two odd 2
	ask fork
	child=$ANSWER
	expect child-value 1
	snapshot
	snapshot $child
	hotfix apply "$FIX" -p $PID -p $child
	expect child-value 2
	expect value 2
	hotfix revert two -p $child -p $PID
	expect child-value 1
	expect value 1
	unchanged
	unchanged $child
}

# exec makes a new program of it: nothing of the patch is there, nor is it said.
test_exec_forgets()
{
	start_target odd
	fix_value two odd 2
	hotfix apply "$FIX" -p $PID
	expect value 2
	expect "exec $TARGETS/odd" ready
	expect value 1
	hotfix status -p $PID --json
	json_is processes.0.patches.# 0
	hotfix apply "$FIX" -p $PID
	expect value 2
}

run_tests "$@"
