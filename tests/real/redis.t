#!/bin/bash
# redis from Debian's sources: PING is replaced and given back while
# redis-benchmark runs.
. "$(dirname "$0")/lib.sh"
build_real redis || bail "redis cannot be built"
SRC=$REAL/redis/src/src
PORT=$(free_port)

"$HOTFIX_BUILD" --target "$SRC/redis-server" --name ping --reason "who answers?" \
	-o "$WORK/ping.hotfix.so" "$(dirname "$0")/fixes/redis_ping.c" -- \
	-I"$SRC" -I"$SRC/../deps/hiredis" -I"$SRC/../deps/linenoise" -I"$SRC/../deps/lua/src" \
	-I"$SRC/../deps/hdr_histogram" -DUSE_JEMALLOC -std=c11 >"$WORK/build.log" 2>&1
ok $? "a fix that uses redis's own headers builds"
[ -s "$WORK/ping.hotfix.so" ] || { sed 's/^/# /' "$WORK/build.log"; plan; exit 1; }

"$SRC/redis-server" --port "$PORT" --bind 127.0.0.1 --save "" --appendonly no --dir "$WORK" \
	>"$WORK/server.log" 2>&1 &
SERVER=$!
PIDS="$PIDS $SERVER"
cli() { "$SRC/redis-cli" -p "$PORT" "$@"; }
python3 - "$PORT" <<-'PY'
	import socket, sys, time
	for i in range(200):
	    try: socket.create_connection(("127.0.0.1", int(sys.argv[1]))); break
	    except OSError: time.sleep(0.02)
PY
is "$(cli ping)" PONG "redis answers"

# Run after run, each ending by itself, until told to stop; redis-benchmark
# ends with an error at the first error reply or dropped connection.
load() {
	while [ ! -e "$WORK/stop" ]; do
		"$SRC/redis-benchmark" -p "$PORT" -c 30 -n 5000 -t ping_inline,ping_mbulk,set,get -q || return 1
		echo run >>"$WORK/runs"
	done
}
load >"$WORK/load.log" 2>&1 &
LOAD=$!
PIDS="$PIDS $LOAD"
# 30 clients and ourselves: the load is on.
until [ "$(cli info clients | sed -n 's/connected_clients:\([0-9]*\).*/\1/p')" -gt 30 ]; do
	kill -0 "$LOAD" 2>/dev/null || break
done
state_without_clients() { state_of "$1" | grep -v '^[0-9]*$'; }
BEFORE=$(state_without_clients "$SERVER")

for round in 1 2 3 4 5; do
	"$HOTFIX" apply "$WORK/ping.hotfix.so" -p "$SERVER" >"$WORK/apply.log" 2>&1 || break
	[ "$(cli ping)" = "PONG, hotfixed" ] || break
	[ "$(cli ping hello)" = "hello" ] || break
	"$HOTFIX" revert ping -p "$SERVER" >"$WORK/revert.log" 2>&1 || break
	[ "$(cli ping)" = "PONG" ] || break
	[ $round = 5 ] && round=done
done
is "$round" "done" "applied and reverted five times under load, each time seen in the reply"
sed 's/^/# /' "$WORK/apply.log" "$WORK/revert.log"
kill -0 "$LOAD" 2>/dev/null
ok $? "the load ran all the while"
touch "$WORK/stop"
is "$(state_without_clients "$SERVER")" "$BEFORE" "mappings and threads are as before"
wait "$LOAD"
ok $? "redis-benchmark saw no dropped connection"
if grep -iE 'error|ERR' "$WORK/load.log" | sed 's/^/# /' | grep .; then ok 1 "no error reply"; else ok 0 "no error reply"; fi
is "$(cli info stats | tr -d '\r' | grep -E '^(total_error_replies|rejected_connections)')" \
	"rejected_connections:0
total_error_replies:0" "redis counted no error"
if ls -l "/proc/$SERVER/fd" | grep -q memfd; then ok 1 "no descriptor is left"; else ok 0 "no descriptor is left"; fi
plan
