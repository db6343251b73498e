#!/bin/bash
# Registers that callers expect to survive, because the original left them
# alone (gcc -fipa-ra): a replacement that does not is entered through code
# that saves them. Seen in a running process.
. "$(dirname "$0")/build_lib.sh"

spoiling_fix()
{
	source_of fix.c <<-'EOF'
		#include <stdio.h>
		#include <string.h>
		#include <hotfix/hotfix.h>
		/* Writes every register that a function may write. */
		static void spoil(void)
		{
			char text[200];
			snprintf(text, sizeof(text), "%d %g %s", 1, 2.5, "three");
			__asm__ volatile(
				"mov $-1, %%rax; mov %%rax, %%rcx; mov %%rax, %%rdx;"
				"mov %%rax, %%rsi; mov %%rax, %%rdi; mov %%rax, %%r8;"
				"mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11;"
				"movq %%rax, %%xmm1; movdqa %%xmm1, %%xmm0;"
				"movdqa %%xmm1, %%xmm2; movdqa %%xmm1, %%xmm3"
				::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
				"r11", "xmm0", "xmm1", "xmm2", "xmm3", "memory");
		}
	EOF
}

# sum() keeps b, c, d in the registers that they came in: pick() writes none.
leaf()
{
	source_of srv.c <<-'EOF'
		#include <stdio.h>
		#include <string.h>
		int table[16] = { 1, 2, 3 };
		__attribute__((noinline)) static int pick(int i) { return table[i & 15] + 1; }
		__attribute__((noinline)) int sum(int a, int b, int c, int d)
		{
			int x = pick(a);
			return x * b + c * d;
		}
		__attribute__((noinline)) static double scale(double x) { return x * 2; }
		__attribute__((noinline)) double mix(double a, double b, double c)
		{
			return scale(a) + b * c;
		}
		__attribute__((noinline, noclone)) static long ten(long a, long b, long c, long d, long e,
				long f, long g, long h, long i, long j)
		{
			return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
		}
		__attribute__((noinline)) long many(long a, long b, long c)
		{
			return ten(a, b, c, 4, 5, 6, a, b, c, 10) * c + b;
		}
		int main(void)
		{
			char line[64];
			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n"))
				printf("%d %g %ld\n", sum(1, 2, 3, 4), mix(1, 2, 3), many(1, 2, 3));
			return 0;
		}
	EOF
	target srv srv.c
	spoiling_fix
}

WANT='18 8 725'

check_live() # WHILE_PATCHED
{
	build srv fix.c "${@:2}"
	start_program "$TMP/srv"
	expect go "$WANT"
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	expect go "$1"
	hotfix revert fix -p $PID
	expect go "$WANT"
	finish
}

test_general_registers()
{
	leaf
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '212 8 725'
	note_says 'pick\(\): entered through hotfix.entry.pick, which keeps what callers like sum\(\)'
}

test_vector_registers()
{
	leaf
	cat >>"$TMP/fix.c" <<-'EOF'
		static double scale(double x) { double y = x; spoil(); return y * 3; }
		HOTFIX_REPLACE(scale);
	EOF
	check_live '18 9 725'
	note_says 'scale\(\): entered through hotfix.entry.scale.*xmm1'
}

test_arguments_on_the_stack()
{
	leaf
	cat >>"$TMP/fix.c" <<-'EOF'
		static long ten(long a, long b, long c, long d, long e, long f,
				long g, long h, long i, long j)
		{
			long n = 1000000 * a + 1000 * f + 100 * g + 10 * i + j;
			spoil();
			return n;
		}
		HOTFIX_REPLACE(ten);
	EOF
	check_live '18 8 3018422'
	note_says 'ten\(\): entered through hotfix.entry.ten'
}

# What writes no more than the original needs nothing.
test_not_without_need()
{
	leaf
	sed -i '/^static void spoil/,$d' "$TMP/fix.c"
	cat >>"$TMP/fix.c" <<-'EOF'
		extern int table[];
		static int pick(int i) { return table[i & 15] + 2; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '20 8 725'
	! note | grep hotfix.entry || fail 'an entry without need'
}

test_calling_the_original_needs_nothing()
{
	leaf
	sed -i '/^static void spoil/,$d' "$TMP/fix.c"
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { return HOTFIX_ORIGINAL(pick)(i) + 1; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '20 8 725'
	! note | grep hotfix.entry || fail 'an entry without need'
}

# A function that calls what the compiler did not see leaves nothing alone.
test_original_that_calls_out()
{
	leaf
	sed -i 's/return table\[i \& 15\] + 1;/return table[i \& 15] + 1 + (getpid() < 0);/; 1i #include <unistd.h>' \
		"$TMP/srv.c"
	target srv srv.c
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '212 8 725'
	! note | grep hotfix.entry || fail 'an entry without need'
}

test_variable_arguments_are_refused()
{
	source_of srv.c <<-'EOF'
		__attribute__((noinline)) static int pick(int i, ...) { return i * 3 + 1; }
		__attribute__((noinline)) int sum(int a, int b) { return pick(a, b) * b; }
		int main(int c, char **v) { return sum(c, c); }
	EOF
	target srv srv.c
	source_of fix.c <<-'EOF'
		#include <stdio.h>
		#include <hotfix/hotfix.h>
		static int pick(int i, ...) { puts("x"); return i; }
		HOTFIX_REPLACE(pick);
	EOF
	build_refused registers srv fix.c
	stderr_says 'callers of pick\(\), like sum\(\), may keep values in registers'
}

# Without names nobody knows who calls: what is exported is protected even so.
test_stripped_callers()
{
	leaf
	sed -i 's/static int pick/int pick/; s/int sum(/static int sum(/' "$TMP/srv.c"
	target srv -rdynamic srv.c
	strip "$TMP/srv"
	cat >>"$TMP/fix.c" <<-'EOF'
		int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '212 8 725'
	note_says 'entered through hotfix.entry.pick'
}

# Unless nobody is left who relies on it.
test_variable_arguments_with_callers_replaced()
{
	source_of srv.c <<-'EOF'
		__attribute__((noinline)) static int pick(int i, ...) { return i * 3 + 1; }
		__attribute__((noinline)) int sum(int a, int b) { return pick(a, b) * b; }
		int main(int c, char **v) { return sum(c, c); }
	EOF
	target srv srv.c
	source_of fix.c <<-'EOF'
		#include <stdio.h>
		#include <hotfix/hotfix.h>
		static int pick(int i, ...) { puts("x"); return i; }
		int sum(int a, int b) { return pick(a, b) * b; }
		HOTFIX_REPLACE(pick);
		HOTFIX_REPLACE(sum);
	EOF
	build srv fix.c
	stderr_says 'do not apply it with --mode entry'
	sed -i 's/{ return pick(a, b)/{ if (a) return HOTFIX_ORIGINAL(sum)(a, b); return pick(a, b)/' "$TMP/fix.c"
	build_refused registers srv fix.c
}

# Vectors on the stack are where movaps can read them.
test_aligned_arguments_on_the_stack()
{
	source_of srv.c <<-'EOF'
		#include <stdio.h>
		#include <string.h>
		typedef float four __attribute__((vector_size(16)));
		#define V four v1, four v2, four v3, four v4, four v5, four v6, four v7, four v8, four v9
		__attribute__((noinline, noclone)) static int ninth(V)
		{
			__asm__ volatile("xor %%edx, %%edx" ::: "edx");
			return v9[0] > 1;
		}
		__attribute__((noinline, noclone)) long use(four v, long a, long b, long c)
		{
			return ninth(v, v, v, v, v, v, v, v, v) + a * b * c;
		}
		__attribute__((noinline, noclone)) static long eighth(long a, long b, long c, long d, long e, long f,
				long g, V)
		{
			return g + (v9[0] > 1);
		}
		__attribute__((noinline, noclone)) long user(four v, long a, long b, long c)
		{
			return eighth(a, b, c, 4, 5, 6, 7, v, v, v, v, v, v, v, v, v) + a * b * c;
		}
		int main(void)
		{
			char line[64];
			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n"))
				printf("%ld %ld\n", use((four){ 2 }, 2, 3, 4), user((four){ 2 }, 2, 3, 4));
			return 0;
		}
	EOF
	target srv srv.c
	spoiling_fix
	cat >>"$TMP/fix.c" <<-'EOF'
		typedef float four __attribute__((vector_size(16)));
		#define V four v1, four v2, four v3, four v4, four v5, four v6, four v7, four v8, four v9
		static int ninth(V) { four x = v9 * v9; spoil(); return x[0]; }
		static long eighth(long a, long b, long c, long d, long e, long f, long g, V)
		{
			four x = v9 * v9;
			spoil();
			return 10 * g + x[0];
		}
		HOTFIX_REPLACE(ninth);
		HOTFIX_REPLACE(eighth);
	EOF
	WANT='25 32'
	check_live '28 98'
	note_says 'ninth\(\): entered through'
	note_says 'eighth\(\): entered through'
}

# The registers of the result are those of its class, and no others.
test_results_of_every_class()
{
	source_of srv.h <<-'EOF'
		struct pair { double x, y; };
		struct mixed { long n; double x; };
		typedef float four __attribute__((vector_size(16)));
	EOF
	source_of srv.c <<-'EOF'
		#include <stdio.h>
		#include <string.h>
		#include "srv.h"
		#define LEAF __attribute__((noinline, noclone)) static
		#define USER __attribute__((noinline, noclone))
		LEAF struct pair pair(double x, double y) { return (struct pair){ y, x }; }
		LEAF struct mixed mixed(double x, long n) { return (struct mixed){ n, x }; }
		LEAF long double wide(int n) { return n; }
		LEAF four vector(four v) { return v + v; }
		LEAF void nothing(int *n) { ++*n; }
		USER double use_pair(long a, long b, long c, double x)
		{
			struct pair p = pair(x, 2);
			return p.x * 10 + p.y + a * b + c;
		}
		USER double use_mixed(long a, long b, long c, double x, double y, double z)
		{
			struct mixed p = mixed(x, a);
			return p.n * 10 + p.x + y * z + b * c;
		}
		USER double use_wide(double x, double y, int n) { return wide(n) + x * y; }
		USER float use_vector(four v, long a, long b, long c) { return vector(v)[0] + a * b * c; }
		USER long use_nothing(long a, long b, long c, int *n) { nothing(n); return a * b * c + *n; }
		int main(void)
		{
			char line[64];
			setvbuf(stdout, NULL, _IOLBF, 0);
			puts("ready");
			while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n")) {
				int n = 7;
				printf("%g %g %g %g %ld\n", use_pair(2, 3, 4, 1), use_mixed(2, 3, 4, 1, 5, 6),
				       use_wide(2, 3, 1), use_vector((four){ 1 }, 2, 3, 4), use_nothing(2, 3, 4, &n));
			}
			return 0;
		}
	EOF
	target srv srv.c
	spoiling_fix
	cat >>"$TMP/fix.c" <<-'EOF'
		#include "srv.h"
		static struct pair pair(double x, double y) { struct pair p = { y + 1, x }; spoil(); return p; }
		static struct mixed mixed(double x, long n) { struct mixed p = { n + 1, x }; spoil(); return p; }
		static long double wide(int n) { spoil(); return n + 1; }
		static four vector(four v) { spoil(); return v + v + v; }
		static void nothing(int *n) { spoil(); *n += 2; }
		HOTFIX_REPLACE(pair);
		HOTFIX_REPLACE(mixed);
		HOTFIX_REPLACE(wide);
		HOTFIX_REPLACE(vector);
		HOTFIX_REPLACE(nothing);
	EOF
	WANT='31 63 7 26 32'
	check_live '41 73 8 27 33'
}

# What the original of another function writes is not what this one writes.
test_calling_the_original_of_another()
{
	leaf
	sed -i 's/^\(.*noinline.*\) int sum(/__attribute__((noinline, noclone)) static int busy(int i)\n{ __asm__ volatile("" ::: "rcx", "rsi", "rdi", "r8", "r9"); __asm__ volatile("mov $-1, %%rsi; mov %%rsi, %%rcx" ::: "rcx", "rsi"); return i; }\nint (*volatile busy_pointer)(int) = busy;\n\1 int sum(/' "$TMP/srv.c"
	target srv srv.c
	sed -i '/^static void spoil/,$d' "$TMP/fix.c"
	cat >>"$TMP/fix.c" <<-'EOF'
		extern int table[];
		static int busy(int i) { return i + 1; }
		static int pick(int i) { return HOTFIX_ORIGINAL(busy)(i) + 99; }
		HOTFIX_REPLACE(busy);
		HOTFIX_REPLACE(pick);
	EOF
	check_live '212 8 725'
	note_says 'pick\(\): entered through hotfix.entry.pick'
}

# A replaced caller still runs its old code by HOTFIX_ORIGINAL, and in entry mode.
test_original_of_a_replaced_caller()
{
	leaf
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		int sum(int a, int b, int c, int d) { return HOTFIX_ORIGINAL(sum)(a, b, c, d) + 1; }
		HOTFIX_REPLACE(pick);
		HOTFIX_REPLACE(sum);
	EOF
	check_live '213 8 725'
}

# Names of static functions are gone: a callee without a name is no library.
test_callee_without_a_name()
{
	leaf
	sed -i 's/static int pick(int i) {/static int hidden(int i) { return table[i \& 15] + 1; }\n__attribute__((noinline)) int pick(int i) { return hidden(i);/; s/hidden(i); return.*/hidden(i) + 0 * i; }/' "$TMP/srv.c"
	sed -i 's/return hidden(i) + 0 \* i;/int r = hidden(i); table[15]++; return r;/' "$TMP/srv.c"
	target srv srv.c
	strip -x -g "$TMP/srv"
	cat >>"$TMP/fix.c" <<-'EOF'
		int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '212 8 725'
	note_says 'pick\(\): entered through hotfix.entry.pick'
}

# Nobody can say whether rax carries a result.
test_no_types_at_all()
{
	leaf
	strip -g "$TMP/srv"
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	build_exit 3 srv fix.c -- -g0
	no_patch
	stderr_says 'cannot be saved: '
}

# Then the prototype that the replacement has is taken.
test_without_debug_information()
{
	leaf
	strip -g "$TMP/srv"
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		static double scale(double x) { double y = x; spoil(); return y * 3; }
		HOTFIX_REPLACE(pick);
		HOTFIX_REPLACE(scale);
	EOF
	check_live '212 9 725'
}

# gcc calls through a register then, and knows all the same where to.
test_large_code_model()
{
	leaf
	target srv -mcmodel=large srv.c
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	check_live '212 8 725' -- -mcmodel=small
}

# Control goes to and fro between a function and its cold part.
test_many_branches_into_a_cold_part()
{
	leaf
	{
		echo 'volatile int t; __attribute__((cold, noinline)) static void odd(int i) { t = i; }'
		echo '__attribute__((noinline)) static int pick(int i) {'
		for n in $(seq 40); do
			echo "if (__builtin_expect(t == $n, 0)) { odd($n); i += $n; }"
		done
		echo 'return i; }'
		echo '__attribute__((noinline)) int sum(int a, int b) { return pick(a) * b; }'
		echo 'int main(int c, char **v) { return sum(c, c); }'
	} >"$TMP/srv.c"
	target srv srv.c
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	build srv fix.c
}

test_not_where_the_compiler_does_not_rely()
{
	leaf
	cat >>"$TMP/fix.c" <<-'EOF'
		static int pick(int i) { spoil(); return i + 99; }
		HOTFIX_REPLACE(pick);
	EOF
	target srv -fno-ipa-ra srv.c
	check_live '212 8 725'
	! note | grep hotfix.entry || fail 'an entry with -fno-ipa-ra'
	command -v clang >/dev/null || skip 'no clang'
	TARGET_CC=clang target srv srv.c
	check_live '212 8 725'
	! note | grep hotfix.entry || fail 'an entry with clang'
}

# Who is in the replacement has its entry on the stack.
test_revert_waits_for_the_entry()
{
	leaf
	cat >>"$TMP/fix.c" <<-'EOF'
		#include <unistd.h>
		static int pick(int i)
		{
			char byte;
			spoil();
			if (i == 1 && read(3, &byte, 1) < 0)
				return 0;
			return i + 99;
		}
		HOTFIX_REPLACE(pick);
	EOF
	build srv fix.c
	mkfifo "$TMP/gate"
	exec {GATE}<>"$TMP/gate"
	start_program sh -c 'exec ./srv 3<gate'
	expect go "$WANT"
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	say go
	until [ "$(cut -d' ' -f1 "/proc/$PID/syscall")" = 0 ] &&
		[ "$(cut -d' ' -f2 "/proc/$PID/syscall")" = 0x3 ]; do :; done
	hotfix_exit 4 revert fix -p $PID --wait 200ms
	echo >&$GATE
	answer
	is "$ANSWER" '212 8 725'
	hotfix revert fix -p $PID
	expect go "$WANT"
	finish
}

run_tests "$@"
