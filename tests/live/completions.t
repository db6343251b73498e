#!/bin/bash
# What the shells propose: every command and option that the help names, the
# patches and processes that there are, files.
. "$(dirname "$0")/lib.sh"

COMPLETIONS=$HOTFIX_TOP/completions
ME=t$$

# What is proposed for the last of WORDS, a line each.
in_bash() # WORD...
{
	PATH=$BIN:$PATH bash --norc -c '
		. "$1"; shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		function=_${1//-/_}
		$function "$1" "${@: -1}" "${@: -2:1}"
		printf "%s\n" "${COMPREPLY[@]}"' - "$COMPLETIONS/hotfix.bash" "$@"
}

in_fish() # WORD...
{
	PATH=$BIN:$PATH HOME=$TMP fish --no-config -c 'source $argv[1]; complete -C "$argv[2..]"' \
		"$COMPLETIONS/hotfix.fish" "$@"
}

# The functions of zsh that show what is proposed, in the place of its own.
in_zsh() # WORD...
{
	PATH=$BIN:$PATH zsh -fc '
		_describe() { [[ $1 != -o ]] || shift; print -rl -- "${(@P)2}"; }
		compadd() { print -rl -- "$@"; }
		compset() { :; }
		_files() { print -rl -- *(N); }
		file=$1; shift
		words=("$@") CURRENT=$#
		. $file' - "$COMPLETIONS/_hotfix" "$@"
}

proposes() # SHELL WANTED WORD...
{
	local proposed
	proposed=$("in_$1" "${@:3}") || fail "$1 fails: $proposed"
	grep -qE -- "^$2([[:space:]:]|\$)" <<<"$proposed" ||
		fail "$1 does not propose $2 for '${*:3}' but: $proposed"
}

proposes_not() # SHELL UNWANTED WORD...
{
	! "in_$1" "${@:3}" | grep -qE -- "^$2([[:space:]:]|\$)" ||
		fail "$1 proposes $2 for '${*:3}'"
}

# Not everybody who tests has it.
need() { command -v $1 >/dev/null || skip "no $1 here"; }

commands() { "$BIN/hotfix" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'; }
options_of() { "$@" --help | grep -oE -- '^ +(-[a-z], +)?--[a-z-]+' | grep -oE -- '--[a-z-]+'; }

# Every command, and every option of each, in SHELL.
knows_all() # SHELL
{
	local command option
	for command in $(commands); do
		proposes $1 $command hotfix ''
		for option in $(options_of "$BIN/hotfix" $command); do
			proposes $1 $option hotfix $command --
		done
	done
	for option in $(options_of "$BIN/hotfix-build"); do
		proposes $1 $option hotfix-build --
	done
	proposes_not $1 --replace-active hotfix status --
}

# Patches by name, and processes that carry them, in SHELL.
knows_patches() # SHELL
{
	start_target calc
	proposes $1 $PID hotfix apply -p ''
	proposes_not $1 $PID hotfix revert -p ''
	fix_value $ME-$1 calc 2
	hotfix apply "$FIX" -p $PID
	proposes $1 $ME-$1 hotfix revert ''
	proposes $1 $PID hotfix revert -p ''
	proposes $1 entry hotfix apply --mode ''
	proposes $1 html hotfix report --format ''
	proposes $1 $ME-$1 hotfix report ''
	cp "$FIX" "$TMP/some.hotfix.so"
	cd "$TMP"
	proposes $1 some.hotfix.so hotfix apply ''
	proposes $1 some.hotfix.so hotfix report ''
	hotfix revert $ME-$1 -p $PID
	proposes_not $1 $ME-$1 hotfix revert ''
}

test_bash() { knows_all bash; }
test_bash_patches()
{
	knows_patches bash
	# As bash splits --mode=e.
	proposes bash entry hotfix apply --mode = e
	proposes_not bash quiescent hotfix apply --mode = e
	touch "$TMP/two words.hotfix.so" "$TMP/other.txt"
	proposes bash 'two words.hotfix.so' hotfix apply ''
	proposes_not bash other.txt hotfix apply ''
}
test_fish() { need fish; knows_all fish; }
test_fish_patches() { need fish; knows_patches fish; }
test_zsh() { need zsh; knows_all zsh; }
test_zsh_patches() { need zsh; knows_patches zsh; }

run_tests "$@"
