#!/bin/bash
# The right process, and still not: another build, changed bytes, missing
# symbols. Refused with the reason, and nothing is left in the target.
. "$(dirname "$0")/lib.sh"

test_other_build()
{
	local id
	mkdir "$TMP/new"
	cp "$TARGETS/calc-other" "$TMP/new/calc"
	start_program "$TMP/new/calc"
	fix_value two calc 2
	refused 3 'build-id mismatch' apply "$FIX" -p $PID
	# Both are spelled.
	for id in calc calc-other; do
		id=$(readelf -n "$TARGETS/$id" | sed -n 's/.*Build ID: //p')
		stderr_says $id
	done
	refused 3 'cannot be applied' check "$FIX" -p $PID
	stdout_says 'build-id mismatch'
	hotfix_exit 3 apply "$FIX" -p $PID --json
	json_is results.0.error.code build-id-mismatch
	json_is results.0.outcome refused
	json_is results.0.exit 3
}

# A build-id that stands behind other notes is found.
test_build_id_behind_other_notes()
{
	start_target notes
	readelf -nW "$TARGETS/notes" | sed '/Build ID/q' | grep -q hotel ||
		fail 'the other notes do not come first'
	fix_value two notes 2
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	fix_value two calc-other 2
	refused 3 'calc-other' apply "$FIX" -p $PID
}

test_bytes_changed()
{
	fix_value two odd 2
	start_target odd
	expect 'poke 1 90' ok
	refused 3 'value' apply "$FIX" -p $PID
	stderr_says 'bytes|changed|differ'
	hotfix_exit 3 check "$FIX" -p $PID
}

test_breakpoint_is_named()
{
	fix_value two odd 2
	start_target odd
	expect 'poke 0 cc' ok
	refused 3 'breakpoint|int3' apply "$FIX" -p $PID
}

test_foreign_jump_is_named()
{
	fix_value two odd 2
	start_target odd
	expect 'poke 0 e9' ok
	refused 3 'jump' apply "$FIX" -p $PID
	stderr_says 'another tool|hook|jump to'
}

# Somebody wrote over our jump: revert does not put old bytes over it.
test_bytes_changed_below_a_patch()
{
	fix_value two odd 2
	start_target odd
	hotfix apply "$FIX" -p $PID
	expect value 2
	expect 'poke 0 cc' ok
	hotfix status -p $PID --json
	json_is processes.0.patches.0.functions.0.reality changed
	refused 3 'value' revert two -p $PID
}

test_replacement_symbol_missing()
{
	start_target calc
	snapshot
	fix_exit 3 missing calc <<-'EOF'
		extern int nobody_has_this(int x);
		int value(void) { return nobody_has_this(1); }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'nobody_has_this'
	[ ! -e "$TMP/missing.hotfix.so" ]
	fix_exit 3 missing calc <<-'EOF'
		int no_such_function(void) { return 2; }
		HOTFIX_REPLACE(no_such_function);
	EOF
	stderr_says 'no_such_function'
	unchanged
}

# Exported by the library that the patch was built with, not by this older one.
test_import_missing_in_the_process()
{
	mkdir "$TMP/old"
	gcc -DTHIN -O2 -fPIC -shared -Wl,-soname,libleft.so \
		-o "$TMP/old/libleft.so" "$HOTFIX_TOP/tests/targets/libleft.c"
	fix needs pair <<-'EOF'
		extern int left_spare(void);
		int value(void) { return left_spare(); }
		HOTFIX_REPLACE(value);
	EOF
	start_target pair
	hotfix apply "$FIX" -p $PID
	expect value 15
	start_program env LD_LIBRARY_PATH="$TMP/old" "$TARGETS/pair"
	grep -q "$TMP/old/libleft.so" /proc/$PID/maps ||
		fail 'the program did not take the older library'
	refused 3 'left_spare' apply "$FIX" -p $PID
	expect value 1
}

# A weak reference that nothing defines: most likely a slip of the pen.
test_weak_reference()
{
	fix_exit 3 weak calc <<-'EOF'
		extern int nobody_has_this(void) __attribute__((weak));
		int value(void) { return nobody_has_this ? 3 : 2; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'nobody_has_this'
}

# A weak reference to a symbol that its library hides.
test_weak_reference_to_a_hidden_symbol()
{
	fix_exit 3 weak pair <<-'EOF'
		extern int shared_name(int) __attribute__((weak));
		int value(void) { return shared_name ? 3 : 2; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'shared_name'
}

test_other_signature()
{
	fix_exit 3 sig calc <<-'EOF'
		long value(int x) { return x; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'value'
	stderr_says 'int|type|parameter'
}

# What only the dynamic loader could give is refused when it is built.
test_needs_the_loader()
{
	fix_exit 3 constructor calc <<-'EOF'
		static int ready;
		__attribute__((constructor)) static void prepare(void)
		{
			ready = 5;
		}
		int value(void) { return ready; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'constructor'
	stderr_says 'HOTFIX_(PRE|POST)_APPLY'
	fix_exit 3 own_tls calc <<-'EOF'
		__thread int mine = 3;
		int value(void) { return mine++; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'thread-local'
}

# Recovery where there is nothing to recover.
test_recover_clean()
{
	start_target calc
	snapshot
	hotfix recover -p $PID --json
	json_is results.0.outcome clean
	unchanged
}

run_tests "$@"
