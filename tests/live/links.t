#!/bin/bash
# What a replacement may refer to: functions and data of libc that the program
# never imported, IFUNCs, the original code, its own data and functions; hooks.
. "$(dirname "$0")/lib.sh"

# The program calls none of these.
test_libc_function_not_imported()
{
	start_target calc
	fix libc calc <<-'EOF'
		#include <stdlib.h>
		#include <unistd.h>
		int value(void) { return labs(-3) + (getppid() > 0); }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 4
}

test_libc_data()
{
	start_target calc
	fix complain calc <<-'EOF'
		#include <errno.h>
		#include <stdio.h>
		int value(void)
		{
			errno = 0;
			fprintf(stderr, "value was called\n");
			fflush(stderr);
			return 5 + errno;
		}
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 5
	is "$(<"$TMP/err.0")" 'value was called'
}

# memcpy, strlen, strchr are IFUNCs: some bound in the program, some not.
test_ifuncs()
{
	start_target calc
	fix ifuncs calc -- -fno-builtin <<-'EOF'
		#include <string.h>
		const char *greeting(const char *name, char *room, size_t size)
		{
			memcpy(room, "bye, ", 6);
			strncat(room, name, size - strlen(room) - 1);
			if (strchr(room, 'y') != room + 1 || strcmp(room, room))
				return "wrong";
			return room;
		}
		HOTFIX_REPLACE(greeting);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'greeting you' 'bye, you'
	hotfix revert ifuncs -p $PID
	expect 'greeting you' 'hello, you'
}

test_ifuncs_of_a_static_program()
{
	start_target calc-static
	fix ifuncs calc-static -- -fno-builtin <<-'EOF'
		#include <string.h>
		const char *greeting(const char *name, char *room, size_t size)
		{
			(void)size;
			memcpy(room, name, strlen(name) + 1);
			return room;
		}
		HOTFIX_REPLACE(greeting);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'greeting you' you
}

# The program's own IFUNC, called from the replacement.
test_ifunc_of_the_program()
{
	start_target ifunc
	expect value 1
	fix own ifunc <<-'EOF'
		extern int chosen(int x);
		int value(void) { return chosen(2); }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 42
}

test_original()
{
	start_target calc
	fix original calc <<-'EOF'
		int value(void) { return 5 + HOTFIX_ORIGINAL(value)(); }
		HOTFIX_REPLACE(value);
		int factorial(int n)
		{
			return n > 10 ? -1 : HOTFIX_ORIGINAL(factorial)(n);
		}
		HOTFIX_REPLACE(factorial);
	EOF
	ask 'workers 4'
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 6
	expect 'factorial 5' 120
	expect 'factorial 11' -1
	expect calls 'bad 0'
	hotfix revert original -p $PID
	expect value 1
	expect calls 'bad 0'
	unchanged
}

# The original's first instruction refers to memory relative to itself.
test_original_of_landing_pad()
{
	start_target calc-cet
	fix original calc-cet <<-'EOF'
		int value(void) { return 5 + HOTFIX_ORIGINAL(value)(); }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 6
}

test_own_data_and_functions()
{
	start_target calc
	fix own calc <<-'EOF'
		#include <stdio.h>
		static const char *const names[] = { "hi", "welcome", "hey" };
		static int nr_greetings;
		int public_counter = 40;
		static char last[64];

		__attribute__((noinline)) static const char *name_next(void)
		{
			return names[nr_greetings++ % 3];
		}

		__attribute__((noinline)) int count(int (*how)(int))
		{
			return how(public_counter);
		}

		static int one_more(int x) { return public_counter = x + 1; }

		const char *greeting(const char *name, char *room, size_t size)
		{
			snprintf(room, size, "%s %s %d after '%s'", name_next(),
				 name, count(one_more), last);
			snprintf(last, sizeof(last), "%s", name);
			return room;
		}
		HOTFIX_REPLACE(greeting);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'greeting Ann' "hi Ann 41 after ''"
	expect 'greeting Bob' "welcome Bob 42 after 'Ann'"
	expect 'greeting Cid' "hey Cid 43 after 'Bob'"
	hotfix revert own -p $PID
	expect 'greeting Ann' 'hello, Ann'
}

# Two sources in one patch share a global.
test_two_sources()
{
	start_target calc
	cat >"$TMP/second.c" <<-'EOF'
		#include <hotfix/hotfix.h>
		extern int shared;
		int tick(void) { return ++shared; }
		HOTFIX_REPLACE(tick);
	EOF
	fix two calc "$TMP/second.c" <<-'EOF'
		int shared = 50;
		int value(void) { return ++shared; }
		HOTFIX_REPLACE(value);
	EOF
	hotfix apply "$FIX" -p $PID
	expect value 51
	expect tick 52
	expect value 53
}

# --- hooks -----------------------------------------------------------------------

fix_hooks() # NAME, bodies of the pre-apply and pre-revert hooks
{
	fix $1 calc <<-EOF
		extern int nr_hooks;
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
		static int before(void) { nr_hooks += 1; $2 }
		static void after(void) { nr_hooks += 10; }
		static int before_revert(void) { nr_hooks += 100; $3 }
		static void after_revert(void) { nr_hooks += 1000; }
		HOTFIX_PRE_APPLY(before);
		HOTFIX_POST_APPLY(after);
		HOTFIX_PRE_REVERT(before_revert);
		HOTFIX_POST_REVERT(after_revert);
	EOF
}

test_hooks_run_once_each()
{
	start_target calc
	ask 'workers 4'
	fix_hooks hooks 'return 0;' 'return 0;'
	snapshot
	hotfix apply "$FIX" -p $PID
	expect hooks 11
	expect value 2
	hotfix revert hooks -p $PID
	expect hooks 1111
	expect value 1
	expect calls 'bad 0'
	unchanged
}

test_failing_pre_apply_refuses()
{
	start_target calc
	ask 'workers 4'
	fix_hooks hooks 'return 7;' 'return 0;'
	refused 3 'hook.*7|7.*hook|hook' apply "$FIX" -p $PID
	expect hooks 1
	expect value 1
	expect calls 'bad 0'
}

test_failing_pre_revert_refuses()
{
	start_target calc
	fix_hooks hooks 'return 0;' 'return nr_hooks < 200;'
	hotfix apply "$FIX" -p $PID
	refused 3 hook revert hooks -p $PID
	expect value 2
	expect hooks 111
	hotfix revert hooks -p $PID
	expect value 1
	expect hooks 1211
}

# A hook that never comes back has a second; then it is taken back.
test_endless_hook_is_ended()
{
	start_target calc
	fix_hooks hooks 'for (;;) ;' 'return 0;'
	refused 4 'hook' apply "$FIX" -p $PID
	expect value 1
}

run_tests "$@"
