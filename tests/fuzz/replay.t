#!/bin/bash
# The fuzzers for a few seconds: their seeds, those of corpus/, and damage that
# is the same each time. `make fuzz` has the patience for more. And that they
# would notice.
. "$(dirname "$0")/../live/lib.sh"

# Leaks are what they look for.
unset ASAN_OPTIONS

FUZZERS=$HOTFIX_O/tests/fuzz
CARELESS=$FUZZERS/check/careless

survives() # FUZZER
{
	FUZZ_RUNS=2000 "$FUZZERS/$1" >"$TMP/said" 2>&1 || fail "$(<"$TMP/said")"
	! grep 'is not valid' "$TMP/said" || fail 'a seed is not what it should be'
	grep -Eq "^$1: [0-9]{4,} runs, [1-9][0-9]* of them accepted" "$TMP/said" ||
		fail "$(<"$TMP/said")"
}

test_patch_file() { survives patch_file; }
test_manifest() { survives manifest; }
test_agent_cfi() { survives agent_cfi; }
test_agent_control() { survives agent_control; }
test_agent_eh_frame() { survives agent_eh_frame; }
test_agent_module() { survives agent_module; }
test_agent_policy() { survives agent_policy; }
test_agent_procfs() { survives agent_procfs; }
test_agent_signature() { survives agent_signature; }
test_patcher_archive() { survives patcher_archive; }
test_patcher_debuginfo() { survives patcher_debuginfo; }
test_patcher_diff() { survives patcher_diff; }
test_patcher_elf() { survives patcher_elf; }
test_patcher_recording() { survives patcher_recording; }
test_patcher_response() { survives patcher_response; }
test_patcher_unit() { survives patcher_unit; }

# A fuzzer that nobody runs finds nothing.
test_none_is_left_out()
{
	local source name
	for source in "$HOTFIX_TOP"/tests/fuzz/*.c; do
		name=$(basename "$source" .c)
		declare -F test_$name >/dev/null || fail "$name is not run here"
	done
}

# The input is named, left as it was, and does it again.
found() # WHAT INPUT
{
	printf %s "$2" >"$TMP/input"
	local i
	for i in 1 2; do
		HOTFIX_O=$TMP FUZZ_RUNS=1 FUZZ_HANG_SECONDS=1 \
			"$CARELESS" "$TMP/input" >"$TMP/said" 2>"$TMP/errors" &&
			fail "not noticed: $(<"$TMP/said")"
		is "$(<"$TMP/said")" \
		   "careless: $1 of input 0, left in $TMP/fuzz/careless-0"
		cmp "$TMP/fuzz/careless-0" "$TMP/input"
		mv "$TMP/fuzz/careless-0" "$TMP/input"
	done
}

test_notices_death() { found dies die; }
test_notices_hang() { found hangs hang; }

test_notices_leak()
{
	[[ $HOTFIX_SAN == *address* ]] || skip 'leaks are seen with SAN=address only'
	found 'leaks memory' leak
}

test_notices_read_beyond()
{
	[[ $HOTFIX_SAN == *address* ]] || skip 'seen with SAN=address only'
	found dies beyond
}

test_damage_finds()
{
	HOTFIX_O=$TMP FUZZ_RUNS=1000000 "$CARELESS" >"$TMP/said" 2>/dev/null &&
		fail "not found: $(<"$TMP/said")"
	grep -q '^careless: dies of input [0-9]*, left in' "$TMP/said"
	is "$(cat "$TMP"/fuzz/careless-*)" die
}

run_tests "$@"
