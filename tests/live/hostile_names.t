#!/bin/bash
# Processes, threads, files and patches may be called anything: what they are
# called says nothing to the terminal, and is not taken for words of hotfix.
. "$(dirname "$0")/hostile_lib.sh"

# Each in hexadecimal, at most 15 bytes.
NAMES=(
	1b5b324a1b5b483a29     # clears the screen
	1b5d303b6f776e656407   # renames the window
	9b324a8d               # the same with bare C1 bytes
	c29b324ac285           # and as UTF-8
	610a686f746669783a206f6b # a line of its own: "hotfix: ok"
	610d4f4b2020202020     # over the line that stands
	e280ae64656b63616820   # reads from the right
	c3ff80fe               # no UTF-8
	25732573256e256e       # a format
	222c227822             # closes a JSON string
)

bytes() { printf "$(sed 's/../\\x&/g' <<<"$1")"; }

# All commands, in both forms; in `make check` in each form for every other name.
FORMS=('' --json)
every_command() # PATCH
{
	local json command forms=("${FORMS[@]}")
	FORMS=("${FORMS[1]}" "${FORMS[0]}")
	[ -n "${HOSTILE:-}" ] || forms=("${FORMS[0]}")
	for json in "${forms[@]}"; do
		for command in status "check $1" "apply $1" "apply $1" \
			status recover "revert nosuch" "revert two"; do
			hotfix_any $command -p $PID $json
			! grep '^ *hotfix: ok' "$TMP/stdout" "$TMP/stderr" ||
				fail "the target speaks in: $command $json"
			[ -z "$json" ] || json exit >/dev/null
		done
	done
}

test_process_names()
{
	local name locale
	start_hostile hostile
	fix_value two hostile 2
	for locale in C.UTF-8 $(times '' C); do
		for name in "${NAMES[@]}"; do
			expect "name $name" ok
			LC_ALL=$locale every_command "$FIX"
		done
	done
	expect value 1
	tried 'hostile target: names' $TRIES 0 0 0
}

# The report of busy threads has the names of threads.
test_thread_names()
{
	local name
	fix two hostile <<-'EOF'
		int held(int fd) { return fd; }
		HOTFIX_REPLACE(held);
	EOF
	for name in "${NAMES[@]}"; do
		start_hostile hostile
		expect "hold $name" ok
		for json in '' --json; do
			LC_ALL=C.UTF-8 hotfix_any apply "$FIX" --wait 50ms -p $PID $json
			is $GOT 4 'status of a busy function'
			! grep '^ *hotfix: ok' "$TMP/stdout" "$TMP/stderr" ||
				fail 'a thread speaks'
		done
		finish
	done
	tried 'hostile target: names' $TRIES 0 0 0
}

# Letters are no commands.
test_letters_stay()
{
	start_hostile hostile
	expect 'name 73747261c39f65' ok # with a sharp s
	LC_ALL=C.UTF-8 hotfix_any recover -p $PID
	stdout_says $'stra\xc3\x9fe'
	LC_ALL=C hotfix_any recover -p $PID
	stdout_says 'stra[?][?]e'
}

# A program, its directory and a library with such names.
test_file_names()
{
	local name dir file other
	nobody_runs hostile
	fix_value other calc 2
	other=$FIX
	fix_value two hostile 2
	for name in "${NAMES[@]:0:$(times 4 99)}"; do
		dir=$TMP/$(bytes ${name//2f/20}).d
		file=$dir/$(bytes ${name//2f/20})
		mkdir "$dir"
		cp "$TARGETS/hostile" "$file"
		start_program "${NOBODY[@]}" "$file"
		[ -z "${HOSTILE:-}" ] || LC_ALL=C.UTF-8 every_command "$FIX"
		# Another build is not it: the modules are listed.
		LC_ALL=C.UTF-8 every_command "$other"
		finish
	done
	tried 'hostile target: names' $TRIES 0 0 0
}

run_tests "$@"
