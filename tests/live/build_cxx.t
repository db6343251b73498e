#!/bin/bash
# Replacement sources for programs in C++: what exceptions may pass is refused.
. "$(dirname "$0")/build_lib.sh"

# int f(int) may throw, and main() catches it with CATCH.
throwing() # [CATCH]
{
	source_of srv.cc <<-EOF
		#include <stdlib.h>
		__attribute__((noinline)) int check(int a) { if (a > 9) throw a; return a * 3; }
		__attribute__((noinline)) int f(int a) { return check(a) + 77; }
		extern "C" __attribute__((noinline)) int plain(int a) { return check(a); }
		int main(int c, char **v)
		{
			${1-try {}
				return f(c) + plain(c);
			${1-\} catch (int) { return 1; \}}
		}
	EOF
	TARGET_CC=g++ target srv srv.cc
}

fix_of() # BODY OF f, then lines before it
{
	printf '#include <hotfix/hotfix.h>\n%s\nint f(int a) { %s }\nHOTFIX_REPLACE_AS(_Z1fi, f);\n' \
		"${2:-}" "$1" >"$TMP/fix.c"
}

test_original_that_throws()
{
	throwing
	printf '#include <hotfix/hotfix.h>\nint _Z1fi(int a) { return HOTFIX_ORIGINAL(_Z1fi)(a) + 1; }\nHOTFIX_REPLACE(_Z1fi);\n' \
		>"$TMP/fix.c"
	build_refused needs-unwind-entries srv fix.c
	stderr_says '_Z1fi\(\) \(fix.c\) calls _Z1fi\(\), which may throw'
	stderr_says 'hint: .*--nothrow _Z1fi'
}

test_callees_that_throw()
{
	throwing
	fix_of 'return _Z5checki(a) + 1;' 'extern int _Z5checki(int);'
	build_refused needs-unwind-entries srv fix.c
	stderr_says 'f\(\) \(fix.c\) calls _Z5checki\(\), which may throw'
	fix_of 'return plain(a) + 1;' 'extern int plain(int);'
	build_refused needs-unwind-entries srv fix.c
	stderr_says 'calls plain\(\), which may throw'
	fix_of 'return help(a) + 1;' 'extern int plain(int);
		static __attribute__((noinline)) int help(int a) { return plain(a) * 2; }'
	build_refused needs-unwind-entries srv fix.c
	stderr_says 'calls plain\(\), which may throw'
}

test_pointers()
{
	throwing
	fix_of 'return go(a) + 1;' 'int (*volatile go)(int);'
	build_refused needs-unwind-entries srv fix.c
	stderr_says 'calls by a pointer, which may throw'
}

test_what_throws_nothing()
{
	throwing
	fix_of 'return a > 9 ? abs(a) : 5;' '#include <stdlib.h>'
	build srv fix.c
}

# Nobody would catch it with the old code either.
test_nothing_is_caught()
{
	throwing ''
	fix_of 'return _Z5checki(a) + 1;' 'extern int _Z5checki(int);'
	build srv fix.c
}

test_stated()
{
	throwing
	fix_of 'return _Z5checki(a) + 1;' 'extern int _Z5checki(int);'
	build srv fix.c --nothrow f
	stderr_says '--nothrow: stated that no exception passes f\(\)'
	note | grep -q 'stated that no exception passes f()' || fail "$(note)"
	build_refused option-unused srv fix.c --nothrow f --nothrow g
	stderr_says '--nothrow g: no function of that name is unwound'
}

test_clean_ups_of_its_own()
{
	throwing
	fix_of 'int one __attribute__((cleanup(clean))) = a; return _Z5checki(a) + one;' \
		'extern int _Z5checki(int); int sum; static void clean(int *p) { sum += *p; }'
	CC='gcc -fexceptions' build_refused needs-exception-tables srv fix.c
	stderr_says 'f\(\) \(fix.c\) has clean-ups'
}

run_tests "$@"
