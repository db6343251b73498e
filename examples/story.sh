# What the run.sh of every example needs: start the server and its customers,
# measure, build and apply the fix, tell what is right and what is not.
# Sourced by bash; the example sets `example`, `patch` and `title` before.
#
#   run.sh [--quick] [--no-revert] [--from-diff]
#
# Every process is started here and ended by its PID. Nothing waits for a fixed
# time: the server says when it listens, the load says when it has counted
# enough. The exit status is 0 when everything was as told.

set -u -o pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top" || exit 1

quick= revert=yes from_diff=
for arg; do
	case $arg in
	--quick) quick=yes ;;
	--no-revert) revert= ;;
	--from-diff) from_diff=yes ;;
	*) echo "usage: ${0##*/} [--quick] [--no-revert] [--from-diff]" >&2; exit 2 ;;
	esac
done

# --- words ------------------------------------------------------------------

bold= red= green= dim= plain=
if [ -t 1 ]; then
	bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m'
fi

section() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
say() { printf '   %s\n' "$*"; }

nr_failed=0
ok() { printf '   %sok%s      %s\n' "$green" "$plain" "$*"; }
failed() {
	printf '   %sFAILED%s  %s\n' "$red" "$plain" "$*"
	nr_failed=$((nr_failed + 1))
}
# check WHAT EXPRESSION: is the arithmetic expression true?
check() { if (($2)); then ok "$1"; else failed "$1 ($2)"; fi; }
give_up() { failed "$*"; exit 1; }

number() { sed ':next; s/\B[0-9]\{3\}\>/,&/; t next' <<<"$1"; }
ms() { awk -v us="$1" 'BEGIN { printf "%.1f ms", us / 1000 }'; }

# Shows a command as one would type it, runs it, indents what it says.
run() {
	local shown= word

	for word; do
		case $word in
		*[!a-zA-Z0-9_./:=+-]*) shown+=" '$word'" ;;
		*) shown+=" $word" ;;
		esac
	done
	printf '   %s$%s%s\n' "$dim" "$shown" "$plain"
	"$@" 2>&1 | sed 's/^/     /'
}

# --- processes --------------------------------------------------------------

build=${HOTFIX_O:-build}
if [ -z "${HOTFIX_O:-}" ]; then
	make --no-print-directory -s all examples || exit 1
fi
PATH=$(cd "$build" && pwd):$PATH
program=$build/examples/$example/$example
fix=$build/examples/$example/$patch.hotfix.so
work=$(mktemp -d "${TMPDIR:-/tmp}/hotfix-$example.XXXXXX") || exit 1
export HOTFIX_STATE_DIR=$work/state # the ledger of this story alone
ulimit -c 0

server= load=
stop() {
	if [ -n "$load" ]; then
		kill "$load" 2>/dev/null
		wait "$load" 2>/dev/null
	fi
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null
		wait "$server" 2>/dev/null
	fi
	rm -rf "$work"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

# Sets server, its PID, and port.
server_start() {
	local line=

	mkfifo "$work/out"
	"$program" >"$work/out" 2>"$work/log" &
	server=$!
	read -r -t 10 line <"$work/out"
	port=${line##*:}
	[ -n "$line" ] || give_up "the server did not start: $(cat "$work/log")"
}

# The server ends in good order: it was not harmed.
server_stop() {
	local status

	kill "$server"
	wait "$server"
	status=$?
	server=
	check "the server ended in good order" "$status == 0"
}

load_start() {
	mkfifo "$work/ask" "$work/told"
	"$build/examples/load/load" "$example" "$port" <"$work/ask" \
		>"$work/told" &
	load=$!
	exec {ask}>"$work/ask" {told}<"$work/told"
}

load_stop() {
	exec {ask}>&-
	wait "$load"
	load=
}

load_tell() {
	echo "$1" >&"$ask"
	read -r -t 15 answer <&"$told" || give_up "the load does not answer"
}

summary=()
phase_begin() { phase=$1; load_tell "begin $1"; }

# phase_end EXCHANGES FAILURES MS: sets good, wrong, lost, lost_ever, max_us,
# note.
phase_end() {
	local p50_us p99_us

	load_tell "end $*"
	note=${answer#*note=}
	read -r good wrong lost lost_ever p50_us p99_us max_us < <(
		echo "${answer%% note=*}" | sed 's/[a-z0-9_]*=//g')
	summary+=("$(printf '%-10s %10s %10s %8s %10s %10s %10s' "$phase" \
		"$(number "$good")" "$(number "$wrong")" "$(number "$lost")" \
		"$(ms "$p50_us")" "$(ms "$p99_us")" "$(ms "$max_us")")")
}

# measure PHASE FAILURES: a phase of its own, long enough to be sure.
measure() {
	phase_begin "$1"
	if [ -n "$quick" ]; then
		phase_end 200 "$2" 500
	else
		phase_end 200 "$2" 3000
	fi
}

told_phase() {
	say "$(number "$good") $1, $(number "$wrong") $2, $(number "$lost")" \
		"connections dropped; the slowest took $(ms "$max_us")"
	if [ -n "$note" ]; then say "${dim}the last: $note$plain"; fi
}

# --- the steps that all stories have ----------------------------------------

story_begin() {
	printf '%s%s: %s%s\n' "$bold" "$example" "$title" "$plain"
	server_start
	load_start
}

# fix_build REASON
fix_build() {
	if [ -n "$from_diff" ]; then fix_from_diff "$1"; else fix_from_function "$1"; fi
}

fix_from_function() {
	section "The fix: examples/$example/fix.c, built against the running binary"
	# Its head says why; so says the story.
	sed -n '1,/\*\//s/^ \* \?/   | /p' "examples/$example/fix.c" |
		grep -v '^   | /$'
	run hotfix-build --target "$program" --name "$patch" --reason "$1" \
		-o "$fix" "examples/$example/fix.c" ||
		give_up "hotfix-build failed"
}

fix_from_diff() {
	[ -e "examples/$example/fix.patch" ] || give_up "$example has no fix.patch"
	section "The fix: examples/$example/fix.patch, a diff to the server's source"
	sed 's/^/   | /' "examples/$example/fix.patch"
	run hotfix-build --target "$program" --name "$patch" --reason "$1" \
		-o "$fix" --source examples --diff "examples/$example/fix.patch" \
		-- make -s "$example/$example" ||
		give_up "hotfix-build failed"
}

story_end() {
	section "The ledger: what was done, when and by whom"
	run hotfix log -p "$server" || failed "hotfix log failed"
	load_stop
	server_stop
	section "In short"
	say "$(printf '%-10s %10s %10s %8s %10s %10s %10s' '' "$1" "$2" dropped \
		typical '99 %' slowest)"
	local line
	for line in "${summary[@]}"; do say "$line"; done
	echo
	if ((nr_failed)); then
		say "${red}Not as it should be: $nr_failed, see FAILED above.$plain"
		exit 1
	fi
	say "${green}Everything was as told.$plain"
}
