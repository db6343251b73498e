#!/bin/bash
# What hotfix-build refuses, each with its reason and a way out.
. "$(dirname "$0")/build_lib.sh"

small() # BODY OF f, then lines before it
{
	source_of srv.c <<-'EOF'
		int value;
		__attribute__((noinline)) int f(int a) { value += a; return value * 3 + 77; }
		int main(int c, char **v) { return f(c); }
	EOF
	printf '#include <hotfix/hotfix.h>\n%s\nint f(int a) { %s }\nHOTFIX_REPLACE(f);\n' \
		"${2:-}" "$1" >"$TMP/fix.c"
	target srv srv.c
}

test_new_thread_local()
{
	small 'static __thread int mine; return ++mine + a;'
	build_refused needs-tls srv fix.c
	stderr_says 'defines a thread-local variable, mine'
	stderr_says 'threads that run already would not have'
}

test_constructor()
{
	small 'return a;' 'extern int value; __attribute__((constructor)) static void start(void) { value++; }'
	build_refused needs-constructor srv fix.c
	stderr_says 'section .init_array'
	stderr_says 'hint: use HOTFIX_POST_APPLY'
	small 'return a;' 'extern int value; __attribute__((destructor)) static void stop(void) { value++; }'
	build_refused needs-constructor srv fix.c
}

test_ifunc_of_its_own()
{
	small 'return many(a);' 'static int one(int a) { return a; }
		static void *choose(void) { return one; }
		int many(int a) __attribute__((ifunc("choose")));'
	build_refused needs-ifunc srv fix.c
	stderr_says 'defines an IFUNC, many'
}

test_no_build_id()
{
	small 'return a;'
	(cd "$TMP" && gcc -O2 -g -Wl,--build-id=none -o srv srv.c)
	build_refused no-build-id srv fix.c
	stderr_says 'hint: link the target with -Wl,--build-id'
}

test_no_elf_files()
{
	small 'return a;'
	echo 'int main' >"$TMP/text"
	build_exit 1 text fix.c
	stderr_says 'text: not an ELF file'
	build_exit 1 nowhere fix.c
	stderr_says 'cannot open nowhere: No such file'
	(cd "$TMP" && gcc -c srv.c -o srv.o)
	build_refused not-a-module srv.o fix.c
	head -c 3000 "$TMP/srv" >"$TMP/half"
	build_exit 1 half fix.c
	stderr_says 'half: damaged'
	build_exit 1 srv nowhere.c
	stderr_says 'cannot read nowhere.c: No such file'
}

test_replaced_twice()
{
	small 'return a;'
	cp "$TMP/fix.c" "$TMP/again.c"
	sed -i 's/int f(/int f2(/; s/REPLACE(f)/REPLACE_AS(f, f2)/' "$TMP/again.c"
	build_refused replaced-twice srv fix.c again.c
	stderr_says 'f\(\) is replaced twice, by f\(\) of fix.c and f2\(\) of again.c'
	small 'return a;' 'int main(int c, char **v);'
	echo 'HOTFIX_REPLACE_AS(main, f);' >>"$TMP/fix.c"
	build_refused replaced-twice srv fix.c
	stderr_says 'of fix.c replaces two functions, main\(\) and f\(\)'
}

test_function_too_short()
{
	source_of srv.s <<-'EOF'
		.globl f, g, main
		.type f, @function
		f: ret
		.size f, . - f
		.type g, @function
		g: push %rbx
		pop %rbx
		ret
		.size g, . - g
		.type main, @function
		main: call f
		jmp g
		.size main, . - main
		.section .note.GNU-stack,"",@progbits
	EOF
	(cd "$TMP" && gcc -Wl,--build-id -o srv srv.s)
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		int f(void) { return 1; }
		HOTFIX_REPLACE(f);
	EOF
	build_exit 3 srv fix.c --json
	case $(json error.code) in
	site-*) ;;
	*) fail "$STDOUT" ;;
	esac
	stderr_says 'f\(\) in srv: '
}

test_ifunc_and_variable_as_function()
{
	source_of srv.c <<-'EOF'
		int f;
		static int one(int a) { return a * 3 + 77; }
		static void *choose(void) { return one; }
		int g(int a) __attribute__((ifunc("choose")));
		int main(int c, char **v) { return g(c) + f; }
	EOF
	target srv srv.c
	source_of fix.c <<-'EOF'
		#include <hotfix/hotfix.h>
		static int mine(int a) { return a; }
		HOTFIX_REPLACE_AS(g, mine);
	EOF
	build_refused function-ifunc srv fix.c
	sed -i s/g,/f,/ "$TMP/fix.c"
	build_refused symbol-kind srv fix.c
	stderr_says 'f in srv is a variable, no function'
}

test_names()
{
	small 'return a;'
	build_exit 1 srv fix.c --name 'a/b'
	stderr_says '"a/b" cannot be the name of a patch'
	build srv fix.c --name v1.2-final_3
	note_says '"name": "v1.2-final_3"'
}

test_usage()
{
	program_exit 2 "$BUILD"
	stderr_says 'error: --target is missing'
	program_exit 2 "$BUILD" --target x fix.c
	stderr_says 'error: -o is missing'
	program_exit 2 "$BUILD" --target x -o y
	stderr_says 'error: no source file'
	program_exit 2 "$BUILD" --nonsense
	stderr_says "unrecognized option '--nonsense'"
	program_exit 2 "$BUILD" --target x -o y --replace =f fix.c
	stderr_says 'error: --replace wants OLD'
	program_exit 0 "$BUILD" --help
	stdout_says 'usage: hotfix-build --target BIN'
	program_exit 0 "$BUILD" --version
	stdout_says '^hotfix-build [0-9]'
}

test_output_cannot_be_written()
{
	small 'return a;'
	build_exit 1 srv fix.c -o nowhere/fix.hotfix.so
	stderr_says 'cannot write nowhere/fix.hotfix.so.tmp: No such file'
	mkdir "$TMP/dir.hotfix.so"
	build_exit 1 srv fix.c -o dir.hotfix.so
	stderr_says 'cannot write dir.hotfix.so: Is a directory'
	[ ! -e "$TMP/dir.hotfix.so.tmp" ]
}

test_kept_temporary_files()
{
	small 'return a;'
	build srv fix.c --keep-temps
	stderr_says 'intermediate files are in '
	ls "$TMP"/tmp/hotfix-build.*/0.o >/dev/null
}

# The stand-in for a compiler says when it is at work and does not end by itself.
test_stopped_while_compiling()
{
	local build
	small 'return a;'
	mkfifo "$TMP/at-work"
	mkdir -p "$TMP/tmp"
	cat >"$TMP/cc" <<-EOF
		#!/bin/sh
		case "\$*" in *--version*) exec gcc "\$@" ;; esac
		echo started >$TMP/at-work
		exec sleep 1000
	EOF
	chmod +x "$TMP/cc"
	(cd "$TMP" && TMPDIR=$TMP/tmp CC=$TMP/cc exec "$BUILD" --target srv \
		-o fix.hotfix.so fix.c 2>"$TMP/stderr") &
	build=$!
	read -r _ <"$TMP/at-work"
	kill -TERM $build
	wait $build && fail 'a stopped build succeeded'
	grep -q 'stopped by signal 15; nothing was written' "$TMP/stderr"
	is "$(ls -A "$TMP/tmp")" '' 'temporary files left'
	no_patch
}

test_hook_twice()
{
	small 'return a;' 'static void done(void) { }'
	echo 'HOTFIX_POST_APPLY(done); HOTFIX_POST_APPLY(done);' >>"$TMP/fix.c"
	build_refused hook-twice srv fix.c
}

run_tests "$@"
