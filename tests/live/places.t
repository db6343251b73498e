#!/bin/bash
# Processes that live elsewhere: in namespaces of every kind, under roots that
# have neither /proc nor /tmp, on filesystems that are read-only, layered, or
# gone. What hotfix needs of a target it has through /proc/PID of its own.
. "$(dirname "$0")/lib.sh"

# A name of this run alone: `revert --all` of others looks at the whole host.
ME=place-$$

rounds=1
[ -z "${HOSTILE:-}" ] || rounds=50

whole_round() # TARGET NAME
{
	local i
	fix_value $ME "$1" 2
	snapshot
	for ((i = 0; i < rounds; i++)); do
		hotfix apply "$FIX" -p $PID
		expect value 2
		hotfix status -p $PID --json
		json_is processes.0.patches.0.name $ME
		hotfix revert $ME -p $PID
		expect value 1
	done
	unchanged
	tried "hardened place: $2" $rounds 0 0 0
}

# The last process of a chain that start_program has begun, each with one child.
descend()
{
	local outer=$PID inner
	while inner=$(pgrep -o -P $PID); do
		PID=$inner
	done
	IN[$PID]=${IN[$outer]} OUT[$PID]=${OUT[$outer]}
	at_end "kill -KILL $PID 2>/dev/null"
}

need_unshare() # OPTION...
{
	unshare "$@" true 2>/dev/null || skip "no namespaces: unshare $*"
}

# --- namespaces ----------------------------------------------------------------

test_each_namespace()
{
	local kind
	for kind in --mount --net --ipc --uts --cgroup --time; do
		need_unshare $kind
		start_program unshare $kind "$TARGETS/calc"
		whole_round calc "namespace ${kind#--}"
	done
}

# As a container has them, all at once.
test_all_namespaces()
{
	local all=(--user --map-root-user --mount --net --ipc --uts --cgroup
		--pid --fork --kill-child --mount-proc)
	need_unshare "${all[@]}"
	start_program unshare "${all[@]}" "$TARGETS/calc"
	descend
	whole_round calc 'all namespaces'
}

# A container in a container: the target has three numbers.
test_nested_pid_namespaces()
{
	local nest=(unshare --pid --fork --kill-child --mount-proc)
	need_unshare --pid --fork --kill-child --mount-proc
	start_program "${nest[@]}" "${nest[@]}" "$TARGETS/calc"
	descend
	is "$(awk '/^NSpid/ { print NF }' /proc/$PID/status)" 4 'numbers it has'
	whole_round calc 'nested PID namespaces'
	# From the middle one, where it has another number.
	local inner middle
	inner=$(awk '/^NSpid/ { print $3 }' /proc/$PID/status)
	middle=(nsenter --target "$(ps -o ppid= -p $PID | tr -d ' ')" --pid)
	AGENT=("${middle[@]}" unshare --mount --propagation private sh -c '
		mount -t proc proc /proc && exec "$@"' sh "$BIN/hotfix")
	fix_value $ME calc 2
	snapshot
	hotfix apply "$FIX" -p $inner
	expect value 2
	hotfix revert $ME -p $inner
	expect value 1
	unchanged
	# With the /proc of the innermost one, in which it does not see itself,
	# which the checker of leaks cannot do without.
	[ -z "$HOTFIX_SAN" ] || return 0
	AGENT=("${middle[@]}" --mount "$BIN/hotfix")
	refused 3 '/proc belongs to another PID namespace' apply "$FIX" -p $inner
	stderr_says 'hint: .*nsenter'
}

# The agent is in a container, the target is not: it is not to be seen there.
test_agent_in_a_pid_namespace()
{
	need_unshare --pid --fork --mount-proc
	start_target calc
	fix_value $ME calc 2
	# A number that this one has out here, and nobody in there.
	AGENT=(unshare --pid --fork --mount-proc "$BIN/hotfix")
	refused 1 "there is no process $PID" apply "$FIX" -p $PID
	stderr_says 'hint: .*container'
	# Its own /proc is missing.
	AGENT=(unshare --pid --fork "$BIN/hotfix")
	refused 3 '/proc belongs to another PID namespace' apply "$FIX" -p $PID
	stderr_says 'hint: .*nsenter'
	# There is none at all.
	AGENT=(unshare --mount --propagation private sh -c '
		umount -l /proc; exec "$@"' sh "$BIN/hotfix")
	refused 1 'processes in /proc' apply "$FIX" -p $PID
	stderr_says 'hint: mount it'
	tried 'hardened place: agent in a PID namespace' 3 0 0 0
}

# Root of a container may not touch what is outside, however it got to see it.
test_agent_in_a_user_namespace()
{
	need_unshare --user --map-root-user
	start_target calc
	fix_value $ME calc 2
	chmod 644 "$FIX"
	AGENT=(unshare --user --map-root-user "$BIN/hotfix")
	[ "$(id -u)" = 0 ] || skip 'would be the owner of the target'
	refused 1 'no permission to touch process' apply "$FIX" -p $PID
	stderr_says 'user namespace'
	stderr_says 'hint: .*root of the host'
	tried 'hardened place: agent in a user namespace' 1 0 0 0
}

# --- roots ---------------------------------------------------------------------

# A directory with what calc needs: neither /proc nor /tmp nor /dev.
make_root() # DIRECTORY [PROGRAM]
{
	local library
	mkdir -p "$1"
	cp "${2:-$TARGETS/calc}" "$1/calc"
	ldd "$TARGETS/calc" | grep -o '/[^ ]*' | while read -r library; do
		cp --parents -L "$library" "$1"
	done
}

# Makes $ROOT, a mount, the root, as runtimes of containers do, and leaves
# nothing of the old one.
ENTER='
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
os.chdir(os.environ["ROOT"])
if libc.syscall(155, b".", b".") or libc.umount2(b".", 2):
    raise OSError(ctypes.get_errno(), "pivot_root")
os.chdir("/")
os.execv("/calc", ["calc"])'

in_new_root() # SCRIPT
{
	need_unshare --mount
	start_program unshare --mount --propagation private \
		env ROOT="$TMP/root" ENTER="$ENTER" sh -ec "$1"
}

test_chroot()
{
	make_root "$TMP/root"
	chroot "$TMP/root" /calc </dev/null >/dev/null 2>&1 || skip 'no chroot'
	start_program chroot "$TMP/root" /calc
	[ ! -e /proc/$PID/root/proc ]
	whole_round calc 'chroot'
}

test_pivot_root()
{
	make_root "$TMP/root"
	in_new_root '
		mount --bind "$ROOT" "$ROOT"
		exec python3 -c "$ENTER"'
	is "$(wc -l </proc/$PID/mountinfo)" 1 'mounts that it sees'
	whole_round calc 'pivot_root'
}

mount_overlay='mount -t overlay overlay "$ROOT" -o \
	"lowerdir=$ROOT/../lower,upperdir=$ROOT/../upper,workdir=$ROOT/../work"'

test_overlay_root()
{
	make_root "$TMP/lower"
	mkdir "$TMP/root" "$TMP/upper" "$TMP/work"
	ROOT=$TMP/root unshare --mount sh -c "$mount_overlay" 2>/dev/null ||
		skip 'no overlay may be mounted here'
	in_new_root "$mount_overlay
		exec python3 -c \"\$ENTER\""
	grep -q ' / / .* overlay ' /proc/$PID/mountinfo ||
		fail "no overlay root: $(<"/proc/$PID/mountinfo")"
	whole_round calc 'overlay root'
	# An upgrade in the container: the file is another one.
	cp "$TARGETS/calc-other" "/proc/$PID/root/calc.new"
	mv "/proc/$PID/root/calc.new" "/proc/$PID/root/calc"
	whole_round calc 'overlay root, file replaced'
}

test_read_only_root()
{
	make_root "$TMP/root"
	in_new_root '
		mount --bind "$ROOT" "$ROOT"
		mount -o remount,bind,ro "$ROOT"
		exec chroot "$ROOT" /calc'
	! touch "/proc/$PID/root/file" 2>/dev/null || fail 'not read-only'
	whole_round calc 'read-only root'
}

# Neither has the agent a place to write to.
test_read_only_host()
{
	need_unshare --mount
	start_target calc
	AGENT=(unshare --mount --propagation private sh -c '
		mount -o remount,bind,ro / && ! touch /tmp/file 2>/dev/null &&
		exec "$@"' sh "$BIN/hotfix")
	"${AGENT[@]}" --version >/dev/null 2>&1 || skip 'cannot remount / here'
	whole_round calc 'read-only host'
}

# --- files that are gone -------------------------------------------------------

test_deleted_and_replaced()
{
	mkdir "$TMP/bin"
	cp "$TARGETS/calc" "$TMP/bin/calc"
	start_program "$TMP/bin/calc"
	# As a package manager does it.
	cp "$TARGETS/calc-other" "$TMP/bin/calc.dpkg-new"
	mv "$TMP/bin/calc.dpkg-new" "$TMP/bin/calc"
	whole_round calc 'file replaced'
	# The next one is of that build, and needs another patch.
	start_program "$TMP/bin/calc"
	fix_value $ME calc 2
	refused 3 'build-id mismatch' apply "$FIX" -p $PID
	start_program "$TMP/bin/calc"
	rm -r "$TMP/bin"
	whole_round calc-other 'file deleted'
}

# The filesystem with the program, its libraries and all is not to be found any
# more, and lives on for its users only.
test_lazily_unmounted()
{
	need_unshare --mount
	mkdir "$TMP/root"
	make_root "$TMP/files"
	in_new_root '
		mount -t tmpfs none "$ROOT"
		cp -a "$ROOT/../files/." "$ROOT"
		export ROOT
		exec "$ROOT/calc"' || skip 'no tmpfs'
	nsenter --target $PID --mount umount -l "$TMP/root"
	! grep -q "$TMP/root" /proc/$PID/mountinfo || fail 'still mounted'
	whole_round calc 'lazily unmounted'
}

# Written over in place, by a copy and no rename: the code that runs is another
# build by now. The target is not asked anything; it would not survive it.
test_library_written_over()
{
	mkdir "$TMP/bin"
	cp "$TARGETS/pair" "$TARGETS/libleft.so" "$TARGETS/libright.so" "$TMP/bin"
	start_program "$TMP/bin/pair"
	fix left libleft.so <<-'EOF'
		int left_value(void) { return 11; }
		HOTFIX_REPLACE(left_value);
	EOF
	cp "$TARGETS/libright.so" "$TMP/bin/libleft.so"
	refused 3 'libleft' apply "$FIX" -p $PID
	tried 'hardened place: library written over' 1 0 0 0
}

# --- what a process has declared about itself ------------------------------------

test_no_new_privileges()
{
	setpriv --no-new-privs true 2>/dev/null || skip 'no setpriv'
	start_program setpriv --no-new-privs "$TARGETS/calc"
	whole_round calc 'no_new_privs'
}

nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

need_nobody()
{
	local bits
	[ "$(id -u)" = 0 ] || skip 'must be root to become somebody else'
	bits=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
	((0x$bits >> 19 & 1)) || skip 'needs CAP_SYS_PTRACE'
	"${nobody[@]}" test -x "$TARGETS/odd" ||
		skip 'nobody may not read the build directory'
	chmod 1777 "$TMP"
}

# Its own user is kept out, and told why; root is not.
test_undumpable()
{
	local yama
	need_nobody
	! grep -qE '^proc /proc .*hidepid=' /proc/mounts ||
		skip 'hidepid hides it altogether'
	start_program "${nobody[@]}" "$TARGETS/odd"
	expect undumpable ok
	fix_value $ME odd 2
	chmod 644 "$FIX"
	yama=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
	AGENT=("${nobody[@]}" "$BIN/hotfix")
	refused 1 'no permission to touch process' apply "$FIX" -p $PID
	[ $yama != 0 ] || stderr_says 'PR_SET_DUMPABLE'
	stderr_says 'hint: .*root'
	AGENT=("$BIN/hotfix")
	whole_round odd 'PR_SET_DUMPABLE 0'
	expect dumpable 0
}

test_other_user()
{
	need_nobody
	start_program "${nobody[@]}" "$TARGETS/calc"
	whole_round calc 'other user'
}

# Set by an administrator, and left as it is.
test_limits_of_the_process()
{
	start_target calc
	echo 0x7f >/proc/$PID/coredump_filter
	echo 500 >/proc/$PID/oom_score_adj
	limits >"$TMP/limits"
	whole_round calc 'core-dump filter, oom_score_adj'
	limits | diff "$TMP/limits" -
}

limits()
{
	local file
	for file in coredump_filter oom_score_adj timerslack_ns limits cgroup \
		loginuid attr/current; do
		echo "$file: $(cat /proc/$PID/$file 2>/dev/null || true)"
	done
}

run_tests "$@"
