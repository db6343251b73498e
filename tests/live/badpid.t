#!/bin/bash
# Processes that cannot be patched: gone, not ours, not of our kind, traced.
# Each is told apart in words, with the documented status, and left untouched.
. "$(dirname "$0")/lib.sh"

fix_two() { fix_value two calc 2; }

# refuses_pid PID STATUS REGEX: without a snapshot, where there is no target.
refuses_pid()
{
	hotfix_exit $2 apply "$FIX" -p $1
	stderr_says '^hotfix: error: '
	stderr_says "$3"
	stderr_says "$1"
}

test_gone()
{
	fix_two
	sleep 0 &
	local gone=$!
	wait $gone
	refuses_pid $gone 1 'no such process|does not exist|no process'
	refuses_pid 4194304 1 'no such process|does not exist|no process'
	hotfix_exit 1 revert two -p $gone
	hotfix_exit 1 status -p $gone
}

test_no_number()
{
	local pid
	fix_two
	for pid in 0 -1 1x '' 99999999999999999999 4294967297; do
		hotfix_exit 2 apply "$FIX" -p "$pid"
		stderr_says '^hotfix: error: '
	done
}

test_kernel_thread()
{
	fix_two
	[ "$(cat /proc/2/comm)" = kthreadd ] || skip 'no kernel threads here'
	refuses_pid 2 3 'kernel thread'
}

test_zombie()
{
	fix_two
	start_target odd
	ask zombie
	refuses_pid $ANSWER 1 'zombie|ended|exited'
}

test_itself()
{
	fix_two
	start_target calc
	# The parent of the agent, which has nothing of the target.
	refuses_pid $$ 3 'calc'
}

test_32_bit()
{
	fix_two
	start_target tiny32
	refused 3 '32.bit' apply "$FIX" -p $PID
	refused 3 '32.bit' check "$FIX" -p $PID
}

test_other_program()
{
	fix_two
	start_target threads
	refused 3 'calc' apply "$FIX" -p $PID
	stderr_says 'threads|module'
}

# Process 1 of another PID namespace, by its number out here and in there.
test_pid_namespace()
{
	fix_two
	unshare --pid --fork true 2>/dev/null || skip 'no PID namespaces'
	start_program unshare --pid --fork --kill-child "$TARGETS/calc"
	local outer=$PID inner
	inner=$(pgrep -P $outer)
	at_end "kill -KILL $inner 2>/dev/null"
	snapshot $inner
	hotfix apply "$FIX" -p $inner
	expect value 2
	hotfix revert two -p $inner
	expect value 1
	unchanged $inner
	# From within: there our numbers mean others, or nothing.
	AGENT=(nsenter --target $inner --pid "$BIN/hotfix")
	refuses_pid $outer 3 '/proc belongs to another PID namespace'
	unchanged $inner
}

test_user_namespace()
{
	fix_two
	unshare --user --map-root-user true 2>/dev/null ||
		skip 'no user namespaces'
	start_program unshare --user --map-root-user --mount "$TARGETS/calc"
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	unchanged
}

test_traced()
{
	fix_two
	start_target calc
	local target=$PID
	start_target tracer $target
	local tracer=$PID
	PID=$target
	refused 3 "trace" apply "$FIX" -p $PID
	stderr_says "$tracer"
	stderr_says "tracer"
	stderr_says 'hint: '
	PID=$tracer
	finish
	PID=$target
	hotfix apply "$FIX" -p $PID
	expect value 2
}

# As somebody else, who may read the patch and see the process.
test_no_permission()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to become somebody else'
	fix_two
	chmod 644 "$FIX"
	AGENT=(setpriv --reuid=65534 --regid=65534 --clear-groups "$BIN/hotfix")
	"${AGENT[@]}" --version >/dev/null 2>&1 &&
		setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$FIX" ||
		skip 'nobody may not read the build directory'
	start_target calc
	refused 1 'permission|permitted' apply "$FIX" -p $PID
	stderr_says 'hint: '
	stderr_says 'CAP_SYS_PTRACE|root|ptrace_scope'
	refused 1 'permission|permitted' revert two -p $PID
}

# The owner of a process needs no privilege, unless ptrace_scope says so.
test_owner_without_privileges()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to become somebody else'
	[ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ] ||
		skip 'ptrace_scope forbids it'
	fix_two
	chmod 644 "$FIX"
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	"${nobody[@]}" test -x "$TARGETS/calc" -a -r "$FIX" ||
		skip 'nobody may not read the build directory'
	chmod 1777 "$TMP"
	start_program "${nobody[@]}" "$TARGETS/calc"
	AGENT=("${nobody[@]}" "$BIN/hotfix")
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	expect value 1
	unchanged
}

test_no_room()
{
	fix_value two odd 2
	start_target odd
	expect fill ok
	refused 3 'room|space|free' apply "$FIX" -p $PID
	stderr_says '[GM]iB'
	expect value 1
}

# Not one mapping more is allowed in the target.
test_no_mapping_left()
{
	fix_value two odd 2
	start_target odd
	ask crowd
	[ $ANSWER -lt 1000000 ] || skip 'no limit of mappings here'
	refused 1 'memory|max_map_count' apply "$FIX" -p $PID
	expect value 1
}

test_no_address_space_left()
{
	fix_value two odd 2
	start_target odd
	prlimit --pid $PID --as=4096
	refused 1 'memory' apply "$FIX" -p $PID
	expect value 1
}

# A child of vfork() runs in our memory, and the parent cannot be stopped.
test_vfork()
{
	fix_value two odd 2
	start_target odd
	expect vfork going
	await pgrep -P $PID
	snapshot
	hotfix_exit 4 apply "$FIX" -p $PID --wait 300ms
	stderr_says '^hotfix: error: '
	say ''
	answer
	is "$ANSWER" back
	unchanged
	hotfix apply "$FIX" -p $PID
	expect value 2
}

# Names that were made to mislead those who read /proc.
test_misleading_names()
{
	local name
	fix_value two calc 2
	mkdir "$TMP/a dir (deleted)"
	for name in 'x) R 1 (y' 'two
lines' ' (deleted)' '/memfd:hotfix:two (deleted)'; do
		name=${name////_}
		cp "$TARGETS/calc" "$TMP/a dir (deleted)/$name"
		start_program "$TMP/a dir (deleted)/$name"
		snapshot
		hotfix apply "$FIX" -p $PID --json
		json_is results.0.outcome applied
		expect value 2
		hotfix revert two -p $PID
		expect value 1
		unchanged
	done
}

# One of three is of another build: said for that one, done for the others.
test_one_of_three_fails()
{
	fix_two
	start_target calc
	local good=$PID
	mkdir "$TMP/new"
	cp "$TARGETS/calc-other" "$TMP/new/calc"
	start_program "$TMP/new/calc"
	local bad=$PID
	snapshot
	hotfix_exit 5 apply "$FIX" -p $good -p $bad -p 4194304 --json
	json_is exit 5
	json_is results.# 3
	json_is results.0.outcome applied
	json_is results.1.outcome refused
	json_is results.1.error.code build-id-mismatch
	json_is results.2.outcome failed
	unchanged
	expect value 1
	PID=$good
	expect value 2
	PID=$bad
	hotfix_exit 3 apply "$FIX" -p $bad
}

run_tests "$@"
