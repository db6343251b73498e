#!/bin/bash
# Patch files that are truncated, corrupted or hostile: a clear error, the
# documented status, and nothing of them in the target.
. "$(dirname "$0")/lib.sh"

# Not applied, and said so. Each test ends with `unchanged`: all of its files
# together left no trace in the target.
rejected() # FILE REGEX [STATUS]
{
	hotfix_exit ${3:-1} apply "$1" -p $PID
	stderr_says '^hotfix: error: '
	stderr_says "$2"
}

one_patch()
{
	start_target calc
	fix_value two calc 2
	snapshot
}

one_patch_with_import()
{
	start_target calc
	fix needs calc <<-'EOF'
		extern volatile int base_value;
		int value(void) { return ++base_value; }
		HOTFIX_REPLACE(value);
	EOF
	snapshot
}

test_no_file()
{
	one_patch
	rejected "$TMP/absent.hotfix.so" 'absent.*(no such file|not exist)'
	rejected "$TMP" 'directory|not a regular|no patch'
	rejected /dev/zero 'no regular file'
	: >"$TMP/empty"
	rejected "$TMP/empty" 'empty|truncated|not|too short'
	mkfifo "$TMP/fifo"
	rejected "$TMP/fifo" 'regular|fifo|not'
	chmod 000 "$FIX"
	[ "$(id -u)" = 0 ] || rejected "$FIX" 'permission'
	unchanged
}

test_no_patch()
{
	one_patch
	head -c 100000 /dev/urandom >"$TMP/noise"
	rejected "$TMP/noise" 'ELF|patch'
	echo 'hello' >"$TMP/text"
	rejected "$TMP/text" 'ELF|patch'
	rejected "$TARGETS/libplug.so" 'patch|manifest'
	rejected "$TARGETS/calc" 'patch|manifest'
	rejected "$TARGETS/tiny32" '32|patch|class'
	unchanged
}

test_error_in_json()
{
	one_patch
	echo 'hello' >"$TMP/text"
	hotfix_exit 1 apply "$TMP/text" -p $PID --json
	json_is command apply
	json_is exit 1
	json_is results.# 0
	json_is error.code patch-malformed
	unchanged
}

# Every length, coarsely: half a file is no patch.
test_truncated()
{
	local size at
	one_patch
	size=$(stat -c %s "$FIX")
	for ((at = 1; at < size; at += size / 25 + 1)); do
		head -c $at "$FIX" >"$TMP/short.hotfix.so"
		hotfix_exit 1 apply "$TMP/short.hotfix.so" -p $PID
		stderr_says '^hotfix: error: '
	done
	head -c $((size - 1)) "$FIX" >"$TMP/short.hotfix.so"
	hotfix_exit 1 apply "$TMP/short.hotfix.so" -p $PID
	unchanged
	expect value 1
}

# One byte of a header or table changed, in each of 40 ways. Whatever comes of
# it, the target answers old or new, and what was applied can be reverted.
test_corrupted()
{
	local i status applied=0
	one_patch
	for ((i = 0; i < 40; i++)); do
		"$PYTHON" "$LIVE/corrupt.py" byte $i "$FIX" "$TMP/bad.hotfix.so"
		status=0
		timeout 20 "$BIN/hotfix" apply "$TMP/bad.hotfix.so" -p $PID \
			>"$TMP/stdout" 2>"$TMP/stderr" || status=$?
		case $status in
		0)
			((++applied))
			ask value
			[[ $ANSWER = [12] ]] || fail "way $i: value $ANSWER"
			hotfix revert --everything -p $PID
			;;
		1 | 3) stderr_says '^hotfix: error: ' ;;
		*) fail "way $i: status $status: $(<"$TMP/stderr")" ;;
		esac
		expect value 1
	done
	unchanged
	# Both kinds were met.
	[ $applied -gt 0 ] && [ $applied -lt 40 ]
}

# The manifest says something that it should not.
manifest() # PYTHON-STATEMENT on `m` -> $TMP/bad.hotfix.so
{
	"$PYTHON" "$LIVE/corrupt.py" manifest "$1" "$FIX" "$TMP/bad.hotfix.so"
}

test_manifest_lies()
{
	one_patch
	manifest 'pass'
	hotfix apply "$TMP/bad.hotfix.so" -p $PID
	hotfix revert two -p $PID
	manifest 'm["schema"] = 99'
	rejected "$TMP/bad.hotfix.so" 'schema' 3
	manifest 'm["name"] = "../../etc/passwd"'
	rejected "$TMP/bad.hotfix.so" 'name'
	manifest 'm["name"] = "a\u001b[31mb"'
	rejected "$TMP/bad.hotfix.so" 'name'
	manifest 'm["name"] = "x" * 64'
	rejected "$TMP/bad.hotfix.so" 'name'
	manifest 'del m["target"]'
	rejected "$TMP/bad.hotfix.so" 'target'
	manifest 'm["functions"] = []'
	rejected "$TMP/bad.hotfix.so" 'function'
	manifest 'm["functions"] = m["functions"] * 100000'
	rejected "$TMP/bad.hotfix.so" '.'
	manifest 'm["functions"] = 5'
	rejected "$TMP/bad.hotfix.so" 'functions'
	manifest 'm["functions"] = m["functions"] * 2'
	rejected "$TMP/bad.hotfix.so" 'functions.1.*overlap'
	unchanged
}

# It names code that is not the function it was made for.
test_manifest_names_other_code()
{
	one_patch
	manifest 'f["address"] = moved(f["address"], 1)'
	rejected "$TMP/bad.hotfix.so" 'value' 3
	manifest 'f["address"] = hex(2**40)'
	rejected "$TMP/bad.hotfix.so" 'value' 3
	manifest 'f["address"] = hex(2**63)'
	rejected "$TMP/bad.hotfix.so" 'address'
	manifest 'f["size"] = 2**62'
	rejected "$TMP/bad.hotfix.so" '.'
	manifest 'f["size"] = 0'
	rejected "$TMP/bad.hotfix.so" '.'
	manifest 'f["replacement"]["address"] = hex(2**40)'
	rejected "$TMP/bad.hotfix.so" '.'
	manifest 'f["replacement"]["address"] = "0x0"'
	rejected "$TMP/bad.hotfix.so" '.'
	manifest 'f["sha256"] = "00" * 32'
	rejected "$TMP/bad.hotfix.so" 'value' 3
	manifest 'f["sha256"] = "00"'
	rejected "$TMP/bad.hotfix.so" 'sha256'
	unchanged
}

# Not JSON, not UTF-8, nested deeply.
test_manifest_is_no_manifest()
{
	local what
	one_patch
	for what in '{' '[]' 'null' '"x"' '\xff\xfe' '{"a":1}' ''; do
		"$PYTHON" "$LIVE/corrupt.py" note "$what" "$FIX" "$TMP/bad.hotfix.so"
		rejected "$TMP/bad.hotfix.so" '.'
	done
	"$PYTHON" "$LIVE/corrupt.py" note "$(printf '[%.0s' {1..5000})" "$FIX" \
		"$TMP/bad.hotfix.so"
	rejected "$TMP/bad.hotfix.so" '.'
	unchanged
}

# ELF headers that lie; see corrupt.py for each.
test_elf_lies()
{
	local case status
	one_patch_with_import
	while read -r case status; do
		"$PYTHON" "$LIVE/corrupt.py" elf $case "$FIX" "$TMP/bad.hotfix.so"
		rejected "$TMP/bad.hotfix.so" '.' $status
	done <<-EOF
		machine 3
		class 1
		executable 1
		phoff-huge 1
		phnum-huge 1
		shoff-huge 1
		segment-offset-huge 1
		segment-size-huge 1
		segment-memory-huge 1
		segment-writable-executable 1
		segment-overlaps 1
		thread-local 3
		relocation-outside 1
		relocation-symbol-huge 1
		note-size-huge 1
	EOF
	unchanged
}

# Built for another machine, byte for byte a patch otherwise.
test_other_machine()
{
	one_patch
	"$PYTHON" "$LIVE/corrupt.py" elf machine "$FIX" "$TMP/bad.hotfix.so"
	rejected "$TMP/bad.hotfix.so" 'machine|aarch64|183' 3
	unchanged
}

# strip takes away what imports need; and without the manifest it is no patch.
test_symbols_gone()
{
	one_patch_with_import
	strip -o "$TMP/stripped.hotfix.so" "$FIX"
	rejected "$TMP/stripped.hotfix.so" 'strip|manifest'
	strip --strip-all --keep-section=.note.hotfix \
		--keep-section=.rela.hotfix -o "$TMP/stripped.hotfix.so" "$FIX"
	rejected "$TMP/stripped.hotfix.so" 'strip'
	objcopy --remove-section=.note.hotfix "$FIX" "$TMP/bare.hotfix.so"
	rejected "$TMP/bare.hotfix.so" 'manifest|no patch|not a patch'
	unchanged
}

# A patch with imports whose relocations were stripped away.
test_relocations_gone()
{
	one_patch_with_import
	objcopy --remove-section=.rela.hotfix "$FIX" "$TMP/bare.hotfix.so"
	rejected "$TMP/bare.hotfix.so" 'rela|import|relocation'
	unchanged
}

# The disk is full where the patch is to be written: no half file stays.
test_disk_full_at_build()
{
	mkdir "$TMP/small"
	mount -t tmpfs -o size=8k none "$TMP/small" 2>/dev/null ||
		skip 'may not mount'
	at_end "umount '$TMP/small'"
	echo '#include <hotfix/hotfix.h>
int value(void) { return 2; }
HOTFIX_REPLACE(value);' >"$TMP/two.c"
	program_exit 1 "$BIN/hotfix-build" --target "$TARGETS/calc" --name two \
		-o "$TMP/small/two.hotfix.so" "$TMP/two.c"
	stderr_says 'hotfix-build: error: .*no space'
	[ -z "$(ls -A "$TMP/small")" ] || fail "left: $(ls -l "$TMP/small")"
}

# The agent needs no disk: it works with every temporary directory full.
test_disk_full_at_apply()
{
	one_patch
	mkdir "$TMP/small"
	mount -t tmpfs -o size=4k none "$TMP/small" 2>/dev/null ||
		skip 'may not mount'
	at_end "umount '$TMP/small'"
	head -c 4096 /dev/zero >"$TMP/small/full"
	TMPDIR=$TMP/small HOME=$TMP/small hotfix apply "$FIX" -p $PID
	expect value 2
	TMPDIR=$TMP/small HOME=$TMP/small hotfix revert two -p $PID
	# Nor does it write to a standard output that is full without saying so.
	local status=0
	"$BIN/hotfix" status -p $PID >/dev/full 2>"$TMP/stderr" || status=$?
	is $status 1 'status with a full output'
	stderr_says 'no space'
}

run_tests "$@"
