#!/bin/bash
# Targets of another user whose modules, mappings and stacks are not what they
# should be: the agent may refuse, and has to come to an end; the target goes on
# unless it is what it does itself that ends it.
. "$(dirname "$0")/hostile_lib.sh"

# A patch that needs names of the program and of its libraries.
fix_two()
{
	FIX=$TMP/../two.hotfix.so
	[ ! -e "$FIX" ] || return 0
	fix two deceiver <<-'EOF'
		#include <stdlib.h>
		#include <unistd.h>
		int value(void) { return getppid() == -1 ? abs(rand()) : 2; }
		HOTFIX_REPLACE(value);
	EOF
	mv "$FIX" "$TMP/.."
	FIX=$TMP/../two.hotfix.so
}

work_on_it()
{
	local command
	for command in status "check $FIX" "apply $FIX --wait 200ms" status \
		"revert two --wait 200ms" recover; do
		hotfix_any $command -p $PID
	done
	! is_traced || fail 'it is still traced'
}

# What is in it afterwards is what status says, and the target works so.
meet() # LIE...
{
	local lie round
	for lie in "$@"; do
		for ((round = 0; round < $(times 1 20); round++)); do
			start_hostile deceiver
			fix_two
			ask "lie $lie"
			[ "$ANSWER" != forbidden ] || skip "no $lie here"
			is "$ANSWER" ok "lie $lie"
			work_on_it
			ask value
			hotfix_any status -p $PID
			if grep -q hotfix: /proc/$PID/maps; then
				grep -q two "$TMP/stdout" ||
					fail "$lie: something is left, unnamed"
			else
				is "$ANSWER" 1 "the answer after $lie"
			fi
			{ kill -KILL $PID; wait $PID || :; } 2>/dev/null
		done
	done
	tried "hostile target: ${WHAT:-memory}" $TRIES 0 0 0
}

test_notes() { meet note_outside note_endless notes_false; }
test_program_headers() { meet text_everywhere headers_many dynamic_endless; }
test_unwind_tables() { meet unwind_outside unwind_endless unwind_false; }
test_dynamic_section()
{
	meet strings_endless relocations_endless symbols_are_code \
		soname_outside hash_endless libraries_cycle
}
test_mappings()
{
	WHAT='mappings that change' meet mappings_change text_changes \
		stack_comes_and_goes
}
test_mappings_without_number() { WHAT='65,530 mappings' meet mappings_many; }
test_stacks()
{
	WHAT=stacks meet stack_nowhere stack_noncanonical stack_forbidden \
		stack_endless stack_is_code stack_large
}

test_pages()
{
	WHAT='pages of others' meet text_is_anothers stack_behind_file
}
test_pages_awaited() { WHAT='pages of others' meet stack_awaited; }

refused_for_its_stack()
{
	hotfix_any apply "$FIX" -p $PID --wait 200ms
	is $GOT 4 'exit status'
	stderr_says 'its stack could not be read to the end'
	! is_traced || fail 'it is still traced'
	expect value 1
	! grep -q hotfix: /proc/$PID/maps || fail 'an image is left'
}

# Of a process of root: others may not have such pages.
test_pages_awaited_by_all()
{
	start_target deceiver
	fix_two
	ask 'lie stack_awaited_by_all'
	[ "$ANSWER" != forbidden ] || skip 'no such pages here'
	refused_for_its_stack
}

# In a mount namespace of its own, which is gone with it.
start_silent() # NR_BYTES that can be read
{
	[ "$(id -u)" = 0 ] || skip 'must be root to mount'
	[ -e /dev/fuse ] || skip 'no FUSE here'
	start_program unshare --mount bash -c '
		mkdir silent
		/usr/bin/python3 "$0" silent $2 >/dev/null 2>&1 &
		while [ ! -e silent/file ]; do
			kill -0 $! || exit 1
			sleep 0.01
		done
		exec "$1"' "$LIVE/silent_fs.py" "$TARGETS/deceiver" $1
	ask 'lie stack_silent'
	is "$ANSWER" ok 'the lie'
}

# What has to be read of it never comes: the kernel does not let go of whoever
# waits there but by his end.
test_file_system_that_does_not_answer()
{
	start_silent 0
	fix_two
	hotfix_any apply "$FIX" -p $PID
	is $GOT 6 'exit status'
	stderr_says "memory of process $PID has not come for 2 s"
	stderr_says "hint: .* hotfix recover -p $PID"
	hotfix_any status -p $PID --json
	json_is error.code memory-stalled
	json_is exit 1
	hotfix_any apply "$FIX" -p $PID -p $$
	stderr_says 'never came'
	! is_traced || fail 'it is still traced'
	expect value 1
	tried 'hostile target: file system that does not answer' $TRIES 0 0 0
}

test_stack_in_a_file_system_that_does_not_answer()
{
	start_silent $((1 << 20))
	fix_two
	refused_for_its_stack
}

# More than a million bytes of arguments and pointers to them: nothing is mapped
# below the stack pointer.
test_arguments()
{
	nobody_runs deceiver
	start_program "${NOBODY[@]}" "$TARGETS/deceiver" $(seq 1 120000)
	fix_two
	hotfix check "$FIX" -p $PID
	hotfix apply "$FIX" -p $PID
	ask value
	is "$ANSWER" 2 'the answer with a million bytes of arguments'
	hotfix status -p $PID
	hotfix revert two -p $PID
	ask value
	is "$ANSWER" 1 'the answer after that'
	! grep -q hotfix: /proc/$PID/maps || fail 'an image is left'
	! is_traced || fail 'it is still traced'
	tried 'hostile target: arguments' 4 0 0 0
}

# Stopped and continued without pause, by another process.
test_stop_storm()
{
	start_hostile deceiver
	fix_two
	while kill -STOP $PID && kill -CONT $PID; do :; done 2>/dev/null &
	at_end "kill -KILL $!"
	local i
	for ((i = 0; i < $(times 2 50); i++)); do
		work_on_it
	done
	tried 'hostile target: stopped and continued' $TRIES 0 0 0
}

# The file that it runs is a FIFO by now, and its code is not the file's: nothing
# is opened but what /proc leads to.
test_paths()
{
	local file=$TMP/own/deceiver
	nobody_runs deceiver
	mkdir "$TMP/own"
	cp "$TARGETS/deceiver" "$file"
	chown -R 65534:65534 "$TMP/own"
	start_program "${NOBODY[@]}" "$file"
	fix_two
	"${NOBODY[@]}" sh -c "rm $file && mkfifo $file"
	expect 'lie text_differs' ok
	local command
	for command in status "check $FIX" "apply $FIX" recover; do
		((++TRIES))
		timeout -k 5 $LIMIT strace -f -qq -e trace=open,openat,openat2 \
			-o "$TMP/trace" "$BIN/hotfix" $command -p $PID \
			>"$TMP/stdout" 2>"$TMP/stderr" || [ $? -lt 7 ] ||
			fail "$command: it hangs or dies"
		! grep -F "\"$TMP/own" "$TMP/trace" ||
			fail "$command opens what the target names"
		grep -q '"/proc/' "$TMP/trace" || fail 'nothing was traced'
	done
	tried 'hostile target: paths' $TRIES 0 0 0
}

run_tests "$@"
