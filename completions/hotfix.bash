# Completion of hotfix(1) and hotfix-build(1) for bash; installed as
# share/bash-completion/completions/hotfix and hotfix-build.
#
# Commands and options are read from the programs' own help, patches and processes
# from `hotfix status`: nothing here has to follow a new option.

# Options of PROGRAM [COMMAND].
_hotfix_options()
{
	"$@" --help 2>/dev/null | grep -E '^(usage:| +-| +hotfix)' |
		grep -oE -- '--[a-z][a-z-]*' | sort -u
}

_hotfix_commands()
{
	"$1" --help 2>/dev/null | sed -n '/^Commands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p'
}

# Processes that carry patches, and the patches that are in processes.
_hotfix_patched() { "$1" status --json 2>/dev/null | grep -oE '\{"pid":[0-9]+' | grep -oE '[0-9]+'; }
_hotfix_patches()
{
	"$1" status --json 2>/dev/null |
		sed 's/{"name":"\([^"]*\)","state":/\n=\1\n/g' | sed -n 's/^=//p' | sort -u
}

_hotfix_pids()
{
	case $2 in
	apply | check) (cd /proc && printf '%s\n' [0-9]*) ;;
	*) _hotfix_patched "$1" ;;
	esac
}

_hotfix_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2"); }

# Files that end so, and directories on the way to them.
_hotfix_files() # WORD END
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -X "!*$2" -- "$1"; compgen -d -- "$1")
}

# The value of OPTION; false when it is not of a kind that is known.
_hotfix_value() # PROGRAM COMMAND OPTION WORD
{
	case $3 in
	-p | --pid) _hotfix_words "$(_hotfix_pids "$1" "$2")" "$4" ;;
	--mode) _hotfix_words 'quiescent entry' "$4" ;;
	--scan) _hotfix_words all "$4" ;;
	--format) _hotfix_words 'md html json' "$4" ;;
	--policy | --target | --debuginfo | --compile-commands | --diff) _hotfix_files "$4" '' ;;
	--source | --sysroot | --cache | --git) mapfile -t COMPREPLY < <(compgen -d -- "$4") ;;
	-o | --output) [ "$2" = report ] && _hotfix_files "$4" '' || _hotfix_files "$4" .hotfix.so ;;
	--wait | --max-pause | --name | --reason | --ticket | --author | --jobs | --digest) ;;
	--canary | --then | --observe | --probe | --limit | --confirm-within) ;;
	*) return 1 ;;
	esac
}

_hotfix()
{
	local program=$1 word=$2 before=$3 command=${COMP_WORDS[1]}

	COMPREPLY=()
	# --mode=entry is three words here: --mode, =, entry.
	[ "$word" != = ] || word=
	[ "$before" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
	if [ "$COMP_CWORD" = 1 ]; then
		_hotfix_words "$(_hotfix_commands "$program") --help --version" "$word"
		return
	fi
	! _hotfix_value "$program" "$command" "$before" "$word" || return 0
	case $word:$command in
	-*) _hotfix_words "$(_hotfix_options "$program" "$command")" "$word" ;;
	*:apply | *:check | *:show | *:keep) _hotfix_files "$word" .hotfix.so ;;
	*:revert | *:confirm | *:unkeep) _hotfix_words "$(_hotfix_patches "$program")" "$word" ;;
	*:report)
		_hotfix_files "$word" .hotfix.so
		mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$(_hotfix_patches "$program")" -- "$word")
		;;
	esac
}

_hotfix_build()
{
	local word=$2 before=$3

	COMPREPLY=()
	! _hotfix_value "$1" build "$before" "$word" || return 0
	case $word in
	-*) _hotfix_words "$(_hotfix_options "$1")" "$word" ;;
	*) _hotfix_files "$word" '' ;;
	esac
}

complete -F _hotfix hotfix
complete -F _hotfix_build hotfix-build
