#!/bin/bash
# Images that a target of another user has made itself, with our name and a
# control block of its own words: nothing is written, unmapped or called that
# such a block asks for, beyond what it can prove.
. "$(dirname "$0")/hostile_lib.sh"

# start_forger: a true patch is in it, whose image is the model.
start_forger()
{
	start_hostile forger
	FIX=$TMP/../two.hotfix.so
	if [ ! -e "$FIX" ]; then
		fix_value two forger 2
		mv "$FIX" "$TMP/.."
		FIX=$TMP/../two.hotfix.so
	fi
	hotfix apply "$FIX" -p $PID
	hotfix status --json -p $PID
	MODEL="$(json processes.0.patches.0.image)"
	MODEL+=" $(json processes.0.patches.0.image_size)"
}

forge() # LIE [STATE] [NR]
{
	expect "forge $MODEL $*" ok
	snapshot
	remember
}

# The state is a number: staged, switching, active, reverting, retired.

# A copy that is in all things as ours are: the lies below are what is seen.
test_without_a_lie()
{
	start_forger
	forge none
	hotfix_exit 6 status -p $PID
	stdout_says 'forged *switching'
	hotfix recover -p $PID
	stdout_says 'undid the interrupted apply of forged'
	expect value 2
	hotfix revert two -p $PID
	expect value 1
}

# All commands leave the copy alone, and everything else; two of them say why.
nothing_is_done() # REASON
{
	local command
	for command in "recover" "revert forged" "revert two" "revert --all" \
		"apply $FIX" "apply --replace-active $FIX" \
		"check $FIX" status; do
		hotfix_any $command -p $PID
	done
	hotfix_exit 6 recover -p $PID
	stderr_says "$1"
	hotfix_exit 6 status -p $PID
	stdout_says damaged
	stderr_says "$1"
	hotfix_exit 6 status --json -p $PID
	"$PYTHON" -c 'import json, sys
assert any(p.get("damage") for p in json.load(sys.stdin)
           ["processes"][0]["patches"])' <"$TMP/stdout"
	hotfix_exit 6 revert two -p $PID
	hotfix_exit 6 apply "$FIX" -p $PID
	untouched
	unchanged
	expect treasure '1122334455667788 101'
	expect value 2
}

# Each lie, and what has to be said of it.
LIES=(
	'data not in the module'
	'stack not in the module'
	'libc (not in the module|no jump)'
	'vdso (not in the module|no jump)'
	'restore what it would put back'
	'undo what it would put back'
	'jump no jump into its own code'
	'hook hook of it is not in its own code'
	'writable its mappings are not'
	'shared its mappings are not'
	'truncated cut short'
	'counts does not fit its mapping'
	'ranges does not fit its mapping'
	'offset does not fit its mapping'
	'base does not fit its mapping'
	'size does not fit its mapping'
	'sequence does not fit its mapping'
)

# Alone, in each state that may direct a write.
test_each_lie()
{
	local state lie
	for state in $(times 2 '2 3 4'); do
		for lie in "${LIES[@]:$(times 5 0):$(times 2 99)}"; do
			start_forger
			forge ${lie%% *} $state
			nothing_is_done "${lie#* }"
			finish
		done
	done
	tried 'hostile target: forged patches' $TRIES 0 0 0
}

# Together; they stand in memory in the order opposite to that of their making.
test_all_lies()
{
	local lie
	start_forger
	for lie in "${LIES[@]}"; do
		expect "forge $MODEL ${lie%% *} 2" ok
	done
	snapshot
	remember
	hotfix_any status --json -p $PID
	"$PYTHON" -c 'import json, re, sys
patches = json.load(sys.stdin)["processes"][0]["patches"]
said = [p["damage"] for p in patches if p["state"] == "damaged"][::-1]
want = [lie.split(" ", 1) for lie in sys.argv[1:]]
assert len(said) == len(want), said
for text, (lie, reason) in zip(said, want):
    assert re.search(reason, text), (lie, text)
' "${LIES[@]}" <"$TMP/stdout"
	nothing_is_done ''
	tried 'hostile target: forged patches' ${#LIES[@]} 0 0 0
}

# What one says of functions that is not in force is not even looked at: it
# goes, for nothing leads there, and nothing is written.
test_not_in_force()
{
	local lie state
	start_forger
	for state in 1 5; do
		for lie in data stack libc restore undo module hook; do
			expect "forge $MODEL $lie $state" ok
		done
	done
	remember
	hotfix_any status -p $PID
	untouched
	hotfix recover -p $PID
	! grep hotfix:forged /proc/$PID/maps || fail 'one is left'
	expect treasure '1122334455667788 101'
	expect value 2
	hotfix revert two -p $PID
	expect value 1
	tried 'hostile target: forged patches' $TRIES 0 0 0
}

# The functions of a true patch are not taken away with it.
test_retired_and_leading()
{
	start_forger
	hotfix_any status -p $PID
	forge none 5
	hotfix_any recover -p $PID
	expect value 2
	hotfix revert two -p $PID
	expect value 1
}

# A module that is not there: nothing leads to it, so it is an orphan and goes.
test_of_no_module()
{
	local state
	for state in $(times '2 3' '1 2 3 4 5'); do
		start_forger
		forge module $state
		hotfix_any status -p $PID
		is $GOT 0 'status'
		untouched
		hotfix recover -p $PID
		! grep hotfix:forged /proc/$PID/maps || fail 'it is left'
		expect value 2
		hotfix revert two -p $PID
		expect value 1
		finish
	done
	tried 'hostile target: forged patches' $TRIES 0 0 0
}

# A file of its own instead of a memfd, that is called like one.
test_file()
{
	unshare -m true 2>/dev/null || skip 'needs a mount namespace'
	nobody_runs forger
	start_program unshare -m sh -c '
		mkdir m && mount -t tmpfs none m && chmod 755 m &&
		exec 9<>m/memfd:hotfix:forged && rm m/memfd:hotfix:forged &&
		umount -l m && exec "$@"' sh "${NOBODY[@]}" "$TARGETS/forger"
	fix_value two forger 2
	hotfix apply "$FIX" -p $PID
	hotfix status --json -p $PID
	MODEL="$(json processes.0.patches.0.image)"
	MODEL+=" $(json processes.0.patches.0.image_size)"
	forge none 2
	grep -q '/memfd:hotfix:forged (deleted)' /proc/$PID/maps ||
		skip 'the kernel names the file otherwise'
	nothing_is_done 'mapped from a file'
	tried 'hostile target: forged patches' $TRIES 0 0 0
}

# As many as a process can have: no end of work, and no end of memory.
test_thousands()
{
	local nr=$(times 3000 15000) command
	start_forger
	forge none 3 $nr
	for command in status "apply $FIX" "revert two" recover "revert --all"; do
		(
			[ -n "$HOTFIX_SAN" ] || ulimit -v 1000000
			hotfix_any $command -p $PID
		)
	done
	untouched
	expect value 2
	tried 'hostile target: forged patches' $nr 0 0 0
}

run_tests "$@"
