#!/bin/bash
# Standing fixes: a restart does not lose them, and what kills its service is not
# applied for ever.
. "$(dirname "$0")/lib.sh"

# A service with a build-id of its own: a watcher must not meet other tests'.
build_service() # [SEED]
{
	SERVICE=$TMP/service
	gcc -O2 -g -pthread -D_GNU_SOURCE -fPIE -pie \
		-Wl,--build-id=0x$(md5sum <<<"$TMP${1:-}" | cut -c1-32) \
		-o "$SERVICE" "$HOTFIX_TOP/tests/targets/service.c"
}

fix_value_two() { fix_value two "$SERVICE" 2; }

# hotfix watch in the background.
start_watch() # [OPTION]...
{
	"$BIN/hotfix" watch --json "$@" >"$TMP/watched" 2>"$TMP/watch.err" &
	WATCH=$!
	at_end "kill -KILL $WATCH 2>/dev/null"
	await watcher_runs
}

# value() of the service is to answer 2.
watch_service()
{
	build_service
	fix_value_two
	hotfix keep "$FIX"
	start_watch
}

watcher_runs() { "$BIN/hotfix" keep --json | grep -q '"watched":true\|"standing":\[\]' && ! flock -n "$HOTFIX_STATE_DIR/watch.lock" true; }
carries() { "$BIN/hotfix" status --json -p $PID | grep -q "\"name\":\"$1\""; }
has_value() { ask value; [ "$ANSWER" = "$1" ]; }
watch_said() { grep -q "$1" "$TMP/watched"; }

test_new_process()
{
	build_service
	fix_value_two
	hotfix keep "$FIX"
	stderr_says 'no watcher runs'
	start_watch
	start_program "$SERVICE"
	await has_value 2
	hotfix log --json -p $PID
	json_is entries.0.outcome applied
	json_is entries.0.because 'it is a standing fix'
	kill -TERM $WATCH
	wait $WATCH || fail "the watcher ended with $?"
}

# Those that run already, and a fix that is kept while it watches.
test_running_process()
{
	build_service
	fix_value_two
	start_program "$SERVICE"
	start_watch
	expect value 1
	hotfix keep "$FIX"
	await has_value 2
}

# A hundred of them, each within 100 ms of its exec.
test_within_100_ms()
{
	local i
	watch_service
	for ((i = 0; i < 20; i++)); do
		start_program "$SERVICE"
		"$PYTHON" - $PID <<-'EOF' || fail "pid $PID: not within 100 ms"
			import os, sys, time
			pid = sys.argv[1]
			ticks = os.sysconf('SC_CLK_TCK')
			started = int(open('/proc/%s/stat' % pid).read().rsplit(')', 1)[1].split()[19]) / ticks
			while 'memfd:hotfix' not in open('/proc/%s/maps' % pid).read():
			    if float(open('/proc/uptime').read().split()[0]) > started + .15:
			        sys.exit(1)
			    time.sleep(.001)
		EOF
		finish
	done
}

# Without the kernel's help, as in a container: processes are looked for.
test_by_looking()
{
	build_service
	fix_value_two
	hotfix keep "$FIX"
	mkfifo "$TMP/in"
	timeout 60 unshare --pid --fork --kill-child --mount-proc bash -c '
		"$1/hotfix" watch >"$3/watched" 2>"$3/watch.err" &
		until grep -q "looked for" "$3/watch.err"; do sleep .01; done
		"$2" <"$3/in" >"$3/out" &
		exec 9>"$3/in"
		until grep -qx 2 "$3/out"; do echo value >&9; sleep .01; done' \
		- "$BIN" "$SERVICE" "$TMP" ||
		fail "$(<"$TMP/watch.err") $(<"$TMP/out")"
	grep -q 'only outside of containers' "$TMP/watch.err" ||
		fail "$(<"$TMP/watch.err")"
}

test_once()
{
	build_service
	fix_value_two
	start_program "$SERVICE"
	hotfix keep "$FIX"
	hotfix watch --once
	expect value 2
}

# What an operator takes back is not put back.
test_reverted_stays_reverted()
{
	watch_service
	start_program "$SERVICE"
	await has_value 2
	hotfix revert two -p $PID
	stderr_says 'two is a standing fix'
	local reverted=$PID
	start_program "$SERVICE"
	await has_value 2
	# Also when all processes are looked at again, as for another fix.
	fix other "$SERVICE" <<-'EOF'
		void linger(void) {}
		HOTFIX_REPLACE(linger);
	EOF
	hotfix keep "$FIX"
	PID=$reverted
	await carries other
	expect value 1
}

test_unkeep()
{
	watch_service
	start_program "$SERVICE"
	await has_value 2
	hotfix unkeep two
	expect value 2
	hotfix keep
	stdout_says 'no standing fix'
	start_program "$SERVICE"
	expect 'work 50' done
	expect value 1
	hotfix_exit 1 unkeep two
	stderr_says 'two is no standing fix'
}

# Twice is enough; kept again it stands again.
test_crash_guard()
{
	build_service
	fix two "$SERVICE" <<-'EOF'
		#include <stdlib.h>
		void work(void) { abort(); }
		HOTFIX_REPLACE(work);
	EOF
	hotfix keep "$FIX"
	start_watch
	start_program "$SERVICE"
	await is_over $PID
	await watch_said '"event":"died"'
	start_program "$SERVICE"
	await is_over $PID
	await watch_said '"event":"locked"'
	start_program "$SERVICE"
	expect 'work 50' done
	hotfix keep --json
	json_is standing.0.state locked
	hotfix status --json -p $PID
	json_is standing.0.state locked
	hotfix log --json --name two
	hotfix log --name two
	stdout_says 'two .*locked'
	fix_value_two
	hotfix keep "$FIX"
	await has_value 2
}

is_over() { ! kill -0 $1 2>/dev/null || grep -q '^State:.Z' /proc/$1/status; }

# A restart on somebody's order is no crash.
test_restarts_are_no_crash()
{
	local i
	watch_service
	for ((i = 0; i < 4; i++)); do
		start_program "$SERVICE"
		await has_value 2
		kill -TERM $PID
		await is_over $PID
	done
	hotfix keep --json
	json_is standing.0.state active
}

# A release without the fix, or with it: nobody knows, and a person is asked.
test_another_build()
{
	build_service
	fix_value_two
	hotfix keep "$FIX"
	build_service release
	start_watch
	start_program "$SERVICE"
	await watch_said '"event":"other-build"'
	expect value 1
}

test_children()
{
	watch_service
	cat >"$TMP/supervisor" <<-EOF
		#!/bin/sh
		(exec "$SERVICE")
	EOF
	chmod +x "$TMP/supervisor"
	start_program "$TMP/supervisor"
	await has_value 2
}

# What is forbidden while it watches is not applied any more.
test_policy()
{
	[ "$(id -u)" = 0 ] || skip 'needs root to have an /etc of its own'
	build_service
	fix_value_two
	hotfix keep "$FIX"
	mkdir "$TMP/policy"
	[ -d /etc/hotfix ] || { mkdir /etc/hotfix && at_end rmdir /etc/hotfix; }
	unshare --mount sh -c 'mount --bind "$0" /etc/hotfix && exec "$@"' \
		"$TMP/policy" "$BIN/hotfix" watch --json >"$TMP/watched" 2>&1 &
	WATCH=$!
	at_end "kill -KILL $WATCH 2>/dev/null"
	await watcher_runs
	start_program "$SERVICE"
	await has_value 2
	echo '{"patching": false}' >"$TMP/policy/policy.json"
	start_program "$SERVICE"
	await watch_said '"event":"unusable".*patching-disabled'
	expect value 1
}

test_one_watcher()
{
	build_service
	start_watch
	hotfix_exit 1 watch
	stderr_says 'another .hotfix watch. of this user runs already'
}

test_ready()
{
	build_service
	"$PYTHON" - "$BIN/hotfix" <<-'EOF' || fail 'it never said that it is ready'
		import os, socket, subprocess, sys, tempfile
		path = tempfile.mktemp()
		listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		listener.bind(path)
		listener.settimeout(10)
		child = subprocess.Popen([sys.argv[1], 'watch'], env=dict(os.environ, NOTIFY_SOCKET=path))
		told = listener.recv(100)
		child.terminate()
		os.unlink(path)
		sys.exit(told != b'READY=1' or child.wait(10) != 0)
	EOF
}

# What systemd is told is understood by it.
test_unit()
{
	# What was built is installed, and nothing built.
	make -s -C "$HOTFIX_TOP" -o all O="$HOTFIX_O" ${HOTFIX_SAN:+SAN=$HOTFIX_SAN} \
		install prefix="$TMP/usr" >"$TMP/installed" 2>&1 ||
		fail "$(<"$TMP/installed")"
	systemd-analyze verify --man=no "$TMP/usr/lib/systemd/system/hotfix-watch.service" \
		>"$TMP/verified" 2>&1 || fail "$(<"$TMP/verified")"
	[ ! -s "$TMP/verified" ] || fail "$(<"$TMP/verified")"
	"$TMP/usr/bin/hotfix" watch --once
	systemd-tmpfiles --cat-config "$TMP/usr/lib/tmpfiles.d/hotfix.conf" >/dev/null
}

test_damaged_state()
{
	build_service
	fix_value_two
	hotfix keep "$FIX"
	rm "$HOTFIX_STATE_DIR"/patches/*
	echo '{"patch":' >"$HOTFIX_STATE_DIR/standing/broken"
	start_watch
	await watch_said '"event":"unusable".*copy-missing'
	hotfix keep "$FIX"
	start_program "$SERVICE"
	await has_value 2
}

run_tests "$@"
