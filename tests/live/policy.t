#!/bin/bash
# Who may decide what runs in a process: patch files that others can write.
. "$(dirname "$0")/lib.sh"

one_patch()
{
	start_target calc
	fix_value two calc 2
}

# Both commands, and the target is as before.
both_refuse() # REGEX
{
	refused 3 "$1" apply "$FIX" -p $PID
	refused 3 "$1" check "$FIX" -p $PID
}

test_file_that_others_may_write()
{
	one_patch
	chmod 664 "$FIX"
	both_refuse 'may be written by group'
	stderr_says 'hint: .*chmod go-w'
	chmod 646 "$FIX"
	both_refuse 'may be written by everybody'
	chmod go-w "$FIX"
	hotfix apply "$FIX" -p $PID
	expect value 2
	chmod 666 "$FIX" # taking it back asks for the name only
	hotfix revert "$FIX" -p $PID
	expect value 1
}

test_file_of_somebody_else()
{
	[ "$(id -u)" = 0 ] || skip "needs root to give a file away"
	one_patch
	chown 12345 "$FIX"
	both_refuse 'belongs to user 12345'
	stderr_says 'hint: .*chown root'
}

test_directory_that_others_may_write()
{
	one_patch
	mkdir -p "$TMP/open/inner"
	cp "$FIX" "$TMP/open/inner/two.hotfix.so"
	FIX=$TMP/open/inner/two.hotfix.so
	chmod 777 "$TMP/open/inner"
	both_refuse 'open/inner may be written by everybody'
	chmod 755 "$TMP/open/inner"
	chmod 777 "$TMP/open"
	both_refuse 'open may be written by everybody'
	# The real path counts, not the way that was named.
	ln -s "$FIX" "$TMP/link"
	FIX=$TMP/link
	both_refuse 'open may be written by everybody'
	chmod 1777 "$TMP/open" "$TMP/open/inner"
	hotfix apply "$FIX" -p $PID
	expect value 2
}

test_directory_of_somebody_else()
{
	[ "$(id -u)" = 0 ] || skip "needs root to give a directory away"
	one_patch
	mkdir -p "$TMP/theirs/ours"
	cp "$FIX" "$TMP/theirs/two.hotfix.so"
	mv "$FIX" "$TMP/theirs/ours/two.hotfix.so"
	chown 12345 "$TMP/theirs"
	FIX=$TMP/theirs/two.hotfix.so
	both_refuse 'theirs belongs to user 12345'
	# Root's own directory in somebody's tree, as a checkout has it.
	hotfix apply "$TMP/theirs/ours/two.hotfix.so" -p $PID
	expect value 2
}

run_tests "$@"
