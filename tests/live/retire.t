#!/bin/bash
# When may an image be unmapped? Not while anything may still lead into it, but
# what its own calls have left behind on a stack is nothing.
. "$(dirname "$0")/lib.sh"

# The call leaves its return address where no later call of the target reaches.
test_words_on_a_dead_stack_do_not_keep_it()
{
	start_target calc
	fix deep calc <<-'EOF'
		#include <unistd.h>
		int value(void)
		{
			volatile char deep[32768];

			deep[0] = getpid() > 0 ? 2 : 0;
			return deep[0];
		}
		HOTFIX_REPLACE(value);
	EOF
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert deep -p $PID
	expect value 1
	unchanged
}

run_tests "$@"
