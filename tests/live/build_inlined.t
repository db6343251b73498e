#!/bin/bash
# Copies of a replaced function that would go on running the old code.
. "$(dirname "$0")/build_lib.sh"

# check() is inlined into pay() and refund(), and has code of its own.
inlined()
{
	source_of srv.c <<-'EOF'
		#include <stdio.h>
		int limit = 10;
		int check(int amount) { return amount > limit ? printf("much\n") : 3; }
		__attribute__((noinline)) int pay(int a) { return check(a * 2) + 4; }
		__attribute__((noinline)) int refund(int a)
		{
			return check(a * 7) + 9;
		}
		int (*volatile pointer)(int) = check;
		int main(int c, char **v) { return pay(c) + refund(c) + pointer(c); }
	EOF
	target srv -finline-functions srv.c
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int check(int amount) { return amount > 5; }
		HOTFIX_REPLACE(check);
	EOF
	objdump -d --disassemble=pay "$TMP/srv" | grep -q 'call.*<check>' &&
		skip 'this compiler did not inline'
	true
}

test_inlined_copies_are_refused()
{
	inlined
	build_refused inlined srv fix.c
	stderr_says 'check\(\) has 2 copies that would go on running the old code'
	stderr_says 'inlined into pay\(\) at srv.c:4'
	stderr_says 'inlined into refund\(\) at srv.c:7'
	stderr_says 'hint: .*--allow-inlined'
}

test_allowed()
{
	inlined
	build srv fix.c --allow-inlined
	stderr_says 'warning: check\(\): the old code goes on .* inlined into pay\(\)'
	note_says '2 copies keep the old code'
}

test_all_callers_replaced()
{
	inlined
	cat >>"$TMP/fix.c" <<-'EOF'
		int pay(int a) { return check(a); }
		HOTFIX_REPLACE(pay);
	EOF
	build_refused inlined srv fix.c
	stderr_says 'check\(\) has 1 copy'
	cat >>"$TMP/fix.c" <<-'EOF'
		int refund(int a) { return check(a); }
		HOTFIX_REPLACE(refund);
	EOF
	build srv fix.c
	note_says 'check\(\): all [1-9] copies are in functions that are replaced too'
}

# An inline function of a header has an instance in every file.
test_header_function()
{
	cat >"$TMP/h.h" <<-'EOF'
		static inline int check(int a) { return a * 3 + 7; }
		static int (*volatile pointer)(int) = check;
	EOF
	source_of a.c <<-'EOF'
		#include "h.h"
		__attribute__((noinline)) int in_a(int a) { return check(a) + pointer(a); }
	EOF
	source_of b.c <<-'EOF'
		#include "h.h"
		int in_a(int a);
		__attribute__((noinline)) int in_b(int a) { return check(a) + pointer(a); }
		int main(int c, char **v) { return in_a(c) + in_b(c); }
	EOF
	target srv a.c b.c
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		static int mine(int a) { return a; }
		HOTFIX_REPLACE_IN("a.c", check, mine);
	EOF
	build_refused inlined srv fix.c
	stderr_says 'into in_a\(\) at a.c:2'
	stderr_says 'into in_b\(\) at b.c:3'
}

test_inlined_everywhere()
{
	source_of srv.c <<-'EOF'
		static int check(int a) { return a * 3 + 7; }
		__attribute__((noinline)) int pay(int a) { return check(a) * a; }
		int main(int c, char **v) { return pay(c); }
	EOF
	target srv srv.c
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		static int check(int a) { return a; }
		HOTFIX_REPLACE(check);
	EOF
	build_refused inlined srv fix.c
	stderr_says 'check\(\) has no code of its own in srv'
	stderr_says 'inlined into pay\(\) at srv.c:2'
	stderr_says 'hint: replace those functions instead'
}

# The compiler's copies, written by hand so that every compiler makes them.
clones()
{
	source_of srv.s <<-'EOF'
		.file "srv.c"
		.text
		.type check, @function
		check: test %edi, %edi
		js check.part.0
		lea 3(%rdi), %eax
		ret
		.size check, . - check
		.type check.part.0, @function
		check.part.0: mov $7, %eax
		nop
		ret
		.size check.part.0, . - check.part.0
		.globl pay, main
		.type pay, @function
		pay: push %rbx
		call check.part.0
		pop %rbx
		ret
		.size pay, . - pay
		.type main, @function
		main: call check
		jmp pay
		.size main, . - main
		.section .note.GNU-stack,"",@progbits
	EOF
	(cd "$TMP" && gcc -Wl,--build-id -o srv srv.s)
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		static int check(int a) { return a; }
		HOTFIX_REPLACE(check);
	EOF
}

test_clones_are_refused()
{
	clones
	build_refused inlined srv fix.c
	stderr_says 'check\(\) has 1 copy'
	stderr_says 'its copy check.part.0, used by pay\(\)'
	build srv fix.c --allow-inlined
	cat >>"$TMP/fix.c" <<-'EOF'
		int pay(int a) { return check(a); }
		HOTFIX_REPLACE(pay);
	EOF
	build srv fix.c
}

test_only_a_clone_is_left()
{
	clones
	sed -i 's/^check:/check.isra.0:/; s/check, /check.isra.0, /; s/ - check$/ - check.isra.0/; s/call check$/call check.isra.0/' \
		"$TMP/srv.s"
	(cd "$TMP" && gcc -Wl,--build-id -o srv srv.s)
	build_refused function-clone srv fix.c
	stderr_says 'kept only check.isra.0, a copy with another calling'
	sed -i 's/REPLACE(check)/REPLACE_AS(check.isra.0, check)/' "$TMP/fix.c"
	build_refused function-clone srv fix.c
}

# The rarely used part that the compiler moved away belongs to the function.
test_cold_part()
{
	source_of srv.c <<-'EOF'
		#include <stdio.h>
		#include <stdlib.h>
		int f(int a)
		{
			if (__builtin_expect(a > 4, 0)) {
				printf("cold %d\n", a);
				abort();
			}
			return a * 3 + 88;
		}
		__attribute__((noinline, noclone)) int g(int a);
		int (*volatile pointer)(int) = f;
		int main(int c, char **v) { return pointer(c); }
	EOF
	target srv -fno-inline srv.c
	nm "$TMP/srv" | grep -q ' f.cold' || skip 'this compiler made no cold part'
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int f(int a) { return a; }
		HOTFIX_REPLACE(f);
	EOF
	build srv fix.c
	is "$(note | "$PYTHON" -c 'import json, sys
part = json.load(sys.stdin)["functions"][0]["parts"][0]
print(part["name"], int(part["address"], 16))')" \
		"f.cold $(address_of srv f.cold)"
}

test_two_names_of_one_function()
{
	source_of srv.c <<-'EOF'
		__attribute__((noinline)) int f(int a) { return a * 3 + 88; }
		int g(int a) __attribute__((alias("f")));
		int main(int c, char **v) { return f(c) + g(c); }
	EOF
	target srv srv.c
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int f(int a) { return a; }
		HOTFIX_REPLACE(f);
	EOF
	build srv fix.c
	stderr_says 'warning: g\(\) is another name for the code of f\(\)'
}

# Equal bodies: the compiler keeps one, and the other only jumps there.
test_merged_functions()
{
	source_of srv.c <<-'EOF'
		extern int value;
		__attribute__((noinline)) int f(int a) { return a * value + 88; }
		__attribute__((noinline)) int g(int a) { return a * value + 88; }
		int value = 3;
		int (*volatile pointers[2])(int) = { f, g };
		int main(int c, char **v) { return pointers[0](c) + pointers[1](c); }
	EOF
	target srv srv.c
	objdump -d --disassemble=g "$TMP/srv" | grep -q 'jmp.*<f>' ||
		skip 'this compiler did not merge them'
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int f(int a) { return a; }
		HOTFIX_REPLACE(f);
	EOF
	build srv fix.c
	stderr_says 'warning: g\(\) does nothing but jump to f\(\), so it is replaced as well'
}

run_tests "$@"
