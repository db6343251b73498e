#!/bin/bash
# The report of an incident: what each form of it says, and how it looks.
. "$(dirname "$0")/lib.sh"

REASON='<script>alert("x")</script> & "quotes": orders are `charged` *twice*'

# The fix, with all that a careful operator says of it.
told_fix()
{
	# Of no other run beside this one: its digest would be the same.
	fix two calc <<-EOF
		/* A line that is longer than any phone is wide, and is not broken anywhere: it scrolls in its own box. $TMP */
		int value(void) { return 2; }
		HOTFIX_REPLACE(value);
	EOF
	"$BIN/hotfix-build" --target "$TARGETS/calc" -o "$TMP/told.hotfix.so" \
		--reason "${1:-$REASON}" --ticket OPS-4711 --author 'Ada <ada@example.org>' \
		"$TMP/two.c" >"$TMP/built" 2>&1 || fail "$(<"$TMP/built")"
	FIX=$TMP/told.hotfix.so
}

# calc: applied, refused for another program, reverted, applied once more.
incident()
{
	start_target calc-other
	OTHER=$PID
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	SUDO_USER=grace hotfix_exit 3 apply "$FIX" -p $OTHER
	SUDO_USER=grace hotfix revert told -p $PID
	hotfix apply "$FIX" -p $PID
}

report() # FORM [ARG...]
{
	hotfix report "${@:2}" --format "$1"
}

# A look at an HTML file: WIDTH SCHEME. What was seen is then asked with json.
look() # FILE WIDTH [SCHEME]
{
	command -v chromium >/dev/null ||
		fail "there is no chromium here: run make deps"
	timeout -k 5 $((PATIENCE * 5)) "$PYTHON" "$LIVE/browser.py" "$1" $2 800 \
		"$TMP/browser.$2.${3:-light}" ${3:-light} >"$TMP/stdout" 2>"$TMP/stderr" ||
		fail "no look at $1: $(<"$TMP/stderr")"
	STDOUT=$(<"$TMP/stdout")
}

at_least() # PATH NUMBER
{
	local got
	got=$(json $1)
	[ "$got" -ge $2 ] || fail "$1 is $got, and not $2 or more"
}

# --- the facts -----------------------------------------------------------------------

test_json()
{
	local digest i key
	incident
	digest=$(sha256sum <"$FIX")
	hotfix log --json -p $PID,$OTHER
	cp "$TMP/stdout" "$TMP/log"
	report json told
	json_is schema 1
	json_is patch told
	json_is digest "${digest%% *}"
	json_is reason "$REASON"
	json_is ticket OPS-4711
	json_is author 'Ada <ada@example.org>'
	json_is targets.0.name calc
	json_is targets.0.build_id "$(readelf -n "$TARGETS/calc" | sed -n 's/.*Build ID: //p')"
	# What is told of each attempt is what the ledger has.
	json_is 'attempts.#' 4
	"$PYTHON" - "$TMP/log" "$TMP/stdout" <<-'END' || fail 'not what the ledger has'
		import json, sys
		log = json.load(open(sys.argv[1]))["entries"]
		told = json.load(open(sys.argv[2]))["attempts"]
		assert len(log) == len(told) == 4
		for entry, attempt in zip(log, told):
		    for key in ("id", "time", "command", "outcome", "pid", "process", "who",
		                "pause_us", "longest_stop_us", "wait_ms", "host"):
		        assert entry[key] == attempt[key], (key, entry, attempt)
		    assert entry.get("error") == attempt["error"]
	END
	json_is attempts.0.outcome applied
	json_is attempts.1.outcome refused
	json_is attempts.1.error.code module-absent
	json_is attempts.1.by "$(id -un) (grace)"
	json_is attempts.2.outcome reverted
	json_is attempts.3.effect applied
	json_is summary.applied 2
	json_is summary.reverted 1
	json_is summary.refused 1
	json_is summary.processes 2
	[ "$(json summary.longest_stop_us)" != 0.0 ] || fail 'no stop took any time'
	json_is state.applied_in 1
	json_is state.processes.0.pid $PID
	json_is state.processes.0.state active
	json_is state.processes.0.functions.0.runs 'this patch'
	json_is merged.checked false
	json_is git null
	json_is questions.0.question 'Why did this reach production?'
	json_is questions.0.facts '[]'
	json_is functions.0.name value
	json_is functions.0.identity not-compared
	json_is functions.0.old_from "process $PID"
	grep -q 'movl $2, %eax' <<<"$(json functions.0.new)" || fail 'the new code is another'
	grep -q 'movl 0x[0-9a-f]*(%rip), %eax' <<<"$(json functions.0.old)" || fail 'the old code is another'
	json_is source.0.kind source
	json_is source.0.name two.c
	[ "$(json source.0.text)" = "$(<"$TMP/two.c")" ] || fail 'the source is another'
	hotfix report told --json
	json_is command report
	json_is incidents.0.ticket OPS-4711
	json_is exit 0
}

# The same facts for people. Times, persons and pauses are those of the ledger.
test_words()
{
	local form i time
	incident
	report json told
	cp "$TMP/stdout" "$TMP/facts"
	report md told
	cp "$TMP/stdout" "$TMP/report.md"
	report html told
	look "$(cp "$TMP/stdout" "$TMP/report.html"; echo "$TMP/report.html")" 1000
	json text >"$TMP/report.txt"
	for form in md txt; do
		"$PYTHON" - "$TMP/facts" "$TMP/report.$form" <<-'END' || fail "$form lacks facts"
			import json, re, sys
			facts = json.load(open(sys.argv[1]))
			text = re.sub(r"\\([\\`*_<>\[\]|&#+=~-])", r"\1", open(sys.argv[2]).read())
			text = re.sub(r"\s+", " ", text)
			# A number of the text is what the ledger has, but for what is rounded.
			units = {"\u00b5s": 1, "ms": 1e3, "s": 1e6}
			def is_shown(us, shown):
			    if us < 0.001: return shown == "-"
			    number, unit = shown.split(" ")
			    return abs(float(number) * units[unit] - us) <= max(0.06, us * 0.06)
			md = sys.argv[2].endswith("md")
			form = (r"pause (.*?), longest stop (.*?), waited (.*?), entry" if md else
			        r"(-|[0-9.]+ \S+) (-|[0-9.]+ \S+) (-|[0-9.]+ \S+) ")
			wanted = [facts["patch"], facts["reason"], facts["ticket"], facts["author"],
			          facts["digest"], facts["targets"][0]["build_id"],
			          "Applied in 1 process of this host", "4 attempts on 2 processes: 2 "
			          "applied, 1 reverted, 1 refused.", "Not checked.",
			          "Why did this reach production?", "Is the fix in every branch",
			          "runs: this patch", "int value(void) { return 2; }"]
			at = 0
			for a in facts["attempts"]:
			    stamp = a["time"][:10] + " " + a["time"][11:19]
			    process = "%s %d" % (a["process"], a["pid"])
			    begin = re.compile(re.escape(stamp) + r"( UTC: \w+,)? " + process)
			    found = begin.search(text, at)
			    assert found, (stamp, process)
			    at = found.start()
			    line = text[at:at + 300]
			    for part in (a["by"], a["command"], a["outcome"]):
			        assert part in line, (part, line)
			    shown = re.search(form, line[line.index(a["by"]):]).groups()
			    for us, text_of_it in zip((a["pause_us"], a["longest_stop_us"], a["wait_ms"] * 1000), shown):
			        assert is_shown(us, text_of_it), (us, shown, line)
			    if a["error"]:
			        assert a["error"]["message"].split("\n")[0] in text
			    at += 10
			for part in wanted:
			    assert part in text, part
		END
	done
	grep -q 'movl 0x[0-9a-f]*(%rip), %eax' "$TMP/report.md" || fail 'the old code is missing'
	grep -q 'movl 0x[0-9a-f]*(%rip), %eax' "$TMP/report.html" || fail 'the old code is missing'
	grep -q 'movl $2, %eax' "$TMP/report.html" || fail 'the new code is missing'
}

test_after_the_process()
{
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	finish
	report json told
	json_is state.applied_in 0
	json_is functions.0.old_from "$(readlink -f "$TARGETS/calc")"
	report md told
	stdout_says 'Applied in no process of this host'
	report html told
	stdout_says 'until its process ended'
	stdout_says '<line class="t-bar t-unknown" x1="[0-9]+'
}

# What the ledger names was anybody's: nobody waits for a pipe there.
test_executable_of_others()
{
	cp "$TARGETS/calc" "$TMP/mine"
	start_program "$TMP/mine"
	told_fix
	hotfix apply "$FIX" -p $PID
	finish
	report json told
	json_is functions.0.old_from "$(readlink -f "$TMP/mine")"
	chmod 777 "$TMP/mine"
	report json told
	json_is functions.0.old null
	grep -q 'written by everybody\|may be written\|may write' <<<"$(json functions.0.old_missing)" ||
		fail "$(json functions.0.old_missing)"
	rm "$TMP/mine"
	mkfifo "$TMP/mine"
	report md told
	stdout_says 'The old code is not shown: .*no regular file'
	report md told --target "$TMP/mine"
	stdout_says 'The old code is not shown: '
}

# Another patch took it away in the same switch: that is an end of this one, too.
test_replaced()
{
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	fix_value three calc 3
	hotfix apply "$FIX" -p $PID --replace-active
	hotfix revert three -p $PID
	hotfix apply "$FIX" -p $PID --replace-active
	report json told
	json_is 'attempts.#' 2
	json_is attempts.1.replaced_by three
	json_is attempts.1.effect reverted
	json_is summary.reverted 1
	json_is state.applied_in 0
	report md told
	stdout_says 'apply, calc [0-9]+: taken away by three'
	report json three
	json_is 'attempts.#' 3
	json_is state.applied_in 1
}

# --- which patch ---------------------------------------------------------------------

# What nobody asked for has its reason, and a confirmation is no attempt.
test_taken_back()
{
	start_target calc
	fix_value two calc 2
	hotfix apply "$FIX" -p $PID --confirm-within 200ms
	await nothing_waits
	expect value 1
	hotfix apply "$FIX" -p $PID --confirm-within 1m
	hotfix confirm two
	hotfix report two --format json
	json_is 'attempts.#' 4
	json_is attempts.1.because 'it was not confirmed in time'
	json_is attempts.3.outcome confirmed
	json_is summary.attempts 3
	json_is summary.applied 2
	json_is summary.reverted 1
	json_is summary.unchanged 0
	hotfix report two
	stdout_says 'reverted, because it was not confirmed in time'
	stdout_says 'a restart brings the old code back'
	hotfix keep "$FIX"
	hotfix report two
	stdout_says 'It is a standing fix'
	hotfix report two --format json
	json_is standing active
	json_is summary.attempts 3
}

nothing_waits() { [ -z "$(ls "$HOTFIX_STATE_DIR/pending")" ]; }

test_two_of_a_name()
{
	local first second
	start_target calc
	told_fix
	first=$(sha256sum <"$FIX")
	hotfix apply "$FIX" -p $PID
	hotfix revert told -p $PID
	told_fix 'another reason'
	second=$(sha256sum <"$FIX")
	hotfix apply "$FIX" -p $PID
	report json told
	json_is digest "${second%% *}"
	json_is reason 'another reason'
	json_is 'attempts.#' 1
	json_is other_digests.0.digest "${first%% *}"
	json_is other_digests.0.attempts 2
	report json told --digest "${first:0:12}"
	json_is digest "${first%% *}"
	json_is reason "$REASON"
	json_is 'attempts.#' 2
	hotfix_exit 1 report told --digest 0000
	stderr_says 'no patch of told in the ledger begins with 0000'
	hotfix_exit 2 report told --digest xyz
	stderr_says 'not the beginning of a digest'
}

test_a_file()
{
	told_fix
	report json "$FIX"
	json_is ticket OPS-4711
	json_is 'attempts.#' 0
	json_is functions.0.old null
	report json "$FIX" --target "$TARGETS/calc"
	json_is functions.0.old_from "$TARGETS/calc"
	report md "$FIX"
	stdout_says 'The ledger of this host has no attempt'
	report html "$FIX"
	! grep -q '<svg role' "$TMP/stdout" || fail 'a timeline of nothing'
}

test_unknown()
{
	hotfix_exit 1 report nothing
	stderr_says 'there is no ledger yet'
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	hotfix_exit 1 report nothing
	stderr_says 'no patch called nothing'
	stderr_says 'hint: .*hotfix log'
	hotfix_exit 1 report ./nothing.hotfix.so
	stderr_says 'nothing.hotfix.so'
	hotfix_exit 1 report nothing --json
	json_is error.code unknown-patch
	hotfix_exit 2 report told --format pdf
	stderr_says 'none of md, html and json'
	hotfix_exit 2 report told --format html --json
	hotfix_exit 2 report
}

# The copy is gone, or is no longer what was applied: said, and the rest is told.
test_without_the_copy()
{
	local copy
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	copy=$(echo "$HOTFIX_STATE_DIR"/patches/*)
	"$BIN/hotfix-build" --target "$TARGETS/calc" -o "$TMP/x.hotfix.so" --name told "$TMP/two.c" >/dev/null
	cp -f "$TMP/x.hotfix.so" "$copy"
	report json told
	json_is reason "$REASON"
	json_is functions '[]'
	grep -q 'its digest is another' <<<"$(json file_problem)" || fail 'a wrong copy was believed'
	rm -f "$copy"
	report md told
	stdout_says 'Not known in detail: no copy of the patch file'
	stdout_says 'Ticket: OPS-4711'
	report html told
	stdout_says 'OPS-4711'
}

# --- merged ----------------------------------------------------------------------------

# An entry as `hotfix merged` writes it, with a hash of nothing.
merged_entry() # DIGEST STATE
{
	"$PYTHON" - "$HOTFIX_STATE_DIR/ledger.db" "$1" "$2" <<-'END'
		import json, sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		last = db.execute("select max(id) from entries").fetchone()[0]
		db.execute("insert into entries values (?, ?, zeroblob(32))", (last + 1, json.dumps({
		    "action": "merged", "patch": "told", "digest": sys.argv[2],
		    "time": "2026-11-24T01:02:03.000000Z", "branches": [
		        {"branch": "production", "state": sys.argv[3], "by": "patch-id", "commit": "cafe" * 10},
		        {"branch": "<main>", "state": "missing"}]})))
		db.commit()
	END
}

test_merged()
{
	local digest
	start_target calc
	told_fix
	digest=$(sha256sum <"$FIX")
	hotfix apply "$FIX" -p $PID
	merged_entry ${digest%% *} missing
	merged_entry ${digest%% *} merged
	merged_entry $(printf %064d 1) missing
	report json told
	json_is merged.checked true
	json_is merged.time 2026-11-24T01:02:03.000000Z
	json_is merged.branches.0.state merged
	json_is merged.branches.0.by patch-id
	json_is 'attempts.#' 1
	report md told
	stdout_says 'In 1 of 2 branches, as checked at 2026-11-24 01:02:03 UTC'
	stdout_says 'production: merged, commit cafecafe'
	stdout_says '<main.*: missing'
	report html told
	stdout_says 'In 1 of 2 branches'
	stdout_says '&lt;main&gt;: missing'
}

# --- what git knows -----------------------------------------------------------------------

repository()
{
	local git=(git -C "$TMP/src" -c user.name='Grace' -c user.email=g@example.org)
	mkdir -p "$TMP/src/tests"
	git init -q "$TMP/src"
	printf 'int value(void)\n{\n\treturn 0;\n}\n' >"$TMP/src/calc.c"
	"${git[@]}" add . && GIT_COMMITTER_DATE=2024-01-02T03:04:05Z "${git[@]}" commit -qm 'calc: begin' --date 2024-01-02T03:04:05Z
	sed -i 's/0/1/' "$TMP/src/calc.c"
	echo 'check value' >"$TMP/src/tests/one.t"
	echo 'value' >"$TMP/src/checkout.txt"
	"${git[@]}" add . && GIT_COMMITTER_DATE=2025-01-02T03:04:05Z "${git[@]}" commit -qm 'calc: one & only' --date 2025-01-02T03:04:05Z
	sed -i 's/1/2/' "$TMP/src/calc.c"
	"${git[@]}" add . && GIT_COMMITTER_DATE=2037-01-02T03:04:05Z "${git[@]}" commit -qm 'calc: the fix' --date 2037-01-02T03:04:05Z
}

test_git()
{
	told_fix
	repository
	report json "$FIX" --git "$TMP/src/tests"
	json_is git.subject 'calc: one & only'
	json_is git.functions.0.file calc.c
	json_is git.functions.0.of function
	json_is git.functions.0.changes 2
	json_is git.functions.0.last_change.subject 'calc: one & only'
	json_is git.functions.0.last_change.author 'Grace'
	json_is git.functions.0.first_change.time 2024-01-02T03:04:05+00:00
	json_is git.functions.0.tests '["tests/one.t"]'
	report md "$FIX" --git "$TMP/src"
	stdout_says 'value .calc.c. was last changed on 2025-01-02 by Grace'
	stdout_says 'tests/one.t names value or its file'
	report html "$FIX" --git "$TMP/src"
	stdout_says 'calc: one &amp; only'
}

test_no_git()
{
	told_fix
	mkdir "$TMP/empty"
	GIT_CEILING_DIRECTORIES=$TMP hotfix_exit 1 report "$FIX" --git "$TMP/empty"
	stderr_says 'git says of .*empty'
	hotfix_exit 1 report "$FIX" --git "$TMP/nowhere"
	[ ! -s "$TMP/stdout" ] || fail 'half a report'
	PATH=/nonexistent "$BIN/hotfix" report "$FIX" --git "$TMP/empty" 2>"$TMP/stderr" && fail 'without git'
	stderr_says 'there is no git on this host'
}

# --- the file ----------------------------------------------------------------------------

test_written_whole()
{
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	hotfix report told -o "$TMP/a.html"
	head -1 "$TMP/a.html" | grep -q DOCTYPE || fail 'no HTML'
	tail -1 "$TMP/a.html" | grep -q '</html>' || fail 'not whole'
	hotfix report told -o "$TMP/a.json"
	cp "$TMP/a.json" "$TMP/stdout"
	json_is patch told
	hotfix report told -o "$TMP/a.txt"
	head -1 "$TMP/a.txt" | grep -q '^# Incident report: told' || fail 'no Markdown'
	hotfix report told -o - --format md
	stdout_says '^# Incident report: told'
	hotfix report told -o "$TMP/b.html" --json
	json_is incidents.0.patch told
	[ -s "$TMP/b.html" ] || fail 'no file'
	# It never has that name before it is whole.
	strace -f -qq -e trace=openat,rename -o "$TMP/calls" "$BIN/hotfix" report told -o "$TMP/a.html" >/dev/null
	! grep 'a.html"' "$TMP/calls" | grep -qE 'O_(WRONLY|RDWR)' || fail 'written in its place'
	grep -qE 'rename.*a\.html\.[0-9]+\.tmp", ".*a\.html"' "$TMP/calls" || fail 'not renamed'
	# Whoever reads it has the old one until the new one is there.
	ln "$TMP/a.html" "$TMP/kept"
	echo old >"$TMP/a.html"
	hotfix report told -o "$TMP/a.html"
	is "$(<"$TMP/kept")" old 'the file that was there'
	# What is no file is left alone.
	ln -s a.html "$TMP/link"
	hotfix_exit 1 report told -o "$TMP/link"
	stderr_says 'no regular file'
	[ -L "$TMP/link" ] || fail 'the link was replaced'
	hotfix_exit 1 report told -o /dev/null
	[ -c /dev/null ] || fail '/dev/null was replaced'
	hotfix_exit 1 report told -o "$TMP/none/a.html"
	hotfix_exit 1 report told -o "$TMP"
	! ls "$TMP" | grep -q '\.tmp$' || fail 'something was left'
}

# No room for it: the old file stays, nothing else does.
test_no_room()
{
	long_fix
	echo old >"$TMP/a.html"
	(ulimit -f 100; hotfix_exit 1 report "$FIX" -o "$TMP/a.html") || fail 'it had room'
	stderr_says 'cannot write .*a.html: File too large'
	is "$(<"$TMP/a.html")" old 'the file that was there'
	! ls "$TMP" | grep -q '\.tmp$' || fail 'something was left'
	"$BIN/hotfix" report "$FIX" >/dev/full 2>"$TMP/stderr" && fail '/dev/full took it'
	stderr_says 'cannot write'
}

# --- what others have written ------------------------------------------------------------

# A process that calls itself what no page should do.
test_hostile_names()
{
	start_target calc
	told_fix
	hotfix apply "$FIX" -p $PID
	"$PYTHON" - "$HOTFIX_STATE_DIR/ledger.db" <<-'END'
		import json, sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		entry = json.loads(db.execute("select record from entries").fetchone()[0])
		entry["process"] = "\"><script>alert(1)</script>\x1b[2J\u202e"
		entry["who"] = {"user": "<img src=http://example.org/x onerror=alert(1)>"}
		entry["outcome"] = "refused"
		entry["exit"] = 3
		entry["error"] = {"code": "</title><b>", "message": "--><script>alert(2)</script>\n\x9b"}
		db.execute("insert into entries values (2, ?, zeroblob(32))", (json.dumps(entry),))
		db.commit()
	END
	report html told
	cp "$TMP/stdout" "$TMP/h.html"
	! grep -qE '<(script|img|b>)' "$TMP/h.html" || fail 'not escaped'
	"$PYTHON" "$LIVE/look.py" terminal "$TMP/h.html" || fail 'what a terminal obeys'
	look "$TMP/h.html" 360
	json_is scripts 0
	json_is requests '[]'
	json_is errors '[]'
	json_is scroll_width 360
	json_is timeline.shown 1
	report md told
	cp "$TMP/stdout" "$TMP/h.md"
	"$PYTHON" "$LIVE/look.py" terminal "$TMP/h.md" || fail 'what a terminal obeys'
	! grep -qE '(^|[^\\])<(script|img|b>)' "$TMP/h.md" || fail 'not escaped'
}

# --- what is kept of the source --------------------------------------------------------------

# A source of more than what is kept is cut at a line.
long_fix()
{
	{
		for i in $(seq 6000); do
			echo "/* line $i: $(printf %040d $i) */"
		done
		echo 'int value(void) { return 2; }'
		echo 'HOTFIX_REPLACE(value);'
	} >"$TMP/long"
	fix long calc <"$TMP/long"
}

test_source_is_cut()
{
	long_fix
	report json "$FIX"
	[ "$(json source.0.size)" -le 262144 ] || fail 'it was not cut'
	json_is source.0.whole_size $(stat -c %s "$TMP/long.c")
	json source.0.text | tail -2 | grep -q '\*/$' || fail 'not cut at a line'
	report md "$FIX"
	stdout_says 'Only the first [0-9]+ of its [0-9]+ bytes'
}

# Bytes that are no text.
test_source_of_any_bytes()
{
	printf '/* \xe9\xff \033[2J ``` */\nint value(void) { return 2; }\nHOTFIX_REPLACE(value);\n' >"$TMP/bytes"
	fix bytes calc <"$TMP/bytes"
	for form in md html json; do
		report $form "$FIX"
		"$PYTHON" "$LIVE/look.py" terminal "$TMP/stdout" || fail "$form"
		stdout_says '/\* \?\? \?\[2J'
	done
}

# From a diff: the diff itself, and what is proven of the code.
test_diff()
{
	cd "$HOTFIX_TOP"
	program_exit 0 "$BIN/hotfix-build" --target "$BIN/examples/checkout/checkout" \
		--name yen --reason 'yen orders vanish' -o "$TMP/yen.hotfix.so" \
		--source examples --diff examples/checkout/fix.patch -- make -s checkout/checkout
	report json "$TMP/yen.hotfix.so"
	json_is 'source.#' 1
	json_is source.0.kind diff
	json_is source.0.name fix.patch
	[ "$(json source.0.text)" = "$(<examples/checkout/fix.patch)" ] || fail 'another diff'
	json_is functions.0.identity proven
	at_least functions.0.instructions 10
	json_is functions.0.why 'own code'
	report md "$TMP/yen.hotfix.so"
	stdout_says '^```diff'
	stdout_says 'rebuilt from its source it is what the target runs: [0-9]+ instructions'
	report html "$TMP/yen.hotfix.so"
	stdout_says '<span class="add">\+.*minor_unit'
	stdout_says '<span class="del">-.*MICROS_PER_UNIT'
}

# --- how it looks ------------------------------------------------------------------------------

looks_good() # WIDTH SCHEME
{
	look "$TMP/report.html" $1 $2
	json_is errors '[]'
	json_is requests '[]'
	json_is scripts 0
	json_is title 'Incident report: told'
	json_is heading told
	json_is width $1
	json_is scroll_width $1
	json_is beyond '[]'
	# One picture is shown, and on it marks, green and red, and words.
	json_is timeline.shown 1
	at_least timeline.colours 20
	at_least timeline.green 100
	at_least timeline.red 20
	grep -q "calc $PID: .*applied; .*reverted; .*applied" <<<"$(json timeline.desc)" ||
		fail "the picture is not described: $(json timeline.desc)"
	[ -n "$(json timeline.title)" ] || fail 'the picture has no title'
	json_is pdf.magic %PDF-
	at_least pdf.pages 1
	at_least pdf.size 10000
}

test_looks()
{
	incident
	hotfix report told -o "$TMP/report.html"
	! grep -qE '(src|href|url)[=(]' "$TMP/report.html" || fail 'it refers to something'
	looks_good 360 light
	looks_good 360 dark
	looks_good 1000 light
	looks_good 1000 dark
	json_is background 'rgb(21, 23, 26)'
	# Words that are longer than a line, wherever a build-id stands.
	sed -i "s/[0-9a-f]\{40\}/$(printf 'm%.0s' {1..80})/g" "$TMP/report.html"
	looks_good 360 light
	looks_good 1000 light
}

# The look itself sees what is wrong.
test_look_sees()
{
	incident
	hotfix report told -o "$TMP/report.html"
	sed 's|</main>|<div style="width:900px">wide</div><script>console.log(1)</script><img src="http://127.0.0.1:9/x.png"></main>|; s|default-src .none.;||; s|class="t narrow"|class="t narrow" style="visibility:hidden"|' \
		"$TMP/report.html" >"$TMP/bad.html"
	look "$TMP/bad.html" 360
	json_is scripts 1
	[ "$(json errors)" != '[]' ] || fail 'no error was seen'
	[ "$(json requests)" != '[]' ] || fail 'no request was seen'
	[ "$(json beyond)" != '[]' ] || fail 'no overflow was seen'
	[ "$(json scroll_width)" -gt 360 ] || fail 'no sideways scrolling was seen'
	is "$(json timeline.green)" 0 'green on a hidden picture'
}

run_tests "$@"
