#!/bin/bash
# Threads in numbers and in motion: blocked by the hundred, made without pause;
# targets that end or exec in the middle.
. "$(dirname "$0")/lib.sh"

test_783_blocked()
{
	start_target threads
	fix_value two threads 2
	expect 'block 783' 'blocked 783'
	snapshot
	hotfix apply "$FIX" -p $PID --json
	json_is results.0.threads 784
	expect value 2
	hotfix revert two -p $PID
	expect value 1
	unchanged
	finish
}

test_spawning_without_pause()
{
	local i
	start_target threads
	fix_value two threads 2
	expect 'spawn 3' ok
	for ((i = 0; i < 20; i++)); do
		hotfix apply "$FIX" -p $PID --wait 10s
		expect value 2
		expect rounds 'broken 0'
		hotfix revert two -p $PID --wait 10s
		expect value 1
		expect rounds 'broken 0'
	done
	expect stop ok
}

test_forking_without_pause()
{
	local i
	start_target threads
	fix_value two threads 2
	expect 'fork 2' ok
	for ((i = 0; i < 10; i++)); do
		hotfix apply "$FIX" -p $PID --wait 10s
		expect value 2
		expect few-rounds 'broken 0'
		hotfix revert two -p $PID --wait 10s
		expect value 1
		expect few-rounds 'broken 0'
	done
	expect stop ok
}

# It is killed, or ends by itself, while its patch waits for a busy function.
ends_while_waiting() # COMMAND to end it
{
	start_target threads
	fix hold threads <<-'EOF'
		int hold(int mark) { return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	expect 'hold 1' 'inside 1'
	hotfix_start apply "$FIX" -p $PID --wait 30s
	await is_traced
	eval "$1"
	hotfix_wait 1
	stderr_says '^hotfix: error: '
	stderr_says 'ended|exited|gone|no such process'
}

test_killed_in_the_middle() { ends_while_waiting 'kill -KILL $PID'; }
test_exits_in_the_middle() { ends_while_waiting 'say quit'; }

# It becomes another program: refused or failed, and that one runs unharmed.
test_execs_in_the_middle()
{
	start_target busy
	fix hold busy <<-'EOF'
		int hold(void) { return 2; }
		HOTFIX_REPLACE(hold);
	EOF
	expect hold inside
	hotfix_start apply "$FIX" -p $PID --wait 30s
	await is_traced
	expect "exec $TARGETS/odd" ready
	hotfix_wait 1
	stderr_says '^hotfix: error: '
	expect value 1
	grep -q '^TracerPid:.0$' /proc/$PID/status
	! grep hotfix: /proc/$PID/maps || fail 'something was left in it'
}

# Many processes come and go where the old one was: the number alone is not
# believed.
test_pid_reused()
{
	(echo $$ >/proc/sys/kernel/ns_last_pid) 2>/dev/null ||
		skip 'PIDs cannot be chosen'
	local old
	start_target threads
	fix hold threads <<-'EOF'
		int hold(int mark) { return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	expect 'hold 1' 'inside 1'
	old=$PID
	hotfix_start apply "$FIX" -p $old --wait 30s
	await is_traced
	kill -KILL $old
	wait $old 2>/dev/null || :
	WANTED_PID=$old
	start_target threads
	[ $PID = $old ] || skip "PID $old was not given again"
	expect 'hold 1' 'inside 1'
	hotfix_wait 1
	stderr_says '^hotfix: error: '
	expect 'let 1' 1
	! grep hotfix: /proc/$PID/maps || fail 'the successor was patched'
}

# Agents at the same time: one after the other, or refused; never both.
test_two_agents_at_once()
{
	local first=0 second=0 one
	start_target calc
	ask 'workers 4'
	fix_value a calc 2
	one=$FIX
	fix_value b calc 3
	for i in 1 2 3 4 5; do
		"$BIN/hotfix" apply "$one" -p $PID >"$TMP/1" 2>&1 &
		local pid=$!
		second=0 first=0
		"$BIN/hotfix" apply "$FIX" -p $PID >"$TMP/2" 2>&1 || second=$?
		wait $pid || first=$?
		[ $first = 0 ] || [ $first = 3 ] || fail "first: $(<"$TMP/1")"
		[ $second = 0 ] || [ $second = 3 ] || fail "second: $(<"$TMP/2")"
		[ $first = 0 ] || [ $second = 0 ] || fail 'neither was applied'
		expect calls 'bad 0'
		ask value
		[ $ANSWER != 1 ] || fail 'none is active'
		hotfix revert --everything -p $PID
		expect value 1
	done
}

run_tests "$@"
