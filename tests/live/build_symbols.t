#!/bin/bash
# What undefined names of a replacement are bound to, and when not.
. "$(dirname "$0")/build_lib.sh"

two_files()
{
	mkdir -p "$TMP/src"
	source_of src/a.c <<-'EOF'
		static int counter = 10;
		static int *table[4];
		__attribute__((noinline)) static int step(int x) { return x + counter++; }
		__attribute__((noinline)) int run_a(int x) { table[x & 3] = &counter; return step(x) * 2 + 1000; }
	EOF
	source_of src/b.c <<-'EOF'
		#include <stdio.h>
		#include <errno.h>
		static int counter = 20;
		int shared_limit = 4;
		__thread int per_thread;
		__attribute__((noinline)) static int step(int x) { return x - counter++; }
		__attribute__((noinline)) int run_b(int x) { per_thread++; return step(x) * 3 + 1000; }
		int run_a(int x);
		int main(int c, char **v)
		{
			printf("%d %d %d\n", run_a(c), run_b(c), shared_limit);
			return 0;
		}
	EOF
	target srv src/a.c src/b.c
}

# fix.c with BODY that replaces run_a.
fix_of() # BODY [LINES BEFORE]
{
	printf '#include <hotfix/hotfix.h>\n%s\nint run_a(int x) { %s }\nHOTFIX_REPLACE(run_a);\n' \
		"${2:-}" "$1" >"$TMP/fix.c"
}

test_ambiguous_static_variable()
{
	two_files
	fix_of 'return counter + x;' 'extern int counter;'
	build_refused symbol-ambiguous srv fix.c
	stderr_says 'counter is the name of 2 different things'
	stderr_says 'a variable of .*src/a.c'
	stderr_says 'a variable of .*src/b.c'
	stderr_says 'HOTFIX_IMPORT_FROM'
}

test_source_file_decides()
{
	two_files
	fix_of 'return counter + x;' \
		'extern int counter; HOTFIX_IMPORT_FROM("src/b.c", counter);'
	build srv fix.c
	stdout_says '1 of srv'
	case $(import_of counter source) in
	*/src/b.c) ;;
	*) fail "$(import_of counter source)" ;;
	esac
	fix_of 'return counter + x;' \
		'extern int counter; HOTFIX_IMPORT_FROM("c.c", counter);'
	build_refused symbol-missing srv fix.c
	stderr_says 'looked for in source files called c.c'
}

# One name, two meanings, in one patch: the linker must keep them apart.
test_same_name_of_two_files()
{
	two_files
	fix_of 'return counter + step(x);' \
		'extern int counter, step(int);
		 HOTFIX_IMPORT_FROM("a.c", counter); HOTFIX_IMPORT_FROM("a.c", step);'
	source_of other.c <<-'EOF'
		#include <hotfix/hotfix.h>
		extern int counter, step(int);
		HOTFIX_IMPORT_FROM("b.c", counter);
		HOTFIX_IMPORT_FROM("b.c", step);
		int run_b(int x) { return counter - step(x); }
		HOTFIX_REPLACE(run_b);
	EOF
	build srv fix.c other.c
	is "$(note | grep -c '"name": "counter"')" 2
	is "$(note | grep -c '"name": "step"')" 2
	# Each replacement refers to its own file's.
	nm "$TMP/srv" | awk '$3 == "counter" { print $1 }' | sort >"$TMP/want"
	{
		printf '%016x\n' "$(import_of counter address)"
		printf '%016x\n' "$(import_of counter.hotfix.2 address)"
	} | sort | diff - "$TMP/want"
	objdump -dr --disassemble=run_b "$TMP/fix.hotfix.so" >"$TMP/code"
	grep -q 'counter.hotfix.2' "$TMP/code"
	grep -q 'step.hotfix.2' "$TMP/code"
}

# The same thing in two files is one import.
test_same_thing_of_two_files()
{
	two_files
	fix_of 'return shared_limit;' 'extern int shared_limit;'
	source_of other.c <<-'EOF'
		#include <hotfix/hotfix.h>
		extern int shared_limit;
		int run_b(int x) { return shared_limit + x; }
		HOTFIX_REPLACE(run_b);
	EOF
	build srv fix.c other.c
	is "$(note | grep -c '"name": "shared_limit"')" 1
}

test_missing_with_near_names()
{
	two_files
	fix_of 'return shared_limt;' 'extern int shared_limt;'
	build_refused symbol-missing srv fix.c
	stderr_says 'neither srv nor its libraries have'
	stderr_says 'did you mean shared_limit \(.*src/b.c\)'
}

# Its value would be taken for an int, whatever it is.
test_function_without_declaration()
{
	source_of srv.c <<-'EOF'
		char name[8];
		__attribute__((noinline)) char *find(int i) { return name + i * 3 + 1000; }
		__attribute__((noinline)) int run_a(int x) { return *find(x); }
		int main(int c, char **v) { return run_a(c - 334); }
	EOF
	target srv -std=gnu89 srv.c
	fix_of 'char *found = find(x); return *found;'
	build_exit 1 srv fix.c
	stderr_says 'implicit declaration of function .find'
	no_patch
	fix_of 'char *found = find(x); return *found;' 'extern char *find(int);'
	build srv fix.c
}

test_all_missing_names_at_once()
{
	two_files
	fix_of 'return first_one + second_one;' \
		'extern int first_one, second_one;'
	build_refused symbol-missing srv fix.c
	stderr_says 'uses (first|second)_one, which neither srv'
	stderr_says 'missing as well: (first|second)_one'
}

test_missing_because_inlined()
{
	source_of srv.c <<-'EOF'
		static inline int twice(int x) { return x * 2; }
		__attribute__((noinline)) int run_a(int x) { return twice(x) + 1000; }
		int main(int c, char **v) { return run_a(c); }
	EOF
	target srv srv.c
	fix_of 'return twice(x) + 1;' 'extern int twice(int);'
	build_refused symbol-missing srv fix.c
	stderr_says 'srv.c:1 defines it, but the compiler has inlined'
	stderr_says 'hint: copy the definition of twice\(\) into'
}

test_missing_function_to_replace()
{
	two_files
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int run_c(int x) { return x; }
		HOTFIX_REPLACE(run_c);
	EOF
	build_refused function-missing srv fix.c
	stderr_says 'did you mean run_a'
}

test_ambiguous_function_to_replace()
{
	two_files
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		static int mine(int x) { return x; }
		HOTFIX_REPLACE_AS(step, mine);
	EOF
	build_refused function-ambiguous srv fix.c
	stderr_says 'of .*src/a.c'
	stderr_says 'HOTFIX_REPLACE_IN'
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		static int mine(int x) { return x; }
		HOTFIX_REPLACE_IN("src/b.c", step, mine);
	EOF
	build srv fix.c
	stdout_says 'step\(\) by mine\(\), .*src/b.c'
	source_of plain.c <<-'EOF'
		int mine(int x) { return x; }
	EOF
	build srv plain.c --replace b.c:step=mine
	stdout_says 'step\(\) by mine\(\), .*src/b.c'
}

test_wrong_kinds()
{
	two_files
	fix_of 'return shared_limit(x);' 'extern int shared_limit(int);'
	build_refused symbol-kind srv fix.c
	stderr_says 'uses shared_limit as a function, but in srv it is a variable'

	fix_of 'return run_b;' 'extern int run_b;'
	build_refused symbol-kind srv fix.c
	stderr_says 'run_b is declared as a variable, but in the target it is a function'

	fix_of 'return per_thread;' 'extern int per_thread;'
	build_refused symbol-kind srv fix.c
	stderr_says 'extern __thread'

	fix_of 'return shared_limit;' 'extern __thread int shared_limit;'
	build_refused symbol-kind srv fix.c
	stderr_says 'as a thread-local variable, but in srv it is a variable'
}

test_wrong_type_of_variable()
{
	two_files
	fix_of 'return shared_limit;' 'extern long shared_limit;'
	build_refused type-mismatch srv fix.c
	stderr_says 'in the target: +int'
	stderr_says 'the replacement: +long'
}

test_thread_local_of_a_library()
{
	two_files
	fix_of 'return *(int *)h_errno_address;' 'extern __thread char *h_errno_address;'
	build_refused symbol-missing srv fix.c
}

# The version that the target itself is bound to.
test_symbol_versions()
{
	two_files
	fix_of 'return printf("x") + (memcpy(t, t + 2, x) != 0) + (getenv("x") != 0);' \
		'#include <stdio.h>
		 #include <string.h>
		 #include <stdlib.h>
		 char t[8];'
	build srv fix.c
	is "$(import_of printf version)" GLIBC_2.2.5
	is "$(import_of memcpy version)" GLIBC_2.14
	is "$(import_of memcpy kind)" ifunc
	is "$(import_of getenv library)" libc.so.6
}

test_library_in_runpath()
{
	mkdir -p "$TMP/lib"
	source_of lib.c <<-'EOF'
		int helper_table[3] = { 1, 2, 3 };
		int helper(int x) { return helper_table[x % 3]; }
		int never_used_by_srv(int x) { return x; }
	EOF
	source_of srv.c <<-'EOF'
		int helper(int);
		__attribute__((noinline)) int run_a(int x) { return helper(x) * 3 + 500; }
		int main(int c, char **v) { return run_a(c); }
	EOF
	target lib/libh.so.3 -fPIC -shared -Wl,-soname,libh.so.3 lib.c
	target srv srv.c lib/libh.so.3 -Wl,-rpath,'$ORIGIN/lib'
	fix_of 'return never_used_by_srv(helper_table[x]);' \
		'extern int helper_table[], never_used_by_srv(int);'
	build srv fix.c
	is "$(import_of never_used_by_srv library)" libh.so.3
	is "$(import_of helper_table kind)" object
	# What is not on this machine cannot be asked, and that is said.
	rm "$TMP/lib/libh.so.3"
	build_refused symbol-missing srv fix.c
	stderr_says 'libh.so.3 is not on this machine'
	# What the target itself imports is known all the same.
	fix_of 'return helper(x);' 'extern int helper(int);'
	build srv fix.c
	is "$(import_of helper in_module)" False
}

test_own_copy_of_a_variable_is_told()
{
	two_files
	fix_of 'static int calls; return ++calls + shared_limit;' \
		'int shared_limit = 4;'
	build srv fix.c
	stderr_says 'warning: fix.c defines shared_limit, and so does srv'
}

test_hidden_visibility()
{
	two_files
	fix_of 'return shared_limit + run_b(x);' \
		'#pragma GCC visibility push(hidden)
		 extern int shared_limit, run_b(int);
		 #pragma GCC visibility pop'
	build_refused symbol-hidden srv fix.c
	stderr_says 'declared with hidden visibility'
	fix_of 'return run_b(x);' \
		'extern int run_b(int) __attribute__((visibility("hidden")));'
	build srv fix.c
	is "$(import_of run_b in_module)" True
}

run_tests "$@"
