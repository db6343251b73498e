#!/bin/bash
# Source diffs to patches: one small project a folder.
#
#	tests/diff/NAME/*.c ...    the program before; *.cc is C++
#	tests/diff/NAME/*.patch    the diff, or several
#	tests/diff/NAME/expect     what it answers before, with, and after the patch
#	tests/diff/NAME/Makefile   where project.mk will not do
#
# Lines of `expect`:
#
#	ask QUESTION | BEFORE | WITH [| AFTER]    AFTER is BEFORE when left out
#	replaces NAME...     functions that must be replaced; clones count, too, and
#	                     NAME.isra is such a clone alone, whatever its number
#	has NAME...          what the program must have before, for it to be tried
#	brings NAME...       what the patch must have of its own
#	keeps NAME...        functions that must not
#	only NAME...         no function but these may be
#	stays WHY            the image stays mapped when the patch is reverted
#	warns REGEX          somewhere in what is printed
#	refused CODE REGEX   no patch: with this code and these words
#	options OPTION...    for hotfix-build
#	cflags FLAG...       for the compiler
#	ldflags FLAG...      for the linker
#	target FILE          what is patched, when it is not `prog`
#	compilers NAME...    those that this is about; [gcc clang]
#	levels LEVEL...      [-O2 -O3]
#	models MODEL...      [pie nopie]
#
# Each is tried in one combination of compiler, level and model, another one
# for each folder; with DIFF_ALL=1 in all. `bash run.t NAME` runs one folder,
# `bash run.t NAME__gcc_O2_pie` in one combination. DIFF_CFLAGS are added to the
# flags of compiler and linker.

. "$(dirname "$0")/../live/lib.sh"

DIFF=$HOTFIX_TOP/tests/diff
BUILD=$HOTFIX_O/hotfix-build
EVERYWHERE=${DIFF_CFLAGS:+ $DIFF_CFLAGS}

declare -A SET

# --- a folder's table -----------------------------------------------------------

trim() # TEXT
{
	local text=${1#"${1%%[![:space:]]*}"}
	echo "${text%"${text##*[![:space:]]}"}"
}

read_expect() # FOLDER
{
	local word rest
	QUESTIONS=() BEFORE=() WITH=() AFTER=() WARNS=()
	SET=([compilers]='gcc clang' [levels]='-O2 -O3' [models]='pie nopie'
		[target]=prog)
	while read -r word rest; do
		case $word in
		'' | '#'*) ;;
		ask) read_ask "$rest" ;;
		warns) WARNS+=("$rest") ;;
		has | brings | replaces | stays | keeps | only | refused | \
			options | cflags | ldflags | target | compilers | \
			levels | models)
			SET[$word]=$rest ;;
		*) fail "$1/expect: what is '$word'?" ;;
		esac
	done <"$DIFF/$1/expect"
}

read_ask() # QUESTION | BEFORE | WITH [| AFTER]
{
	local question before with after
	IFS='|' read -r question before with after <<<"$1"
	QUESTIONS+=("$(trim "$question")")
	BEFORE+=("$(trim "$before")")
	WITH+=("$(trim "$with")")
	AFTER+=("$(trim "${after:-$before}")")
}

ask_all() # ANSWER... in the order of the questions; none: no question
{
	local i
	for i in "${!QUESTIONS[@]}"; do
		[ -z "${@:i+1:1}" ] || expect "${QUESTIONS[i]}" "${@:i+1:1}"
	done
}

# --- building -------------------------------------------------------------------

model_cflags() { [ "$1" = pie ] && echo -fPIE || echo '-fno-pie -fno-pic'; }
model_ldflags() { [ "$1" = pie ] && echo -pie || echo -no-pie; }

cxx_of() { [ "$1" = gcc ] && echo g++ || echo clang++; }

# The command that makes the program, in MAKE_IT.
choose_build() # COMPILER LEVEL MODEL
{
	MAKE_IT=(make -s CC="$1" CXX="$(cxx_of "$1")"
		CFLAGS="-g -D_GNU_SOURCE $2 $(model_cflags $3) ${SET[cflags]:-}$EVERYWHERE"
		LDFLAGS="-Wl,--build-id $(model_ldflags $3) ${SET[ldflags]:-}$EVERYWHERE")
}

# What is delivered is moved away: the build finds only sources.
make_program() # FOLDER
{
	local file
	mkdir "$TMP/src" "$TMP/bin"
	cp -r "$DIFF/$1/." "$TMP/src"
	rm -f "$TMP"/src/*.patch "$TMP/src/expect"
	cp "$DIFF/serve.h" "$DIFF/serve.c" "$HOTFIX_TOP/tests/targets/target.h" \
		"$TMP/src"
	[ -e "$TMP/src/Makefile" ] || cp "$DIFF/project.mk" "$TMP/src/Makefile"
	env -u MAKEFLAGS -u MAKELEVEL "${MAKE_IT[@]}" -C "$TMP/src" \
		>"$TMP/make.log" 2>&1 || fail "$(<"$TMP/make.log")"
	for file in "$TMP"/src/*; do
		[ ! -f "$file" ] || [ ! -x "$file" ] || cp "$file" "$TMP/bin"
	done
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$TMP/src" clean
}

digest_of_source()
{
	(cd "$TMP/src" && find . -type f -exec sha256sum {} + | sort)
}

build_patch() # STATUS FOLDER
{
	local status=$1 diff diffs=()
	for diff in "$DIFF/$2"/*.patch; do
		diffs+=(--diff "$diff")
	done
	mkdir "$TMP/tmp"
	digest_of_source >"$TMP/source.before"
	TMPDIR=$TMP/tmp program_exit $status env -u MAKEFLAGS -u MAKELEVEL \
		"$BUILD" --json --target "$TMP/bin/${SET[target]}" \
		--source "$TMP/src" "${diffs[@]}" ${SET[options]:-} \
		-o "$TMP/fix.hotfix.so" -- "${MAKE_IT[@]}"
	digest_of_source >"$TMP/source.after"
	diff "$TMP/source.before" "$TMP/source.after" ||
		fail 'the source directory was changed'
	is "$(ls -A "$TMP/tmp")" '' 'temporary files left'
}

# --- what was replaced ------------------------------------------------------------

replaced_names()
{
	"$PYTHON" -c 'import json, sys
for function in json.load(sys.stdin)["functions"]:
    print(function["name"])' <"$TMP/stdout"
}

# A clone or part of a function counts as the function.
is_one_of() # NAME WORD...
{
	local word
	for word in "${@:2}"; do
		case $1 in "$word" | "$word".*) return 0 ;; esac
	done
	return 1
}

check_replaced()
{
	local name word names
	mapfile -t names < <(replaced_names)
	[ ${#names[@]} -gt 0 ] || fail "no function was replaced: $STDOUT"
	for word in ${SET[replaces]:-}; do
		for name in "${names[@]}"; do
			is_one_of "$name" "$word" && continue 2
		done
		fail "$word() was not replaced, but: ${names[*]}"
	done
	for name in "${names[@]}"; do
		! is_one_of "$name" ${SET[keeps]:-} ||
			fail "$name() was replaced: ${names[*]}"
		[ -z "${SET[only]:-}" ] || is_one_of "$name" ${SET[only]} ||
			fail "$name() was replaced: ${names[*]}"
	done
}

# A cold part has no callers: it is replaced with its function, and not listed.
has_symbols() # FILE NAME...
{
	local name symbol symbols
	mapfile -t symbols < <(nm "$1" | cut -d ' ' -f 3)
	for name in "${@:2}"; do
		for symbol in "${symbols[@]}"; do
			is_one_of "$symbol" "$name" && continue 2
		done
		fail "$name is not in $1: ${symbols[*]}"
	done
}

check_warnings()
{
	local regex
	for regex in ${WARNS[@]+"${WARNS[@]}"}; do
		cat "$TMP/stdout" "$TMP/stderr" | grep -qiE -- "$regex" ||
			fail "nothing says '$regex':
$STDOUT
$STDERR"
	done
}

# --- the two ways a folder may end ----------------------------------------------------

check_refused() # FOLDER CODE REGEX
{
	build_patch 3 "$1"
	json error.code | grep -qxE -- "$2" ||
		fail "code $(json error.code), not $2:
$STDERR"
	stderr_says '^hotfix-build: error: '
	stderr_says "$3"
	[ ! -e "$TMP/fix.hotfix.so" ] || fail 'a patch file was left'
}

# A return address that a call into the patch has left in the red zone keeps the
# image mapped: a scan cannot tell. Once it is written over, any command will do.
sweep()
{
	grep -q memfd:hotfix /proc/$PID/maps || return 0
	expect sweep swept
	hotfix recover -p $PID
}

# Who may still come by must find the code: it ends well, too.
check_left()
{
	[ -n "${SET[stays]:-}" ] || { unchanged; return; }
	grep -q memfd:hotfix /proc/$PID/maps || fail 'the image is gone'
}

check_patched() # FOLDER
{
	has_symbols "$TMP/bin/${SET[target]}" ${SET[has]:-}
	build_patch 0 "$1"
	check_replaced
	has_symbols "$TMP/fix.hotfix.so" ${SET[brings]:-}
	check_warnings
	LD_LIBRARY_PATH=$TMP/bin start_program "$TMP/bin/prog"
	ask_all ${BEFORE[@]+"${BEFORE[@]}"}
	snapshot
	hotfix apply "$TMP/fix.hotfix.so" -p $PID
	ask_all ${WITH[@]+"${WITH[@]}"}
	hotfix revert fix -p $PID
	ask_all ${AFTER[@]+"${AFTER[@]}"}
	sweep
	check_left
	finish
}

run_folder() # FOLDER COMPILER LEVEL MODEL
{
	command -v "$2" >/dev/null || skip "no $2"
	read_expect "$1"
	choose_build "${@:2}"
	make_program "$1"
	if [ -n "${SET[refused]:-}" ]; then
		read -r code words <<<"${SET[refused]}"
		check_refused "$1" "$code" "$words"
	else
		check_patched "$1"
	fi
}

# --- folders and combinations -----------------------------------------------------------

combinations() # FOLDER
{
	local compiler level model
	for compiler in ${SET[compilers]}; do
		for level in ${SET[levels]}; do
			for model in ${SET[models]}; do
				echo "$1__${compiler}_${level#-}_$model"
			done
		done
	done
}

# "FOLDER__gcc_O2_pie" becomes a test of that name.
define_test() # NAME
{
	local folder=${1%__*} compiler level model
	IFS=_ read -r compiler level model <<<"${1##*__}"
	eval "test_$1() { run_folder $folder $compiler -$level $model; }"
	NAMES+=("test_$1")
}

define_folder() # FOLDER NUMBER
{
	local all
	read_expect "$1"
	mapfile -t all < <(combinations "$1")
	if [ -n "${DIFF_ALL:-}" ]; then
		for name in "${all[@]}"; do
			define_test "$name"
		done
	else
		define_test "${all[$2 % ${#all[@]}]}"
	fi
}

# Neighbours in the alphabet are in different combinations.
define_all()
{
	local folder number=0
	for folder in "$DIFF"/*/expect; do
		folder=${folder%/expect} folder=${folder##*/}
		((number += 3))
		if [ $# -eq 0 ] || is_one_of "$folder" "$@"; then
			define_folder "$folder" $number
		fi
	done
}

NAMES=() FOLDERS=()
for argument; do
	case $argument in
	*__*) define_test "$argument" ;;
	*) FOLDERS+=("$argument") ;;
	esac
done
[ ${#NAMES[@]} -gt 0 ] || define_all ${FOLDERS[@]+"${FOLDERS[@]}"}
run_tests "${NAMES[@]}"
