#!/bin/bash
# Libraries: two of one process, with and without -Bsymbolic; one and the
# executable; thread-local data; loaded later; deleted or replaced on disk.
. "$(dirname "$0")/lib.sh"

fix_left() # NAME LIBRARY N
{
	fix "$1" "$2" <<-EOF
		int left_value(void) { return $3; }
		HOTFIX_REPLACE(left_value);
	EOF
}

fix_right()
{
	fix "$1" "$2" <<-EOF
		int right_value(void) { return $3; }
		HOTFIX_REPLACE(right_value);
	EOF
}

# Each library on its own, both, and each back on its own.
both_libraries() # DIRECTORY
{
	local left right
	fix_left left "$1/libleft.so" 11
	left=$FIX
	fix_right right "$1/libright.so" 21
	right=$FIX
	snapshot
	hotfix apply "$left" -p $PID
	expect left '11 22'
	expect right 20
	hotfix apply "$right" -p $PID
	expect left '11 22'
	expect right 21
	hotfix revert left -p $PID
	expect left '10 20'
	expect right 21
	hotfix revert right -p $PID
	expect right 20
	unchanged
}

test_two_libraries()
{
	start_target pair
	both_libraries "$TARGETS"
}

test_two_libraries_bsymbolic()
{
	start_program env LD_LIBRARY_PATH="$TARGETS/bsymbolic" "$TARGETS/pair"
	# An rpath would win over nothing here: see which ones are mapped.
	grep -q bsymbolic/libleft.so /proc/$PID/maps ||
		fail 'the program did not take the -Bsymbolic libraries'
	both_libraries "$TARGETS/bsymbolic"
}

test_library_and_executable()
{
	start_target pair
	fix_left left libleft.so 11
	hotfix apply "$FIX" -p $PID
	fix_value two pair 2
	hotfix apply "$FIX" -p $PID
	expect left '11 22'
	expect value 2
	hotfix revert --everything -p $PID
	expect left '10 20'
	expect value 1
}

# Both libraries have a static function of this name.
test_static_of_one_library()
{
	start_target pair
	fix hidden libleft.so <<-'EOF'
		extern volatile int left_base;
		static int shared_name(int x) { return 100 * x + left_base++; }
		HOTFIX_REPLACE(shared_name);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'hidden 1' '110 21'
	expect 'hidden 1' '111 21'
	expect left '12 24'
	hotfix revert hidden -p $PID
	expect 'hidden 1' '13 21'
}

test_thread_local_of_libraries()
{
	start_target pair
	expect ticks '1001 2001'
	fix ticks libleft.so <<-'EOF'
		extern __thread int left_ticks;
		int left_tick(void) { return left_ticks += 100; }
		HOTFIX_REPLACE(left_tick);
	EOF
	hotfix apply "$FIX" -p $PID
	expect ticks '1101 2002'
	expect ticks-thread '1100 2001'
	expect ticks '1201 2003'
	hotfix revert ticks -p $PID
	expect ticks '1202 2004'
}

# Its own exported names lead elsewhere: a variable to the executable's copy of
# it, a function to that of the executable. The library's code sees those, and
# so does a patch.
own_names() # LINKER_FLAG
{
	cat >"$TMP/lib.c" <<-'EOF'
		int calls = 5;
		int rate(int a) { return a + 1000; }
		int step(int a) { return a + 2000; }
		int work(int a) { return rate(a) + step(a) + calls++; }
	EOF
	cat >"$TMP/prog.c" <<-'EOF'
		#include "target.h"
		extern int calls, work(int);
		int rate(int a) { return a + 1; }
		static void on_work(int nr, char **args)
		{ answer("%d", work(number(nr, args, 1))); }
		static void on_calls(int nr, char **args)
		{ calls = number(nr, args, 1); answer("%d", calls); }
		static const struct command commands[] = {
			{ "work", on_work }, { "calls", on_calls }, { 0 } };
		int main(void) { return target_main(commands); }
	EOF
	(
		cd "$TMP"
		gcc -g -O2 -fPIC -shared -Wl,--build-id -Wl,-soname,libown.so \
			"$1" -o libown.so lib.c
		gcc -g -O2 -D_GNU_SOURCE -fPIE -pie -o prog prog.c \
			-I"$HOTFIX_TOP/tests/targets" -L. -lown \
			-Wl,-rpath,"$TMP"
	)
	start_program "$TMP/prog"
	fix own "$TMP/libown.so" <<-'EOF'
		extern int calls, rate(int a), step(int a);
		int work(int a) { return -(rate(a) + step(a) + calls++); }
		HOTFIX_REPLACE(work);
	EOF
}

test_exported_names_that_others_have()
{
	own_names -Wl,-z,now
	expect 'work 1' 2008
	hotfix apply "$FIX" -p $PID
	expect 'work 1' -2009
	expect 'calls 100' 100
	expect 'work 1' -2103
	hotfix revert own -p $PID
	expect 'work 1' 2104
}

# Before the library has called any of them.
test_exported_names_bound_late()
{
	own_names -Wl,-z,lazy
	hotfix apply "$FIX" -p $PID
	expect 'work 1' -2008
	expect 'work 1' -2009
	hotfix revert own -p $PID
	expect 'work 1' 2010
}

# A library that has slots of both kinds, and a fix that insists on one.
test_thread_local_by_module()
{
	cat >"$TMP/lib.c" <<-'EOF'
		__attribute__((tls_model("initial-exec"))) static __thread int near = 1;
		static __thread int far = 10;
		int work(int a) { near += a; return (far += a) + 0 * near; }
	EOF
	cat >"$TMP/prog.c" <<-'EOF'
		#include "target.h"
		extern int work(int);
		static void on_work(int nr, char **args)
		{ answer("%d", work(number(nr, args, 1))); }
		static const struct command commands[] = {
			{ "work", on_work }, { 0 } };
		int main(void) { return target_main(commands); }
	EOF
	(
		cd "$TMP"
		gcc -g -O2 -fPIC -shared -Wl,--build-id -Wl,-soname,libboth.so \
			-o libboth.so lib.c
		gcc -g -O2 -D_GNU_SOURCE -o prog prog.c -L. -lboth \
			-I"$HOTFIX_TOP/tests/targets" -Wl,-rpath,"$TMP"
	)
	start_program "$TMP/prog"
	expect 'work 1' 11
	fix both "$TMP/libboth.so" <<-'EOF'
		extern __thread int far
			__attribute__((tls_model("global-dynamic")));
		int work(int a) { return far += 100 * a; }
		HOTFIX_REPLACE(work);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'work 1' 111
	hotfix revert both -p $PID
	expect 'work 1' 112
}

# The patched process loads a library; then that is patched; then unloaded.
test_loaded_later()
{
	start_target pair
	fix_value two pair 2
	hotfix apply "$FIX" -p $PID
	expect "load $TARGETS/libplug.so" loaded
	expect plug 30
	expect value 2
	fix plug libplug.so <<-'EOF'
		int plug_value(void) { return 31; }
		HOTFIX_REPLACE(plug_value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect plug 31
	hotfix revert plug -p $PID
	expect plug 30
	expect unload 0
	expect value 2
}

test_not_loaded()
{
	start_target pair
	fix plug libplug.so <<-'EOF'
		int plug_value(void) { return 31; }
		HOTFIX_REPLACE(plug_value);
	EOF
	refused 3 'libplug' apply "$FIX" -p $PID
}

# Which of the two should be patched, nobody has said.
test_loaded_twice()
{
	start_target pair
	expect "load $TARGETS/libplug.so" loaded
	expect "load-apart $TARGETS/libplug.so" loaded
	fix plug libplug.so <<-'EOF'
		int plug_value(void) { return 31; }
		HOTFIX_REPLACE(plug_value);
	EOF
	refused 3 'twice|more than once' apply "$FIX" -p $PID
	expect plug 30
}

# An upgrade has removed or replaced the files since the program was started.
copy_of_pair()
{
	mkdir "$TMP/bin"
	cp "$TARGETS/pair" "$TARGETS/libleft.so" "$TARGETS/libright.so" "$TMP/bin"
	start_program "$TMP/bin/pair"
}

both_modules()
{
	fix_left left libleft.so 11
	hotfix apply "$FIX" -p $PID
	expect left '11 22'
	fix_value two pair 2
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix status -p $PID --json
	json_is processes.0.patches.# 2
	hotfix revert --everything -p $PID
	expect left '10 20'
	expect value 1
	unchanged
}

test_files_deleted()
{
	copy_of_pair
	rm -r "$TMP/bin"
	snapshot
	both_modules
}

test_files_replaced()
{
	copy_of_pair
	for file in pair libleft.so libright.so; do
		cp "$TARGETS/calc-other" "$TMP/bin/$file.new"
		mv "$TMP/bin/$file.new" "$TMP/bin/$file"
	done
	snapshot
	both_modules
}

# --all finds the users of a library by build-id, whatever the path.
test_all_users_of_a_library()
{
	start_target pair
	local first=$PID
	copy_of_pair
	local second=$PID
	rm -r "$TMP/bin"
	start_target calc
	local stranger=$PID
	fix_left left libleft.so 11
	snapshot $stranger
	hotfix apply "$FIX" --all --json
	json_is results.# 2
	unchanged $stranger
	PID=$first
	expect left '11 22'
	PID=$second
	expect left '11 22'
	hotfix revert left --all
	expect left '10 20'
}

run_tests "$@"
