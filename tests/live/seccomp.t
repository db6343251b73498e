#!/bin/bash
# Processes under seccomp filters of every action, made by libseccomp, that
# forbid each system call that a patch needs of them. With CAP_SYS_ADMIN the
# filter is suspended for the borrowed thread and works again afterwards;
# without it, nothing is tried.
. "$(dirname "$0")/lib.sh"

# A name of this run alone: `revert --all` of others looks at the whole host.
ME=place-$$

CALLS=(memfd_create mmap mprotect munmap open openat close prctl rt_sigreturn)
ACTIONS=(kill eperm enosys trap)
# All that an allow-list of a service may leave.
NEEDED=(read write exit_group)
rounds=1
if [ -n "${HOSTILE:-}" ]; then
	rounds=50
	ACTIONS+=(kill-thread eacces nothing trace)
fi

# Suspending a filter needs CAP_SYS_ADMIN, here and in this user namespace, and
# no filter over ourselves.
need_admin()
{
	local bits
	bits=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
	((0x$bits >> 21 & 1)) || skip 'needs CAP_SYS_ADMIN'
	grep -q '^Seccomp:.*0$' /proc/self/status ||
		skip 'we are under a seccomp filter ourselves'
}

# Still root, without CAP_SYS_ADMIN.
without_admin()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to give a capability away'
	local drop=(setpriv --bounding-set=-sys_admin)
	"${drop[@]}" true 2>/dev/null || skip 'cannot give CAP_SYS_ADMIN away'
	AGENT=("${drop[@]}" "$BIN/hotfix")
}

apply_and_revert()
{
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix status -p $PID --json
	json_is processes.0.patches.0.name $ME
	hotfix revert $ME -p $PID
	expect value 1
}

whole_round()
{
	local i
	snapshot
	for ((i = 0; i < rounds; i++)); do
		apply_and_revert
	done
	unchanged
	tried 'hardened place: seccomp' $rounds 0 0 0
}

start_filtered() # FILTER...
{
	start_target filtered
	expect "$*" ok
}

# All calls at once.
each_action() # COMMAND...
{
	local action
	fix_value $ME filtered 2
	for action in "${ACTIONS[@]}"; do
		start_filtered filter $action "${CALLS[@]}"
		"$@"
	done
}

test_calls_forbidden()
{
	need_admin
	local call
	each_action whole_round
	for call in "${CALLS[@]}"; do
		start_filtered filter kill $call
		whole_round
	done
}

refused_by_filter()
{
	refused 3 'seccomp filter' apply "$FIX" -p $PID
	stderr_says 'CAP_SYS_ADMIN'
	expect value 1
	tried 'hardened place: seccomp, no CAP_SYS_ADMIN' 1 0 0 0
}

test_calls_forbidden_unprivileged()
{
	without_admin
	each_action refused_by_filter
}

# Everything is forbidden but what the program itself needs.
test_allow_list()
{
	need_admin
	fix_value $ME filtered 2
	start_filtered only kill "${NEEDED[@]}"
	whole_round
	start_filtered only eperm "${NEEDED[@]}"
	whole_round
	finish
}

# The oldest kind: read, write, exit, sigreturn.
test_strict_mode()
{
	need_admin
	fix_value $ME filtered 2
	start_filtered strict
	whole_round
	without_admin
	refused_by_filter
}

# Another thread runs into the filter all the time, and gets what it always got.
test_others_meet_the_filter()
{
	need_admin
	local action i
	fix_value $ME filtered 2
	for action in eperm nothing trap trace; do
		start_target filtered watch
		expect "filter $action getppid ${CALLS[*]/rt_sigreturn/mremap}" ok
		expect watched 'wrong 0'
		for ((i = 0; i < 2 * rounds; i++)); do
			apply_and_revert
		done
		expect watched 'wrong 0'
		! grep hotfix: /proc/$PID/maps || fail 'an image was left'
		tried 'hardened place: seccomp' $((2 * rounds)) 0 0 0
	done
}

# A supervisor decides about the calls. It hears of none of ours.
test_supervised()
{
	need_admin
	fix_value $ME filtered 2
	start_filtered notify memfd_create mmap mprotect munmap close prctl
	expect notified 0
	whole_round
	expect notified 0
}

# Our stop makes the kernel ask the supervisor once more, as any signal does;
# the call has its result.
test_waiting_for_the_supervisor()
{
	need_admin
	fix_value $ME filtered 2
	start_filtered notify getppid
	expect call asked
	snapshot
	hotfix apply "$FIX" -p $PID
	grep -q hotfix:$ME /proc/$PID/maps || fail 'not applied'
	hotfix revert $ME -p $PID
	unchanged
	ask go
	while [ "$ANSWER" = asked ]; do
		ask go
	done
	is "$ANSWER" parent 'result of the supervised call'
}

# Such a wait that only death can end: the thread cannot be stopped.
test_waiting_unstoppably()
{
	need_admin
	fix_value $ME filtered 2
	start_target filtered
	ask 'notify-killable getppid'
	[ "$ANSWER" = ok ] || skip "the kernel has no such filters: $ANSWER"
	expect call asked
	snapshot
	hotfix_exit 4 apply "$FIX" -p $PID
	stderr_says '^hotfix: error: '
	stderr_says 'getppid'
	stderr_says 'nothing was changed'
	unchanged
	expect go parent
	hotfix apply "$FIX" -p $PID
	expect value 2
}

# Runs a program under a filter that allows everything, as root of a container
# is under one.
UNDER_FILTER='
import ctypes, os, struct, sys
class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_ushort), ("code", ctypes.c_void_p)]
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
program = Program(1, ctypes.addressof(code))
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program)):
    sys.exit("no filter")
os.execv(sys.argv[1], sys.argv[1:])'

# Whoever is under a filter may not suspend one; without any all is well.
test_agent_under_a_filter()
{
	need_admin
	fix_value $ME filtered 2
	start_target filtered
	AGENT=("$PYTHON" -c "$UNDER_FILTER" "$BIN/hotfix")
	whole_round
	expect 'filter kill memfd_create' ok
	refused 3 'seccomp filter' apply "$FIX" -p $PID
	stderr_says 'hint: hotfix runs under a seccomp filter itself'
	expect value 1
}

# Like a filter, but the program's own: calls that its C library does not make
# raise SIGSYS, also those of a thread that restores itself after our death.
test_calls_dispatched_by_the_program()
{
	start_target odd
	ask user-dispatch
	[ "$ANSWER" = ok ] || skip "no syscall user dispatch: $ANSWER"
	fix_value $ME odd 2
	refused 3 'makes its system calls itself' apply "$FIX" -p $PID
	stderr_says 'PR_SET_SYSCALL_USER_DISPATCH'
	expect value 1
	tried 'hardened place: syscall user dispatch' 1 0 0 0
}

run_tests "$@"
