#!/bin/bash
# A recorded build makes what a plain one makes, and is seen completely.
. "$(dirname "$0")/lib.sh"
# Our own make's flags are not those of the builds here.
unset MAKEFLAGS MFLAGS MAKELEVEL

CC_TOOL=$HOTFIX_O/hotfix-cc
REC=

# A project of three sources in $TMP/src, which prints 6.
project()
{
	mkdir -p "$TMP/src"
	cd "$TMP/src"
	echo 'int one(void) { return 1; }' >one.c
	cat >two.c <<-'EOS'
		#include "five.h"
		static int hidden(int x) { return x; }
		int unused(void) { return 77; }
		int two(void) { return hidden(FIVE) - 3; }
	EOS
	echo '#define FIVE 5' >five.h
	cat >main.c <<-'EOS'
		#include <stdio.h>
		int one(void);
		int two(void);
		int main(void) { printf("%d\n", one() + two() + 3); return 0; }
	EOS
}

record() # COMMAND...: $REC is the recording; its list is in $TMP/list
{
	REC=$TMP/rec
	rm -rf "$REC"
	program_exit 0 "$CC_TOOL" --record "$REC" "$@"
	listed
}

listed()
{
	"$CC_TOOL" --list "$REC" >"$TMP/list"
	! grep '^failure' "$TMP/list" || fail 'something was not recorded'
	is "$(ls "$REC/tmp")" '' 'unfinished files'
}

# The link of OUTPUT has exactly these inputs, "name<-source", in this order,
# below $TMP/src; and every copy is the object that its digest says.
linked() # OUTPUT INPUT<-SOURCE...
{
	local output=$TMP/src/$1
	shift
	awk -v output="$output" -v base="$TMP/src/" '
		/^link/ { found = $2 == output; next }
		/^ / && found { sub(base, "", $2); sub(base, "", $4); print $2 $3 $4; next }
		!/^ / { found = 0 }' "$TMP/list" >"$TMP/inputs"
	is "$(<"$TMP/inputs")" "$(printf '%s\n' "$@")" "inputs of $output"
	local object
	for object in "$REC"/objects/*.o; do
		[ ! -e "$object" ] ||
			is "$(sha256sum <"$object")" "$(basename "$object" .o)  -"
	done
}

works() { is "$("$TMP/src/$1")" 6 "what $1 prints"; }

needs() { command -v "$1" >/dev/null || skip "no $1"; }

# --- compilers, linkers, ways to make a program ----------------------------------

three() { printf '%s\n' 'main.o<-main.c' 'one.o<-one.c' 'two.o<-two.c'; }

compile_and_link() # CC [LINK OPTION]...
{
	project
	cat >build.sh <<-EOS
		set -e
		for f in main one two; do
			$1 -O2 -c \$f.c
		done
		$1 -o prog main.o one.o two.o ${*:2}
	EOS
	record sh build.sh
	works prog
	linked prog $(three)
}

test_gcc()
{
	compile_and_link gcc
	# A section for each function, and debug information.
	readelf -SW two.o >"$TMP/sections"
	grep -q ' \.text\.unused ' "$TMP/sections" || fail 'one section'
	grep -q ' \.debug_info ' "$TMP/sections" || fail 'no debug information'
}

test_gcc_by_version() { needs gcc-12; compile_and_link gcc-12; }
test_gcc_by_triplet() { needs x86_64-linux-gnu-gcc; compile_and_link x86_64-linux-gnu-gcc; }
test_gcc_by_path() { compile_and_link "$(command -v gcc)"; }

test_gxx()
{
	needs g++
	project
	for f in *.c; do mv $f ${f%c}cc; done
	record sh -ec 'g++ -O2 -c main.cc one.cc; g++ -x c++ -c two.cc
		g++ -o prog main.o one.o two.o'
	works prog
	linked prog 'main.o<-main.cc' 'one.o<-one.cc' 'two.o<-two.cc'
}

test_clang() { needs clang; compile_and_link clang; }
test_gold() { needs ld.gold; compile_and_link gcc -fuse-ld=gold; }
test_lld() { needs ld.lld; compile_and_link gcc -fuse-ld=lld; }
test_musl_gcc() { needs musl-gcc; compile_and_link musl-gcc; }
test_static_program() { compile_and_link gcc -static; }
test_stripped_program() { compile_and_link gcc -s; }

# What is in the cache already is compiled all the same.
test_ccache()
{
	needs ccache
	export CCACHE_DIR=$TMP/ccache
	project
	for f in main one two; do ccache gcc -O2 -c $f.c; done
	compile_and_link 'ccache gcc'
	[ ! -d /usr/lib/ccache ] || PATH=/usr/lib/ccache:$PATH compile_and_link gcc
}

test_archives()
{
	project
	record sh -ec 'gcc -c main.c one.c two.c; mkdir lib
		ar rcs lib/libone.a one.o; ar rcsT thin.a two.o
		echo "int never;" >never.c; gcc -c never.c; ar r lib/libone.a never.o
		for l in bfd gold lld; do
			command -v ld.$l >/dev/null || continue
			gcc -fuse-ld=$l -o prog.$l main.o -Llib -lone thin.a
		done; rm -f *.o lib/*'
	local l
	for l in bfd gold lld; do
		[ -e "$TMP/src/prog.$l" ] || continue
		works prog.$l
		linked prog.$l 'main.o<-main.c' 'lib/libone.a(one.o)<-one.c' \
			'two.o<-two.c'
	done
}

# Names that ar cannot keep in a header, and two members of one name.
test_archive_with_odd_names()
{
	project
	record sh -ec 'mkdir a b; gcc -c main.c
		gcc -c one.c -o "a/a very long (name) of an object.o"
		gcc -c two.c -o b/same.o; gcc -c -Done=other one.c -o a/same.o
		ar qcs x.a "a/a very long (name) of an object.o" a/same.o b/same.o
		gcc -o prog main.o x.a'
	works prog
	grep -q 'x.a(a very long (name) of an object.o)' "$TMP/list"
	grep -q 'x.a(same.o) <- .*/two.c' "$TMP/list"
}

test_partial_links()
{
	project
	record sh -ec 'gcc -c main.c one.c two.c
		ld -r -o part.o one.o two.o; gcc -r -o all.o main.o part.o
		objcopy --localize-symbol=one all.o; mv one.o one.o.old
		gcc -o prog all.o; gcc -o prog2 part.o main.o
		ld -r -o part.o one.o.old two.o; mv part.o renamed.o
		gcc -o prog3 renamed.o main.o'
	works prog
	linked prog3 'one.o.old<-one.c' 'two.o<-two.c' 'main.o<-main.c'
	linked prog $(three)
	linked prog2 'one.o<-one.c' 'two.o<-two.c' 'main.o<-main.c'
}

test_shared_library()
{
	project
	record sh -ec 'gcc -fPIC -c one.c two.c; gcc -c main.c
		gcc -shared -o libx.so one.o two.o
		gcc -o prog main.o ./libx.so'
	works prog
	linked libx.so 'one.o<-one.c' 'two.o<-two.c'
	linked prog 'main.o<-main.c'
}

# The objects are gone when the command is done.
test_compiled_and_linked_at_once()
{
	local cc
	project
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		record $cc -O2 -MMD main.c one.c two.c -o prog
		works prog
		linked prog 'prog-main.o<-main.c' 'prog-one.o<-one.c' \
			'prog-two.o<-two.c'
	done
	record sh -ec 'gcc -c one.c; gcc main.c one.o two.c'
	works a.out
	linked a.out 'a.out-main.o<-main.c' 'one.o<-one.c' 'a.out-two.o<-two.c'
}

# Same name, same content, overwritten: found by what they are.
test_objects_that_are_overwritten()
{
	project
	record sh -ec 'gcc -c main.c; gcc -c two.c
		gcc -c one.c -o x.o; gcc -o prog main.o two.o x.o
		gcc -DFIVE=4 -c two.c -o x.o 2>/dev/null; rm x.o'
	linked prog 'main.o<-main.c' 'two.o<-two.c' 'x.o<-one.c'
}

# Two sources, one content: who made which is told by the name.
test_objects_of_the_same_content()
{
	project
	record sh -ec 'gcc -S one.c; cp one.s eins.s; gcc -c eins.s one.s
		mkdir sub; gcc -c eins.s -o sub/one.o; gcc -c main.c two.c
		gcc -o prog main.o one.o two.o; gcc -o prog2 main.o eins.o two.o
		gcc -o prog3 main.o sub/one.o two.o
		ar rc x.a one.o; gcc -o prog4 main.o x.a two.o'
	linked prog 'main.o<-main.c' 'one.o<-one.s' 'two.o<-two.c'
	linked prog2 'main.o<-main.c' 'eins.o<-eins.s' 'two.o<-two.c'
	linked prog3 'main.o<-main.c' 'sub/one.o<-eins.s' 'two.o<-two.c'
	linked prog4 'main.o<-main.c' 'x.a(one.o)<-one.s' 'two.o<-two.c'
}

# A script that is called like a compiler, and the compiler that it runs.
test_compiler_that_runs_another()
{
	project
	mkdir "$TMP/bin"
	printf '#!/bin/sh\nexec gcc -DX "$@"\n' >"$TMP/bin/cc"
	chmod +x "$TMP/bin/cc"
	record env PATH="$TMP/bin:$PATH" sh -ec 'cc -c main.c one.c two.c
		cc -o prog main.o one.o two.o'
	works prog
	linked prog $(three)
	is "$(grep -c ^compile "$TMP/list")" 3
}

test_response_files()
{
	project
	record sh -ec 'echo "-c \"main.c\" one.c" >c.rsp
		gcc @c.rsp; gcc -c two.c
		printf "%s\n" main.o @more.rsp >l.rsp; echo one.o two.o >more.rsp
		gcc -o prog @l.rsp; rm *.rsp'
	works prog
	linked prog $(three)
}

test_assembler_is_left_alone()
{
	project
	record sh -ec 'gcc -O2 -S one.c; gcc -S -x c two.c -o two.S
		gcc -c one.s; gcc -c two.S; gcc -c main.c; gcc -o prog main.o one.o two.o'
	works prog
	linked prog 'main.o<-main.c' 'one.o<-one.s' 'two.o<-two.S'
	! readelf -SW one.o | grep -q debug_info || fail 'flags for assembly'
	is "$(grep -l '"assembler": true' "$REC"/compiles/* | wc -l)" 2
}

test_link_time_optimisation()
{
	local cc
	project
	for cc in gcc clang; do
		command -v $cc >/dev/null || continue
		[ $cc = gcc ] || needs ld.lld
		record sh -ec "$cc -flto -O2 -c main.c one.c; $cc -O2 -c two.c
			$cc -flto -O2 $([ $cc = gcc ] || echo -fuse-ld=lld) -o prog main.o one.o two.o"
		works prog
		linked prog $(three)
		grep -q 'compile .*one.c .*(lto)' "$TMP/list" || fail 'not lto'
		! grep -q 'compile .*two.c .*(lto)' "$TMP/list" || fail 'lto'
	done
	record sh -ec 'gcc -flto -ffat-lto-objects -c one.c'
	! grep -q '(lto)' "$TMP/list" || fail 'fat objects hold code'
}

# What the optimiser made for OUTPUT: the objects with code, one a line.
optimised_code() # OUTPUT
{
	awk -v output="$TMP/src/$1" '/^optimised/ && $2 == output { print $3 }' \
		"$TMP/list" | while read -r object; do
		! readelf -SW "$object" | grep -q ' \.text\.' || echo "$object"
	done
}

# FUNCTION is in a section of its own, and there is DWARF.
has_function() # OUTPUT FUNCTION
{
	optimised_code "$1" | while read -r object; do
		! readelf -SW "$object" | grep -q "\.text[.a-z]*\.$2 " ||
			! readelf -SW "$object" | grep -q '\.debug_info' || echo yes
	done | grep -q yes || fail "$2() of $1 was not seen"
}

test_optimiser_of_gcc()
{
	local fat partition
	for fat in -ffat-lto-objects -fno-fat-lto-objects; do
		for partition in balanced max none; do
			project
			record sh -ec "gcc -O2 -flto $fat -c main.c one.c two.c
				gcc -flto -flto-partition=$partition -o prog main.o one.o two.o"
			works prog
			is "$STDOUT" '' 'what the build printed'
			linked prog $(three)
			is "$(grep -c '(optimised)' "$TMP/list")" 3
			has_function prog main
		done
	done
	is "$(optimised_code prog | wc -l)" 1
	# Files of the optimiser that stay are no inputs either.
	record sh -ec 'gcc -O2 -flto -c main.c one.c two.c
		gcc -flto -flto-partition=none -save-temps -o prog main.o one.o two.o'
	linked prog $(three)
	# Code of both kinds: what is fat is no input of its own.
	record sh -ec 'gcc -O2 -flto -ffat-lto-objects -c main.c one.c; gcc -O2 -c two.c
		gcc -flto -o prog main.o one.o two.o'
	is "$(grep -c '(optimised)' "$TMP/list")" 2
	# Nothing was optimised: then it is.
	record sh -ec 'gcc -O2 -flto -ffat-lto-objects -c main.c one.c two.c
		gcc -fno-lto -o prog main.o one.o two.o'
	linked prog $(three)
	! grep -q optimised "$TMP/list" || fail 'optimised'
}

test_optimiser_with_gold()
{
	needs ld.gold
	project
	record sh -ec 'gcc -O2 -flto -c main.c one.c; gcc -O2 -c two.c
		gcc -flto -fuse-ld=gold -o prog main.o one.o two.o'
	works prog
	linked prog 'two.o<-two.c' 'main.o<-main.c' 'one.o<-one.c'
	is "$(grep -c '(optimised)' "$TMP/list")" 2
	has_function prog main
}

test_optimiser_in_shared_library()
{
	project
	record sh -ec 'gcc -O2 -fPIC -flto -c one.c two.c; gcc -O2 -flto -c main.c
		gcc -shared -flto -o libx.so one.o two.o
		gcc -o prog main.o -L. -lx -Wl,-rpath,"$PWD"'
	works prog
	linked libx.so 'one.o<-one.c' 'two.o<-two.c'
	has_function libx.so two
	has_function prog main
}

test_optimiser_under_make()
{
	project
	cat >Makefile <<-'EOS'
		all: prog prog2
		prog: main.o libx.a ; +gcc -flto=jobserver -flto-partition=max -o $@ main.o -L. -lx
		prog2: main.o libx.a ; +gcc -flto=auto -save-temps -o $@ main.o -L. -lx
		libx.a: one.o two.o ; gcc-ar rcs $@ $^
		%.o: %.c ; gcc -O2 -flto -c -o $@ $<
	EOS
	record make -j2
	works prog
	works prog2
	linked prog 'main.o<-main.c' 'libx.a(one.o)<-one.c' 'libx.a(two.o)<-two.c'
	has_function prog main
	has_function prog2 main
}

# An incremental link makes intermediate code again, or machine code.
test_optimiser_in_partial_link()
{
	local kind
	for kind in rel nolto-rel; do
		project
		record sh -ec "gcc -O2 -flto -c main.c one.c two.c
			gcc -O2 -flto -r -flinker-output=$kind -o both.o one.o two.o
			gcc -O2 -flto -o prog main.o both.o"
		works prog
		linked prog $(three)
		is "$(grep -c '(optimised)' "$TMP/list")" 3 $kind
		has_function prog main
		[ $kind = rel ] || has_function prog two
	done
}

# As a plain one: what it prints, and leaves in the tree and for temporary files.
test_optimised_tree_is_that_of_a_plain_build()
{
	project
	cat >Makefile <<-'EOS'
		prog: main.o one.o two.o ; $(CC) -flto -O2 -o $@ $^
		%.o: %.c ; $(CC) -flto -O2 -c -o $@ $<
	EOS
	cp -r "$TMP/src" "$TMP/plain"
	mkdir "$TMP/temporary"
	make -C "$TMP/plain" CC=gcc >"$TMP/plain.log" 2>&1
	TMPDIR=$TMP/temporary record make CC=gcc
	is "$(cat "$TMP/stdout" "$TMP/stderr" | sort)" \
		"$(grep -v directory "$TMP/plain.log" | sort)" output
	is "$(ls "$TMP/src")" "$(ls "$TMP/plain")"
	is "$(ls "$TMP/temporary")" ''
}

# --- build systems ------------------------------------------------------------------

makefile()
{
	cat >Makefile <<-'EOS'
		prog: main.o libx.a ; $(CC) -o $@ main.o -L. -lx
		libx.a: one.o two.o ; $(AR) rcs $@ $^
		%.o: %.c ; $(CC) -O2 -MMD -c -o $@ $<
		-include $(wildcard *.d)
	EOS
}

test_make_in_parallel()
{
	project
	makefile
	for i in $(seq 40); do
		echo "int f$i(void) { return $i; }" >f$i.c
	done
	sed -i 's/libx.a ;/libx.a $(patsubst %.c,%.o,$(wildcard f[0-9]*.c)) ;/
		s/main.o -L/$(filter %.o,$^) -L/' Makefile
	record make -j4
	works prog
	is "$(grep -c '^compile' "$TMP/list")" 43
	awk '/^link/ { print "link" } /^ / { print $2 }' "$TMP/list" >"$TMP/inputs"
	is "$(wc -l <"$TMP/inputs")" 44
}

# Same files, same modes, same content but for the objects and programs.
test_tree_is_that_of_a_plain_build()
{
	project
	makefile
	cp -r "$TMP/src" "$TMP/plain"
	make -C "$TMP/plain" >"$TMP/plain.log" 2>&1
	record make
	is "$(<"$TMP/stdout")" "$(grep -v directory "$TMP/plain.log")" output
	listing() { (cd "$1" && find . -printf '%P %y %m\n' | sort; cat *.d *.c); }
	is "$(listing "$TMP/src")" "$(listing "$TMP/plain")"
}

test_configured_build()
{
	project
	cat >configure <<-'EOS'
		#!/bin/sh
		cat >conftest.c <<X
		int main(void) { return 0; }
		X
		gcc -o conftest conftest.c && ./conftest || exit 1
		echo 'int main(void) { return }' >conftest.c
		! gcc -c conftest.c 2>/dev/null || exit 1
		gcc --version | grep -q '^gcc' || exit 1
		gcc -Wl,--version 2>/dev/null | grep -qi '^GNU ld' || exit 1
		echo main | gcc -E - | grep -q main || exit 1
		rm -f conftest*
	EOS
	makefile
	record sh -ec 'sh ./configure; make'
	works prog
	is "$(grep -c ^compile "$TMP/list")" 3
	is "$(grep -c ^link "$TMP/list")" 1
}

test_libtool()
{
	needs libtool
	project
	record sh -ec 'lt="libtool --tag=CC"
		for f in one two; do $lt --mode=compile gcc -O2 -c $f.c; done
		$lt --mode=link gcc -o libx.la one.lo two.lo -rpath /usr/lib
		$lt --mode=compile gcc -c main.c
		$lt --mode=link gcc -o prog main.lo libx.la'
	works prog
	linked .libs/libx.so.0.0.0 '.libs/one.o<-one.c' '.libs/two.o<-two.c'
	linked .libs/prog '.libs/main.o<-main.c' ||
		linked .libs/prog 'main.o<-main.c'
}

test_cmake_and_ninja()
{
	needs cmake
	needs ninja
	project
	cat >CMakeLists.txt <<-'EOS'
		cmake_minimum_required(VERSION 3.10)
		project(p C)
		add_library(x STATIC one.c two.c)
		add_executable(prog main.c)
		target_link_libraries(prog x)
	EOS
	record sh -ec 'cmake -GNinja -B b . && ninja -C b'
	works b/prog
	linked b/prog 'b/CMakeFiles/prog.dir/main.c.o<-main.c' \
		'b/libx.a(one.c.o)<-one.c' 'b/libx.a(two.c.o)<-two.c'
	is "$(grep -c ^link "$TMP/list")" 1
}

test_meson()
{
	needs meson
	project
	cat >meson.build <<-'EOS'
		project('p', 'c')
		x = static_library('x', 'one.c', 'two.c')
		executable('prog', 'main.c', link_with: x)
	EOS
	record sh -ec 'meson setup b && ninja -C b'
	works b/prog
	grep -q 'main.c.o <- .*/main.c' "$TMP/list"
	grep -q 'two.c.o.* <- .*/two.c' "$TMP/list"
}

# The second build makes only what has changed, and still knows all.
test_build_that_continues_another()
{
	project
	makefile
	sed -i 's/libx.a ;/libx.a part.o ;/; s/-lx/-lx part.o/' Makefile
	echo 'part.o: p.o ; ld -r -o $@ $^' >>Makefile
	echo 'int p(void) { return 1; }' >p.c
	record make
	touch -d +1hour five.h
	mv "$REC" "$TMP/first"
	program_exit 0 "$CC_TOOL" --continue "$TMP/first" "$REC" make
	listed
	is "$(grep -c ^compile "$TMP/list")" 1
	is "$(grep -c ^link "$TMP/list")" 1
	linked prog 'main.o<-main.c' 'libx.a(one.o)<-one.c' \
		'libx.a(two.o)<-two.c' 'p.o<-p.c'
}

# --- whoever starts the compiler ------------------------------------------------------

starter()
{
	cat >"$TMP/start.c" <<-'EOS'
		#include <spawn.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/wait.h>
		#include <unistd.h>
		extern char **environ;
		#define ARGS "gcc", "-c", "one.c", (char *)0
		static char *args[] = { ARGS };
		static char *bare[] = { "PATH=/usr/bin:/bin", 0 };
		static char *with[] = { "PATH=/usr/bin:/bin", "LD_PRELOAD=", 0 };
		int main(int argc, char **argv)
		{
			const char *how = argv[argc - 1];
			int status = -1;
			pid_t pid;

			if (!strcmp(how, "posix_spawn"))
				posix_spawn(&pid, "/usr/bin/gcc", 0, 0, args, environ);
			else if (!strcmp(how, "posix_spawnp"))
				posix_spawnp(&pid, "gcc", 0, 0, args, bare);
			else if (!(pid = vfork())) {
				if (!strcmp(how, "execve"))
					execve("/usr/bin/gcc", args, environ);
				if (!strcmp(how, "execve-bare"))
					execve("/usr/bin/gcc", args, bare);
				if (!strcmp(how, "execve-empty"))
					execve("/usr/bin/gcc", args, with);
				if (!strcmp(how, "execv"))
					execv("/usr/bin/gcc", args);
				if (!strcmp(how, "execvp"))
					execvp("gcc", args);
		#ifdef __GLIBC__
				if (!strcmp(how, "execvpe"))
					execvpe("gcc", args, bare);
		#endif
				if (!strcmp(how, "execl"))
					execl("/usr/bin/gcc", ARGS);
				if (!strcmp(how, "execlp"))
					execlp("gcc", ARGS);
				if (!strcmp(how, "execle"))
					execle("/usr/bin/gcc", ARGS, bare);
				_exit(99);
			}
			waitpid(pid, &status, 0);
			return status;
		}
	EOS
	${1:-gcc} -w -o "$TMP/start" "$TMP/start.c"
}

starts_are_seen() # HOW...
{
	for how; do
		rm -f one.o
		record "$TMP/start" $how
		[ -e one.o ] || fail "$how did not run"
		grep -q '^compile .*one.c' "$TMP/list" || fail "$how was not seen"
	done
}

test_every_way_to_start_a_program()
{
	project
	starter
	starts_are_seen execve execve-bare execve-empty execv execvp execvpe \
		execl execlp execle posix_spawn posix_spawnp
}

test_starts_from_a_musl_program()
{
	needs musl-gcc
	project
	starter musl-gcc
	starts_are_seen execve execve-bare execv execvp execl execlp execle \
		posix_spawn posix_spawnp
}

test_cleaned_environment()
{
	project
	record env -i PATH="$PATH" sh -ec 'gcc -c main.c
		env -u LD_PRELOAD env -u HOTFIX_RECORD_DIR gcc -c one.c
		env -i /usr/bin/gcc -c two.c; gcc -o prog main.o one.o two.o'
	works prog
	linked prog $(three)
}

test_static_program_on_the_way()
{
	project
	starter 'gcc -static'
	record sh -ec "$TMP/start execve; gcc -c main.c two.c; gcc -o prog main.o one.o two.o"
	works prog
	linked prog 'main.o<-main.c' 'one.o<-?' 'two.o<-two.c'
}

# Programs that are none of ours see what they would have seen.
test_other_programs_are_not_touched()
{
	mkdir "$TMP/src"
	cd "$TMP/src"
	printf '#!/bin/sh\nprintf "%%s|" "$0" "$@"\n' >gcc-wrapper
	chmod +x gcc-wrapper
	cp gcc-wrapper c++filt-like
	cp gcc-wrapper my-cc
	record sh -c './gcc-wrapper -c "a b" ""; ./my-cc x; env | grep -c ^HOME=
		absent-gcc; echo $?; ./absent/cc; echo $?; gcc-ar --version | head -1'
	is "$(head -2 "$TMP/stdout" | tr '\n' ' ')" \
		'./gcc-wrapper|-c|a b||./my-cc|x|1 127 '
	grep -q "^127$" "$TMP/stdout"
	is "$(<"$TMP/list")" ''
}

# --- the build comes first -------------------------------------------------------------

same() # COMMAND: output, messages and status with and without us
{
	local plain=0 recorded=0
	(eval "$1") >"$TMP/o1" 2>"$TMP/e1" || plain=$?
	("$CC_TOOL" --record "$TMP/rec" sh -c "$1") >"$TMP/o2" 2>"$TMP/e2" ||
		recorded=$?
	is $recorded $plain "status of $1"
	diff "$TMP/o1" "$TMP/o2" || fail "stdout of $1"
	local names='s,/tmp/cc[A-Za-z0-9]*\.,X.,g'
	diff <(sed $names "$TMP/e1") <(sed $names "$TMP/e2") ||
		fail "stderr of $1"
}

test_what_is_not_compiled_is_as_without_us()
{
	project
	same 'gcc --version'
	same 'gcc -E two.c'
	same 'gcc -S -o - two.c'
	same 'gcc -M two.c'
	same 'gcc -print-file-name=crt1.o'
	same 'gcc'
	same 'gcc -c'
	same 'gcc -c absent.c'
	same 'gcc -v 2>/dev/null'
	same 'echo "int x;" | gcc -c -x c - -o /dev/null'
	same 'gcc -fsyntax-only one.c'
	same 'ld --version'
	same 'ld -r -o x.o absent.o'
	same 'gcc -Wl,--version'
	same 'gcc -Wall -Wextra -c -DX=\"a\ b\" one.c && echo fine'
}

test_failures_are_the_compilers()
{
	project
	echo 'int main(void) { return nothing; }' >bad.c
	echo 'int nothing(void); int main(void) { return nothing(); }' >undefined.c
	same 'gcc -c bad.c'
	same 'gcc -o x bad.c'
	# The linker knows lines when there is debug information.
	same 'gcc -g -o x undefined.c'
	same 'gcc -o x one.c'
	[ ! -e x ] || fail 'a program was left'
}

# A trace that the build wants for itself stays its own.
test_build_that_traces_its_link()
{
	project
	gcc -c main.c one.c two.c
	same 'gcc -o prog main.o one.o two.o -Wl,-t'
	same 'gcc -o prog main.o one.o two.o -Wl,-M'
	same 'gcc -o prog main.o one.o two.o -Wl,--print-memory-usage 2>&1'
	record gcc -o prog main.o one.o two.o -Wl,-t
	linked prog 'main.o<-?' 'one.o<-?' 'two.o<-?'
}

test_compiler_that_refuses_our_options()
{
	project
	mkdir "$TMP/bin"
	cat >"$TMP/bin/cc" <<-'EOS'
		#!/bin/sh
		case " $* " in
		*\ -ffunction-sections\ *) echo "what is that?" >&2; exit 1 ;;
		esac
		exec /usr/bin/env -u LD_PRELOAD gcc "$@"
	EOS
	chmod +x "$TMP/bin/cc"
	"$CC_TOOL" --record "$TMP/rec" "$TMP/bin/cc" -c one.c 2>/dev/null
	[ -e one.o ] || fail 'the build was broken'
	"$CC_TOOL" --list "$TMP/rec" >"$TMP/list"
	grep -q '^failure .*did not take the options' "$TMP/list"
}

test_recording_that_cannot_be_written()
{
	project
	"$CC_TOOL" --record "$TMP/rec" true
	rm -r "$TMP/rec"
	touch "$TMP/rec"
	HOTFIX_RECORD_DIR=$TMP/rec HOTFIX_RECORD_LIBRARY=$HOTFIX_O/hotfix-record.so \
	HOTFIX_RECORD_WRAPPER=$CC_TOOL LD_PRELOAD=$HOTFIX_O/hotfix-record.so \
		sh -ec 'gcc -c main.c one.c two.c; gcc -o prog main.o one.o two.o'
	works prog
}

# bin/ and lib/hotfix/, wherever that is.
test_installation_that_was_moved()
{
	project
	mkdir -p "$TMP/usr/bin" "$TMP/usr/lib/hotfix"
	cp "$CC_TOOL" "$TMP/usr/bin/anything"
	cp "$CC_TOOL" "$HOTFIX_O/hotfix-record.so" "$TMP/usr/lib/hotfix"
	CC_TOOL=$TMP/usr/bin/anything record gcc -c one.c
	grep -q '^compile .*one.c' "$TMP/list"
	rm "$TMP/usr/lib/hotfix/hotfix-cc"
	program_exit 1 "$TMP/usr/bin/anything" --record "$TMP/rec" true
	stderr_says 'which watch a build, are neither in'
	mkdir "$TMP/a b"
	cp "$CC_TOOL" "$HOTFIX_O/hotfix-record.so" "$TMP/a b"
	program_exit 1 "$TMP/a b/hotfix-cc" --record "$TMP/rec" true
	stderr_says 'has a blank or colon in its name'
}

# As in a chroot.
test_wrapper_that_is_not_there()
{
	project
	HOTFIX_RECORD_DIR=$TMP/rec HOTFIX_RECORD_LIBRARY=$HOTFIX_O/hotfix-record.so \
	HOTFIX_RECORD_WRAPPER=/absent LD_PRELOAD=$HOTFIX_O/hotfix-record.so \
		sh -ec 'gcc -c main.c one.c two.c; gcc -o prog main.o one.o two.o'
	works prog
}

test_signals_reach_the_compiler()
{
	project
	mkdir "$TMP/bin"
	printf '#!/bin/sh\necho $$ >pid; exec sleep 60\n' >"$TMP/bin/gcc"
	chmod +x "$TMP/bin/gcc"
	local signal status
	for signal in TERM INT KILL; do
		rm -f pid
		python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' \
			"$CC_TOOL" --record "$TMP/rec" "$TMP/bin/gcc" -c one.c &
		local wrapper=$!
		STARTED+=($wrapper)
		await test -s pid
		kill -$signal $wrapper
		status=0
		wait $wrapper || status=$?
		is $status $((128 + $(kill -l $signal))) "status after SIG$signal"
		await sh -c "! kill -0 $(<pid)"
	done
}

test_names_with_blanks_and_more()
{
	mkdir -p "$TMP/src"
	cd "$TMP/src"
	mkdir 'a b' $'\xe4'
	echo 'int main(void) { return 0; }' >'a b/m"x.c'
	echo 'int x;' >$'\xe4/x.c'
	record sh -ec 'cd "a b"; gcc -c "m\"x.c"; cd ..; gcc -c */x.c
		gcc -o "the prog" "a b/m\"x.o" x.o'
	grep -q 'm"x.o <- .*/a b/m"x.c' "$TMP/list"
	grep -qa $'x.o <- .*/\xe4/x.c' "$TMP/list"
}

test_file_prefix_map()
{
	project
	echo 'const char *file = __FILE__;' >file.c
	record env HOTFIX_RECORD_PREFIX_MAP="$TMP/src=/elsewhere" \
		gcc -c "$TMP/src/file.c"
	strings file.o | grep -qx /elsewhere/file.c || fail 'not mapped'
	record env HOTFIX_RECORD_PREFIX_MAP="$TMP/src=$TMP/src" \
		gcc -c "$TMP/src/file.c"
	strings file.o | grep -qx "$TMP/src/file.c" || fail 'mapped'
}

# A grammar got a line more; what was generated from it gets the old numbers.
test_lines_of_generated_sources()
{
	project
	cat >"$TMP/map" <<-EOS
		hotfix-line-map 1
		tree $(stat -c '%d %i' .)
		file gram.y
		lines 2 0 2 1
	EOS
	touch -d -1hour "$TMP/map"
	printf '#line 5 "gram.y"\nint line = __LINE__;\n' >gram.c
	record env HOTFIX_RECORD_LINE_MAP="$TMP/map" gcc -S -o - gram.c
	grep -q 'long.*5' "$TMP/stdout" || fail 'changed without a compile'
	record env HOTFIX_RECORD_LINE_MAP="$TMP/map" gcc -c gram.c
	gcc -S -o - gram.c >"$TMP/stdout"
	grep -q 'long.*4' "$TMP/stdout" || fail "not restored: $(<gram.c)"
}

test_split_debug_information_stays_in_the_object()
{
	project
	record gcc -gsplit-dwarf -c one.c
	readelf -SW one.o | grep -q ' \.debug_info ' || fail 'in another file'
}

test_damaged_recording_is_refused()
{
	project
	record gcc -c one.c
	local file
	file=$(ls "$REC"/compiles/*)
	head -c 40 "$file" >"$TMP/half"
	cp "$TMP/half" "$file"
	program_exit 1 "$CC_TOOL" --list "$REC"
	stderr_says 'damaged'
}

run_tests "$@"
