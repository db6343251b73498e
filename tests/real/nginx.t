#!/bin/bash
# nginx from Debian's sources: a master and two workers get a new header filter
# under load; workers that the patched master forks later have it too.
. "$(dirname "$0")/lib.sh"
build_real nginx || bail "nginx cannot be built"
SRC=$REAL/nginx/src
PORT=$(free_port)

"$HOTFIX_BUILD" --target "$SRC/objs/nginx" --name header --reason "who answers?" \
	-o "$WORK/header.hotfix.so" "$(dirname "$0")/fixes/nginx_header.c" -- \
	-I"$SRC/objs" >"$WORK/build.log" 2>&1
ok $? "a fix that uses nginx's own headers builds"
[ -s "$WORK/header.hotfix.so" ] || { sed 's/^/# /' "$WORK/build.log"; plan; exit 1; }

mkdir "$WORK/html" "$WORK/logs"
chmod 755 "$WORK" "$WORK/html"
printf 'it works' >"$WORK/html/index.html"
cat >"$WORK/nginx.conf" <<-END
	daemon off;
	worker_processes 2;
	pid $WORK/nginx.pid;
	error_log $WORK/logs/error.log;
	events { worker_connections 256; }
	http {
		access_log off;
		keepalive_requests 1000000;
		client_body_temp_path $WORK/body;
		server { listen 127.0.0.1:$PORT; root $WORK/html; }
	}
END
"$SRC/objs/nginx" -p "$WORK" -c "$WORK/nginx.conf" -e "$WORK/logs/error.log" 2>"$WORK/server.log" &
MASTER=$!
PIDS="$PIDS $MASTER"

# Every process below the master, the master first.
processes() { echo "$MASTER"; ps -o pid= --ppid "$MASTER" | sort -n; }
# until_true COMMAND: looks again until it is so, for ten seconds
until_true() {
	local i
	for i in $(seq 500); do "$@" && return; sleep 0.02; done
	return 1
}
two_workers() { [ "$(processes | wc -l)" = 3 ]; }
replaced() { ! processes | grep -qxF -e "${OLD_WORKERS[0]}" -e "${OLD_WORKERS[1]}" && two_workers; }
header() { curl -s -D - -o /dev/null "http://127.0.0.1:$PORT/" | grep -c '^X-Hotfix: yes'; }
# How many processes carry the patch, as they themselves say.
carriers() { "$HOTFIX" status $(processes | sed 's/^/-p /') | grep -c 'header .* active .* leads here'; }
# A connection more or less is of no interest here: the load makes them.
state_without_clients() { for pid in $(processes); do state_of "$pid" | grep -v '^[0-9]*$'; done; }
memfds() { for pid in $(processes); do ls -l "/proc/$pid/fd"; done | grep memfd; }

until_true two_workers
until_true curl -s -o /dev/null "http://127.0.0.1:$PORT/"
is "$(header)" 0 "nginx answers without the header"

mkfifo "$WORK/load"
python3 "$(dirname "$0")/load_http.py" "$PORT" 12 "$WORK/stop" "it works" >"$WORK/load" &
PIDS="$PIDS $!"
exec 3<"$WORK/load"
read -r line <&3
is "$line" ready "12 connections, kept alive, ask"
state_without_clients >"$WORK/before"

"$HOTFIX" apply "$WORK/header.hotfix.so" --all >"$WORK/apply.log" 2>&1
ok $? "applied to all under load"
sed 's/^/# /' "$WORK/apply.log"
is "$(carriers)" 3 "master and two workers carry it"
is "$(header)" 1 "answers have the header"

OLD_WORKERS=($(processes | tail -2))
kill -HUP "$MASTER"
until_true replaced
ok $? "a reload replaces the workers"
is "$(carriers)" 3 "the new workers carry the patch from their start"
is "$(header)" 1 "and answer with the header"

"$HOTFIX" revert header --all >"$WORK/revert.log" 2>&1
ok $? "reverted in all under load"
sed 's/^/# /' "$WORK/revert.log"
is "$(carriers)" 0 "nobody carries it"
is "$(header)" 0 "answers are without the header again"
state_without_clients | diff "$WORK/before" - >"$WORK/differences"
ok $? "mappings and threads are as before"
sed 's/^/# /' "$WORK/differences"
is "$(memfds)" "" "no descriptor is left"

touch "$WORK/stop"
read -r requests errors dropped seen <&3
echo "# $requests requests, $errors errors, $dropped dropped, $seen"
is "$errors $dropped" "0 0" "no wrong answer and no dropped connection"
[ "${requests:-0}" -gt 1000 ]
ok $? "there was a load"
case "$seen" in old=0*|*new=0*) ok 1 "the load saw both" ;; *) ok 0 "the load saw both" ;; esac
is "$(grep -cE '\[(alert|emerg|crit|error)\]' "$WORK/logs/error.log")" 0 "nginx logged no error"
kill -0 "$MASTER"
ok $? "nginx lives"
plan
