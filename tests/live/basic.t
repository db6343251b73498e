#!/bin/bash
# One executable: functions of every common kind are replaced and come back.
. "$(dirname "$0")/lib.sh"

test_apply_and_revert()
{
	start_target calc
	fix_value two calc 2
	snapshot
	hotfix apply "$FIX" -p $PID
	expect value 2
	hotfix revert two -p $PID
	expect value 1
	unchanged
	finish
}

# Every worker's every answer is the old or the new one.
test_under_load()
{
	start_target calc
	fix_value two calc 2
	ask 'workers 8'
	expect calls 'bad 0'
	snapshot
	hotfix apply "$FIX" -p $PID
	ask seen
	expect calls 'bad 0'
	expect seen 2
	hotfix revert two -p $PID
	ask seen
	expect calls 'bad 0'
	expect seen 1
	unchanged
	finish
}

test_says_what_it_did()
{
	start_target calc
	fix_value two calc 2
	hotfix apply "$FIX" -p $PID
	stdout_says "calc"
	stdout_says "$PID"
	stdout_says 'value.*0x[0-9a-f]+.*0x[0-9a-f]+'
	stdout_says '[0-9] ?(us|µs)'
}

test_json()
{
	local address
	start_target calc
	fix_value two calc 2 --reason 'one is not enough' --ticket CVE-2026-0001
	hotfix apply "$FIX" -p $PID --json
	json_is command apply
	json_is patch two
	json_is exit 0
	json_is results.# 1
	json_is results.0.pid $PID
	json_is results.0.process calc
	json_is results.0.outcome applied
	json_is results.0.mode quiescent
	json_is results.0.functions.# 1
	json_is results.0.functions.0.name value
	# What it says of the pause is a number of a plausible size.
	"$PYTHON" -c 'import sys; sys.exit(not 0 < float(sys.argv[1]) < 1e6)' \
		"$(json results.0.pause_us)"
	# The image is where it says.
	address=$(json results.0.image)
	grep -q "^${address#0x}-.*hotfix:two" /proc/$PID/maps

	hotfix status -p $PID --json
	json_is processes.0.pid $PID
	json_is processes.0.interrupted false
	json_is processes.0.patches.# 1
	json_is processes.0.patches.0.name two
	json_is processes.0.patches.0.state active
	json_is processes.0.patches.0.reason 'one is not enough'
	json_is processes.0.patches.0.ticket CVE-2026-0001
	json_is processes.0.patches.0.functions.0.reality leads-here
	json_is processes.0.patches.0.image $address
	hotfix status -p $PID
	stdout_says two
	stdout_says CVE-2026-0001

	hotfix revert two -p $PID --json
	json_is results.0.outcome reverted
	hotfix status -p $PID --json
	json_is processes.0.patches.# 0
}

# Two labels, one process.
test_labels_listed()
{
	start_target calc
	fix_value one calc 2 --ticket CVE-2026-1111
	hotfix apply "$FIX" -p $PID
	fix second calc --ticket CVE-2026-2222 <<-'EOF'
		long sum_ints(long a, long b, long c, long d, long e, long f,
			      long g, long h, long i, long j)
		{
			return j - a;
		}
		HOTFIX_REPLACE(sum_ints);
	EOF
	hotfix apply "$FIX" -p $PID
	hotfix status -p $PID
	stdout_says CVE-2026-1111
	stdout_says CVE-2026-2222
}

test_twice_is_already()
{
	start_target calc
	fix_value two calc 2
	hotfix apply "$FIX" -p $PID
	snapshot
	hotfix apply "$FIX" -p $PID --json
	json_is results.0.outcome already
	unchanged
	hotfix revert two -p $PID
	expect value 1
}

test_dry_run_and_check()
{
	start_target calc
	fix_value two calc 2
	snapshot
	hotfix apply "$FIX" -p $PID --dry-run --json
	json_is results.0.outcome would-apply
	unchanged
	hotfix check "$FIX" -p $PID
	unchanged
	hotfix check "$FIX" "$TARGETS/calc"
	expect value 1
}

# A file of the same name, in a directory below, and beside.
test_relative_path()
{
	start_target calc
	fix_value two calc 2
	mkdir "$TMP/sub"
	cp "$FIX" "$TMP/sub/patch.hotfix.so"
	cd "$TMP/sub"
	hotfix apply patch.hotfix.so -p $PID
	expect value 2
	hotfix revert two -p $PID
	hotfix apply ../sub/./patch.hotfix.so -p $PID
	expect value 2
}

test_integer_arguments()
{
	start_target calc
	fix ints calc <<-'EOF'
		long sum_ints(long a, long b, long c, long d, long e, long f,
			      long g, long h, long i, long j)
		{
			return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f +
			       7 * g + 8 * h + 9 * i + 10 * j;
		}
		HOTFIX_REPLACE(sum_ints);
	EOF
	hotfix apply "$FIX" -p $PID
	expect ints 385
	hotfix revert ints -p $PID
	expect ints 55
}

test_double_arguments()
{
	start_target calc
	fix doubles calc <<-'EOF'
		double sum_doubles(double a, double b, double c, double d,
				   double e, double f, double g, double h,
				   double i, double j)
		{
			return a - b + 2 * c - d + e + f + g + h + i + 100 * j;
		}
		HOTFIX_REPLACE(sum_doubles);
	EOF
	hotfix apply "$FIX" -p $PID
	expect doubles 983
	hotfix revert doubles -p $PID
	expect doubles 50
}

test_structure_returned()
{
	start_target calc
	fix triple calc <<-'EOF'
		struct triple { long a, b, c; };
		struct triple make_triple(long a)
		{
			return (struct triple){ 3 * a, 2 * a, a };
		}
		HOTFIX_REPLACE(make_triple);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'triple 5' '15 10 5'
}

test_recursive()
{
	start_target calc
	fix sums calc <<-'EOF'
		int factorial(int n) { return n < 2 ? 1 : n + factorial(n - 1); }
		HOTFIX_REPLACE(factorial);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'factorial 10' 55
	hotfix revert sums -p $PID
	expect 'factorial 10' 3628800
}

# One of two that call each other; its calls go to the program's other one,
# whose calls come back to the new one.
test_mutually_recursive()
{
	start_target calc
	fix lies calc <<-'EOF'
		extern int is_odd(int n);
		int is_even(int n) { return n == 0 ? 100 : is_odd(n - 1); }
		HOTFIX_REPLACE(is_even);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'even 6' 100
	expect 'even 7' 0
	hotfix revert lies -p $PID
	expect 'even 6' 1
}

test_static_function_and_data()
{
	start_target calc
	fix hidden calc <<-'EOF'
		extern volatile int base_value;
		static int hidden(int x) { return x * 5 + ++base_value; }
		HOTFIX_REPLACE(hidden);
	EOF
	expect 'hidden 2' 7
	hotfix apply "$FIX" -p $PID
	expect 'hidden 2' 12
	expect 'hidden 2' 13
	expect value 3
	hotfix revert hidden -p $PID
	expect 'hidden 2' 9
}

# The static variable of a function, and of the file.
test_static_local_data()
{
	start_target calc
	expect 'deposit 5' 5
	expect 'deposit 5' 10
	fix deposits calc <<-'EOF'
		extern int balance;
		extern int nr_deposits;
		HOTFIX_IMPORT_AS(nr_deposits, "calc.c", deposit.nr_deposits);
		static void deposit(int amount)
		{
			balance += 100 * ++nr_deposits + amount;
		}
		HOTFIX_REPLACE(deposit);
	EOF
	hotfix apply "$FIX" -p $PID
	expect 'deposit 5' 315
	hotfix revert deposits -p $PID
	expect 'deposit 5' 320
}

test_thread_local_data()
{
	start_target calc
	expect tick 101
	fix ticks calc <<-'EOF'
		extern __thread int ticks;
		int tick(void) { return ticks += 10; }
		HOTFIX_REPLACE(tick);
	EOF
	hotfix apply "$FIX" -p $PID
	expect tick 111
	expect tick-thread 110
	expect tick 121
	hotfix revert ticks -p $PID
	expect tick 122
}

test_several_functions()
{
	start_target calc
	fix both calc <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
		int other(void) { return 77; }
		HOTFIX_REPLACE_AS(tick, other);
		int factorial(int n) { return -n; }
		HOTFIX_REPLACE(factorial);
	EOF
	snapshot
	hotfix apply "$FIX" -p $PID --json
	json_is results.0.functions.# 3
	expect value 2
	expect tick 77
	expect 'factorial 4' -4
	hotfix revert both -p $PID
	expect value 1
	expect 'factorial 4' 24
	unchanged
}

# Three hundred at once: no list is too short for them.
test_hundreds_of_functions()
{
	local i nr=300
	{
		echo '#include "target.h"'
		for ((i = 0; i < nr; i++)); do
			echo "static volatile int v$i = $i;"
			echo "PATCHABLE int f$i(void) { return v$i; }"
		done
		echo 'static void do_sum(int nr, char **args) {'
		echo 'long sum = 0; (void)nr, (void)args;'
		for ((i = 0; i < nr; i++)); do echo "sum += f$i();"; done
		echo 'answer("%ld", sum); }'
		echo 'int main(void) { static const struct command c[] ='
		echo '{ { "sum", do_sum }, { NULL, NULL } }; return target_main(c); }'
	} >"$TMP/wide.c"
	gcc -O2 -g -pthread -I"$HOTFIX_TOP/tests/targets" -Wl,--build-id \
		-o "$TMP/wide" "$TMP/wide.c"
	start_program "$TMP/wide"
	expect sum $((nr * (nr - 1) / 2))
	for ((i = 0; i < nr; i++)); do
		echo "extern volatile int v$i;"
		echo "int f$i(void) { return 2 * v$i; }"
		echo "HOTFIX_REPLACE(f$i);"
	done | fix wide "$TMP/wide"
	FIX=$TMP/wide.hotfix.so
	snapshot
	hotfix check "$FIX" -p $PID
	hotfix show "$FIX"
	hotfix apply "$FIX" -p $PID --json
	json_is results.0.functions.# $nr
	expect sum $((nr * (nr - 1)))
	hotfix status -p $PID --json
	json_is processes.0.patches.0.functions.# $nr
	hotfix revert wide -p $PID
	expect sum $((nr * (nr - 1) / 2))
	unchanged
}

# A source that knows nothing of hotfix.
test_without_the_header()
{
	start_target calc
	echo 'int better(void) { return 6; }' >"$TMP/plain.c"
	program_exit 0 "$BIN/hotfix-build" --target "$TARGETS/calc" --name plain \
		--replace value=better -o "$TMP/plain.hotfix.so" "$TMP/plain.c"
	hotfix apply "$TMP/plain.hotfix.so" -p $PID
	expect value 6
}

test_in_a_signal_handler()
{
	start_target calc
	fix_value two calc 2
	expect alarms ok
	for i in 1 2 3 4 5; do
		hotfix apply "$FIX" -p $PID
		expect alarmed 'bad 0'
		expect value 2
		hotfix revert two -p $PID
		expect alarmed 'bad 0'
		expect value 1
	done
}

test_usage()
{
	start_target calc
	fix_value two calc 2
	snapshot
	hotfix_exit 2
	hotfix_exit 2 no-such-command
	hotfix_exit 2 apply
	hotfix_exit 2 apply "$FIX"
	hotfix_exit 2 apply "$FIX" -p $PID --no-such-option
	hotfix_exit 2 apply "$FIX" -p 12monkeys
	hotfix_exit 2 apply "$FIX" -p $PID --wait forever
	hotfix_exit 2 apply "$FIX" -p $PID --mode hope
	hotfix_exit 2 revert -p $PID
	hotfix_exit 2 apply "$FIX" -p $PID --all
	hotfix_exit 2 revert --everything two -p $PID
	unchanged
	hotfix --help
	hotfix apply --help
	hotfix --version
}

test_one_process_named_twice()
{
	start_target calc
	fix_value two calc 2
	hotfix apply "$FIX" -p $PID -p $PID --json
	json_is exit 0
	expect value 2
	hotfix revert two -p $PID -p $PID --json
	json_is exit 0
	expect value 1
}

test_one_command_many_processes()
{
	start_target calc
	local first=$PID
	start_target calc
	local second=$PID
	fix_value two calc 2
	hotfix apply "$FIX" -p $first -p $second --json
	json_is results.# 2
	expect value 2
	PID=$first
	expect value 2
	hotfix revert two -p $first -p $second
	expect value 1
	PID=$second
	expect value 1
}

run_tests "$@"
