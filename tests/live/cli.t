#!/bin/bash
# What can be asked of `hotfix` without a working patch: help, wrong usage, bad
# input, processes that carry nothing. Every case looks at the exit status, at
# what goes to stdout and at what goes to stderr.

hotfix=${HOTFIX:-$HOTFIX_O/hotfix}
dir=$(mktemp -d) || exit 1
nr=0
failed=0

# A target that carries nothing and lives as long as this test.
sleep 1000 &
target=$!
trap 'kill $target; wait $target 2>/dev/null; rm -rf "$dir"' EXIT

# gone: a PID that was ours and is nobody's.
sh -c 'exit 0' &
gone=$!
wait $gone

# A child is called bash until it has become sleep.
until [ "$(cat /proc/$target/comm)" = sleep ]; do :; done

ok()
{
	nr=$((nr + 1))
	echo "ok $nr - $1"
}

not_ok()
{
	nr=$((nr + 1))
	failed=1
	echo "not ok $nr - $1"
	echo "# $2"
	sed 's/^/# stdout: /' "$dir/out"
	sed 's/^/# stderr: /' "$dir/err"
}

# expect NAME STATUS STDOUT STDERR COMMAND...
# STDOUT and STDERR are patterns that a line must match; "-": nothing is there.
expect()
{
	local name=$1 status=$2 out=$3 err=$4 got

	shift 4
	timeout 60 "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	if [ $got != "$status" ]; then
		not_ok "$name" "exit status is $got, not $status"
	elif ! stream_matches "$out" "$dir/out"; then
		not_ok "$name" "stdout does not match: $out"
	elif ! stream_matches "$err" "$dir/err"; then
		not_ok "$name" "stderr does not match: $err"
	else
		ok "$name"
	fi
}

stream_matches()
{
	if [ "$1" = - ]; then
		[ ! -s "$2" ]
	else
		grep -q -e "$1" "$2"
	fi
}

# expect_json NAME STATUS EXPRESSION COMMAND...
# stdout is one JSON object `r` for which the Python EXPRESSION holds, its
# "exit" is the status, and stderr is silent. STATUS "any": other processes of
# the host decide it.
expect_json()
{
	local name=$1 status=$2 expression=$3 got

	shift 3
	timeout 60 "$@" >"$dir/out" 2>"$dir/err"
	got=$?
	[ "$status" != any ] || status=$got
	if [ $got != "$status" ]; then
		not_ok "$name" "exit status is $got, not $status"
	elif [ -s "$dir/err" ]; then
		not_ok "$name" "stderr is not empty"
	elif ! python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
assert r["exit"] == int(sys.argv[2]), "exit"
assert eval("(" + sys.argv[3] + ")"), sys.argv[3]
' "$dir/out" "$status" "$expression" 2>"$dir/python"; then
		not_ok "$name" "$(tail -1 "$dir/python")"
	else
		ok "$name"
	fi
}

# --- help ---------------------------------------------------------------------

expect "help" 0 '^  recover ' - "$hotfix" --help
expect "version" 0 '^hotfix [0-9]' - "$hotfix" --version
for command in apply revert status check show recover; do
	expect "$command --help" 0 "^usage: hotfix $command " - \
		"$hotfix" $command --help
	expect "$command --help has an example" 0 "^  hotfix $command " - \
		"$hotfix" $command --help
	expect "the manual knows $command" 0 "^\\\\fBhotfix $command" - \
		grep "fBhotfix $command" "$HOTFIX_TOP/man/hotfix.1"
done

# --- usage --------------------------------------------------------------------

expect "no command" 2 - '^hotfix: error: no command is named$' "$hotfix"
expect "unknown command" 2 - '"patch" is no command' "$hotfix" patch
expect "apply without a file" 2 - 'the patch file (FIX) is missing' \
	"$hotfix" apply
expect "the way to help is shown" 2 - '^  hint: hotfix apply --help$' \
	"$hotfix" apply
expect "apply without a process" 2 - 'no process is named' "$hotfix" apply f
expect "PID and --all" 2 - 'exclude each other' "$hotfix" apply f -p 1 --all
for pid in 0 -1 x 1x '' 1,,2 4294967297; do
	expect "PID '$pid'" 2 - 'is no process id' "$hotfix" status "-p$pid" ''
done
expect "a length of time" 2 - '"soon" is no length of time' \
	"$hotfix" apply f -p 1 --wait soon
expect "revert without a name" 2 - 'nothing to revert is named' \
	"$hotfix" revert -p 1
expect "revert of a name and of everything" 2 - 'exclude each other' \
	"$hotfix" revert a --everything -p 1
expect "status takes no apply options" 2 - '"--dry-run" is not known here' \
	"$hotfix" status --dry-run
expect_json "usage error in JSON" 2 \
	'r["command"] == "apply" and r["error"]["code"] == "usage"' \
	"$hotfix" apply --json
expect_json "usage error in JSON, --json last" 2 \
	'r["results"] == [] and "bogus" in r["error"]["message"]' \
	"$hotfix" apply f --bogus --json
expect_json "unknown command in JSON" 2 'r["error"]["code"] == "usage"' \
	"$hotfix" patch --json

# --- patch files that are none ------------------------------------------------

: >"$dir/empty.hotfix.so"
head -c 100 /bin/true >"$dir/short.hotfix.so"
for command in "apply -p $target" "check -p $target" "show"; do
	set -- $command
	for file in "$dir/missing.hotfix.so" "$dir" "$dir/empty.hotfix.so" \
		"$dir/short.hotfix.so" /etc/passwd /dev/null; do
		expect "$1 of ${file##*/}" 1 - "^hotfix: error: .*${file##*/}" \
			"$hotfix" "$@" "$file"
	done
done
expect_json "apply of no patch in JSON" 1 \
	'r["results"] == [] and r["error"]["message"]' \
	"$hotfix" apply /etc/passwd -p $target --json
expect "revert by a file that is no patch" 1 - 'hint: .*hotfix status' \
	"$hotfix" revert "$dir/empty.hotfix.so" -p $target

# --- processes that carry nothing ---------------------------------------------

expect "status of a process" 0 'no patch in this process' - \
	"$hotfix" status -p $target
expect_json "status in JSON" 0 \
	'r["processes"][0]["process"] == "sleep" and
	 r["processes"][0]["patches"] == [] and
	 not r["processes"][0]["interrupted"]' \
	"$hotfix" status -p $target --json
expect_json "status of the host in JSON" any \
	'all(p["pid"] != '$target' for p in r["processes"])' \
	"$hotfix" status --json
expect "status of a process that is gone" 1 - "^hotfix: error: pid $gone: " \
	"$hotfix" status -p $gone
expect_json "status of one that is there and one that is gone" 5 \
	'[p["pid"] for p in r["processes"]] == ['$target', '$gone'] and
	 r["processes"][1]["error"]["message"]' \
	"$hotfix" status -p $target,$gone,$target --json
expect "revert of what is not active" 1 - "(pid $target): .*nothing-here" \
	"$hotfix" revert nothing-here -p $target
expect "revert of everything where nothing is" 1 - "pid $target" \
	"$hotfix" revert --everything -p $target
expect "revert of what nobody carries" 1 - \
	'no process carries nothing-here' "$hotfix" revert nothing-here --all
expect_json "revert of what nobody carries in JSON" 1 \
	'r["results"] == [] and r["error"]["code"] == "no-process"' \
	"$hotfix" revert nothing-here --all --json
expect "recover where nothing is" 0 'nothing to recover in sleep' - \
	"$hotfix" recover -p $target
expect_json "recover where nothing is in JSON" 0 \
	'r["results"][0]["outcome"] == "clean"' \
	"$hotfix" recover -p $target --json
expect "recover of a process that is gone" 1 - "pid $gone" \
	"$hotfix" recover -p $gone
expect "a zombie" 1 - '^hotfix: error: ' python3 -c '
import os, subprocess, sys
pid = os.fork()
if not pid:
    os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
sys.exit(subprocess.call([sys.argv[1], "status", "-p", str(pid)]))' "$hotfix"

# --- stdout that takes nothing ------------------------------------------------

expect "full disk" 1 - 'cannot write the report' \
	bash -c '"$@" >/dev/full' full "$hotfix" status -p $target
expect "full disk, JSON" 1 - 'cannot write the report' \
	bash -c '"$@" >/dev/full' full "$hotfix" status -p $target --json
expect "full disk, help" 1 - 'cannot write' \
	bash -c '"$@" >/dev/full' full "$hotfix" apply --help
expect "closed pipe" 1 - 'cannot write the report.*Broken pipe' python3 -c '
import os, subprocess, sys
reader, writer = os.pipe()
os.close(reader)
sys.exit(subprocess.call(sys.argv[1:], stdout=writer))' \
	"$hotfix" status -p $target --json

# --- colour -------------------------------------------------------------------

expect "no colour into a file" 2 - '^hotfix: error: ' \
	env TERM=xterm "$hotfix"

[ "$(readlink /proc/$target/exe)" ] && ok "the target still runs" ||
	not_ok "the target still runs" "it does not"

echo "1..$nr"
exit $failed
