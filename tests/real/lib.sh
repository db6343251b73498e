# What the tests against real software share: TAP, ports, the process's state
# before and after. Sourced by *.t.

. "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
HOTFIX=$HOTFIX_O/hotfix
HOTFIX_BUILD=$HOTFIX_O/hotfix-build
WORK=$(mktemp -d "${TMPDIR:-/tmp}/hotfix-real.XXXXXX")
PIDS=""
NR=0

finish() {
	for pid in $PIDS; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$WORK"
}
trap finish EXIT

# ok STATUS NAME: one TAP line
ok() {
	NR=$((NR + 1))
	if [ "$1" = 0 ]; then echo "ok $NR - $2"; else echo "not ok $NR - $2"; fi
}
is() { # GOT WANT NAME
	[ "$1" = "$2" ]
	local r=$?
	[ $r = 0 ] || echo "# got \"$1\", not \"$2\""
	ok $r "$3"
}
plan() { echo "1..$NR"; }
bail() { echo "Bail out! $*"; exit 1; }

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# Mappings with their protections, descriptors and the number of threads. The
# heap and anonymous memory may grow under load, so their sizes do not count.
state_of() {
	awk '$6 ~ /^\// { print $1, $2, $6 } $2 ~ /w.*x|x.*w/ { print "writable and executable:", $0 } /hotfix:/' "/proc/$1/maps"
	ls "/proc/$1/fd" | wc -l
	grep -E '^(Threads|SigBlk|SigIgn|SigCgt)' "/proc/$1/status"
}
