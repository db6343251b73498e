#!/bin/bash
# Registers that callers expect to survive, because the original left them
# alone (gcc -fipa-ra): a replacement that does not is entered through code
# that saves them. Seen in a running process.
. "$(dirname "$0")/build_lib.sh"

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

run_tests "$@"
