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

# Two by two workers: in the first a thread stays inside, the second is done. Sets
# AGENT, its process, and WORKER, the one that waits.
start_stuck()
{
	[ "$(nproc)" -gt 1 ] || skip 'one processor: no workers'
	start_target threads
	PIDS=($PID)
	expect 'hold 1' 'inside 1'
	start_target threads
	PIDS+=($PID)
	fix hold threads <<-'EOF'
		int hold(int x) { return x; }
		HOTFIX_REPLACE(hold);
	EOF
	hotfix_start apply "$FIX" -p ${PIDS[0]} -p ${PIDS[1]} --wait 50s
	await one_is_left
	WORKER=$(pgrep -r SRDt -P $AGENT)
}

one_is_left() # zombies do not count
{
	AGENT=$(pgrep -P $AGENT_PID) &&
		grep -q hotfix:hold /proc/${PIDS[1]}/maps &&
		[ $(pgrep -c -r SRDt -P $AGENT) = 1 ]
}

# Each is reported; what the dead one was at is said, and how to go on.
test_a_worker_dies()
{
	start_stuck
	kill -KILL $WORKER
	hotfix_wait 5
	stderr_says "pid ${PIDS[0]}.*has died"
	stderr_says "hotfix recover -p ${PIDS[0]}"
	stdout_says "applied hold to threads \(pid ${PIDS[1]}"
	stdout_says '1 applied, 1 failed|1 failed.*1 applied'
	AGENT=("$BIN/hotfix")
	PID=${PIDS[0]}
	! is_traced || fail 'it is still traced'
	# The thread inside may be on its way out through the image, see gate.h.
	expect 'let 1' 1
	hotfix recover -p $PID
	! grep -q hotfix: /proc/$PID/maps || fail 'an image is left'
}

# A signal that only the first of us gets ends the waiting of all.
test_a_signal_reaches_the_workers()
{
	start_stuck
	local began=$SECONDS
	kill -TERM $AGENT
	hotfix_wait 5
	[ $((SECONDS - began)) -lt 25 ] || fail 'it has waited to the end'
	stderr_says "pid ${PIDS[0]}.*still inside"
}

# We are killed while two wait: each ends what it has begun, and nobody begins
# with the third.
test_workers_without_us()
{
	taskset -cp 0,1 $BASHPID >/dev/null 2>&1 && [ "$(nproc)" = 2 ] ||
		skip 'two processors make two workers'
	local i
	PIDS=()
	for i in 1 2 3; do
		start_target threads
		PIDS+=($PID)
		[ $i = 3 ] || expect 'hold 1' 'inside 1'
	done
	fix hold threads <<-'EOF'
		int hold(int x) { return x; }
		HOTFIX_REPLACE(hold);
	EOF
	hotfix_start apply "$FIX" -p ${PIDS[0]},${PIDS[1]},${PIDS[2]} --wait 50s
	await two_wait
	local workers=$(pgrep -P $AGENT)
	kill -KILL $AGENT
	hotfix_wait 137
	AGENT=("$BIN/hotfix")
	for PID in ${PIDS[0]} ${PIDS[1]}; do
		expect 'let 1' 1
	done
	for i in $workers; do
		await gone $i
	done
	for PID in ${PIDS[0]} ${PIDS[1]}; do
		hotfix status -p $PID --json
		json_is processes.0.patches.0.state active
	done
	! grep -q hotfix: /proc/${PIDS[2]}/maps || fail 'the third was begun with'
}

two_wait()
{
	AGENT=$(pgrep -P $AGENT_PID) &&
		grep -q hotfix:hold /proc/${PIDS[0]}/maps &&
		grep -q hotfix:hold /proc/${PIDS[1]}/maps
}

gone() { ! kill -0 $1 2>/dev/null; }

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
