#!/bin/bash
# Processes under conditions that are not theirs to choose: frozen, starved of
# the processor or ahead of everybody, run by an interpreter, with libraries put
# before their own, with a compiler's checks in them.
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

# --- frozen --------------------------------------------------------------------

# make_freezer VERSION: a cgroup of our own, in CGROUP.
make_freezer()
{
	local mount
	mount=$(awk -v type=$1 '$3 == type && (type == "cgroup2" ||
		$4 ~ /(^|,)freezer(,|$)/) { print $2; exit }' /proc/mounts)
	[ -n "$mount" ] || skip "no $1 with a freezer is mounted"
	CGROUP=$mount/hotfix-test-$$-$RANDOM
	mkdir "$CGROUP" 2>/dev/null || skip "no $1 may be made here"
	# Its processes are killed before, as what was noted last is done first.
	at_end "cgroup_remove '$CGROUP'"
	case $1 in
	cgroup2) FREEZE=(1 cgroup.freeze) THAW=(0 cgroup.freeze) ;;
	cgroup) FREEZE=(FROZEN freezer.state) THAW=(THAWED freezer.state) ;;
	esac
	[ -w "$CGROUP/${FREEZE[1]}" ] || skip "$1 has no freezer here"
}

cgroup_remove()
{
	local pid
	thaw
	for pid in $(cat "$1/cgroup.procs"); do
		kill -KILL $pid
		wait $pid 2>/dev/null || true
	done
	await rmdir "$1"
}

freeze()
{
	echo ${FREEZE[0]} >"$CGROUP/${FREEZE[1]}"
	await is_frozen
}

is_frozen()
{
	grep -qE '^FROZEN|^frozen 1' "$CGROUP/cgroup.events" \
		"$CGROUP/freezer.state" 2>/dev/null
}

thaw() { echo ${THAW[0]} >"$CGROUP/${THAW[1]}"; }

frozen_is_refused() # VERSION
{
	make_freezer $1
	start_target calc
	fix_value $ME calc 2
	echo $PID >"$CGROUP/cgroup.procs" 2>/dev/null || skip "no entry to $1"
	freeze
	refused 3 'is frozen by its cgroup' apply "$FIX" -p $PID
	stderr_says "hint: let it run: .*echo ${THAW[0]} > $CGROUP/${THAW[1]}"
	hotfix_exit 3 check "$FIX" -p $PID
	stdout_says 'NOT OK .*frozen'
	hotfix status -p $PID
	thaw
	expect value 1
	hotfix apply "$FIX" -p $PID
	freeze
	refused 3 'is frozen by its cgroup' revert $ME -p $PID
	hotfix status -p $PID --json
	json_is processes.0.patches.0.name $ME
	thaw
	expect value 2
	hotfix revert $ME -p $PID
	whole_round calc "frozen by $1, thawed"
}

test_frozen() { frozen_is_refused cgroup2; }
test_frozen_by_the_old_freezer() { frozen_is_refused cgroup; }

# While we wait for a busy function.
test_frozen_meanwhile()
{
	make_freezer cgroup
	start_target threads
	fix hold threads <<-'EOF'
		extern void gate_pass(void);
		int hold(int mark) { gate_pass(); return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	expect 'hold 1' 'inside 1'
	echo $PID >"$CGROUP/cgroup.procs" 2>/dev/null || skip 'no entry to it'
	snapshot
	hotfix_start apply "$FIX" -p $PID --wait 3s
	await is_traced
	freeze
	hotfix_wait 4
	stderr_says 'frozen by its cgroup'
	stderr_says 'hint: let it run'
	thaw
	expect 'let 1' 1
	hotfix apply "$FIX" -p $PID
	expect 'hold 1' 'inside 1'
	expect 'let 1' 2
	tried 'hardened place: frozen meanwhile' 1 0 0 0
}

# --- the processor -------------------------------------------------------------

# One processor for target and agent, with the workers never sleeping.
start_pinned() # COMMAND...
{
	local one
	one=$(taskset -pc $$ | grep -oE '[0-9]+$') || skip 'no taskset'
	start_program taskset -c $one "$@"
	AGENT=(taskset -c $one "$BIN/hotfix")
}

test_one_processor()
{
	start_pinned "$TARGETS/calc"
	ask 'workers 4'
	whole_round calc 'one processor for all'
	expect calls 'bad 0'
}

# Before all others; the agent gets what the kernel leaves.
test_realtime()
{
	chrt -f 10 true 2>/dev/null || skip 'no real-time scheduling here'
	local policy
	for policy in -f -r; do
		start_pinned chrt $policy 10 "$TARGETS/calc"
		ask 'workers 1'
		whole_round calc 'real-time scheduling'
		expect calls 'bad 0'
		chrt -p $PID | grep -q 'priority: 10' || fail "$(chrt -p $PID)"
		finish
	done
}

# Behind all others, and somebody else works without a break.
test_idle_scheduling()
{
	local one
	chrt -i 0 true 2>/dev/null || skip 'no SCHED_IDLE here'
	start_pinned chrt -i 0 "$TARGETS/calc"
	one=${AGENT[2]}
	taskset -c $one sh -c 'while :; do :; done' &
	STARTED+=($!)
	ask 'workers 1'
	whole_round calc 'SCHED_IDLE beside a busy process'
	expect calls 'bad 0'
}

# --- interpreters --------------------------------------------------------------

refused_under() # NAME COMMAND...
{
	local name=$1
	shift
	command -v $1 >/dev/null || skip "no $1"
	start_program "$@" "$TARGETS/calc"
	fix_value $ME calc 2
	refused 3 "runs under $name: .*not what the processor executes" \
		apply "$FIX" -p $PID
	stderr_says 'hint: .*no effect'
	hotfix_exit 3 check "$FIX" -p $PID
	stdout_says "NOT OK .*$name"
	expect value 1
	tried "hardened place: under $name" 1 0 0 0
}

# Its pipes for gdb would stay in /tmp when it is killed.
test_valgrind() { refused_under valgrind valgrind -q --vgdb=no --tool=none; }
test_qemu() { refused_under qemu qemu-x86_64; }

# --- other things in the process -------------------------------------------------

# A library is put before the others: what it defines is what a patch calls.
test_preloaded()
{
	cat >"$TMP/before.c" <<-'EOF'
		int abs(int x) { return x < 0 ? -x + 100 : x + 100; }
	EOF
	gcc -O2 -fPIC -shared -fno-builtin -o "$TMP/before.so" "$TMP/before.c"
	start_program env LD_PRELOAD="$TMP/before.so" "$TARGETS/calc"
	fix $ME calc <<-'EOF'
		extern int (abs)(int);
		static int (*volatile call)(int) = abs;
		int value(void) { return call(-2); }
		HOTFIX_REPLACE(value);
	EOF
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 102
	hotfix revert $ME -p $PID
	expect value 1
	unchanged
	# A process without it takes the C library's.
	start_target calc
	hotfix apply "$FIX" -p $PID
	expect value 2
	tried 'hardened place: LD_PRELOAD' 2 0 0 0
}

# Terabytes of shadow memory, and every call intercepted.
test_address_sanitizer()
{
	echo 'int main(void) { return 0; }' >"$TMP/empty.c"
	gcc -fsanitize=address -o "$TMP/empty" "$TMP/empty.c" 2>/dev/null ||
		skip 'no AddressSanitizer'
	"$TMP/empty" || skip 'AddressSanitizer does not work here'
	[ "$(printf '6.7\n%s\n' "$(uname -r)" | sort -V | head -n 1)" = 6.7 ] ||
		skip 'before Linux 6.7 the image stays mapped: too much to search'
	gcc -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined -fPIE -pie \
		-pthread -Wl,--build-id -o "$TMP/calc" \
		"$HOTFIX_TOP/tests/targets/calc.c"
	start_program env ASAN_OPTIONS=detect_leaks=0 "$TMP/calc"
	ask 'workers 2'
	whole_round "$TMP/calc" 'target with AddressSanitizer'
	# That all of its memory is looked through takes no time for what it
	# has only reserved.
	snapshot
	hotfix apply "$FIX" -p $PID --scan all
	hotfix revert $ME -p $PID --scan all
	unchanged
	expect calls 'bad 0'
	finish
}

run_tests "$@"
