#!/bin/bash
# Entries where a jump is hard to put: short functions, branches back into the
# first bytes, page borders. What cannot be done is refused; neighbours stay.
. "$(dirname "$0")/lib.sh"

rounds=1
[ -z "${HOSTILE:-}" ] || rounds=50

everything_else() # NAME of the function that is patched
{
	local name want
	while read -r name want; do
		[ "$name" = "${1:-}" ] || expect "call $name" $want
	done <<-EOF
		short_padded 0
		behind_padded 7
		before_alone 6
		short_alone 0
		behind_alone 8
		loop_padded 5
		before_loop 9
		loop_alone 5
		behind_loop 10
		again -1
		roomy 11
		page_crossing 12
		before_page 13
		page_start 14
		leave 15
		chosen_well 16
	EOF
}

# The replacement answers its argument and 1000.
fix_tiny() # FUNCTION
{
	case $1 in
	leave)
		fix tiny tiny <<-'EOF'
			extern void jump_back(int x) __attribute__((noreturn));
			__attribute__((noreturn)) void leave(int x)
			{
				jump_back(1000 + x);
			}
			HOTFIX_REPLACE(leave);
		EOF
		;;
	chosen_well)
		fix tiny tiny <<-'EOF'
			static int chosen_well(int x) { return 1000 + x; }
			HOTFIX_REPLACE(chosen_well);
		EOF
		;;
	*)
		fix tiny tiny <<-EOF
			int $1(int x) { return 1000 + x; }
			HOTFIX_REPLACE($1);
		EOF
		;;
	esac
}

# What never returns leaves the address behind it on the stack, and with it its
# image mapped until something has been written over that.
no_patch_left() # FUNCTION
{
	hotfix status -p $PID --json
	if [ $1 = leave ] && [ "$(json processes.0.patches.#)" != 0 ]; then
		json_is processes.0.patches.0.state retired
		await recovered
		hotfix status -p $PID --json
	fi
	json_is processes.0.patches.# 0
}

recovered()
{
	expect 'call leave' 15
	"$BIN/hotfix" recover -p $PID && ! grep hotfix: /proc/$PID/maps
}

replaced() # FUNCTION STRATEGY OLD-ANSWER
{
	local i
	start_target tiny
	expect 'workers 2' 2
	fix_tiny $1
	snapshot
	for ((i = 0; i < rounds; i++)); do
		hotfix apply "$FIX" -p $PID --json
		json_is results.0.functions.0.strategy $2
		expect calls 'bad 0'
		expect "call $1 5" 1005
		everything_else $1
		hotfix status -p $PID
		stdout_says ' tiny +active .* leads here'
		hotfix status -p $PID --json
		json_is processes.0.patches.0.state active
		hotfix revert tiny -p $PID
		expect calls 'bad 0'
		expect "call $1" $3
		everything_else $1
		no_patch_left $1
		unchanged
	done
	tried "unusual function: $1, $2" $rounds 0 0 0
}

not_replaced() # FUNCTION REASON
{
	fix_exit 3 tiny tiny <<-EOF
		int $1(int x) { return 1000 + x; }
		HOTFIX_REPLACE($1);
	EOF
	stderr_says "hotfix-build: error: .*$1"
	stderr_says "$2"
	tried "unusual function: $1, refused" 1 0 0 0
}

test_short_padded() { replaced short_padded short-jump 0; }
test_short_alone() { not_replaced short_alone 'short|bytes'; }
test_loop_padded() { replaced loop_padded short-jump 5; }
test_loop_alone() { not_replaced loop_alone 'branch|jump'; }
test_room() { replaced roomy nop-room 11; }
test_page_crossing() { replaced page_crossing jump 12; }
test_page_start() { replaced page_start jump 14; }
test_before_page() { replaced before_page jump 13; }
test_noreturn() { replaced leave jump 15; }

# What an IFUNC has been bound to is replaced; which one that is, is decided.
test_ifunc_bound() { replaced chosen_well jump 16; }
test_ifunc_itself() { not_replaced chosen 'ifunc|indirect'; }

# The neighbour of a short function is itself replaced.
test_neighbour() { replaced behind_alone jump 8; }

test_branch_to_own_entry() { replaced again jump -1; }

# Old activations would run into the jump: only without them.
test_branch_to_own_entry_in_entry_mode()
{
	start_target tiny
	fix_tiny again
	refused 3 'again' apply "$FIX" -p $PID --mode entry
	everything_else
}

# Two patches on neighbours that share their padding must not meet.
test_padding_taken_once()
{
	start_target tiny
	fix_tiny short_padded
	hotfix apply "$FIX" -p $PID
	fix behind tiny <<-'EOF'
		int behind_padded(int x) { return 2000 + x; }
		HOTFIX_REPLACE(behind_padded);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'call short_padded 1' 1001
	expect 'call behind_padded 1' 2001
	hotfix revert tiny -p $PID
	expect 'call short_padded' 0
	expect 'call behind_padded 1' 2001
	hotfix revert behind -p $PID
	everything_else
}

# A patch leads short_padded through padding; a second one replaces that.
test_stacked_short_jumps()
{
	start_target tiny
	snapshot
	fix_tiny short_padded
	hotfix apply "$FIX" -p $PID
	fix again tiny <<-'EOF'
		int short_padded(int x) { return 3000 + x; }
		HOTFIX_REPLACE(short_padded);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'call short_padded 1' 3001
	hotfix revert tiny -p $PID
	expect 'call short_padded 1' 3001
	hotfix revert again -p $PID
	everything_else
	unchanged
}

run_tests "$@"
