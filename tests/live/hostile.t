#!/bin/bash
# Targets of another user that deceive an agent of root: it must not be led to
# another file, write what is not ours, hang, or pass their bytes on to a
# terminal.
. "$(dirname "$0")/hostile_lib.sh"

# Applies until the target has got its file in between, and that was seen.
meet_swapped_descriptor() # [filled]
{
	local i refused=0
	start_hostile hostile
	fix_value two hostile 2
	seq 100000 >"$TMP/precious"
	cp "$TMP/precious" "$TMP/copy"
	chmod 644 "$TMP/precious"
	expect "swap $TMP/precious $*" ok
	for ((i = 0; i < 200 && refused == 0; i++)); do
		hotfix_any apply "$FIX" -p $PID
		cmp "$TMP/copy" "$TMP/precious" || fail "root's file was written"
		! grep -q 'is not the memfd' "$TMP/stderr" || refused=$GOT
		[ $GOT = 0 ] || expect value 1
		[ $GOT != 0 ] || expect value 2
		hotfix_any revert two -p $PID
	done
	ask swaps
	[ "$ANSWER" -gt 0 ] || fail 'it never replaced a descriptor'
	is $refused 3 'status of the refusal'
	expect value 1
	! grep hotfix: /proc/$PID/maps || fail 'an image was left'
	tried 'hostile target: descriptors swapped' $TRIES 0 0 0
}

# The image's descriptor is replaced by one of a file that only root may write,
# before the image is written through it.
test_swapped_descriptor() { meet_swapped_descriptor; }

# After it: what is mapped then is not the image.
test_swapped_descriptor_when_filled() { meet_swapped_descriptor filled; }

run_tests "$@"
