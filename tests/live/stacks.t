#!/bin/bash
# Threads on stacks and below code that no table knows: a handler on an alternate
# stack, a stack pointer set by hand, code made at run time. Who is inside is
# seen, whatever stack he is on; who is not does not stand in the way.
. "$(dirname "$0")/lib.sh"

rounds=1
[ -z "${HOSTILE:-}" ] || rounds=50

start_stacks()
{
	start_target stacks
	fix both stacks <<-'EOP'
		struct visit;
		extern void go_inside(struct visit *visit);
		int hold(struct visit *visit) { go_inside(visit); return 2; }
		HOTFIX_REPLACE(hold);
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
	EOP
	expect 'workers 2' ok
	expect calls 'bad 0'
}

state_is() # none, or the state of the one patch
{
	hotfix status -p $PID --json
	json_is processes.0.interrupted false
	if [ $1 = none ]; then
		json_is processes.0.patches.# 0
	else
		json_is processes.0.patches.0.state $1
	fi
}

# On a busy machine a thread may not even stop in time: then again, with more.
refused_busy() # COMMAND ARG...
{
	local wait
	for wait in 100ms 1s 10s; do
		refused 4 . "$@" --wait $wait
		grep -q 'would not stop' "$TMP/stderr" || break
	done
	stderr_says hold
	stderr_says 'hint: '
}

# A thread that went into hold() by way HOW keeps the patch out, and in.
busy() # HOW PLACE [OPTION of apply and revert]
{
	local i
	start_stacks
	for ((i = 0; i < rounds; i++)); do
		expect "enter $1 $2" inside
		refused_busy apply "$FIX" -p $PID ${3:-}
		state_is none
		expect let 1
		expect calls 'bad 0'
		hotfix apply "$FIX" -p $PID ${3:-}
		state_is active
		expect "enter $1 $2" inside
		refused_busy revert both -p $PID ${3:-}
		state_is active
		expect let 2
		expect value 2
		hotfix revert both -p $PID ${3:-}
		state_is none
		expect calls 'bad 0'
		expect value 1
	done
	tried "unusual program: $1, $2" $((4 * rounds)) 0 0 0
}

# A thread that is elsewhere does not.
idle() # HOW PLACE
{
	local i
	start_stacks
	expect "enter $1 $2" inside
	snapshot
	for ((i = 0; i < rounds; i++)); do
		hotfix apply "$FIX" -p $PID
		state_is active
		expect calls 'bad 0'
		expect value 2
		hotfix revert both -p $PID
		state_is none
		expect calls 'bad 0'
		expect value 1
		unchanged
	done
	expect let 0
	tried "unusual program: $1, $2" $((2 * rounds)) 0 0 0
}

test_handler_interrupted_it() { busy interrupted-inside static; }
test_handler_calls_it() { busy handler-inside heap; }
test_handler_elsewhere() { idle interrupted-outside mmap; }

test_switched_inside_to_static() { busy switched-inside static; }
test_switched_inside_to_heap() { busy switched-inside heap; }
test_switched_inside_to_mmap() { busy switched-inside mmap; }
test_switched_inside_to_shared() { busy switched-inside shared; }
test_switched_before() { busy switched-before heap; }
test_switched_before_to_shared() { busy switched-before shared; }
test_switched_elsewhere() { idle switched-outside heap; }

# swapcontext(): only a look at all memory finds a stack that nobody stands on.
test_coroutine_in_heap() { busy coroutine-suspended heap --scan=all; }
test_coroutine_in_mmap() { busy coroutine-suspended mmap --scan=all; }
test_left_for_coroutine() { busy coroutine-inside heap; }

test_made_code_calls_it() { busy made-before anonymous; }
test_made_code_mapped_twice_calls_it() { busy made-before twice; }
test_made_code_below_it() { busy made-inside twice; }
test_made_code_elsewhere() { idle made-outside anonymous; }

run_tests "$@"
