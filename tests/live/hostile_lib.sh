# What the tests of hostile targets share: a target of another user, an agent of
# root, and what must hold whatever the target does.
#
#	start_hostile forger
#	remember
#	hotfix_any recover -p $PID
#	untouched
#
# Not one of them may outlast its limit, die, write a byte that is not ours, or
# pass a byte to the terminal that this obeys.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)
# Seconds that an agent may work on such a target.
LIMIT=30
TRIES=0

# How often, in `make check` and in full.
times() { [ -n "${HOSTILE:-}" ] && echo $2 || echo $1; } # SMALL FULL

nobody_runs() # TARGET
{
	[ "$(id -u)" = 0 ] || skip 'must be root to meet another user'
	"${NOBODY[@]}" test -x "$TARGETS/$1" ||
		skip 'nobody may not read the build directory'
}

start_hostile() # TARGET
{
	nobody_runs $1
	start_program "${NOBODY[@]}" "$TARGETS/$1"
}

# hotfix, whatever it answers: as long as it answers in time, and in words.
hotfix_any()
{
	GOT=0
	((++TRIES))
	timeout -k 5 $LIMIT "$BIN/hotfix" "$@" >"$TMP/stdout" 2>"$TMP/stderr" ||
		GOT=$?
	STDOUT=$(tr -d '\0' <"$TMP/stdout") STDERR=$(tr -d '\0' <"$TMP/stderr")
	[ $GOT -lt 7 ] || fail "exit status $GOT: $*
$STDOUT
$STDERR"
	"$PYTHON" "$LIVE/look.py" terminal "$TMP/stdout" "$TMP/stderr" ||
		fail "a terminal would obey: $*"
}

# Every byte of the target: while all of its threads wait, nothing changes but
# what we do.
remember() { "$PYTHON" "$LIVE/look.py" memory $PID >"$TMP/memory"; }

untouched()
{
	"$PYTHON" "$LIVE/look.py" memory $PID >"$TMP/memory.now"
	diff "$TMP/memory" "$TMP/memory.now" >"$TMP/difference" ||
		fail "memory of the target was written:
$(<"$TMP/difference")"
}
