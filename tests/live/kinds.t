#!/bin/bash
# Every way in which programs are built: static and dynamic, PIE and not, glibc
# and musl, with landing pads, patchable entries, profiling, stripped.
. "$(dirname "$0")/lib.sh"

rounds=1
[ -z "${HOSTILE:-}" ] || rounds=50

# That the patch is in, or that nothing is, to people and to programs.
status_has() # NAME
{
	hotfix status -p $PID
	stdout_says " $1 +active .* leads here"
	hotfix status -p $PID --json
	json_is processes.0.patches.# 1
	json_is processes.0.patches.0.name $1
	json_is processes.0.patches.0.state active
}

status_has_none()
{
	hotfix status -p $PID --json
	json_is processes.0.patches.# 0
}

# Function, static function and data, thread-local data, workers, and back.
one_round() # TICKS so far
{
	hotfix apply "$FIX" -p $PID
	expect calls 'bad 0'
	status_has round
	expect value 2
	expect 'hidden 2' 11
	expect tick $(($1 + 10))
	expect tick-thread 110
	hotfix revert round -p $PID
	expect calls 'bad 0'
	status_has_none
	expect value 1
	expect 'hidden 2' 7
	expect tick $(($1 + 11))
	unchanged
}

whole_round() # TARGET [hotfix-build option...]
{
	local i
	ask 'workers 2'
	# The first thread makes mappings that later ones use again.
	ask tick-thread
	fix round "$@" <<-'EOF'
		extern volatile int base_value;
		extern __thread int ticks;
		int value(void) { return base_value + 1; }
		HOTFIX_REPLACE(value);
		static int hidden(int x) { return x * 5 + base_value; }
		HOTFIX_REPLACE(hidden);
		int tick(void) { return ticks += 10; }
		HOTFIX_REPLACE(tick);
	EOF
	snapshot
	for ((i = 0; i < rounds; i++)); do
		one_round $((100 + 11 * i))
	done
	ask seen
	expect calls 'bad 0'
	expect seen 1
	tried "unusual program: ${LABEL:-built as ${1##*/calc-}}" $rounds 0 0 0
}

variant() # NAME [hotfix-build option...]
{
	start_target calc-$1
	whole_round "calc-$1" "${@:2}"
}

# What is built by a compiler that not everybody has.
variant_of() # COMMAND NAME
{
	command -v $1 >/dev/null || skip "no $1"
	variant $2
}

test_static() { variant static; }
test_static_pie() { variant static-pie; }
test_no_pie() { variant nopie; }
test_musl() { variant musl; }
test_musl_static() { variant musl-static; }
test_endbr64() { variant cet; }
test_patchable_entry() { variant patchable; }
test_profiled() { variant pg; }
test_unoptimised() { variant O0; }
test_optimised_hard() { variant O3; }
test_function_sections() { variant sections; }

# Room before the entry is no room at it; two bytes are none either.
test_patchable_entry_before() { variant patchable-16-8; }
test_patchable_entry_all_before() { variant patchable-5-5; }
test_patchable_entry_short() { variant patchable-2; }
test_patchable_entry_endbr64() { variant patchable-cet; }
test_profiled_at_the_entry() { variant fentry; }

# Bound at the first call: an import may not be bound yet.
test_bound_lazily() { variant lazy; }
test_separate_code() { variant sepcode; }
test_no_separate_code() { variant nosepcode; }
test_no_plt() { variant noplt; }
test_large_model() { variant mcmodel; }
test_large_model_no_pie() { variant mcmodel-nopie; }
test_hash_gnu() { variant gnuhash; }
test_hash_sysv() { variant sysvhash; }
test_packed_relocations() { variant relr; }

# Segments two megabytes apart, text on a huge page's border.
test_text_on_2_MiB() { variant maxpage; }

# No table says what a frame looks like, or there is no index of them.
test_no_unwind_tables() { variant nounwind; }
test_no_index_of_unwind_tables() { variant noehhdr; }

test_clang_lld() { variant_of clang clang; }
test_clang_static() { variant_of clang clang-static; }
test_clang_patchable_entry() { variant_of clang clang-patchable; }

# Another allocator in the process, at work in four threads.
preloaded() # LIBRARY PACKAGE
{
	local library i
	library=$(ldconfig -p | awk -v name=$1 '$1 == name { print $NF; exit }')
	[ -n "$library" ] || skip "no $2"
	start_program env LD_PRELOAD="$library" "$TARGETS/calc"
	LABEL="$1 preloaded" whole_round calc
	start_program env LD_PRELOAD="$library" "$TARGETS/threads"
	grep -q "$library" /proc/$PID/maps
	fix_value two threads 2
	expect "allocate 4 $TARGETS/libplug.so" ok
	for ((i = 0; i < 10 * rounds; i++)); do
		hotfix apply "$FIX" -p $PID --wait 10s
		expect value 2
		hotfix revert two -p $PID --wait 10s
		expect value 1
		expect few-rounds 'broken 0'
	done
	tried "unusual program: $1 preloaded, allocating" $((10 * rounds)) 0 0 0
}

test_jemalloc() { preloaded libjemalloc.so.2 libjemalloc2; }
test_tcmalloc() { preloaded libtcmalloc_minimal.so.4 libtcmalloc-minimal4; }

# Hundreds of megabytes of code, and the function is the first or the last of
# it: the patch stands outside, and reaches it all the same.
huge() # NAME SOURCE...: links calc.c and far.s in that order
{
	local mib=200
	[ -z "${HOSTILE:-}" ] || mib=900
	cat >"$TMP/far.s" <<-EOF
		.section .text.far, "ax", @progbits
		.skip $((mib << 20)), 0xcc
		.section .note.GNU-stack, "", @progbits
	EOF
	ln -s "$HOTFIX_TOP/tests/targets/"{calc.c,target.h} "$TMP"
	(cd "$TMP" && gcc -D_GNU_SOURCE -g -O2 -fPIE -pie -pthread \
		-Wl,--build-id -o calc-$1 "${@:2}")
	start_program "$TMP/calc-$1"
	whole_round "$TMP/calc-$1"
}

test_huge_before() { huge huge-before calc.c far.s; }
test_huge_behind() { huge huge-behind far.s calc.c; }

# More data than two gigabytes: no place reaches all of it. Refused, and why.
test_data_out_of_reach()
{
	cat >"$TMP/lots.s" <<-'EOF'
		.section .lbss, "aw", @nobits
		.skip 3 << 30
		.section .note.GNU-stack, "", @progbits
	EOF
	ln -s "$HOTFIX_TOP/tests/targets/"{calc.c,target.h} "$TMP"
	(cd "$TMP" && gcc -D_GNU_SOURCE -g -O2 -fPIE -pie -pthread \
		-mcmodel=large -Wl,--build-id -o calc-lots calc.c lots.s)
	start_program "$TMP/calc-lots"
	ask 'workers 2'
	fix_value two "$TMP/calc-lots" 2
	refused 3 'with its data' apply "$FIX" -p $PID
	stderr_says 'hint: .*restart'
	hotfix_exit 3 check "$FIX" -p $PID
	stdout_says 'with its data'
	status_has_none
	expect calls 'bad 0'
	tried 'unusual program: 3 GiB of data, refused' 2 0 0 0
}

# lld maps the first page of a small file, with its ELF header, for each segment.
test_header_in_each_segment()
{
	command -v ld.lld >/dev/null || skip 'no ld.lld'
	cat >"$TMP/small.c" <<-'EOF'
		#include <stdio.h>
		#include <stdlib.h>
		__attribute__((noipa)) int work(int a) { return a * 3 + 1; }
		__attribute__((used)) static void room(void) { asm(".skip 8192, 0x90"); }
		int main(void)
		{
			char line[80];
			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin))
				printf("%d\n", work(atoi(line)));
			return 0;
		}
	EOF
	(cd "$TMP" && gcc -g -O2 -fPIE -pie -fuse-ld=lld -Wl,--build-id \
		-o small small.c)
	start_program "$TMP/small"
	is "$(grep -c ' 00000000 .*/small$' /proc/$PID/maps)" 2 'mappings of its start'
	fix small "$TMP/small" <<-'EOF'
		int work(int a) { return a * 3 + 2; }
		HOTFIX_REPLACE(work);
	EOF
	expect 1 4
	hotfix apply "$FIX" -p $PID
	expect 1 5
	hotfix revert small -p $PID
	expect 1 4
}

# The landing pad stays the first instruction: indirect calls may check it.
test_endbr64_stays()
{
	start_target calc-cet
	fix_value two calc-cet 2
	hotfix apply "$FIX" -p $PID --json
	"$PYTHON" - $PID "$(json results.0.functions.0.from)" <<-'EOF'
		import sys
		with open("/proc/%s/mem" % sys.argv[1], "rb") as memory:
		    memory.seek(int(sys.argv[2], 16))
		    first = memory.read(4)
		sys.exit(first != b"\xf3\x0f\x1e\xfa")
	EOF
}

# Room made by the compiler is taken before any instruction is.
test_patchable_entry_is_used()
{
	start_target calc-patchable
	fix_value two calc-patchable 2
	hotfix apply "$FIX" -p $PID --json
	json_is results.0.functions.0.strategy nop-room
}

# Symbols from a separate file; the running program has none.
test_stripped_with_debuginfo()
{
	objcopy --only-keep-debug "$TARGETS/calc" "$TMP/calc.debug"
	strip -o "$TMP/calc" "$TARGETS/calc"
	start_program "$TMP/calc"
	whole_round "$TMP/calc" --debuginfo "$TMP/calc.debug"
}

test_stripped_with_debuglink()
{
	objcopy --only-keep-debug "$TARGETS/calc" "$TMP/calc.debug"
	cp "$TARGETS/calc" "$TMP/calc"
	(cd "$TMP" && strip calc && objcopy --add-gnu-debuglink=calc.debug calc)
	start_program "$TMP/calc"
	whole_round "$TMP/calc"
}

# Stripped and nothing said: words, not a guess.
test_stripped_without()
{
	strip -o "$TMP/calc" "$TARGETS/calc"
	fix_exit 3 two "$TMP/calc" <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'hotfix-build: error: '
	stderr_says 'debug'
	[ ! -e "$TMP/two.hotfix.so" ]
}

test_without_build_id()
{
	fix_exit 3 two calc-noid <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
	EOF
	stderr_says 'build-id'
}

run_tests "$@"
