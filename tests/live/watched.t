#!/bin/bash
# Processes that somebody else looks at or has changed: profilers, probes of the
# kernel, debuggers, tools that patch code themselves. Each is lived with, or
# named and left alone.
. "$(dirname "$0")/lib.sh"

# A name of this run alone: `revert --all` of others looks at the whole host.
ME=place-$$

rounds=1
[ -z "${HOSTILE:-}" ] || rounds=50

need() { command -v $1 >/dev/null || skip "no $1"; }

whole_round() # NAME
{
	local i
	snapshot
	for ((i = 0; i < rounds; i++)); do
		hotfix apply "$FIX" -p $PID
		expect value 2
		hotfix revert $ME -p $PID
		expect value 1
	done
	unchanged
	tried "hardened place: $1" $rounds 0 0 0
}

# refused_near NAME REGEX: what would meet the other one's work, is refused.
refused_near()
{
	refused 3 "$2" apply "$FIX" -p $PID
	stderr_says 'hint: '
	tried "hardened place: $1" 1 0 0 0
}

# --- profilers and probes of the kernel --------------------------------------

test_perf_record()
{
	need perf
	local pid line
	start_target calc
	ask 'workers 2'
	fix_value $ME calc 2
	mkfifo "$TMP/control" "$TMP/ack"
	perf record -q -e cpu-clock -F 9999 -D -1 -p $PID -o "$TMP/data" \
		--control "fifo:$TMP/control,$TMP/ack" >"$TMP/perf" 2>&1 &
	pid=$!
	STARTED+=($pid)
	exec 8<>"$TMP/control" 9<>"$TMP/ack"
	echo enable >&8
	until read -r -t 1 line <&9; do
		kill -0 $pid 2>/dev/null ||
			skip "perf cannot: $(head -n 1 "$TMP/perf")"
	done
	whole_round 'perf record'
	hotfix apply "$FIX" -p $PID
	expect calls 'bad 0'
	kill -INT $pid
	wait $pid || true
	[ "$(perf script -i "$TMP/data" -F ip 2>/dev/null | wc -l)" -gt 0 ] ||
		fail "perf recorded nothing: $(<"$TMP/perf")"
}

# Probes are made in a tracefs of our own, and removed at the end.
need_uprobes()
{
	[ "$(id -u)" = 0 ] || skip 'must be root for a uprobe'
	TRACING=$TMP/tracing
	PROBES=hotfix_$$_$RANDOM
	mkdir "$TRACING"
	mount -t tracefs tracefs "$TRACING" 2>/dev/null ||
		skip 'no tracefs may be mounted here'
	at_end "umount '$TRACING'"
	[ -w "$TRACING/uprobe_events" ] || skip 'the kernel has no uprobes'
}

# p: where it is entered; r: where it returns.
probe() # KIND NAME PROGRAM FUNCTION
{
	local at
	at=$(nm "$3" | awk -v name="$4" '$3 == name { print $1 }')
	# The text of a PIE is where its address says, by our linkers.
	echo "$1:$PROBES/$2 $3:0x$at" >>"$TRACING/uprobe_events" ||
		skip 'no uprobe may be made here'
	at_end "probe_end $2"
	echo 1 >"$TRACING/events/$PROBES/$2/enable"
}

probe_end() # NAME
{
	echo 0 >"$TRACING/events/$PROBES/$1/enable"
	echo "-:$PROBES/$1" >>"$TRACING/uprobe_events"
}

hits() # NAME
{
	awk -v name="$1" '$2 == name { print $3 }' "$TRACING/uprobe_profile"
}

# A copy, so that the probe is in nobody else's process.
start_copy() # NAME
{
	cp "$TARGETS/$1" "$TMP/$1"
	start_program "$TMP/$1"
}

test_uprobe_on_the_function()
{
	need_uprobes
	start_copy calc
	fix_value $ME calc 2
	probe p value "$TMP/calc" value
	expect value 1
	is "$(hits value)" 1
	refused_near 'uprobe on the function' 'breakpoint.*uprobe'
	hotfix_exit 3 check "$FIX" -p $PID
	expect value 1
	is "$(hits value)" 2
	probe_end value
	whole_round 'uprobe on the function'
}

test_uprobe_next_to_the_function()
{
	need_uprobes
	start_copy calc
	fix_value $ME calc 2
	probe p hidden "$TMP/calc" hidden
	expect 'hidden 2' 7
	whole_round 'uprobe next to the function'
	expect 'hidden 2' 7
	is "$(hits hidden)" 2
}

# The kernel keeps the return addresses of what a return probe is set on. So the
# caller's frame cannot be seen: it counts as busy, and its code stays.
test_return_probe_hides_the_caller()
{
	need_uprobes
	start_copy threads
	fix hold threads <<-'EOF'
		extern void gate_pass(void);
		int hold(int mark) { gate_pass(); return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	probe r gate "$TMP/threads" gate_pass
	expect 'hold 1' 'inside 1'
	refused 4 'return probe' apply "$FIX" -p $PID --wait 100ms
	stderr_says 'uretprobe'
	expect 'let 1' 1
	is "$(hits gate)" 1
	hotfix apply "$FIX" -p $PID
	expect 'hold 1' 'inside 1'
	refused 4 'return probe' revert hold -p $PID --wait 100ms
	expect 'let 1' 2
	expect 'hold 1' 'inside 1'
	refused 4 'return probe' revert hold -p $PID --mode entry --wait 100ms
	expect 'let 1' 2
	hotfix revert hold -p $PID
	expect 'hold 1' 'inside 1'
	expect 'let 1' 1
	! grep hotfix: /proc/$PID/maps || fail 'an image was left'
	tried 'hardened place: return probe on a callee' 3 0 0 0
}

# --- debuggers -----------------------------------------------------------------

refused_by_tracer() # NAME TRACER_PID
{
	refused 3 "already traced by process $2 \($1\)" apply "$FIX" -p $PID
	stderr_says "hint: let $1 detach"
	tried "hardened place: traced by $1" 1 0 0 0
}

test_traced_by_strace()
{
	need strace
	local tracer
	start_target calc
	fix_value $ME calc 2
	strace -f -o "$TMP/strace" -p $PID 2>/dev/null &
	tracer=$!
	STARTED+=($tracer)
	await is_traced
	refused_by_tracer strace $tracer
	expect value 1
	kill -TERM $tracer
	wait $tracer || true
	await not_traced
	whole_round 'traced by strace'
}

not_traced() { ! is_traced; }

# gdb, told what to do by lines; it answers each "echo".
start_gdb()
{
	need gdb
	mkfifo "$TMP/gdb.in" "$TMP/gdb.out"
	gdb -nx -q <"$TMP/gdb.in" >"$TMP/gdb.out" 2>/dev/null &
	GDB=$!
	STARTED+=($GDB)
	exec 8>"$TMP/gdb.in" 9<"$TMP/gdb.out"
}

gdb_do() # LINE...: until all are done
{
	local line
	printf '%s\n' "$@" 'echo DONE\n' >&8
	while IFS= read -r -t $PATIENCE line <&9; do
		[[ $line != *DONE ]] || return 0
	done
	fail "gdb does not answer: $*"
}

test_traced_by_gdb()
{
	start_target calc
	fix_value $ME calc 2
	start_gdb
	gdb_do "attach $PID"
	is_traced || skip 'gdb cannot attach'
	refused_by_tracer gdb $GDB
	gdb_do detach
	expect value 1
	whole_round 'traced by gdb'
}

# gdb was killed, and its breakpoint stayed: what would run into it must not be
# written over.
test_breakpoint_of_a_dead_debugger()
{
	start_target calc
	fix_value $ME calc 2
	start_gdb
	gdb_do "attach $PID"
	is_traced || skip 'gdb cannot attach'
	gdb_do 'set breakpoint always-inserted on' 'break *value+2'
	kill -KILL $GDB
	wait $GDB || true
	await not_traced
	refused_near 'breakpoint left by a debugger' \
		'value\(\) is not the code.*breakpoint \(int3\) at \+2'
}

stop_agent()
{
	kill -STOP $1
	await grep -q '^State:.*T' /proc/$1/status
}

# While hotfix is at work nobody else can attach; they are told, and both go on.
test_debugger_while_at_work()
{
	need strace
	local agent status=0
	start_target threads
	expect 'hold 1' 'inside 1'
	fix held threads <<-'EOF'
		extern void gate_pass(void);
		int hold(int mark) { gate_pass(); return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	hotfix_start apply "$FIX" -p $PID --wait 20s
	await pgrep -P $AGENT_PID
	agent=$(pgrep -P $AGENT_PID)
	# Stopped at a moment at which it traces.
	stop_agent $agent
	until is_traced; do
		kill -CONT $agent
		stop_agent $agent
	done
	timeout 10 strace -p $PID 2>"$TMP/strace" || status=$?
	is $status 1 'exit status of strace'
	grep -qi 'not permitted' "$TMP/strace" || fail "$(<"$TMP/strace")"
	if command -v gdb >/dev/null; then
		timeout 30 gdb -nx -q -batch -p $PID >"$TMP/gdb" 2>&1 || true
		grep -qi 'not permitted' "$TMP/gdb" || fail "$(<"$TMP/gdb")"
	fi
	kill -CONT $agent
	expect 'let 1' 1
	hotfix_wait 0
	expect 'hold 1' 'inside 1'
	expect 'let 1' 2
	tried 'hardened place: debugger while at work' 1 0 0 0
}

# --- others that patch code ----------------------------------------------------

test_foreign_hooks()
{
	local at bytes words
	fix_value $ME odd 2
	while read -r at bytes words; do
		start_target odd
		expect "poke $at $bytes" ok
		refused_near "another tool's hook" "value\(\).*$words"
		hotfix status -p $PID
		finish
	done <<-'EOF'
		0 e900100000 a jump to 0x[0-9a-f]+ in .*hook
		0 ebf9 a jump to 0x[0-9a-f]+ in .*hook
		0 e800100000 a call to 0x[0-9a-f]+ in .*hook
		0 ff25000000008877665544332211 an indirect jump at \+0 .*hook
		0 ff15000000008877665544332211 an indirect call at \+0 .*hook
		0 48b88877665544332211ffe0 an absolute jump at \+0 .*hook
		0 49bb8877665544332211 an absolute jump at \+0 .*hook
		0 6888776655c3 an absolute jump at \+0 .*hook
		0 cc a breakpoint \(int3\) at \+0
		0 cd03 a breakpoint \(int3\) at \+0
		3 cc a breakpoint \(int3\) at \+3
		0 0f0b a trap \(ud2\) at \+0
		0 f4 a trap \(hlt\) at \+0
		1 90 at \+1: 90
	EOF
}

run_tests "$@"
