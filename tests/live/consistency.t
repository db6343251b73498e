#!/bin/bash
# Old and new code never mix: busy functions are waited for, or refused with a
# report; in entry mode the running activation finishes in the old code.
. "$(dirname "$0")/lib.sh"

fix_hold() # NAME
{
	fix "$1" threads <<-'EOF'
		extern void gate_pass(void);
		int hold(int mark) { gate_pass(); return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
}

# Applied while a thread is inside: the patch waits; when it is let out, the
# patch is in. Nobody ran a mix.
test_waits_until_a_thread_leaves()
{
	start_target threads
	fix_hold waits
	expect 'hold 1' 'inside 1'
	hotfix_start apply "$FIX" -p $PID --wait 20s
	await is_traced
	expect 'let 1' 1
	hotfix_wait 0
	expect 'hold 1' 'inside 1'
	expect 'let 1' 2
}

test_busy_is_refused_with_a_report()
{
	start_target threads
	fix_hold busy
	expect 'hold 1' 'inside 1'
	refused 4 'hold' apply "$FIX" -p $PID --wait 200ms
	stderr_says 'thread [0-9]+'
	stderr_says 'read'
	stderr_says 'hint: '
	refused 4 'hold' apply "$FIX" -p $PID --wait 0
	expect 'let 1' 1
	hotfix apply "$FIX" -p $PID
	expect 'hold 1' 'inside 1'
	expect 'let 1' 2
}

# Where it is: in the function, with its callers, by addresses that addr2line
# understands on any host that has the debug information.
frame_of() # MODULE ADDRESS: the function there
{
	addr2line -fe "$TARGETS/$1" $(printf '%#x' $(($2 - 1))) | head -n 1
}

test_report_of_a_busy_function()
{
	local at line
	start_target threads
	fix_hold busy
	expect 'hold-outer 1' 'inside 1'
	hotfix_exit 4 apply "$FIX" -p $PID --wait 200ms --json
	json_is results.0.busy.0.name threads
	json_is results.0.busy.0.system_call read
	[ $(printf %.0f $(json results.0.busy.0.since_ms)) -gt 100 ]
	json_is results.0.busy.0.at.function hold
	json_is results.0.busy.0.at.patch null
	json_is results.0.busy.0.at.module threads
	line=$(grep -n -A3 '^PATCHABLE int hold(' "$HOTFIX_TOP/tests/targets/threads.c" |
		sed -n 's/-.*gate_pass();//p')
	json_is results.0.busy.0.at.source tests/targets/threads.c
	json_is results.0.busy.0.at.line $line
	[ $(json results.0.busy.0.at.offset) -gt 0 ]
	at=$(json results.0.busy.0.at.module_address)
	is $(frame_of threads $at) hold
	json_is results.0.busy.0.frames.2.module_address $at
	at=$(json results.0.busy.0.frames.1.module_address)
	is $(frame_of threads $at) gate_pass
	at=$(json results.0.busy.0.frames.3.module_address)
	is $(frame_of threads $at) hold_outer
	hotfix_exit 4 apply "$FIX" -p $PID --wait 0
	stderr_says "is inside hold\(\)\+0x[0-9a-f]+ at tests/targets/threads.c:$line \(threads\+0x[0-9a-f]+\), in read\(2\), seen there for [0-9]+ ms"
	stderr_says "frames, innermost first: libc.*, hold\(\)\+0x[0-9a-f]+ .*, threads\+$at, "
}

# Without debug information the patch knows no lines, and a part that stands
# elsewhere has its own.
test_report_without_lines()
{
	start_target threads
	objcopy --strip-debug "$TARGETS/threads" "$TMP/stripped"
	fix hold "$TMP/stripped" <<-'EOF'
		int hold(int mark) { return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	expect 'hold 1' 'inside 1'
	hotfix_exit 4 apply "$FIX" -p $PID --wait 0 --json
	json_is results.0.busy.0.at.function hold
	json_is results.0.busy.0.at.line null
}

# The same for a revert: the frame is one of the patch.
test_report_of_a_busy_replacement()
{
	start_target threads
	fix_hold busy
	hotfix apply "$FIX" -p $PID
	expect 'hold 2' 'inside 2'
	hotfix_exit 4 revert busy -p $PID --wait 100ms --json
	json_is results.0.busy.0.at.function hold
	json_is results.0.busy.0.at.patch busy
	json_is results.0.busy.1.frames.2.patch busy
	hotfix_exit 4 revert busy -p $PID --wait 0
	stderr_says 'is inside hold\(\)\+0x[0-9a-f]+ of patch busy, in read\(2\)'
}

# One of thirty.
test_busy_in_one_thread_of_many()
{
	start_target threads
	fix_hold busy
	expect 'block 29' 'blocked 29'
	expect 'hold 1' 'inside 1'
	refused 4 'hold' apply "$FIX" -p $PID --wait 200ms
	expect 'let 1' 1
	hotfix apply "$FIX" -p $PID
}

# The busy frame stands below other ones: hold_outer() calls hold().
test_busy_deeper_on_the_stack()
{
	start_target threads
	fix outer threads <<-'EOF'
		extern int hold(int mark);
		int hold_outer(int mark) { return hold(mark) + 100; }
		HOTFIX_REPLACE(hold_outer);
	EOF
	expect 'hold-outer 1' 'inside 1'
	refused 4 'hold_outer' apply "$FIX" -p $PID --wait 100ms
	expect 'let 1' 2
	hotfix apply "$FIX" -p $PID
	expect 'hold-outer 1' 'inside 1'
	expect 'let 1' 101
}

# The busy frame is in the part that the compiler has moved away, NAME.cold.
test_busy_in_the_cold_part()
{
	start_target threads
	nm "$TARGETS/threads" | grep -q ' hold_cold\.cold$' ||
		skip 'this compiler makes no cold part of it'
	fix cold threads <<-'EOF'
		int hold_cold(int mark) { return mark + 2; }
		HOTFIX_REPLACE(hold_cold);
	EOF
	expect 'hold-cold 1' 'inside 1'
	refused 4 'inside hold_cold.cold\(\).* at tests/targets/threads.c:[0-9]+ ' \
		apply "$FIX" -p $PID --wait 200ms
	expect 'let 1' 1
	hotfix apply "$FIX" -p $PID
}

# The operator has waited long enough: Ctrl-C, or the end of the terminal.
test_interrupted_while_waiting()
{
	local signal
	start_target threads
	fix_hold waits
	expect 'hold 1' 'inside 1'
	for signal in INT TERM HUP; do
		snapshot
		"$BIN/hotfix" apply "$FIX" -p $PID --wait 30s >"$TMP/stdout" \
			2>"$TMP/stderr" &
		local agent=$! status=0
		await is_traced
		kill -$signal $agent
		wait $agent || status=$?
		[ $status != 0 ]
		await grep -q '^TracerPid:.0$' /proc/$PID/status
		unchanged
		hotfix status -p $PID --json
		json_is processes.0.interrupted false
	done
	expect 'let 1' 1
	hotfix apply "$FIX" -p $PID
}

# One of three functions is busy: none is switched, in any thread.
test_all_or_nothing()
{
	start_target threads
	fix three threads <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
		int hold(int mark) { return mark + 2; }
		HOTFIX_REPLACE(hold);
		int contract_take(int sum) { return sum + 70; }
		HOTFIX_REPLACE(contract_take);
	EOF
	expect 'hold 1' 'inside 1'
	refused 4 'hold' apply "$FIX" -p $PID --wait 100ms
	expect value 1
	expect contract-now '5 4'
	expect 'let 1' 1
	hotfix apply "$FIX" -p $PID
	expect value 2
	expect contract-now '76 75'
}

# Blocked inside: goes on in the old code, while others take the new.
test_entry_mode_while_blocked_inside()
{
	start_target threads
	fix_hold entry
	expect 'hold 2' 'inside 2'
	hotfix apply "$FIX" -p $PID --mode entry
	expect 'hold 1' 'inside 3'
	expect 'let 3' '1 1 2'
	expect 'hold 1' 'inside 1'
	expect 'let 1' 2
	hotfix revert entry -p $PID
	expect 'hold 1' 'inside 1'
	expect 'let 1' 1
}

# One thread in the old code, called by the new; another in the new alone.
test_original_with_threads_inside()
{
	start_target threads
	fix both threads <<-'EOF'
		int hold(int mark) { return 10 + HOTFIX_ORIGINAL(hold)(mark); }
		HOTFIX_REPLACE(hold);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'hold 2' 'inside 2'
	expect 'let 2' '11 11'
	hotfix revert both -p $PID
	expect 'hold 1' 'inside 1'
	expect 'let 1' 1
}

test_contract()
{
	start_target threads
	fix contract threads <<-'EOF'
		extern volatile int contract_unit;
		int contract_take(int sum) { return sum - 100 * contract_unit; }
		HOTFIX_REPLACE(contract_take);
		int contract_give(int sum)
		{
			return contract_take(sum + 100 * contract_unit);
		}
		HOTFIX_REPLACE(contract_give);
	EOF
	expect 'contract 6' ok
	snapshot
	for i in 1 2 3 4 5; do
		hotfix apply "$FIX" -p $PID --wait 10s
		expect rounds 'broken 0'
		expect contract-now '5 -95'
		hotfix revert contract -p $PID --wait 10s
		expect rounds 'broken 0'
		expect contract-now '5 4'
	done
	unchanged
}

# Revert while the new function never returns: refused, and the patch stays.
test_revert_of_a_busy_replacement()
{
	start_target threads
	fix_hold busy
	hotfix apply "$FIX" -p $PID
	expect 'hold 1' 'inside 1'
	refused 4 'hold' revert busy -p $PID --wait 200ms
	expect 'let 1' 2
	expect 'hold 1' 'inside 1'
	expect 'let 1' 2
	hotfix revert busy -p $PID
	expect 'hold 1' 'inside 1'
	expect 'let 1' 1
}

# In entry mode it can be reverted; the mapping stays while it is needed.
test_revert_in_entry_mode_keeps_what_is_needed()
{
	start_target threads
	fix_hold kept
	hotfix apply "$FIX" -p $PID
	expect 'hold 1' 'inside 1'
	hotfix revert kept -p $PID --mode entry --json
	json_is results.0.outcome retired
	expect 'hold 1' 'inside 2'
	expect 'let 2' '2 1'
	grep -q hotfix:kept /proc/$PID/maps
	hotfix recover -p $PID
	! grep hotfix: /proc/$PID/maps || fail 'still mapped, used by nobody'
}

test_coroutine()
{
	start_target threads
	fix step threads <<-'EOF'
		extern void step_away(void);
		int step(int mark) { step_away(); return mark + 2; }
		HOTFIX_REPLACE(step);
	EOF
	expect coroutine suspended
	refused 4 'step' apply "$FIX" -p $PID --wait 200ms --scan=all
	expect resume 1
	hotfix apply "$FIX" -p $PID --scan=all
	expect coroutine suspended
	refused 4 'step' revert step -p $PID --wait 200ms --scan=all
	expect resume 2
	hotfix revert step -p $PID --scan=all
	expect coroutine suspended
	expect resume 1
}

# Nobody looked at the coroutine's stack; its code is kept where it is needed.
test_coroutine_not_looked_for()
{
	start_target threads
	fix step threads <<-'EOF'
		extern void step_away(void);
		int step(int mark) { step_away(); return mark + 2; }
		HOTFIX_REPLACE(step);
	EOF
	hotfix apply "$FIX" -p $PID
	expect coroutine suspended
	hotfix revert step -p $PID --json
	json_is results.0.outcome retired
	stdout_says 'mapped'
	expect resume 2
	expect coroutine suspended
	expect resume 1
	hotfix recover -p $PID
	! grep hotfix: /proc/$PID/maps || fail 'still mapped, used by nobody'
}

# A pointer to the patch's code has been left with the program.
test_revert_while_a_pointer_leads_there()
{
	start_target calc
	snapshot
	fix pointer calc <<-'EOF'
		extern int (*callback)(void);
		static int later(void) { return 33; }
		int value(void) { callback = later; return 2; }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert pointer -p $PID --json
	json_is results.0.outcome retired
	expect value 1
	expect callback 33
	hotfix recover -p $PID
	expect callback 33
	hotfix status -p $PID --json
	json_is processes.0.patches.0.state retired
	expect 'callback clear' 0
	hotfix recover -p $PID
	unchanged
}

# A budget that no stop can keep; and one that any can.
test_max_pause()
{
	start_target threads
	fix_value two threads 2
	expect 'block 64' 'blocked 64'
	snapshot
	hotfix_exit 4 apply "$FIX" -p $PID --max-pause 1us --wait 500ms
	stderr_says 'pause'
	unchanged
	hotfix apply "$FIX" -p $PID --max-pause 2s
	expect value 2
}

run_tests "$@"
