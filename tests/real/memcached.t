#!/bin/bash
# memcached from Debian's sources: a function that all worker threads call all
# the time is replaced and given back under load.
. "$(dirname "$0")/lib.sh"
build_real memcached || bail "memcached cannot be built"
SRC=$REAL/memcached/src
PORT=$(free_port)

"$HOTFIX_BUILD" --target "$SRC/memcached" --name version --reason "the version should tell" \
	-o "$WORK/version.hotfix.so" "$(dirname "$0")/fixes/memcached_version.c" -- -DHAVE_CONFIG_H -I"$SRC" >"$WORK/build.log" 2>&1
ok $? "a fix that uses memcached's own headers builds"
[ -s "$WORK/version.hotfix.so" ] || { sed 's/^/# /' "$WORK/build.log"; plan; exit 1; }

"$SRC/memcached" -u "$(id -un)" -l 127.0.0.1 -p "$PORT" -U 0 -t 4 2>"$WORK/server.log" &
SERVER=$!
PIDS="$PIDS $SERVER"
version() {
	python3 - "$PORT" <<-'PY'
	import socket, sys, time
	for i in range(200):
	    try: s = socket.create_connection(("127.0.0.1", int(sys.argv[1]))); break
	    except OSError: time.sleep(0.02)
	s.sendall(b"version\r\n"); print(s.makefile().readline().strip())
	PY
}
OLD=$(version)

mkfifo "$WORK/load"
python3 "$(dirname "$0")/load_memcached.py" "$PORT" 16 "$WORK/stop" >"$WORK/load" &
LOAD=$!
PIDS="$PIDS $LOAD"
exec 3<"$WORK/load"
read -r line <&3
is "$line" ready "16 connections set, get and ask"
BEFORE=$(state_of "$SERVER")

"$HOTFIX" apply "$WORK/version.hotfix.so" -p "$SERVER" >"$WORK/apply.log" 2>&1
ok $? "applied under load"
sed 's/^/# /' "$WORK/apply.log"
is "$(version)" "$OLD-hotfixed" "the reply is the new one"
"$HOTFIX" revert version -p "$SERVER" >"$WORK/revert.log" 2>&1
ok $? "reverted under load"
sed 's/^/# /' "$WORK/revert.log"
is "$(version)" "$OLD" "the reply is the old one again"
for i in 1 2 3 4 5 6 7 8 9 10; do
	"$HOTFIX" apply "$WORK/version.hotfix.so" -p "$SERVER" >>"$WORK/cycles.log" 2>&1 &&
		"$HOTFIX" revert version -p "$SERVER" >>"$WORK/cycles.log" 2>&1 || break
done
is "$i" 10 "ten more rounds"
[ "$i" = 10 ] || sed 's/^/# /' "$WORK/cycles.log"

is "$(state_of "$SERVER")" "$BEFORE" "mappings, descriptors and threads are as before"
touch "$WORK/stop"
read -r requests errors dropped seen <&3
echo "# $requests requests, $errors errors, $dropped dropped, $seen"
is "$errors $dropped" "0 0" "no error reply and no dropped connection"
[ "${requests:-0}" -gt 1000 ]
ok $? "there was a load"
case "$seen" in *new=0*) ok 1 "the load saw the new reply" ;; *) ok 0 "the load saw the new reply" ;; esac
kill -0 "$SERVER"
ok $? "memcached lives"
plan
