#!/bin/bash
# One patch for several modules: an executable and its libraries, switched
# together, reverted together.
. "$(dirname "$0")/lib.sh"

all_said()
{
	local words
	for words in "$@"; do
		stdout_says "$words"
	done
}

# part FILE MODULE FUNCTION BODY: one of a patch called `both`
part()
{
	fix "$1" "$2" --name both <<-EOF
		int $3(void) { $4 }
		HOTFIX_REPLACE($3);
	EOF
	PARTS+=("$FIX")
}

join_parts()
{
	program_exit 0 "$BIN/hotfix-build" --join -o "$TMP/both.hotfix.so" "${PARTS[@]}"
	FIX=$TMP/both.hotfix.so
}

three_modules()
{
	PARTS=()
	part in-exe pair value 'return 5;'
	part in-left libleft.so left_value 'return 11;'
	part in-right libright.so right_value 'return 21;'
	join_parts
}

test_applied_and_reverted_as_one()
{
	start_target pair
	three_modules
	all_said 'switched together in' 'pair, 1 function' 'libleft.so, 1 function'
	snapshot
	hotfix apply "$FIX" -p $PID
	all_said 'value' 'left_value' 'right_value'
	expect value 5
	expect left '11 22'
	expect right 21
	hotfix apply "$FIX" -p $PID
	stdout_says already
	hotfix revert both -p $PID
	expect value 1
	expect left '10 20'
	expect right 20
	unchanged
}

# By any of the ways that end all patches.
test_revert_all()
{
	start_target pair
	three_modules
	snapshot
	hotfix apply "$FIX" -p $PID
	hotfix revert --everything -p $PID
	expect left '10 20'
	unchanged
}

# The second build of the same name takes the place of all parts of the first.
test_replaced_as_one()
{
	local first
	start_target pair
	three_modules
	first=$FIX
	mv "$first" "$TMP/first.hotfix.so"
	PARTS=()
	part in-exe pair value 'return 6;'
	part in-left libleft.so left_value 'return 12;'
	part in-right libright.so right_value 'return 22;'
	join_parts
	snapshot
	hotfix apply "$TMP/first.hotfix.so" -p $PID
	hotfix_exit 3 apply "$FIX" -p $PID
	stderr_says 'another build of patch both is active'
	expect value 5
	hotfix apply "$FIX" -p $PID --replace-active
	expect value 6
	expect left '12 24'
	expect right 22
	hotfix revert both -p $PID
	expect value 1
	unchanged
}

# A part whose module is not there: the others are not applied either.
test_module_missing()
{
	PARTS=()
	start_target pair
	part in-exe pair value 'return 5;'
	part in-plug libplug.so plug_value 'return 5;'
	join_parts
	snapshot
	refused 3 'libplug.so' apply "$FIX" -p $PID
	expect value 1
	unchanged
}

test_check_and_show()
{
	start_target pair
	three_modules
	hotfix check "$FIX" -p $PID
	all_said 'function value' 'function left_value' 'function right_value'
	hotfix check "$FIX" "$TARGETS/libleft.so"
	stdout_says 'function left_value'
	hotfix show "$FIX"
	all_said 'and for libleft.so, switched together' 'right_value'
	hotfix show "$FIX" --target "$TARGETS/libleft.so" --json
	json_is parts.0.target.name libleft.so
	json_is parts.0.functions.0.name left_value
}

test_dry_run()
{
	start_target pair
	three_modules
	snapshot
	hotfix apply "$FIX" -p $PID --dry-run
	stdout_says right_value
	unchanged
}

test_join_refuses()
{
	PARTS=()
	part in-exe pair value 'return 5;'
	part again pair value 'return 6;'
	program_exit 3 "$BIN/hotfix-build" --join -o "$TMP/x.hotfix.so" "${PARTS[@]}"
	stderr_says 'are both for pair'
	[ ! -e "$TMP/x.hotfix.so" ] || fail 'a bad file was left'
	fix other libleft.so <<-EOF
		int left_value(void) { return 1; }
		HOTFIX_REPLACE(left_value);
	EOF
	program_exit 3 "$BIN/hotfix-build" --join -o "$TMP/x.hotfix.so" "${PARTS[0]}" "$FIX"
	stderr_says 'is called both and .*other.hotfix.so is called other'
	stderr_says 'same --name'
	three_modules
	program_exit 3 "$BIN/hotfix-build" --join -o "$TMP/x.hotfix.so" "$FIX" "${PARTS[0]}"
	stderr_says 'is joined already: it is for 3 modules'
	program_exit 2 "$BIN/hotfix-build" --join -o "$TMP/x.hotfix.so" "$FIX"
}

run_tests "$@"
