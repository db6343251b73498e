#!/bin/bash
# A patch for a service in waves: observed, taken back when it is not well, and
# confirmed.
. "$(dirname "$0")/lib.sh"

start_services() # COUNT
{
	PIDS=()
	local i
	for ((i = 0; i < $1; i++)); do
		start_target service
		PIDS+=($PID)
	done
	ALL=$(IFS=,; echo "${PIDS[*]}")
}

each() # COMMAND ANSWER, for all of PIDS
{
	for PID in "${PIDS[@]}"; do
		expect "$@"
	done
}

# value() answers 2, and work() does what stands in the input.
fix_work() # NAME
{
	{
		cat <<-'EOF'
			#include <stdlib.h>
			#include <string.h>
			#include <unistd.h>
			int value(void) { return 2; }
			HOTFIX_REPLACE(value);
		EOF
		cat
		echo 'HOTFIX_REPLACE(work);'
	} >"$TMP/source"
	fix "$1" service <"$TMP/source"
}

fix_well() { fix_work well <<<'void work(void) { usleep(2000); }'; }

# Cannot be applied where somebody lingers.
fix_lingers()
{
	fix lingers service <<-'EOF'
		int value(void) { return 2; }
		void linger(void) {}
		HOTFIX_REPLACE(value);
		HOTFIX_REPLACE(linger);
	EOF
}

# The process that `hotfix apply` started in the background is.
is_over() { ! kill -0 "$1" 2>/dev/null; }
has_value() # VALUE, all of PIDS
{
	local PID
	for PID in "${PIDS[@]}"; do
		ask value
		[ "$ANSWER" = "$1" ] || return 1
	done
}

# --- waves ----------------------------------------------------------------------

test_waves()
{
	start_services 4
	fix_well
	hotfix apply "$FIX" -p $ALL --canary 1 --then 50%,100% --observe 200ms \
		--probe 'echo "$HOTFIX_PATCH $HOTFIX_WAVE $HOTFIX_PIDS" >>'"$TMP/probed"
	stdout_says '^wave 1 of 3: 1 process, 1 of 4'
	stdout_says '^wave 2 of 3: 1 process, 2 of 4'
	stdout_says '^wave 3 of 3: 2 processes, 4 of 4'
	each value 2
	grep -q "^well 1/3 ${PIDS[0]}\$" "$TMP/probed" || fail "$(<"$TMP/probed")"
	grep -q "^well 3/3 ${PIDS[*]}\$" "$TMP/probed" || fail "$(<"$TMP/probed")"
}

test_waves_as_json()
{
	start_services 3
	fix_well
	hotfix apply "$FIX" -p $ALL --canary 1 --json
	json_is results.# 3
	json_is waves.# 2
	json_is waves.0.pids.0 ${PIDS[0]}
	json_is waves.1.pids.# 2
	json_is waves.1.well true
	json_is exit 0
	each value 2
}

test_plan()
{
	start_services 4
	fix_well
	hotfix apply "$FIX" -p $ALL --canary 1 --then 75%,100% --dry-run
	stdout_says '^3 waves: 1, 3, 4 processes'
	each value 1
}

# Nobody learns from a wave that was none.
test_wave_without_anybody()
{
	start_services 2
	start_target calc
	fix_well
	hotfix_exit 1 apply "$FIX" -p $PID,$ALL --canary 1
	stderr_says 'no process of wave 1 could be patched'
	each value 1
}

test_usage()
{
	local words
	for words in '--canary 0' '--canary 101%' '--then 50%' '--then 100%,10%' \
		'--observe 0' '--limit cpu=x' '--limit disk=1' '--confirm-within 0s' \
		'--atomic --replace-active'; do
		hotfix_exit 2 apply x.hotfix.so -p 1 $words
	done
	hotfix_exit 2 confirm '../x'
}

# --- what is not well -------------------------------------------------------------

# The canary is not well, and the others never hear of it.
spoilt() # CODE WORDS, after fix_work
{
	start_services 3
	hotfix_exit 1 apply "$FIX" -p $ALL --canary 1 --observe 20s --json
	json_is error.code "$1"
	[[ $(json error.message) =~ $2 ]] || fail "$(json error.message)"
	json_is waves.# 1
	json_is waves.0.well false
	PIDS=("${PIDS[@]:1}")
	each value 1
}

# And is as it was.
canary_is_back()
{
	json_is taken_back.0.outcome reverted
	expect value 1
	hotfix log --json -p $PID
	json_is entries.1.command revert
	[[ $(json entries.1.because) =~ "$1" ]] || fail "$(json entries.1.because)"
}

test_crash()
{
	fix_work crashes <<-'EOF'
		void work(void)
		{
			static int nr;
			if (nr++ == 100)
				abort();
			usleep(2000);
		}
	EOF
	spoilt process-ended 'killed by SIGABRT [0-9.]+ s after it was patched'
}

test_exit()
{
	fix_work ends <<-'EOF'
		void work(void)
		{
			static int nr;
			if (nr++ == 100)
				_exit(3);
			usleep(2000);
		}
	EOF
	spoilt process-ended 'has ended with status 3'
}

test_processor()
{
	fix_work spins <<<'void work(void) { for (;;) __asm__ volatile("" ::: "memory"); }'
	start_services 1
	hotfix_exit 5 apply "$FIX" -p $ALL --observe 20s --limit cpu=50% --wait 100ms --json
	json_is error.code cpu-rose
	# It never comes out of the new function, which is said.
	json_is taken_back.0.outcome timed-out
	[[ $(json error.hint) =~ 'not everything could be taken back' ]] ||
		fail "$(json error.hint)"
}

test_memory()
{
	fix_work leaks <<-'EOF'
		void work(void)
		{
			explicit_bzero(malloc(1 << 20), 1 << 20);
			usleep(2000);
		}
	EOF
	spoilt memory-rose '[0-9]+ MiB resident since it was patched'
	PID=$(json waves.0.pids.0)
	canary_is_back 'MiB resident'
}

test_children()
{
	fix_work forks <<-'EOF'
		void work(void)
		{
			if (!fork())
				_exit(9);
			usleep(20000);
		}
	EOF
	spoilt error-exits 'last one pid [0-9]+ with status 9'
	PID=$(json waves.0.pids.0)
	canary_is_back 'ended with an error'
}

# What is allowed is nothing.
test_limits_off()
{
	fix_work leaks <<-'EOF'
		void work(void)
		{
			static int nr;
			if (nr++ < 64)
				explicit_bzero(malloc(1 << 20), 1 << 20);
			usleep(2000);
		}
	EOF
	start_services 1
	hotfix apply "$FIX" -p $ALL --observe 1s --limit memory=off,cpu=off,exits=off
	each value 2
}

test_probe()
{
	start_services 2
	fix_well
	hotfix_exit 1 apply "$FIX" -p $ALL --json \
		--probe 'echo checkout is down >&2; exit 7'
	json_is error.code probe-failed
	json_is error.message 'the probe has failed with status 7: checkout is down'
	json_is taken_back.# 2
	json_is exit 1
	each value 1
}

test_probe_that_hangs()
{
	start_services 1
	fix_well
	hotfix_exit 1 apply "$FIX" -p $ALL --probe 'sleep 1000 & sleep 1000'
	stderr_says 'the probe has not answered within 10 s'
	each value 1
	! pgrep -f '^sleep 1000$' -s 0 >/dev/null || fail 'it still runs'
}

test_interrupted()
{
	start_services 2
	fix_well
	"$BIN/hotfix" apply "$FIX" -p $ALL --observe 60s >"$TMP/out" 2>&1 &
	local agent=$!
	await has_value 2
	kill -INT $agent
	wait $agent && fail 'it has succeeded'
	grep -q 'stopped by SIGINT' "$TMP/out" || fail "$(<"$TMP/out")"
	each value 1
}

# --- all or none ---------------------------------------------------------------------

test_atomic_refused()
{
	start_services 2
	start_target calc
	local stranger=$PID
	fix_well
	hotfix_exit 3 apply "$FIX" -p $ALL,$stranger --atomic
	stderr_says "pid $stranger \\(calc\\)"
	stderr_says 'nothing was changed in any process'
	each value 1
	hotfix log --json -p $stranger
	json_is entries.0.outcome refused
}

# What no look beforehand can know.
test_atomic_too_busy()
{
	start_services 3
	PID=${PIDS[1]}
	expect linger 0
	fix_lingers
	hotfix_exit 1 apply "$FIX" -p $ALL --atomic --wait 200ms --json
	json_is error.code not-atomic
	json_is results.1.outcome timed-out
	json_is taken_back.# 2
	each value 1
}

# Those who had it before keep it.
test_atomic_keeps_what_was()
{
	start_services 3
	fix_lingers
	hotfix apply "$FIX" -p ${PIDS[0]}
	PID=${PIDS[1]}
	expect linger 0
	hotfix_exit 1 apply "$FIX" -p $ALL --atomic --wait 200ms
	PID=${PIDS[0]}
	expect value 2
	PID=${PIDS[2]}
	expect value 1
}

# --- the guard ------------------------------------------------------------------------

test_confirmed()
{
	start_services 2
	fix_well
	hotfix apply "$FIX" -p $ALL --confirm-within 1m
	stdout_says 'hotfix confirm well'
	hotfix status -p $ALL --json
	json_is pending.0.patch well
	json_is pending.0.state waiting
	json_is pending.0.guarded true
	local guard
	guard=$(json pending.0.guard)
	hotfix confirm well
	stdout_says 'well stays in 2 processes'
	await is_over $guard
	each value 2
	hotfix_exit 1 confirm well
	stderr_says 'no application of well waits'
	hotfix log --json -p ${PIDS[0]}
	json_is entries.1.command confirm
	json_is entries.1.outcome confirmed
	hotfix status -p $ALL --json
	[ -z "$(json pending.0 2>/dev/null)" ] || fail 'something waits'
}

test_not_confirmed()
{
	start_services 2
	fix_well
	hotfix apply "$FIX" -p $ALL --confirm-within 300ms
	await has_value 1
	await nothing_waits
	hotfix log --json -p ${PIDS[1]}
	json_is entries.1.command revert
	json_is entries.1.because 'it was not confirmed in time'
}

nothing_waits() { [ -z "$(ls "$HOTFIX_STATE_DIR/pending")" ]; }

# What somebody has taken back and applied anew is his.
test_applied_anew()
{
	start_services 1
	fix_well
	hotfix apply "$FIX" -p $ALL --confirm-within 2s
	hotfix revert well -p $ALL
	hotfix apply "$FIX" -p $ALL
	await nothing_waits
	each value 2
}

# The terminal goes, and with it whoever sat there.
test_terminal_is_gone()
{
	start_services 1
	fix_well
	script -qec "$BIN/hotfix apply $FIX -p $ALL --confirm-within 1s" \
		/dev/null >"$TMP/out" </dev/null || fail "$(<"$TMP/out")"
	await has_value 1
	await nothing_waits
}

# Nobody's output stays open.
test_no_pipe_is_kept()
{
	start_services 1
	fix_well
	timeout 10 bash -c "'$BIN/hotfix' apply '$FIX' -p $ALL --confirm-within 1m | cat" \
		>"$TMP/out" || fail 'the pipe is still open'
	hotfix confirm well
}

test_agent_killed()
{
	start_services 3
	fix_well
	# Who had it before keeps it.
	hotfix apply "$FIX" -p ${PIDS[2]}
	"$BIN/hotfix" apply "$FIX" -p $ALL --observe 60s >"$TMP/out" 2>&1 &
	local agent=$!
	await has_value 2
	kill -KILL $agent
	PID=${PIDS[2]}
	unset "PIDS[2]"
	await has_value 1
	wait $agent || true
	expect value 2
	await because_is 'hotfix has died before it was done'
}

because_is()
{
	"$BIN/hotfix" log --json -p ${PIDS[0]} | grep -qF "\"because\":\"$1\""
}

test_guard_killed()
{
	start_services 1
	fix_well
	hotfix apply "$FIX" -p $ALL --confirm-within 1m
	hotfix status -p $ALL --json
	kill -KILL $(json pending.0.guard)
	await is_over $(json pending.0.guard)
	hotfix status -p $ALL
	stderr_says 'guard \(pid [0-9]+\) is dead: it will not be taken back'
	hotfix confirm well
	each value 2
}

# Too busy to be taken back, for as long as the guard tries: here it is told at once.
test_place_cannot_be_written()
{
	start_services 1
	fix_well
	mkdir -p "$HOTFIX_STATE_DIR"
	touch "$HOTFIX_STATE_DIR/pending"
	hotfix_exit 1 apply "$FIX" -p $ALL --confirm-within 1m
	stderr_says 'nothing was changed'
	each value 1
}

run_tests "$@"
