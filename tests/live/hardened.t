#!/bin/bash
# Processes that defend themselves, or live elsewhere: seccomp, memory policies,
# chroot; and processes in states that are awkward: stopped, without their main
# thread.
. "$(dirname "$0")/lib.sh"

whole_round() # TARGET [TEXT for the human]
{
	fix_value two "$1" 2
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	expect value 1
	unchanged
}

# Suspending a filter needs CAP_SYS_ADMIN, here and in this user namespace.
need_admin()
{
	local bits
	bits=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
	((0x$bits >> 21 & 1)) || skip 'needs CAP_SYS_ADMIN'
}

# An mprotect(PROT_EXEC) would fail: none is needed.
test_seccomp_forbids_mprotect()
{
	need_admin
	start_target odd
	expect seccomp-mprotect ok
	whole_round odd
	finish
}

test_seccomp_without_memfd()
{
	need_admin
	start_target odd
	expect seccomp-memfd ok
	whole_round odd
	finish
}

# A filter that kills is suspended while we are there, and works afterwards.
test_seccomp_that_kills()
{
	need_admin
	local status=0
	start_target odd
	expect seccomp-kill ok
	whole_round odd
	say "exec $TARGETS/odd"
	wait $PID || status=$?
	is $status 159 'status after a forbidden system call'
}

# Without the right to suspend it: refused, and not killed.
test_seccomp_that_kills_unprivileged()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to become somebody else'
	[ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ] ||
		skip 'ptrace_scope forbids it'
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	"${nobody[@]}" test -x "$TARGETS/odd" ||
		skip 'nobody may not read the build directory'
	fix_value two odd 2
	chmod 644 "$FIX"
	chmod 1777 "$TMP"
	start_program "${nobody[@]}" "$TARGETS/odd"
	expect seccomp-kill ok
	AGENT=("${nobody[@]}" "$BIN/hotfix")
	snapshot
	hotfix_exit 3 apply "$FIX" -p $PID
	stderr_says 'seccomp'
	stderr_says 'CAP_SYS_ADMIN'
	unchanged
	expect value 1
}

test_memory_deny_write_execute()
{
	start_target odd
	ask mdwe
	[ "$ANSWER" = ok ] || skip "PR_SET_MDWE: $ANSWER"
	whole_round odd
}

# Neither the program's files nor /proc are to be seen in there.
test_chroot()
{
	mkdir "$TMP/root"
	cp "$TARGETS/calc-static" "$TMP/root/calc"
	chroot "$TMP/root" /calc </dev/null >/dev/null 2>&1 || skip 'no chroot'
	start_program chroot "$TMP/root" /calc
	whole_round calc-static
}

test_mount_namespace()
{
	unshare --mount true 2>/dev/null || skip 'no mount namespaces'
	start_program unshare --mount "$TARGETS/calc"
	whole_round calc
	start_program unshare --mount --pid --fork --kill-child \
		--mount-proc "$TARGETS/calc"
	PID_OUTER=$PID
	local inner
	inner=$(pgrep -P $PID)
	IN[$inner]=${IN[$PID]} OUT[$inner]=${OUT[$PID]}
	PID=$inner
	whole_round calc
}

# No descriptor is free in the target.
test_no_descriptor_free()
{
	start_target calc
	prlimit --pid $PID --nofile=3:3
	whole_round calc
}

# Stopped by job control: patched while it is, and still stopped afterwards.
test_stopped_by_job_control()
{
	start_target calc
	ask 'workers 2'
	fix_value two calc 2
	kill -STOP $PID
	await grep -q '^State:.*T' /proc/$PID/status
	snapshot
	hotfix apply "$FIX" -p $PID
	grep -q '^State:.*T (stopped)' /proc/$PID/status ||
		fail "not stopped any more: $(grep State /proc/$PID/status)"
	kill -CONT $PID
	expect value 2
	kill -STOP $PID
	await grep -q '^State:.*T' /proc/$PID/status
	hotfix revert two -p $PID
	grep -q '^State:.*T (stopped)' /proc/$PID/status
	unchanged
	kill -CONT $PID
	expect value 1
	expect calls 'bad 0'
}

test_main_thread_has_ended()
{
	start_target threads main-exits
	await grep -q '^State:.*Z' /proc/$PID/task/$PID/status
	fix_value two threads 2
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	expect value 1
	finish
}

# The program's own writable and executable page: patched, protection kept.
test_writable_page_stays_writable()
{
	local page
	start_target odd
	ask rwx
	page=$ANSWER
	whole_round odd
	fix_value two odd 2
	hotfix apply "$FIX" -p $PID
	grep -q "^0*$page-.* rwxp" /proc/$PID/maps
}

# No page of ours is writable and executable, ever after.
test_no_writable_executable_page()
{
	start_target calc
	fix own calc <<-'EOF'
		int counter = 1;
		static int zeros[3000];
		int value(void) { return ++counter + zeros[5]; }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 2
	! grep -E '^[^ ]+ .?wx' /proc/$PID/maps || fail 'writable and executable'
	grep -q 'r-xp.*hotfix:own' /proc/$PID/maps ||
		fail "no mapping is named: $(<"/proc/$PID/maps")"
}

run_tests "$@"
