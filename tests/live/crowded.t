#!/bin/bash
# Functions in which some thread is at any moment: those that leave are kept until
# the last one has left.
. "$(dirname "$0")/lib.sh"

# What a loaded machine needs; --max-pause is also how long a thread is kept.
patient=(--wait 30s --max-pause 300ms)
rounds=${HOSTILE:+50}

crowd_target() # NAME THREADS US spin|sleep|fork [DEPTH]
{
	start_target $1
	fix two $1 <<-'EOF'
		void spend(void);
		int work(int a, int b, int c)
		{
			spend();
			return a + 10 * b + 100 * c + 2000;
		}
		HOTFIX_REPLACE(work);
	EOF
	expect "start ${*:2}" started
}

# Calls that begin now are of one version, and all were right.
calls_are() # old|new
{
	local old new bad
	ask calls
	read -r old new bad <<<"$ANSWER"
	is "$bad" 0 'wrong answers'
	case $1 in
	old) is "$new" 0 'calls of the new' ;;
	new) is "$old" 0 'calls of the old' ;;
	esac
}

# A word that is left on some stack may keep an image for a while.
image_is_gone()
{
	"$BIN/hotfix" recover -p $PID && ! grep hotfix: /proc/$PID/maps
}

rounds_of() # ROUNDS
{
	local i
	for ((i = 0; i < $1; i++)); do
		hotfix apply "$FIX" -p $PID "${patient[@]}"
		calls_are new
		hotfix revert two -p $PID "${patient[@]}"
		calls_are old
	done
	await image_is_gone
	tried "function that is always busy" $(($1 * 2)) 0 0 0
}

there_and_back() # ROUNDS
{
	snapshot
	rounds_of $1
	unchanged
}

test_sleeping_inside()
{
	crowd_target crowded 16 1000 sleep
	there_and_back ${rounds:-3}
}

test_computing_inside()
{
	crowd_target crowded 16 1000 spin
	there_and_back ${rounds:-2}
}

# The outermost activation is the one that counts.
test_nested()
{
	start_target crowded
	fix two crowded <<-'EOF'
		int work(int a, int b, int c);
		int work_nested(int n, int a, int b, int c)
		{
			int result;

			if (!n)
				return work(a, b, c);
			result = work_nested(n - 1, a, b, c);
			return result + 1000 * (n == 3);
		}
		HOTFIX_REPLACE(work_nested);
	EOF
	expect 'start 16 1000 sleep 3' started
	there_and_back ${rounds:-2}
}

# Handlers run in the function, in the gates, and on the way.
test_with_signals()
{
	crowd_target crowded 16 1000 sleep
	expect 'signals 100' ok
	# Not compared: a handler that runs has its signal blocked.
	rounds_of ${rounds:-2}
}

# A child has the return addresses of its parent, and no agent.
test_forking_inside()
{
	crowd_target crowded 4 1000 fork
	there_and_back ${rounds:-2}
}

# One never comes out: nothing has changed for it, nor for those who were kept.
test_one_stays()
{
	crowd_target crowded 8 1000 sleep
	expect stay ok
	refused 4 'inside|would not stop' apply "$FIX" -p $PID --wait 300ms
	calls_are old
	tried "function that a thread never leaves" 1 0 0 0
}

# What an unwinder would run in a caller must stay in its reach: no return is
# touched, and so no moment is found.
test_clean_ups_in_tables()
{
	crowd_target crowded-cleanup 16 1000 sleep
	refused 4 'inside|would not stop' apply "$FIX" -p $PID --wait 1s
	calls_are old
}

test_stop_stays_in_the_budget()
{
	crowd_target crowded 16 1000 sleep
	snapshot
	hotfix apply "$FIX" -p $PID --wait 30s --max-pause 100ms --json
	[ "$(json results.0.pause_us | cut -d. -f1)" -le 100000 ] ||
		fail "pause: $STDOUT"
	calls_are new
	hotfix revert two -p $PID "${patient[@]}"
	await image_is_gone
	unchanged
}

# Its threads go through their gates by themselves.
test_agent_killed()
{
	local i nr=${HOSTILE:+300} nr_applied=0
	crowd_target crowded 8 1000 sleep
	snapshot
	for ((i = 0; i < ${nr:-20}; i++)); do
		"$BIN/hotfix" apply "$FIX" -p $PID "${patient[@]}" \
			>"$TMP/stdout" 2>&1 &
		sleep 0.0$((20 + i % 20))
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		hotfix recover -p $PID
		ask value
		if [ "$ANSWER" = 2 ]; then
			((++nr_applied))
			calls_are new
			hotfix revert two -p $PID "${patient[@]}"
		fi
		calls_are old
	done
	await image_is_gone
	unchanged
	[ $nr_applied -lt $i ] || fail 'it was never killed in time'
	tried "agent killed while it gathers threads" $i 0 0 0
}

run_tests "$@"
