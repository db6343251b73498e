#!/bin/bash
# What was done to which process, when and by whom: the ledger and the journal.
. "$(dirname "$0")/lib.sh"

fix_two()
{
	fix two calc <<-'EOF'
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
	EOF
}

# fix() with what a careful operator says of it.
fix_with_reason()
{
	fix_two
	"$BIN/hotfix-build" --target "$TARGETS/calc" -o "$TMP/told.hotfix.so" \
		--reason 'orders are charged twice' --ticket OPS-4711 \
		--author 'Ada' "$TMP/two.c" >"$TMP/built" 2>&1 ||
		fail "$(<"$TMP/built")"
	FIX=$TMP/told.hotfix.so
}

database() { "$PYTHON" -c '
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute(sys.argv[2])
db.commit()' "$HOTFIX_STATE_DIR/ledger.db" "$1"; }

entry_is() # NUMBER MEMBER VALUE
{
	hotfix log --json -p $PID
	json_is "entries.$1.$2" "$3"
}

nr_entries_is() { hotfix log --json -p $PID; json_is 'entries.#' $1; }

test_apply_and_revert()
{
	local digest
	start_target calc
	fix_with_reason
	digest=$(sha256sum <"$FIX")
	hotfix apply "$FIX" -p $PID
	hotfix revert told -p $PID
	nr_entries_is 2
	json_is entries.0.command apply
	json_is entries.0.outcome applied
	json_is entries.0.pid $PID
	json_is entries.0.process calc
	json_is entries.0.executable "$(readlink -f "$TARGETS/calc")"
	json_is entries.0.digest "${digest%% *}"
	json_is entries.0.reason 'orders are charged twice'
	json_is entries.0.ticket OPS-4711
	json_is entries.0.author Ada
	json_is entries.0.host "$(hostname)"
	json_is entries.0.who.uid "$(id -u)"
	json_is entries.0.who.user "$(id -un)"
	json_is entries.1.command revert
	json_is entries.1.outcome reverted
	json_is entries.1.digest "${digest%% *}"
	json_is entries.1.ticket OPS-4711
	[ "$(json entries.0.pause_us)" != 0.0 ] || fail 'it took no time'
	cmp "$FIX" "$HOTFIX_STATE_DIR/patches/${digest%% *}" ||
		fail 'the copy of the patch is another'
	hotfix log -p $PID
	stdout_says 'apply +told +calc \([0-9]+\) +applied +OPS-4711'
}

# Who types sudo is known by that.
test_sudo_user()
{
	start_target calc
	fix_two
	SUDO_USER=grace hotfix apply "$FIX" -p $PID
	entry_is 0 who.sudo_user grace
}

test_refusals()
{
	start_target calc-other
	fix_two
	hotfix_exit 3 apply "$FIX" -p $PID
	hotfix_exit 1 apply "$TMP/nothing.hotfix.so" -p $PID
	hotfix_exit 1 revert two -p $PID
	hotfix log --json
	json_is entries.0.outcome refused
	json_is entries.0.error.code module-absent
	json_is entries.1.file "$TMP/nothing.hotfix.so"
	json_is entries.2.error.code not-applied
}

# Nothing was tried.
test_looking_leaves_no_entry()
{
	start_target calc
	fix_two
	hotfix apply "$FIX" -p $PID --dry-run
	hotfix check "$FIX" -p $PID
	hotfix status -p $PID
	hotfix recover -p $PID
	nr_entries_is 0
}

test_some_of_them()
{
	local first second
	start_target calc
	first=$PID
	start_target calc
	second=$PID
	fix_with_reason
	hotfix apply "$FIX" -p $first -p $second
	fix_two
	hotfix apply "$FIX" -p $first
	hotfix log --json -p $first
	json_is 'entries.#' 2
	hotfix log --json -p $first,$second --name told
	json_is 'entries.#' 2
	hotfix log --json --name told -p $second
	json_is 'entries.#' 1
	hotfix log --json -p $first,$second --ticket OPS-4711
	json_is 'entries.#' 2
	hotfix log --json -p $first,$second --since 1h
	json_is 'entries.#' 3
	hotfix log --json --since "$(date -d '10 seconds' +%FT%T)"
	json_is 'entries.#' 0
	hotfix_exit 2 log --since yesterday
	stderr_says 'yesterday.* is no time'
}

# --- what is not as it was ----------------------------------------------------------

five_entries()
{
	local i
	start_target calc
	fix_two
	for i in 1 2 3 4 5; do
		hotfix_exit 1 revert two -p $PID
	done
	hotfix log --verify
	stdout_says ': 5 entries, all there'
	cp -a "$HOTFIX_STATE_DIR" "$TMP/whole"
}

damaged() # WHAT STATEMENT
{
	rm -rf "$HOTFIX_STATE_DIR"
	cp -a "$TMP/whole" "$HOTFIX_STATE_DIR"
	database "$2"
	hotfix_exit 1 log --verify
	stderr_says "$1"
	hotfix_exit 1 log --verify --json
	json_is error.code ledger-damaged
}

test_verify()
{
	five_entries
	damaged 'entry 3 is not as it was written' \
		"update entries set record = replace(record, '$PID', '1') where id = 3"
	damaged 'entry 2 is missing' 'delete from entries where id = 2'
	damaged 'entry 5 is missing' 'delete from entries where id = 5'
	damaged 'entry 1 is missing' 'delete from entries'
	damaged 'entry 6 is not as it was written' \
		"insert into entries select 6, record, hash from entries where id = 5"
	damaged 'entry 2 is not as it was written' \
		'update entries set hash = zeroblob(32) where id = 2'
	damaged 'does not say which entry is the last' 'delete from head'
}

# --- it cannot be written ------------------------------------------------------------

test_no_place()
{
	start_target calc
	fix_two
	HOTFIX_STATE_DIR=/proc/hotfix hotfix apply "$FIX" -p $PID
	stderr_says 'warning: not in the ledger: .*/proc/hotfix'
	expect value 2
	HOTFIX_STATE_DIR=/proc/hotfix hotfix revert two -p $PID --json
	json_is exit 0
	json_is ledger.code failed
	expect value 1
}

test_no_ledger()
{
	start_target calc
	fix_two
	mkdir "$HOTFIX_STATE_DIR"
	head -c 8192 /dev/urandom >"$HOTFIX_STATE_DIR/ledger.db"
	hotfix apply "$FIX" -p $PID
	stderr_says 'warning: not in the ledger: .*not a database'
	expect value 2
	hotfix_exit 1 log
	stderr_says 'not a database'
	stderr_says 'hint: move it away'
}

# The record stands in the process until there is room.
test_full_disk()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to mount'
	start_target calc
	fix_with_reason
	mkdir "$HOTFIX_STATE_DIR"
	mount -t tmpfs -o size=64k tmpfs "$HOTFIX_STATE_DIR"
	at_end umount -l "$HOTFIX_STATE_DIR"
	head -c 64k /dev/zero >"$HOTFIX_STATE_DIR/much" || :
	hotfix apply "$FIX" -p $PID
	stderr_says 'warning: not in the ledger: '
	expect value 2
	rm "$HOTFIX_STATE_DIR/much"
	hotfix log -p $PID
	stdout_says '1 of what processes carry had been missing'
	stdout_says 'apply +told +calc \([0-9]+\) +applied \(collected\) +OPS-4711'
	hotfix log -p $PID
	[[ $STDOUT != *'had been missing'* ]] || fail 'collected twice'
	nr_entries_is 1
	json_is entries.0.who.uid "$(id -u)"
	json_is entries.0.reason 'orders are charged twice'
	hotfix log --verify
}

test_read_only_disk()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to mount'
	start_target calc
	fix_two
	HOTFIX_STATE_DIR="$TMP/disk#%"
	mkdir "$HOTFIX_STATE_DIR"
	mount -t tmpfs tmpfs "$HOTFIX_STATE_DIR"
	at_end umount -l "$HOTFIX_STATE_DIR"
	hotfix apply "$FIX" -p $PID
	mount -o remount,ro "$HOTFIX_STATE_DIR"
	hotfix revert two -p $PID
	stderr_says 'warning: not in the ledger: .*its file system is read-only'
	expect value 1
	hotfix log -p $PID
	stdout_says 'apply +two +calc'
	hotfix log --verify
	stdout_says ': 1 entry, all there'
	mount -o remount,rw "$HOTFIX_STATE_DIR"
	hotfix apply "$FIX" -p $PID
	nr_entries_is 2
}

# Killed after the switch and before the entry: found in the process, once.
test_agent_killed()
{
	local i nr_applied=0
	start_target calc
	fix_two
	for ((i = 0; i < ${HOSTILE:+20}0 + 20; i++)); do
		{ timeout -s KILL 0.0$((i % 30 + 5)) "$BIN/hotfix" apply "$FIX" \
			-p $PID || :; } >"$TMP/stdout" 2>&1
		hotfix recover -p $PID
		hotfix status -p $PID --json
		grep -q '"state":"active"' "$TMP/stdout" || continue
		((++nr_applied))
		hotfix log --json -p $PID
		json_is "entries.$(($(json 'entries.#') - 1)).outcome" applied
		hotfix revert two -p $PID
	done
	hotfix log --verify
	hotfix log --json -p $PID
	is "$(grep -o '"outcome":"reverted"' <"$TMP/stdout" | wc -l)" $nr_applied \
		'reverted'
	is "$(grep -o '"outcome":"applied"' <"$TMP/stdout" | wc -l)" $nr_applied \
		'applied'
	[ $nr_applied -gt 0 ] || fail 'it was always killed before the switch'
	tried 'agent killed, ledger' $i 0 0 0
}

test_many_at_once()
{
	local i pids=() nr=${HOSTILE:+200}
	: ${nr:=20}
	start_target calc
	fix_two
	for ((i = 0; i < nr; i++)); do
		"$BIN/hotfix" revert two -p $PID >/dev/null 2>"$TMP/stderr.$i" &
		pids+=($!)
	done
	for i in ${pids[@]}; do
		wait $i || :
	done
	! grep -l 'not in the ledger' "$TMP"/stderr.* || fail 'an entry is lost'
	nr_entries_is $nr
	hotfix log --verify
	tried 'agents that write the ledger at once' $nr 0 0 0
}

# --- what else the copies are for ------------------------------------------------------

test_gdb_knows_functions_and_lines()
{
	local address
	command -v gdb >/dev/null || skip 'no gdb here'
	start_target calc
	fix_with_reason
	hotfix apply "$FIX" -p $PID
	address=$(json_address)
	hotfix status -p $PID --gdb
	cp "$TMP/stdout" "$TMP/patches.gdb"
	timeout $PATIENCE gdb -nx -batch -p $PID -x "$TMP/patches.gdb" \
		-ex "info symbol $address" -ex "info line *$address" \
		>"$TMP/gdb" 2>&1 </dev/null || fail "$(<"$TMP/gdb")"
	grep -q "^value in section .text of $HOTFIX_STATE_DIR/patches/" \
		"$TMP/gdb" || fail "$(<"$TMP/gdb")"
	grep -q '^Line [0-9]* of ".*two.c" starts at' "$TMP/gdb" ||
		fail "$(<"$TMP/gdb")"
	rm -r "$HOTFIX_STATE_DIR"
	hotfix status -p $PID --gdb
	stdout_says '^# told: the ledger has no copy'
	hotfix_exit 2 status --gdb
	stderr_says 'one process'
}

# Of the first function's replacement.
json_address()
{
	"$BIN/hotfix" status -p $PID --json >"$TMP/stdout"
	json processes.0.patches.0.functions.0.to
}

# --- the journal ---------------------------------------------------------------------

test_journal()
{
	[ "$(id -u)" = 0 ] || skip 'must be root to mount'
	start_target calc
	fix_with_reason
	cat >"$TMP/journal.sh" <<-'EOF'
		mkdir -p /run/systemd/journal
		mount -t tmpfs tmpfs /run/systemd/journal
		"$PYTHON" -c '
		import socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("/run/systemd/journal/socket")
		print("ready", flush=True)
		print(s.recv(65536).decode(), flush=True)' >"$TMP/journal" &
		until grep -q ready "$TMP/journal"; do sleep 0.01; done
		"$BIN/hotfix" apply "$FIX" -p $PID
		wait
	EOF
	sed -i 's/^\t*//' "$TMP/journal.sh"
	export TMP PYTHON BIN FIX PID
	timeout $PATIENCE unshare --mount bash -e "$TMP/journal.sh" >/dev/null
	grep -qx "MESSAGE=apply told: pid $PID (calc): applied" "$TMP/journal" ||
		fail "$(<"$TMP/journal")"
	grep -qx 'SYSLOG_IDENTIFIER=hotfix' "$TMP/journal"
	grep -qx "HOTFIX_PID=$PID" "$TMP/journal"
	grep -qx 'HOTFIX_TICKET=OPS-4711' "$TMP/journal"
	grep -qx 'HOTFIX_OUTCOME=applied' "$TMP/journal"
	grep -qx "HOTFIX_UID=$(id -u)" "$TMP/journal"
	hotfix log --json -p $PID
	grep -qx "HOTFIX_HASH=$(json entries.0.hash)" "$TMP/journal" ||
		fail 'the journal has another hash'
}

run_tests "$@"
