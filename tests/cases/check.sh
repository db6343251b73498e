#!/bin/bash
# Real fixes for real services, from Debian's sources to a running process:
#
#	check.sh [CASE FOLDER]...     default: ours, and those of $SHARED_CASES,
#	                              which is ../shared/cases if not set
#
# For each case: the service is built as it was before the fix, as distributions
# build; hotfix-build makes a patch from the fix as Debian has it and from an
# unbuilt tree, which must not change; the service is started and has the bug;
# the patch is applied under load, the bug is gone, the service has lost neither
# its PID nor a request; the patch is taken back and the bug is there again. A
# case that cannot be patched safely (EXPECT=refuse) must be refused with exit
# status 3 and leave nothing.
#
#	CASES="a b"     only these
#	CASES_WORK=DIR  where all is downloaded, built and run [build/cases]
#	JOBS=2          of the builds
#	KEEP=1          keep trees and logs of what passed, too
#	EXPLAIN=1       show what hotfix-build said of those that passed
#
# Prints TAP and a table. What could not be fetched is skipped, and says so.
# The builds of the services stay in CASES_WORK and are used again.

set -u
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
export HOTFIX_O=${HOTFIX_O:-$TOP/build}
export HOTFIX_STATE_DIR=${HOTFIX_STATE_DIR:-$HOTFIX_O/cases/state}
export CASES_WORK=${CASES_WORK:-$HOTFIX_O/cases} JOBS=${JOBS:-2} LC_ALL=C
. "$TOP/tests/real/sources.sh"
. "$HERE/apt.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL
HOTFIX=$HOTFIX_O/hotfix
HOTFIX_BUILD=$HOTFIX_O/hotfix-build
NR=0 BAD=0
ROWS=("case|class|build s|patch s|bytes|functions|pause us|result")

# --- TAP ---------------------------------------------------------------------

comment() { sed 's/^/# /'; }
passed() { echo "ok $((++NR)) - $CASE_NAME: $*"; }

# failed WHAT [LOG]: the case ends here
failed() {
	echo "not ok $((++NR)) - $CASE_NAME: $1"
	BAD=$((BAD + 1))
	RESULT="FAILED: $1"
	[ -z "${2:-}" ] || tail -${3:-25} "$2" | tr -d '\0' | comment
	return 1
}

skipped() { # WHY
	echo "ok $((++NR)) - $CASE_NAME # SKIP $1"
	RESULT="skipped: $1"
	return 1
}

# check WHAT LOG COMMAND...: a line of TAP by the command's exit status
check() {
	local what=$1 log=$2
	shift 2
	if "$@" >"$log" 2>&1; then passed "$what"; else failed "$what" "$log"; fi
}

last_line() { tail -1 "$1" | tr -d '\0'; }

# --- a case ------------------------------------------------------------------

# What is asked under load; the protocol where it is cheap.
load_of() { # PACKAGE
	[ -z "${LOAD:-}" ] || { echo "$LOAD"; return; }
	case $1 in
	nginx | haproxy | tinyproxy) echo http ;;
	redis) [[ $CASE_NAME = *unauth* ]] && echo redis-auth || echo redis ;;
	exim4) echo smtp ;;
	dnsmasq) echo dns ;;
	*) echo connect ;;
	esac
}

begin() { # FOLDER
	DIR=$(cd "$1" && pwd -P)
	CASE_NAME=$(basename "$DIR")
	unset LOAD LOAD_PAUSE OPTIONS APPLY DESTRUCTIVE EXPECT CVE CLASS FUNCS
	. "$DIR/case.env"
	TREE=$CASES_WORK/_check/$CASE_NAME/tree
	LOGS=$CASES_WORK/_check/$CASE_NAME/logs
	FIX=$CASES_WORK/_check/$CASE_NAME/$CASE_NAME.hotfix.so
	BEFORE=$CASES_WORK/_build/$CASE_NAME/before
	LOAD_PID="" BUILD_S=- PATCH_S=- BYTES=- FUNCTIONS=- PAUSE=- RESULT=passed
	rm -rf "$CASES_WORK/_check/$CASE_NAME"
	mkdir -p "$LOGS"
}

# script LIMIT NAME ARGUMENT...: build.sh, run.sh or probe.sh of the case
script() {
	local limit=$1 name=$2
	shift 2
	timeout -k 5 "$limit" bash "$DIR/$name" "$@" </dev/null
}

fetch_case() {
	script 300 build.sh diff >"$LOGS/diff" 2>"$LOGS/fetch.log" ||
		skipped "cannot be fetched: $(last_line "$LOGS/fetch.log")" || return
	DIFF=$(last_line "$LOGS/diff")
	[ -s "$DIFF" ] || failed "the fix is empty: $DIFF" "$LOGS/fetch.log"
}

build_before() {
	if [ ! -f "$BEFORE/.built" ] && ! script 900 build.sh before >"$LOGS/before.log" 2>&1; then
		! grep -q 'cannot install' "$LOGS/before.log" || skipped "$(last_line "$LOGS/before.log")" || return
		failed "builds as it was" "$LOGS/before.log" || return
	fi
	BUILD_S=$(<"$BEFORE/.built")
	check "an unbuilt tree" "$LOGS/unpack.log" script 120 build.sh unpack "$TREE"
}

# Names, modes, times, contents.
digest() {
	(cd "$TREE" && find . ! -type d -printf '%p %y %m %T@ %l\n' | sort &&
		find . -type f -print0 | sort -z | xargs -0 sha256sum) >"$1"
}
tree_unchanged() { digest "$LOGS/tree.after" && diff "$LOGS/tree.before" "$LOGS/tree.after"; }

run_hotfix_build() {
	timeout -k 10 1200 "$HOTFIX_BUILD" --target "$BEFORE/src/$OBJECT" --source "$TREE" --diff "$DIFF" \
		--name "$CASE_NAME" --reason "${CVE:-$CASE_NAME}" ${OPTIONS:-} -o "$FIX" -- bash "$DIR/build.sh" here
}

make_patch() {
	local status=0 start=$SECONDS
	digest "$LOGS/tree.before"
	run_hotfix_build >"$LOGS/patch.out" 2>"$LOGS/patch.log" </dev/null || status=$?
	PATCH_S=$((SECONDS - start))
	cat "$LOGS/patch.out" >>"$LOGS/patch.log"
	if [ "${EXPECT:-patch}" = refuse ]; then
		is_refused $status || return
	else
		[ $status = 0 ] || failed "hotfix-build (exit status $status)" "$LOGS/patch.log" 60 || return
		passed "hotfix-build"
	fi
	[ -z "${EXPLAIN:-}${REFUSED:-}" ] || comment <"$LOGS/patch.log"
	check "the source directory is as it was" "$LOGS/tree.log" tree_unchanged
}

is_refused() { # STATUS
	REFUSED=1 RESULT=refused
	[ "$1" = 3 ] || failed "refused (exit status $1, not 3)" "$LOGS/patch.log" 60 || return
	grep -q '^hotfix-build: error: ' "$LOGS/patch.log" || failed "says why" "$LOGS/patch.log" || return
	[ ! -e "$FIX" ] || failed "leaves no patch file" || return
	passed "refused"
}

# The functions that are replaced, beside those that the fix is known to change.
describe_patch() {
	BYTES=$(stat -c %s "$FIX")
	"$HOTFIX" show "$FIX" --json >"$LOGS/show.json" 2>"$LOGS/show.log" ||
		failed "hotfix show" "$LOGS/show.log" || return
	python3 - "$LOGS/show.json" "${FUNCS:-}" >"$LOGS/functions" <<-'END' || failed "hotfix show --json"
		import json, sys
		names = [f["name"] for f in json.load(open(sys.argv[1]))["functions"]]
		print(len(names))
		known = [w.split(":")[1] for w in sys.argv[2].split() if not w.endswith(":new")]
		print("replaced:", *names)
		print("the fix is known to change:", *known)
	END
	FUNCTIONS=$(head -1 "$LOGS/functions")
	tail -n +2 "$LOGS/functions" | comment
}

# --- the running service -----------------------------------------------------

identity() { echo "$1 $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20)"; }
is_alive() { grep -qs '^State:.[^ZX]' "/proc/$1/status"; }
targets() { script 20 run.sh targets | paste -sd, -; }

start_service() {
	check "starts" "$LOGS/start.log" script 60 run.sh start before || return
	SERVICE=$(script 20 run.sh pid) IDENTITY=$(identity "$SERVICE")
}

stop_service() {
	stop_load
	script 60 run.sh stop >/dev/null 2>&1
}

# probe STATUS WHAT: 1 buggy, 0 fixed
probe() {
	local status=0
	script 90 probe.sh >"$LOGS/probe.log" 2>&1 || status=$?
	[ $status = "$1" ] || failed "$2 (the probe's status is $status, not $1)" "$LOGS/probe.log" || return
	passed "$2 ($(last_line "$LOGS/probe.log" | cut -c1-90))"
}

probe_bug() {
	[ "${DESTRUCTIVE:-0}" != 1 ] || { echo "# $CASE_NAME: its probe would kill it"; return 0; }
	probe 1 "$1"
}

start_load() {
	local i
	: >"$LOGS/load.log"
	python3 "$HERE/load.py" "$(load_of "$PKG")" "$PORT" "$LOGS/stop" "${LOAD_PAUSE:-0.005}" >"$LOGS/load.log" 2>&1 &
	LOAD_PID=$!
	for i in $(seq 600); do
		! grep -q ready "$LOGS/load.log" || return 0
		kill -0 $LOAD_PID 2>/dev/null || break
		sleep 0.1
	done
	failed "the load starts" "$LOGS/load.log"
}

stop_load() {
	[ -n "$LOAD_PID" ] || return 0
	touch "$LOGS/stop"
	wait "$LOAD_PID"
	LOAD_PID=""
}

load_was_served() {
	stop_load
	grep -q ' asked, 0 failed' "$LOGS/load.log" || failed "no request of the load fails" "$LOGS/load.log" || return
	passed "no request of the load fails ($(last_line "$LOGS/load.log"))"
}

apply() {
	local pids
	pids=$(targets)
	timeout -k 5 60 "$HOTFIX" apply "$FIX" -p "$pids" --wait 20s ${APPLY:-} --json >"$LOGS/apply.json" 2>"$LOGS/apply.log" ||
		{ cat "$LOGS/apply.json" >>"$LOGS/apply.log"; failed "applies to $pids" "$LOGS/apply.log" || return; }
	PAUSE=$(python3 -c 'import json, sys
results = json.load(open(sys.argv[1]))["results"]
print(round(max(r["pause_us"] for r in results)))' "$LOGS/apply.json") || failed "apply --json" || return
	passed "applies to $pids under load${APPLY:+, $APPLY}"
}

revert() {
	local pids
	pids=$(targets)
	timeout -k 5 60 "$HOTFIX" revert "$CASE_NAME" -p "$pids" --wait 20s ${APPLY:-} >"$LOGS/revert.log" 2>&1 ||
		failed "reverts" "$LOGS/revert.log" || return
	# Code that something may still return into goes when it no longer can.
	timeout -k 5 60 "$HOTFIX" recover -p "$pids" >>"$LOGS/revert.log" 2>&1
	passed "reverts under load"
}

is_same_process() {
	is_alive "$SERVICE" && [ "$(identity "$SERVICE")" = "$IDENTITY" ] || {
		cat "$CASES_WORK/_run/$CASE_NAME/log" >"$LOGS/service.log" 2>/dev/null
		failed "the service is alive, with its PID" "$LOGS/service.log" || return
	}
	passed "the service is alive, with its PID"
}

# No patch; or one that is out of force everywhere, whose code stays mapped for
# as long as a word in memory may be an address in it (an old stack, mostly).
nothing_is_left() {
	"$HOTFIX" status -p "$(targets)" --json >"$LOGS/status.json" 2>"$LOGS/status.log" ||
		failed "hotfix status" "$LOGS/status.log" || return
	LEFT=$(python3 - "$LOGS/status.json" <<-'END'
		import json, sys
		processes = json.load(open(sys.argv[1]))["processes"]
		patches = [p for process in processes for p in process["patches"]]
		idle = all(p["state"] == "retired" and all(f["reality"] == "pristine" for f in p["functions"])
		           for p in patches)
		print("nothing" if not patches else "code out of use" if idle else "a patch")
	END
	)
	[ "$LEFT" != "a patch" ] || failed "hotfix status shows no patch" "$LOGS/status.json" || return
	[ "$LEFT" = nothing ] || RESULT="passed; unused code stays mapped"
	passed "hotfix status shows $LEFT"
}

live() {
	start_service && probe_bug "has the bug" &&
		start_load && apply && probe 0 "is fixed under load" && is_same_process &&
		revert && load_was_served && probe_bug "has the bug again" && is_same_process &&
		nothing_is_left
}

run_case() { # FOLDER
	begin "$1"
	REFUSED=""
	if fetch_case && build_before && make_patch && [ -z "$REFUSED" ]; then
		describe_patch && live
		stop_service
	fi
	ROWS+=("$CASE_NAME|${CLASS:-}|$BUILD_S|$PATCH_S|$BYTES|$FUNCTIONS|$PAUSE|$RESULT")
	case $RESULT in
	FAILED*) echo "# what is left of it: $CASES_WORK/_check/$CASE_NAME" ;;
	*) [ -n "${KEEP:-}" ] || rm -rf "$CASES_WORK/_check/$CASE_NAME" ;;
	esac
}

# --- all of them -------------------------------------------------------------

folders() {
	local folder
	for folder in "${SHARED_CASES:-$TOP/../shared/cases}"/*/ "$HERE"/*/; do
		[ -f "$folder/case.env" ] && echo "$folder"
	done
}

wanted() { [[ -z ${CASES:-} || " $CASES " = *" $(basename "$1") "* ]]; }

main() {
	local folder
	[ $# -gt 0 ] || mapfile -t FOLDERS < <(folders)
	[ $# = 0 ] || FOLDERS=("$@")
	mkdir -p "$CASES_WORK"
	install_packages dpkg-dev patch python3 iproute2 || true
	use_sources || echo "# no package sources can be had"
	trap 'stop_service; exit 130' INT TERM
	for folder in "${FOLDERS[@]}"; do
		wanted "$folder" && run_case "$folder"
	done
	echo "1..$NR"
	printf '%s\n' "${ROWS[@]}" | column -t -s '|' | comment
	[ $BAD = 0 ]
}

main "$@"
