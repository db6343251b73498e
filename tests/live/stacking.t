#!/bin/bash
# Several patches in one process: stacked, reverted in any order, replaced.
. "$(dirname "$0")/lib.sh"

three_patches()
{
	start_target calc
	ask 'workers 4'
	fix_value a calc 2
	A=$FIX
	fix_value b calc 3
	B=$FIX
	fix_value c calc 4
	C=$FIX
}

apply_three()
{
	local fix
	for fix in "$A" "$B" "$C"; do
		hotfix apply "$fix" -p $PID
	done
}

# All six orders; after each step the newest that is left is active.
test_reverted_in_any_order()
{
	local order name want
	three_patches
	snapshot
	for order in 'a 4 b 4 c' 'a 4 c 3 b' 'b 4 a 4 c' 'b 4 c 2 a' \
		'c 3 a 3 b' 'c 3 b 2 a'; do
		apply_three
		expect value 4
		set -- $order
		hotfix revert $1 -p $PID
		expect value $2
		hotfix revert $3 -p $PID
		expect value $4
		hotfix revert $5 -p $PID
		expect value 1
		expect calls 'bad 0'
		unchanged
	done
}

test_levels()
{
	three_patches
	hotfix apply "$A" -p $PID
	expect value 2
	hotfix apply "$B" -p $PID
	expect value 3
	hotfix status -p $PID --json
	json_is processes.0.patches.# 2
	hotfix revert b -p $PID
	expect value 2
	hotfix revert a -p $PID
	expect value 1
}

# A call of the original is one of the program's own code, not of patch a.
test_original_below_another_patch()
{
	start_target calc
	fix_value a calc 7
	hotfix apply "$FIX" -p $PID
	fix original calc <<-'EOF'
		int value(void) { return 1 + HOTFIX_ORIGINAL(value)(); }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert a -p $PID
	expect value 2
	hotfix revert original -p $PID
	expect value 1
}

# Patches that have only some functions in common.
test_overlapping_sets()
{
	start_target calc
	snapshot
	fix one calc <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
		int tick(void) { return 2; }
		HOTFIX_REPLACE(tick);
	EOF
	hotfix apply "$FIX" -p $PID
	fix two calc <<-'EOF'
		int tick(void) { return 3; }
		HOTFIX_REPLACE(tick);
		int factorial(int n) { (void)n; return 3; }
		HOTFIX_REPLACE(factorial);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 2
	expect tick 3
	expect 'factorial 5' 3
	hotfix revert one -p $PID
	expect value 1
	expect tick 3
	hotfix revert two -p $PID
	expect 'factorial 5' 120
	expect tick 101
	unchanged
}

test_revert_everything()
{
	three_patches
	snapshot
	refused 1 'no patch|nothing|carries' revert --everything -p $PID
	apply_three
	expect value 4
	hotfix revert --everything -p $PID
	expect value 1
	expect calls 'bad 0'
	unchanged
	hotfix_exit 1 revert --everything -p $PID
}

# One of them cannot go: none goes.
test_revert_everything_or_nothing()
{
	start_target threads
	fix_value two threads 2
	hotfix apply "$FIX" -p $PID
	fix hold threads <<-'EOF'
		extern void gate_pass(void);
		int hold(int mark) { gate_pass(); return mark + 2; }
		HOTFIX_REPLACE(hold);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'hold 1' 'inside 1'
	refused 4 'hold' revert --everything -p $PID --wait 100ms
	expect value 2
	expect 'let 1' 2
	hotfix revert --everything -p $PID
	expect value 1
}

test_revert_all_then_a_third()
{
	three_patches
	hotfix apply "$A" -p $PID
	hotfix apply "$B" -p $PID
	hotfix revert --everything -p $PID
	hotfix apply "$C" -p $PID
	expect value 4
	hotfix status -p $PID --json
	json_is processes.0.patches.# 1
}

test_revert_of_what_is_not_there()
{
	three_patches
	hotfix apply "$A" -p $PID
	refused 1 'b' revert b -p $PID
	expect value 2
}

# One switch: the others go as this one comes.
test_replace_active()
{
	three_patches
	hotfix apply "$A" -p $PID
	hotfix apply "$B" -p $PID
	fix tick calc <<-'EOF'
		int tick(void) { return 5; }
		HOTFIX_REPLACE(tick);
	EOF
	ask seen
	hotfix apply "$FIX" -p $PID --replace-active --json
	json_is results.0.replaced.# 2
	expect value 1
	expect tick 5
	hotfix status -p $PID --json
	json_is processes.0.patches.# 1
	json_is processes.0.patches.0.name tick
	expect calls 'bad 0'
	ask seen
	# Never patch a, which stood below b.
	[[ $ANSWER != *2* ]] || fail "patch a came back in between: $ANSWER"
	hotfix revert tick -p $PID
	expect tick 101
}

# What cannot be applied must not have reverted anything.
test_replace_active_with_a_wrong_patch()
{
	three_patches
	hotfix apply "$A" -p $PID
	fix_value wrong calc-other 9
	refused 3 'build-id' apply "$FIX" -p $PID --replace-active
	expect value 2
	head -c 2000 "$B" >"$TMP/half.hotfix.so"
	refused 1 . apply "$TMP/half.hotfix.so" -p $PID --replace-active
	expect value 2
}

# The same name with other contents is another patch: said, not guessed.
test_same_name_other_contents()
{
	three_patches
	hotfix apply "$A" -p $PID
	fix_value a calc 8
	refused 3 'a.*(other|different|digest|already)' apply "$FIX" -p $PID
	expect value 2
}

run_tests "$@"
