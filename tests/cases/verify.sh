#!/bin/bash
# verify.sh [CASE]...: does a case tell buggy from fixed? Its service is built
# without and with the fix; the probe must find the bug in the first and not in
# the second. Says nothing about hotfix. For those who write cases.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
export HOTFIX_O=${HOTFIX_O:-$TOP/build}
export CASES_WORK=${CASES_WORK:-$HOTFIX_O/cases}
. "$TOP/tests/real/sources.sh"
. "$HERE/apt.sh"

verdict_of() { # FOLDER before|after
	local status=0
	bash "$1/run.sh" start "$2" >/dev/null || { echo "does not start"; return; }
	timeout 90 bash "$1/probe.sh" >"$CASES_WORK/verify.log" 2>&1 || status=$?
	echo "$status $(tail -1 "$CASES_WORK/verify.log")"
	[ $status -lt 2 ] || sed 's/^/    /' "$CASES_WORK/verify.log" >&2
	bash "$1/run.sh" stop
}

built() { # FOLDER NAME
	[ -f "$CASES_WORK/_build/$2/before/.built" ] && [ -f "$CASES_WORK/_build/$2/after/.built" ] ||
		timeout 900 bash "$1/build.sh" both
}

verify() { # NAME
	local before after
	built "$HERE/$1" "$1" || { echo "$1: does not build"; return 1; }
	before=$(verdict_of "$HERE/$1" before)
	after=$(verdict_of "$HERE/$1" after)
	printf '%s\n\tbefore: %s\n\tafter:  %s\n' "$1" "$before" "$after"
	[ "${before%% *}${after%% *}" = 10 ]
}

mkdir -p "$CASES_WORK"
use_sources
BAD=0
for name in "$@"; do
	verify "$name" || { echo "$name: NOT VERIFIED"; BAD=1; }
done
exit $BAD
