#!/bin/bash
# The targets answer as the other tests expect, before anything is done to them.
. "$(dirname "$0")/lib.sh"

test_calc_variants()
{
	local name
	for name in "$TARGETS"/calc "$TARGETS"/calc-*; do
		case $name in *.d) continue ;; esac
		start_program "$name"
		expect value 1
		expect 'hidden 2' 7
		expect 'deposit 5' 5
		expect ints 55
		expect doubles 50
		expect 'factorial 5' 120
		expect 'even 7' 0
		expect 'triple 4' '4 5 6'
		expect 'greeting you' 'hello, you'
		expect tick 101
		expect tick-thread 101
		expect tick 102
		finish
	done
}

test_workers_and_alarms()
{
	start_target calc
	expect 'workers 2' 2
	expect calls 'bad 0'
	expect seen 1
	expect alarms ok
	expect alarmed 'bad 0'
	finish
}

test_libraries()
{
	start_target pair
	expect left '10 20'
	expect right 20
	expect 'hidden 1' '11 21'
	expect ticks '1001 2001'
	expect ticks-thread '1001 2001'
	expect plug -1
	expect "load $TARGETS/libplug.so" loaded
	expect plug 30
	expect unload 0
	finish
}

test_threads()
{
	start_target threads
	expect 'hold 3' 'inside 3'
	expect 'let 2' '1 1'
	expect 'let 1' 1
	expect 'hold 1' 'inside 1'
	expect cancel cancelled
	expect 'contract 2' ok
	expect rounds 'broken 0'
	expect coroutine suspended
	expect resume 1
	expect 'red-zone 1' ok
	expect rounds 'broken 0'
	expect 'spawn 1' ok
	expect rounds 'broken 0'
	expect "allocate 2 $TARGETS/libplug.so" ok
	expect rounds 'broken 0'
	expect stop ok
	finish
}

test_sleepers()
{
	start_target threads
	expect sleep 7
	expect 'block 20' 'blocked 27'
	expect interrupted 0
	finish
}

test_main_exits()
{
	start_target threads main-exits
	await grep -q 'State:.*Z' /proc/$PID/task/$PID/status
	expect value 1
	finish
}

test_tiny()
{
	local name want
	start_target tiny
	while read -r name want; do
		expect "call $name" $want
	done <<-EOF
		short_padded 0
		behind_padded 7
		before_alone 6
		short_alone 0
		behind_alone 8
		loop_padded 5
		before_loop 9
		loop_alone 5
		behind_loop 10
		again -1
		roomy 11
		page_crossing 12
	EOF
}

test_odd()
{
	start_target odd
	ask fork
	expect child-value 1
	ask zombie
	grep -q 'State:.*Z' /proc/$ANSWER/status
	expect "exec $TARGETS/odd" ready
	expect value 1
	ask rwx
	grep -q "^0*$ANSWER-.* rwxp" /proc/$PID/maps
	expect 'poke 0 b8' ok
}

test_killing_filter_kills()
{
	start_target odd
	expect seccomp-kill ok
	expect value 1
	# mmap(PROT_EXEC), by the loader
	say "exec $TARGETS/odd"
	local status=0
	wait $PID || status=$?
	is $status 159 'status after a forbidden system call'
}

test_watch_counts_stops()
{
	start_target watch "$TARGETS/calc"
	expect 'pass value' 1
	expect stops 0
	ask child
	kill -STOP $ANSWER
	await grep -q 'State:.*T' /proc/$ANSWER/status
	# It looks in several ways, and some leave the stop to be seen again.
	ask stops
	[ "$ANSWER" -gt 0 ] || fail 'it has not noticed a stop'
}

test_tracer_is_seen()
{
	start_target calc
	local target=$PID
	start_target tracer $target
	is_traced $target
}

test_32_bit()
{
	start_target tiny32
	[ "$(head -c5 /proc/$PID/exe | tail -c1 | od -An -tu1 | tr -d ' ')" = 1 ]
}

# The snapshot sees what it is there to see.
test_snapshot_sees()
{
	start_target odd
	snapshot
	unchanged
	expect 'poke 0 90' ok
	! (unchanged) >/dev/null || fail 'a changed byte was not seen'
	snapshot
	ask rwx
	! (unchanged) >/dev/null || fail 'a changed protection was not seen'
	snapshot
	local target=$PID
	start_target tracer $target
	PID=$target
	! (unchanged) >/dev/null || fail 'a tracer was not seen'
	kill -KILL ${STARTED[1]}
	await grep -q 'TracerPid:.0$' /proc/$PID/status
	unchanged
	ask fork
	! (unchanged) >/dev/null || fail 'a new descriptor was not seen'
}

run_tests "$@"
