# The frame of the live tests: TAP, targets, snapshots.
#
#	. "$(dirname "$0")/lib.sh"
#
#	test_replaced()
#	{
#		start_target calc
#		fix twice calc <<-'EOF'
#			int value(void) { return 2; }
#			HOTFIX_REPLACE(value);
#		EOF
#		snapshot
#		hotfix apply "$FIX" -p $PID
#		expect value 2
#		hotfix revert twice -p $PID
#		expect value 1
#		unchanged
#	}
#	run_tests "$@"
#
# Every function test_* of a file is one test: a subshell of its own with its
# own directory, whose end kills what it started, by PID. `bash NAME.t
# test_replaced` runs one alone. A command that fails where nothing was said
# about failing ends the test, with file and line.
#
# Nothing sleeps for luck. Targets answer one line on each command line
# (tests/targets/target.h), so an answer is the event to wait for; what only
# /proc tells is polled by `await`, with a limit.

set -u
HOTFIX_TOP=${HOTFIX_TOP:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
HOTFIX_O=${HOTFIX_O:-$HOTFIX_TOP/build}
HOTFIX_SAN=${HOTFIX_SAN:-}
BIN=$HOTFIX_O
TARGETS=$HOTFIX_O/tests/targets
LIVE=$HOTFIX_TOP/tests/live
PYTHON=/usr/bin/python3
[ -x $PYTHON ] || PYTHON=$(python3 -c 'import sys; print(sys.executable)')
# Seconds that any single step may take; sanitizers and debuggers need more.
PATIENCE=${HOTFIX_TEST_PATIENCE:-20}
export LC_ALL=C ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}

SKIPPED=77 # exit status of a test that could not run

# --- words to end a test with ------------------------------------------------

fail()
{
	trap - ERR
	echo "$*"
	local i
	for ((i = 1; i < ${#FUNCNAME[@]} - 2; i++)); do
		echo "  at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i-1]}, ${FUNCNAME[i]}"
	done
	exit 1
}

skip()
{
	trap - ERR
	echo "$*" >"$TMP/skip"
	exit $SKIPPED
}

is() # GOT WANT [WHAT]
{
	[ "$1" = "$2" ] || fail "${3:-value}: got '$1', not '$2'"
}

# What was tried, for the table of `make check-hostile`. Lines of one name are
# added up. In a full run, HOSTILE=1, the tests try much more often. A test that
# fails has most often not come to its line; it is named instead.
tried() # NAME TRIES DEATHS WRONG_ANSWERS LEFTOVERS
{
	[ -z "${HOTFIX_TRIED:-}" ] ||
		printf '%s\t%d\t%d\t%d\t%d\n' "$@" >>"$HOTFIX_TRIED"
}

tried_failed() # TEST
{
	[ -z "${HOTFIX_TRIED:-}" ] || echo "${0##*/} $1" >>"$HOTFIX_TRIED"
}

# --- targets -------------------------------------------------------------------

declare -A IN=() OUT=()
STARTED=()
UNDO=()

at_end() { UNDO+=("$*"); }

# The next process should have this number, if it is free.
WANTED_PID=

# Starts PROGRAM ARG...; waits for its "ready". Sets PID.
start_program()
{
	local n=${#STARTED[@]} in out
	mkfifo "$TMP/in.$n" "$TMP/out.$n"
	[ -z "$WANTED_PID" ] ||
		echo $((WANTED_PID - 1)) >/proc/sys/kernel/ns_last_pid
	(
		cd "$TMP"
		for fd in ${IN[@]+"${IN[@]}"} ${OUT[@]+"${OUT[@]}"}; do
			eval "exec $fd>&-"
		done
		exec "$@"
	) <"$TMP/in.$n" >"$TMP/out.$n" 2>"$TMP/err.$n" &
	PID=$!
	STARTED+=($PID)
	exec {in}>"$TMP/in.$n" {out}<"$TMP/out.$n"
	IN[$PID]=$in OUT[$PID]=$out
	answer
	[ "$ANSWER" = ready ] ||
		fail "$1 said '$ANSWER', not 'ready'; $(cat "$TMP/err.$n")"
}

start_target() # NAME [ARG...]
{
	[ -x "$TARGETS/$1" ] || fail "$TARGETS/$1 is not built: run make check"
	start_program "$TARGETS/$1" "${@:2}"
}

# Reads one line of the target into ANSWER.
answer()
{
	ANSWER=
	IFS= read -r -t $PATIENCE -u ${OUT[$PID]} ANSWER ||
		fail "target $PID: no answer$(target_fate)"
}

target_fate()
{
	if kill -0 $PID 2>/dev/null; then
		echo " within $PATIENCE s: $(cat /proc/$PID/wchan 2>/dev/null)"
		grep -E '^(State|TracerPid)' /proc/$PID/status
	else
		local status=0
		wait $PID 2>/dev/null || status=$?
		echo ", it has ended with status $status"
	fi
}

say() { echo "$*" >&${IN[$PID]}; }
ask() { say "$*"; answer; }

expect() # COMMAND ANSWER
{
	ask "$1"
	[ "$ANSWER" = "$2" ] || fail "asked '$1': '$ANSWER', not '$2'"
}

# Ends the target in an orderly way; it must say good-bye with status 0.
finish()
{
	local status=0
	say quit
	wait $PID || status=$?
	is $status 0 "exit status of target $PID"
}

# Polls until COMMAND succeeds; for what no event tells.
await()
{
	local end=$((SECONDS + PATIENCE))
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "in vain for $PATIENCE s: $*"
		sleep 0.01
	done
}

is_traced() { ! grep -q '^TracerPid:[[:space:]]*0$' /proc/${1:-$PID}/status; }

# --- the programs under test ---------------------------------------------------

# hotfix_exit STATUS COMMAND ARG...: runs hotfix; its output is in $STDOUT and
# $STDERR, and in the files $TMP/stdout and $TMP/stderr.
hotfix_exit()
{
	local want=$1
	shift
	program_exit $want "${AGENT[@]}" "$@"
}
AGENT=("$BIN/hotfix")

program_exit()
{
	local want=$1 got=0
	shift
	timeout -k 5 60 "$@" >"$TMP/stdout" 2>"$TMP/stderr" || got=$?
	STDOUT=$(tr -d '\0' <"$TMP/stdout")
	STDERR=$(tr -d '\0' <"$TMP/stderr")
	[ $got = $want ] || fail "exit status $got, not $want: ${*##*/}
$STDOUT
$STDERR"
}

hotfix() { hotfix_exit 0 "$@"; }

# hotfix in the background; hotfix_wait collects it.
hotfix_start()
{
	timeout -k 5 60 "$BIN/hotfix" "$@" >"$TMP/stdout" 2>"$TMP/stderr" &
	AGENT_PID=$!
}

hotfix_wait() # STATUS
{
	local got=0
	wait $AGENT_PID || got=$?
	STDOUT=$(<"$TMP/stdout") STDERR=$(<"$TMP/stderr")
	[ $got = $1 ] || fail "exit status $got, not $1
$STDOUT
$STDERR"
}

# The diagnostics of the last command match a regular expression.
stderr_says()
{
	grep -qiE -- "$1" "$TMP/stderr" || fail "stderr lacks '$1':
$STDERR"
}

stdout_says()
{
	grep -qiE -- "$1" "$TMP/stdout" || fail "stdout lacks '$1':
$STDOUT"
}

# refused STATUS REGEX COMMAND ARG...: that status, those words in the form of
# the house (an error and a way out), and not a trace in the target.
refused()
{
	snapshot
	hotfix_exit "$1" "${@:3}"
	stderr_says "^hotfix: error: "
	stderr_says "$2"
	unchanged
}

# A member of the last command's --json output, "results.0.outcome".
json() { "$PYTHON" "$LIVE/look.py" member "$1" <"$TMP/stdout"; }

json_is() # PATH VALUE
{
	local got
	got=$(json "$1") || fail "no $1 in: $STDOUT"
	[ "$got" = "$2" ] || fail "$1: '$got', not '$2' in: $STDOUT"
}

# fix NAME TARGET [hotfix-build option]...: builds a patch from standard input.
# Sets FIX. The header is included for it.
fix()
{
	fix_exit 0 "$@"
	FIX=$TMP/$1.hotfix.so
}

fix_exit() # STATUS NAME TARGET [OPTION]...
{
	local want=$1 name=$2 target=$3
	shift 3
	[ "${target:0:1}" = / ] || target=$TARGETS/$target
	{
		echo '#include <hotfix/hotfix.h>'
		echo "#line 2 \"$name.c\""
		cat
	} >"$TMP/$name.c"
	program_exit $want env -C "$TMP" "$BIN/hotfix-build" \
		--target "$target" --name "$name" \
		-o "$TMP/$name.hotfix.so" "$name.c" "$@"
}

# The commonest fix: value() answers N instead of 1.
fix_value() # NAME TARGET N
{
	fix "$1" "$2" "${@:4}" <<-EOF
		int value(void) { return $3; }
		HOTFIX_REPLACE(value);
	EOF
}

# --- snapshots -----------------------------------------------------------------

# All that a target could notice: mappings with their protections, descriptors,
# threads, signal masks and dispositions, tracer, and every byte of its code.
snapshot()
{
	"$PYTHON" "$LIVE/look.py" snapshot ${1:-$PID} >"$TMP/before.${1:-$PID}"
}

unchanged()
{
	local pid=${1:-$PID}
	"$PYTHON" "$LIVE/look.py" snapshot $pid >"$TMP/after.$pid"
	diff "$TMP/before.$pid" "$TMP/after.$pid" >"$TMP/difference" ||
		fail "target $pid is not as it was:
$(<"$TMP/difference")"
}

# --- running -------------------------------------------------------------------

clean_up()
{
	local i pid
	for ((i = ${#UNDO[@]} - 1; i >= 0; i--)); do
		eval "${UNDO[i]}" || true
	done
	# All before the first wait: a traced one ends only with its tracer.
	for pid in ${STARTED[@]+"${STARTED[@]}"}; do
		kill -KILL $pid 2>/dev/null || true
	done
	for pid in ${STARTED[@]+"${STARTED[@]}"}; do
		wait $pid 2>/dev/null || true
	done
}

run_test() # NAME
{
	(
		set -eE
		trap 'fail "failed: $BASH_COMMAND"' ERR
		trap clean_up EXIT
		"$1"
	)
}

run_tests()
{
	local file=$0 nr=0 bad=0 name status names=("$@") dir
	mkdir -p "$HOTFIX_O/tmp"
	dir=$(mktemp -d "$HOTFIX_O/tmp/live.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
	trap 'exit 130' INT TERM
	[ ${#names[@]} -gt 0 ] || mapfile -t names < <(
		grep -oE '^test_[a-zA-Z0-9_]+' "$file")
	for name in "${names[@]}"; do
		TMP=$dir/$name
		mkdir "$TMP"
		export HOTFIX_STATE_DIR=$dir/$name.state
		chmod 755 "$dir" "$TMP"
		# Not in a condition: that would switch `set -e` off in there.
		run_test "$name" >"$dir/log" 2>&1
		status=$?
		((++nr))
		case $status in
		0) echo "ok $nr - ${name#test_}" ;;
		$SKIPPED)
			echo "ok $nr - ${name#test_} # SKIP $(<"$TMP/skip")" ;;
		*)
			((++bad))
			tried_failed "${name#test_}"
			sed 's/^/# /' "$dir/log"
			echo "not ok $nr - ${name#test_}"
			;;
		esac
		[ -n "${HOTFIX_TEST_KEEP:-}" ] || rm -rf "$TMP"
	done
	# Also where there is no /proc, without which bash has no `< <(...)`.
	[ $nr -gt 0 ] || {
		((++nr, ++bad))
		echo "not ok 1 - $file has no test"
	}
	echo "1..$nr"
	exit $((bad ? 1 : 0))
}
