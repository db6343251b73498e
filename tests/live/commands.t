#!/bin/bash
# What the commands say about patches that are in processes: the words of
# status, revert by name, file and all, show with the old code beside, check,
# and what a dead agent left.
. "$(dirname "$0")/lib.sh"

# Patch names of this run alone: `revert --all` looks at the whole host.
ME=t$$

# The state word in the control block of the first patch in PID's status.
set_state() # NUMBER
{
	local image
	hotfix status -p $PID --json
	image=$(json processes.0.patches.0.image)
	"$PYTHON" -c '
import struct, sys
with open("/proc/%s/mem" % sys.argv[1], "r+b", buffering=0) as mem:
    mem.seek(int(sys.argv[2], 16) + 12)
    mem.write(struct.pack("<I", int(sys.argv[3])))
' $PID "$image" $1
}

# A calc that differs in nothing but its build-id.
other_build() # FILE
{
	local id
	id=$(readelf -n "$TARGETS/calc" | sed -n 's/.*Build ID: //p')
	"$PYTHON" -c '
import sys
data = open(sys.argv[1], "rb").read()
id = bytes.fromhex(sys.argv[2])
assert data.count(id) == 1
open(sys.argv[3], "wb").write(data.replace(id, id[::-1]))
' "$TARGETS/calc" "$id" "$1"
	chmod +x "$1"
}

# Of every process; what else runs on this machine decides the exit status.
host_status() { "$BIN/hotfix" status >"$TMP/stdout" 2>"$TMP/stderr" || true; }

test_status_words()
{
	start_target calc
	hotfix status -p $PID
	stdout_says '^no patch in this process$'
	fix_value $ME-a calc 2 --reason 'customers see 1' --ticket INC-42
	hotfix apply "$FIX" -p $PID
	fix_value $ME-b calc 3
	hotfix apply "$FIX" -p $PID
	host_status
	stdout_says "^PID +PROCESS +PATCH +STATE +SINCE +FUNCTION +SITE$"
	stdout_says "^$PID +calc +$ME-a +active .* value +overridden by $ME-b$"
	stdout_says "^$PID +calc +$ME-b +active .* value +leads here$"
	stdout_says "^$ME-a: customers see 1 ticket INC-42$"
	hotfix status -p $PID --json
	json_is processes.0.patches.0.name $ME-a
	json_is processes.0.patches.0.functions.0.reality leads-to-other-patch
	json_is processes.0.patches.0.functions.0.overridden_by $ME-b
	json_is processes.0.patches.0.ticket INC-42
	json_is processes.0.patches.1.functions.0.reality leads-here
	hotfix revert $ME-a -p $PID
	hotfix revert $ME-b -p $PID
	host_status
	! grep -q "^$PID " "$TMP/stdout"
}

# Somebody else writes to the entry of a patched function.
test_status_of_a_changed_site()
{
	local from
	start_target calc
	fix_value $ME-c calc 2
	hotfix apply "$FIX" -p $PID --json
	from=$(json results.0.functions.0.from)
	"$PYTHON" -c '
import sys
with open("/proc/%s/mem" % sys.argv[1], "r+b", buffering=0) as mem:
    mem.seek(int(sys.argv[2], 16))
    mem.write(b"\x90")' $PID "$from"
	hotfix status -p $PID
	stdout_says 'value +changed by something else$'
}

# States in which only an agent at work leaves a process.
test_interrupted_is_told_and_recovered()
{
	local state
	start_target calc
	fix_value $ME-d calc 2
	for state in 2 4; do
		hotfix apply "$FIX" -p $PID
		set_state $state
		hotfix_exit 6 status -p $PID
		stderr_says "^hotfix: error: calc \(pid $PID\): .*killed"
		stderr_says "^  hint: hotfix recover -p $PID$"
		hotfix_exit 6 status --json -p $PID
		json_is processes.0.interrupted true
		[ ! -s "$TMP/stderr" ]
		hotfix_exit 6 apply "$FIX" -p $PID
		hotfix recover -p $PID --json
		json_is results.0.outcome recovered
		hotfix status -p $PID
		hotfix_exit 0 recover -p $PID
		stdout_says 'nothing to recover'
		"$BIN/hotfix" revert $ME-d -p $PID >/dev/null 2>&1 || true
		expect value 1
	done
}

test_all_by_build_id_and_by_name()
{
	local one two
	start_target calc
	one=$PID
	start_target calc
	two=$PID
	fix_value $ME-e calc 2
	hotfix apply "$FIX" --all
	stdout_says "applied $ME-e to calc \(pid $one,"
	stdout_says "applied $ME-e to calc \(pid $two,"
	stdout_says '^2 applied$'
	hotfix apply "$FIX" -p $one,$two
	stdout_says '^2 already$'
	hotfix revert $ME-e -p $one
	hotfix_exit 5 revert $ME-e -p $one -p $two
	stdout_says "1 failed \(pid $one\), 1 reverted"
	stderr_says "\(pid $one\): .*$ME-e"
	hotfix apply "$FIX" -p $one,$two
	hotfix revert "$FIX" --all
	stdout_says '^2 reverted$'
	hotfix_exit 1 revert $ME-e --all
	stderr_says "no process carries $ME-e"
	expect value 1
}

test_all_where_nobody_runs_that_build()
{
	cp "$TARGETS/calc" "$TMP/$ME"
	fix_value $ME-f "$TMP/$ME" 2
	rm "$TMP/$ME"
	other_build "$TMP/$ME"
	start_program "$TMP/$ME"
	hotfix_exit 1 apply "$FIX" --all
	stderr_says "no process runs $ME with build-id [0-9a-f]{40}"
	stderr_says "^  pid $PID \($ME\) runs another build of it: [0-9a-f]{40}"
}

test_everything()
{
	start_target calc
	snapshot
	fix_value $ME-g calc 2
	hotfix apply "$FIX" -p $PID
	fix_value $ME-h calc 3
	hotfix apply "$FIX" -p $PID
	hotfix revert --everything -p $PID --json
	json_is results.0.outcome reverted
	json_is results.1.outcome reverted
	is "$(json results.0.patch),$(json results.1.patch)" "$ME-h,$ME-g"
	unchanged
	hotfix_exit 1 revert --everything -p $PID
}

test_show_old_and_new()
{
	start_target calc
	fix_value $ME-i calc 77 --reason because
	hotfix show "$FIX"
	stdout_says '^reason +because$'
	stdout_says 'movl \$0x4d, %eax$'
	stdout_says 'with'
	! grep -q '|' "$TMP/stdout"
	hotfix show "$FIX" --target "$TARGETS/calc"
	stdout_says '[0-9a-f]+  movl .*\|  +[0-9a-f]+  movl \$0x4d, %eax$'
	cp "$TMP/stdout" "$TMP/by-file"
	# The jump of the patch itself is seen through.
	hotfix apply "$FIX" -p $PID
	hotfix show "$FIX" -p $PID
	diff "$TMP/by-file" "$TMP/stdout"
	hotfix show "$FIX" -p $PID --json
	json_is functions.0.name value
	json_is functions.0.new.0.bytes b84d000000
	hotfix_exit 3 show "$FIX" --target "$TARGETS/pair"
	stderr_says 'is not the build of calc'
	stderr_says '^  wanted: build-id '
	hotfix_exit 3 show "$FIX" --target "$TARGETS/pair" --json
	json_is error.code build-id-mismatch
}

test_check()
{
	start_target calc
	fix_value $ME-j calc 2
	snapshot
	hotfix check "$FIX" -p $PID
	stdout_says '^  ok +function value: '
	stdout_says '^can be applied$'
	hotfix check "$FIX" "$TARGETS/calc" --json
	json_is results.0.outcome would-apply
	json_is results.0.items.0.ok true
	hotfix_exit 3 check "$FIX" "$TARGETS/pair"
	hotfix_exit 3 check "$FIX" "$TARGETS/pair" --json
	json_is results.0.exit 3
	hotfix apply "$FIX" -p $PID --dry-run
	stdout_says "^would apply $ME-j to calc \(pid $PID"
	unchanged
	other_build "$TMP/calc"
	start_program "$TMP/calc"
	hotfix_exit 3 check "$FIX" -p $PID
	stdout_says '^would be refused$'
}

# The patch is in, and whoever asked learns that its report is lost.
test_report_that_cannot_be_written()
{
	start_target calc
	fix_value $ME-k calc 2
	program_exit 1 bash -c '"$@" >/dev/full' full "$BIN/hotfix" apply "$FIX" \
		-p $PID
	stderr_says 'cannot write the report.*No space left'
	expect value 2
}

run_tests "$@"
