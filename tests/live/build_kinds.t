#!/bin/bash
# hotfix-build makes patches of every kind of target, in every kind of file.
. "$(dirname "$0")/build_lib.sh"

# What every tool must think of the file, and where every import must lead.
check_shop_patch()
{
	readelf -aW "$TMP/fix.hotfix.so" >"$TMP/readelf" 2>&1
	! grep -iE 'warning|error:' "$TMP/readelf" || fail 'readelf complains'
	! grep NEEDED "$TMP/readelf" || fail 'libraries are needed'
	is "$(import_of nr_orders address)" "$(address_of srv nr_orders)"
	is "$(import_of check_card address)" "$(address_of srv check_card)"
	is "$(import_of limit address)" "$(address_of srv limit)"
	is "$(import_of check_card kind)" function
	is "$(import_of nr_orders kind)" object
	is "$(import_of last_error kind)" tls
	is "$(import_of nr_orders in_module)" True
	case $(import_of nr_calls name) in
	nr_calls.* | charge.nr_calls) ;; # gcc, clang
	*) fail "nr_calls is $(import_of nr_calls name)" ;;
	esac
	# Everything against the target is in .rela.hotfix, nothing elsewhere.
	awk "/section '.rela.hotfix'/ { own = 1 } /section '.rela.(dyn|plt)/ { own = 0 }
	     own && /nr_orders/ { found = 1 } !own && /^0.* nr_orders/ { bad = 1 }
	     END { exit !found || bad }" "$TMP/readelf" ||
		fail 'relocations are not where they belong'
}

test_pie_executable()
{
	shop
	target srv -fPIE -pie srv.c
	build srv fix.c --reason 'cards fail' --ticket CVE-1 --author me
	stdout_says 'charge\(\), .*srv.c'
	stdout_says 'hotfix apply fix.hotfix.so --all'
	check_shop_patch
	is "$(import_of fprintf in_module)" False
	is "$(import_of fprintf library)" libc.so.6
	is "$(import_of fprintf version)" GLIBC_2.2.5
	note_says '"reason": "cards fail"'
	note_says '"ticket": "CVE-1"'
	note_says '"name": "fix"'
	note_says 'sha256 [0-9a-f]{64}'
	note_says 'parameter and return types equal'
	note_says 'no inlined copies'
}

test_fixed_address_executable()
{
	shop
	target srv -fno-pie -no-pie srv.c
	build srv fix.c
	check_shop_patch
	# The executable's own copy, and no longer the library's.
	is "$(import_of stderr in_module)" True
}

test_static_executable()
{
	shop
	target srv -static srv.c
	build srv fix.c
	check_shop_patch
	is "$(import_of fprintf in_module)" True
	is "$(import_of fprintf address)" "$(address_of srv fprintf)"
}

test_static_pie_executable()
{
	shop
	target srv -static-pie -fPIE srv.c
	build srv fix.c
	check_shop_patch
	note_says '"kind": "executable"'
}

test_musl_executable()
{
	command -v musl-gcc >/dev/null || skip 'no musl-gcc'
	shop
	TARGET_CC=musl-gcc target srv srv.c
	build srv fix.c
	check_shop_patch
	is "$(import_of fprintf in_module)" False
	is "$(import_of fprintf library)" libc.so
}

test_clang_executable()
{
	command -v clang >/dev/null || skip 'no clang'
	shop
	TARGET_CC=clang target srv srv.c
	build srv fix.c
	check_shop_patch
	note_says '"compiler": ".*clang'
}

# The TLS offset is what the compiler itself uses.
test_tls_offset_of_executable()
{
	source_of srv.c <<-'EOF'
		static __thread long first = 1;
		__thread char second[100] __attribute__((aligned(64)));
		__thread int third;
		__attribute__((noinline)) int f(void)
		{
			return first + second[3] + third;
		}
		int main(void) { return f(); }
	EOF
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		extern __thread int third;
		int f(void) { return third; }
		HOTFIX_REPLACE(f);
	EOF
	target srv srv.c
	build srv fix.c
	local want
	want=$(objdump -d --disassemble=f "$TMP/srv" |
		sed -n 's/.*%fs:0x\(f*[0-9a-f]*\),.*/\1/p' | while read -r hex; do
		echo $((0x$hex)); done)
	grep -qx -- "$(import_of third tls.offset)" <<<"$want" ||
		fail "offset $(import_of third tls.offset), code has: $want"
}

library()
{
	source_of lib.c <<-'EOF'
		static __thread int per_thread = 4;
		static int nr_calls;
		__attribute__((noinline)) static int hidden(int a)
		{
			return a + per_thread++;
		}
		int api(int a) { nr_calls++; return hidden(a) * 3 + nr_calls; }
	EOF
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		extern __thread int per_thread;
		extern int nr_calls, hidden(int);
		int api(int a) { return hidden(a) + per_thread + nr_calls; }
		HOTFIX_REPLACE(api);
	EOF
}

test_library()
{
	library
	target libx.so -fPIC -shared -Wl,-soname,libx.so.1 lib.c
	build libx.so fix.c
	stdout_says 'for library libx.so.1'
	is "$(import_of per_thread tls.model)" module-slot
	is "$(import_of __tls_get_addr in_module)" False
	local slot
	slot=$(readelf -rW "$TMP/libx.so" | awk '/DTPMOD64/ { print "0x" $1 }')
	is "$(import_of per_thread tls.slot)" $((slot))
	readelf -rW "$TMP/fix.hotfix.so" | grep -q 'DTPMOD64.*per_thread'
}

test_library_with_static_tls()
{
	library
	target libx.so -fPIC -shared -ftls-model=initial-exec lib.c
	build libx.so fix.c
	is "$(import_of per_thread tls.model)" thread-pointer-slot
	readelf -rW "$TMP/fix.hotfix.so" | grep -q 'TPOFF64.*per_thread'
}

test_library_with_tls_descriptors()
{
	library
	target libx.so -fPIC -shared -mtls-dialect=gnu2 lib.c
	build_refused tls-unavailable libx.so fix.c
	# Without the thread-local variable it can be patched.
	source_of plain.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int api(int a) { return a; }
		HOTFIX_REPLACE(api);
	EOF
	build libx.so plain.c
}

test_file_without_header()
{
	shop
	source_of plain.c <<-'EOF'
		struct order;
		static int better(struct order *order, int fee)
		{
			return order != 0 && fee;
		}
		int (*keep)(struct order *, int) = better;
	EOF
	target srv srv.c
	build srv plain.c --replace charge=better
	stdout_says 'charge\(\) by better\(\)'
	build_refused nothing-replaced srv plain.c
}

test_a_failed_build_keeps_the_old_patch()
{
	shop
	target srv srv.c
	build srv fix.c
	cp "$TMP/fix.hotfix.so" "$TMP/before"
	echo 'int charge(' >"$TMP/broken.c"
	build_exit 1 srv broken.c
	stderr_says 'broken.c:1' # the compiler's own words
	stderr_says 'hotfix-build: error: gcc failed'
	cmp "$TMP/before" "$TMP/fix.hotfix.so"
}

test_several_sources()
{
	source_of srv.c <<-'EOF'
		__attribute__((noinline)) int f(int a) { return a * 3 + 77; }
		__attribute__((noinline)) int g(int a) { return a * 5 + 99; }
		int main(int c, char **v) { return f(c) + g(c); }
	EOF
	source_of one.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int shared_counter;
		int f(int a) { return a + ++shared_counter; }
		HOTFIX_REPLACE(f);
	EOF
	source_of two.c <<-'EOF'
		#include <hotfix/hotfix.h>
		extern int shared_counter;
		int g(int a) { return a + ++shared_counter; }
		HOTFIX_REPLACE(g);
	EOF
	target srv srv.c
	build srv one.c two.c
	is "$(note | grep -c '"replacement":')" 2
	# Defined by the patch itself, so it is no import.
	is "$(import_of shared_counter name)" ''
}

test_debuggers_read_it()
{
	command -v gdb >/dev/null || skip 'no gdb'
	shop
	target srv srv.c
	build srv fix.c
	gdb -nx -batch -ex 'info line charge' -ex 'ptype charge' \
		"$TMP/fix.hotfix.so" >"$TMP/gdb" 2>&1
	grep -q 'Line 11 of "fix.c"' "$TMP/gdb" || fail "$(<"$TMP/gdb")"
	grep -q 'type = int (struct order \*, int)' "$TMP/gdb"
}

test_json()
{
	shop
	target srv srv.c
	build srv fix.c --json
	json_is command build
	json_is exit 0
	json_is functions.0.name charge
	json_is functions.0.strategy jump
	json_is functions.0.calls_original true
	json_is target.kind executable
}

test_long_division_comes_along()
{
	source_of srv.c <<-'EOF'
		__attribute__((noinline)) int f(int a) { return a * 3 + 77; }
		int main(int c, char **v) { return f(c); }
	EOF
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int f(int a) { return (int)((__int128)a * a / (a | 1)); }
		HOTFIX_REPLACE(f);
	EOF
	target srv srv.c
	build srv fix.c
	is "$(import_of __divti3 name)" ''
	nm "$TMP/fix.hotfix.so" | grep -q ' t __divti3'
}

test_hooks()
{
	shop
	cat >>"$TMP/fix.c" <<-'EOF'
		static int ready(void) { return limit > 0 ? 0 : -1; }
		static void done(void) { limit++; }
		HOTFIX_PRE_APPLY(ready);
		HOTFIX_POST_REVERT(done);
	EOF
	target srv srv.c
	build srv fix.c
	is "$(note | "$PYTHON" -c 'import json, sys
hooks = json.load(sys.stdin)["hooks"]
print(int(hooks["pre-apply"]["address"], 16), hooks["post-revert"]["symbol"])')" \
		"$(address_of fix.hotfix.so ready) done"
}

run_tests "$@"
