#!/bin/bash
# Functions that changed no memory: callers were compiled knowing that.
. "$(dirname "${BASH_SOURCE[0]}")/build_lib.sh"

shop()
{
	source_of shop.c <<-'EOF'
		int rate = 3, calls;
		__attribute__((noinline)) int price(int x)
		{
			int sum = 0;
			for (int i = 0; i < x; i++)
				sum += i * rate;
			return sum;
		}
		__attribute__((noinline)) int counted(int x)
		{
			calls++;
			return x * rate;
		}
		int main(int c, char **v)
		{
			int before = calls;
			return price(c) + counted(c) + calls - before;
		}
	EOF
	target shop shop.c
}

# What the fix for FUNCTION does with x.
fix_of() # FUNCTION BODY
{
	source_of fix.c <<-EOF
		#include <hotfix/hotfix.h>
		extern int calls;
		int other(int);
		int $1(int x) { $2 }
		HOTFIX_REPLACE($1);
	EOF
}

relied='may have been compiled to rely on that'

test_pure_function_that_now_writes()
{
	shop
	fix_of price 'calls++; return x;'
	build shop fix.c
	stderr_says "price.* changed no memory and the replacement may: main.*$relied"
}

test_pure_function_that_now_calls()
{
	shop
	fix_of price 'extern int puts(const char *); return puts("x") + x;'
	build shop fix.c
	stderr_says "$relied"
}

test_still_pure()
{
	shop
	fix_of price 'return x * 2;'
	build shop fix.c
	! grep "$relied" "$TMP/stderr"
}

test_never_pure()
{
	shop
	fix_of counted 'calls += 2; return x;'
	build shop fix.c
	! grep "$relied" "$TMP/stderr"
}

# Callers in other files know only the declaration.
test_caller_in_another_file()
{
	source_of price.c <<-'EOF'
		int price(int x) { int s = 1; while (x-- > 0) s *= x; return s; }
	EOF
	source_of main.c <<-'EOF'
		int calls;
		int price(int);
		int main(int c, char **v) { return price(c) + calls; }
	EOF
	target shop main.c price.c
	fix_of price 'calls++; return x;'
	build shop fix.c
	! grep "$relied" "$TMP/stderr"
}

run_tests "$@"
