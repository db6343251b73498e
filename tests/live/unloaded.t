#!/bin/bash
# The library that a patch was for is unloaded: the patch is gone with it, and
# what is left of it can be taken away.
. "$(dirname "$0")/lib.sh"

start_patched()
{
	start_target unloads
	fix two libplug.so <<-'EOF'
		int plug_value(void) { return 2; }
		HOTFIX_REPLACE(plug_value);
	EOF
	expect "load $TARGETS/libplug.so" ok
	expect value 30
	hotfix apply "$FIX" -p $PID
	expect value 2
}

test_orphan_is_told_and_unmapped()
{
	start_patched
	expect unload ok
	hotfix status -p $PID
	stdout_says 'two *orphaned'
	stderr_says 'no longer loaded.*hotfix recover'
	hotfix status --json -p $PID
	json_is processes.0.patches.0.state orphaned
	json_is processes.0.interrupted false
	hotfix recover -p $PID
	stdout_says 'unmapped the unused image of two'
	! grep hotfix: /proc/$PID/maps || fail 'it is still there'
	hotfix status -p $PID
	stdout_says 'no patch'
}

# Loaded again it is a library without the patch and can be patched again; what
# was left is no obstacle, wherever it stands now.
test_loaded_again()
{
	start_patched
	expect unload ok
	hotfix_exit 1 revert two -p $PID
	stderr_says 'not active'
	hotfix recover -p $PID
	expect "load $TARGETS/libplug.so" ok
	expect value 30
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	expect value 30
	! grep hotfix: /proc/$PID/maps || fail 'an image is left'
}

run_tests "$@"
