#!/bin/bash
# The agent is killed at any instant: the target goes on, and the next command
# sees what was left and undoes it. (Of every operation, recover too:
# killed_anytime.c; before and behind every system call: killed_at.c.)
. "$(dirname "$0")/../live/lib.sh"

# In microseconds: from nothing done to all of it, on a busy machine, too.
TIMES=(0 500 1000 2000 4000 8000 16000 1000000)
[ -z "${HOSTILE:-}" ] || TIMES=($(seq 0 400 16000) 1000000)

# After MICROSECONDS; what it was doing then is a matter of chance.
killed_after() # MICROSECONDS COMMAND ARG...
{
	local agent
	"$BIN/hotfix" "${@:2}" >"$TMP/stdout" 2>"$TMP/stderr" &
	agent=$!
	sleep "$(($1 / 1000000)).$(printf '%06d' $(($1 % 1000000)))"
	kill -KILL $agent 2>/dev/null || :
	wait $agent 2>/dev/null || :
}

# Either way it is whole: old or new, in every call.
whole()
{
	expect calls 'bad 0'
	grep -q '^TracerPid:.0$' /proc/$PID/status || await not_traced
	local status=0
	"$BIN/hotfix" status -p $PID >"$TMP/stdout" 2>"$TMP/stderr" || status=$?
	[[ $status = [06] ]] || fail "status: $status, $(<"$TMP/stderr")"
	hotfix recover -p $PID
	hotfix status -p $PID --json
	json_is processes.0.interrupted false
}

not_traced() { grep -q '^TracerPid:.0$' /proc/$PID/status; }

busy_target()
{
	start_target calc
	ask 'workers 4'
	fix two calc <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
		int tick(void) { return 2; }
		HOTFIX_REPLACE(tick);
	EOF
	snapshot
}

test_killed_while_applying()
{
	local us applied=0
	busy_target
	for us in ${TIMES[@]}; do
		killed_after $us apply "$FIX" -p $PID
		whole
		ask value
		if [ $ANSWER = 2 ]; then
			((++applied))
			expect tick 2
			hotfix revert two -p $PID
		fi
		expect value 1
		unchanged
	done
	# Some were early enough and some too late.
	[ $applied -gt 0 ] && [ $applied -lt ${#TIMES[@]} ] ||
		fail "$applied of ${#TIMES[@]} were applied"
}

test_killed_while_reverting()
{
	local us reverted=0
	busy_target
	for us in ${TIMES[@]}; do
		hotfix apply "$FIX" -p $PID
		killed_after $us revert two -p $PID
		whole
		ask value
		if [ $ANSWER = 2 ]; then
			hotfix revert two -p $PID
		else
			((++reverted))
		fi
		expect value 1
		unchanged
	done
	[ $reverted -gt 0 ] && [ $reverted -lt ${#TIMES[@]} ] ||
		fail "$reverted of ${#TIMES[@]} were reverted"
}

# It sleeps in system calls meanwhile, and none comes back early. Where the
# kernel restarts a call only for signals (epoll_wait), an agent that dies in the
# microseconds between stop and repair lets an EINTR through: ptrace offers no
# way to close that.
test_killed_over_sleepers()
{
	local us
	start_target threads
	fix_value two threads 2
	expect 'sleep restarted' 5
	expect 'block 4' 'blocked 9'
	snapshot
	for us in ${TIMES[@]}; do
		killed_after $us apply "$FIX" -p $PID
		hotfix recover -p $PID
		ask value
		[ $ANSWER = 1 ] || hotfix revert two -p $PID
		expect value 1
		unchanged
	done
	expect interrupted 0
}

run_tests "$@"
