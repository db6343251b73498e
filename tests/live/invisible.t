#!/bin/bash
# What a target must not notice: its red zones, its blocked system calls, its
# parent, its files, its cancellations.
. "$(dirname "$0")/lib.sh"

rounds() # COUNT NAME [COMMAND]: apply and revert
{
	local i
	for ((i = 0; i < $1; i++)); do
		hotfix apply "$FIX" -p $PID
		expect "${3:-value}" 2
		hotfix revert $2 -p $PID
		expect "${3:-value}" 1
	done
}

# Two leaves keep live data below their stack pointers all the time.
test_red_zone()
{
	start_target threads
	fix_value two threads 2
	expect 'red-zone 2' ok
	expect rounds 'broken 0'
	rounds 25 two
	expect rounds 'broken 0'
}

# The very function with the red zone is the one that is replaced.
test_red_zone_of_the_patched_function()
{
	start_target threads
	fix leaf threads <<-'EOF'
		static int red_zone_sum(void) { return 136; }
		HOTFIX_REPLACE(red_zone_sum);
	EOF
	expect 'red-zone 2 naps' ok
	local i
	for ((i = 0; i < 12; i++)); do
		hotfix apply "$FIX" -p $PID --wait 10s
		stdout_says red_zone_sum
		expect rounds 'broken 0'
		hotfix revert leaf -p $PID --wait 10s
		expect rounds 'broken 0'
	done
}

# epoll_wait, poll, nanosleep, a futex, msgrcv, sigwaitinfo, pause, read: not
# one comes back before its time.
test_blocked_system_calls()
{
	start_target threads
	fix_value two threads 2
	expect sleep 7
	expect 'block 8' 'blocked 15'
	snapshot
	rounds 30 two
	expect interrupted 0
	unchanged
	finish
}

# The longest that the last command held the target, in microseconds.
longest_stop()
{
	[[ $STDOUT =~ \"longest_stop_us\":\ ?([0-9]+) ]]
	echo ${BASH_REMATCH[1]}
}

# cycles COUNT NAME: apply and revert; sets LONGEST to the longest stop.
LONGEST=0
cycles()
{
	local i stop
	for ((i = 0; i < $1; i++)); do
		hotfix apply "$FIX" -p $PID --json
		stop=$(longest_stop)
		[ $stop -le $LONGEST ] || LONGEST=$stop
		hotfix revert $2 -p $PID --json
		stop=$(longest_stop)
		[ $stop -le $LONGEST ] || LONGEST=$stop
	done
}

# Eighty calls that wait, with and without a timeout: none comes back unasked,
# with other bytes, or before its time; none is lost. A timeout whose rest the
# kernel keeps is late by a stop and by what the machine is late anyway; one whose
# rest it forgets waits its time once more at most, however often it is stopped.
test_every_call_that_waits()
{
	local count=20 ms=500 late_max left
	[ -z "${HOSTILE:-}" ] || count=1000
	start_target waiters
	fix_value two waiters 2
	ask "start $ms"
	[ ${ANSWER%% *} -ge 70 ] || fail "only $ANSWER"
	expect wake "woken 53"
	cycles $count two
	left=$(grep -c hotfix: /proc/$PID/maps) || true
	late_max=$((LONGEST + 200000))
	report_waits
	tried "invisible: every call that waits" $count 0 $WRONG $left
	is $left 0 'mappings left'
	is $WRONG 0 "$ANSWER"
	[ $NR_FORGOT -ge 13 ] || fail "none has ended meanwhile: $ANSWER"
	ask due
	expect wake "woken 53"
	report_waits
	is $WRONG 0 "$ANSWER"
	[ $LATE_KEPT -le $late_max ] || fail "$ANSWER"
	[ $LATE_FORGOT -le $((1000 * ms + late_max)) ] || fail "$ANSWER"
	finish
}

# A long write that is stopped half-way returns what it has written by then, as
# after a signal; nothing is lost, nothing arrives twice.
test_long_writes_lose_nothing()
{
	start_target waiters
	fix_value two waiters 2
	expect stream ok
	cycles 5 two
	ask streamed
	[[ $ANSWER =~ ^bad\ 0\  ]] || fail "$ANSWER"
	finish
}

report_waits()
{
	ask report
	[[ $ANSWER =~ ^wrong\ ([0-9]+).*\ late\ ([0-9]+).*forgot\ ([0-9]+)\ late\ ([0-9]+) ]]
	WRONG=${BASH_REMATCH[1]} LATE_KEPT=${BASH_REMATCH[2]}
	NR_FORGOT=${BASH_REMATCH[3]} LATE_FORGOT=${BASH_REMATCH[4]}
}

# What the kernel keeps for a thread (masks, stacks, bases, class, lists), asked
# for by threads that run, sleep and handle a signal; and signals that wait.
test_nothing_of_a_thread_changes()
{
	local count=20 changed
	[ -z "${HOSTILE:-}" ] || count=1000
	start_target unmoved
	fix_value two unmoved 2
	expect start ok
	snapshot
	cycles $count two
	ask report
	read -r _ _ _ changed _ <<<"$ANSWER"
	tried "invisible: what the kernel keeps for a thread" $count 0 \
		$changed 0
	is $changed 0 "$ANSWER"
	unchanged
	expect pending '1.1 1.2 1.3 2.1 2.2 2.3 '
	finish
}

# Registers, vector registers, the floating point stack, flags, the red zone: of
# a thread that runs and of one that sleeps.
test_registers_stay()
{
	local count=20 running sleeping
	[ -z "${HOSTILE:-}" ] || count=1000
	grep -qw avx2 /proc/cpuinfo || skip 'no AVX2'
	start_target remote_registers
	fix two remote_registers <<-'EOF'
		static long clobber(long a, long b, long c, long d, long e,
				    long f)
		{
			return a + b + c + d + e + f;
		}
		HOTFIX_REPLACE(clobber);
	EOF
	cycles $count two
	ask report
	answer
	read -r _ running sleeping <<<"$ANSWER"
	tried "invisible: registers" $count 0 $((running + sleeping)) 0
	is "$ANSWER" 'damaged 0 0'
}

test_parent_sees_no_stop()
{
	local count=32
	[ -z "${HOSTILE:-}" ] || count=1000
	start_target watch "$TARGETS/calc"
	fix_value two calc 2
	local parent=$PID child
	ask child
	child=$ANSWER
	IN[$child]=${IN[$parent]} OUT[$child]=${OUT[$parent]}
	PID=$child
	rounds $count two 'pass value'
	hotfix apply "$FIX" -p $PID
	expect 'pass value' 2
	ask stops
	tried "invisible: what the parent sees" $count 0 $ANSWER 0
	is $ANSWER 0
	kill -STOP $PID
	await grep -q 'State:.T' /proc/$PID/status
	ask stops
	[ $ANSWER -ge 2 ] || fail "a real stop goes unnoticed: $ANSWER"
	kill -CONT $PID
}

# Neither in a temporary directory, nor where the command was run, nor where
# the target was.
test_no_files_left()
{
	local name=leftover-$$-$RANDOM
	start_target calc
	fix_value $name calc 2
	mkdir "$TMP/tmp" "$TMP/here"
	touch "$TMP/stdout" "$TMP/stderr"
	ls -A "$TMP" >"$TMP/tmp/before"
	(
		cd "$TMP/here"
		export TMPDIR=$TMP/tmp
		hotfix apply "$FIX" -p $PID
		expect value 2
		hotfix status -p $PID
		hotfix check "$FIX" -p $PID
		hotfix show "$FIX"
		hotfix revert $name -p $PID
	)
	ls -A "$TMP" | diff "$TMP/tmp/before" - || fail 'left beside the target'
	is "$(ls -A "$TMP/tmp" "$TMP/here" | grep -vE ':|^$')" before
	is "$(find /tmp /dev/shm /run /var/tmp -maxdepth 1 -name "*$name*")" ''
}

# Also hotfix-build takes its intermediate files with it.
test_build_leaves_no_files()
{
	mkdir "$TMP/tmp"
	export TMPDIR=$TMP/tmp
	fix_value two calc 2
	[ -z "$(ls -A "$TMP/tmp")" ] || fail "left: $(ls "$TMP/tmp")"
	fix_exit 1 broken calc <<<'this is not C'
	[ -z "$(ls -A "$TMP/tmp")" ] || fail "left: $(ls "$TMP/tmp")"
}

# A thread blocked in a function is cancelled after the process was patched.
test_cancel()
{
	start_target threads
	fix_value two threads 2
	expect 'hold 2' 'inside 2'
	rounds 3 two
	hotfix apply "$FIX" -p $PID
	expect cancel cancelled
	expect 'let 1' 1
	expect value 2
}

# The same inside the replacement: its frames can be unwound.
test_cancel_inside_the_replacement()
{
	start_target threads
	fix hold threads <<-'EOF'
		extern void gate_pass(void);
		int hold(int mark) { gate_pass(); return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'hold 2' 'inside 2'
	expect cancel cancelled
	expect 'let 1' 2
}

# Signals that arrive meanwhile are neither lost nor doubled.
test_signals_arrive()
{
	start_target calc
	fix_value two calc 2
	expect alarms ok
	ask 'workers 2'
	rounds 10 two
	expect alarmed 'bad 0'
	expect calls 'bad 0'
}

run_tests "$@"
