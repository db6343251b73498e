#!/bin/bash
# The stories of the example servers come out as told: the bug is there, the
# fix removes it under load, no connection is lost, and it can be taken back.
. "$(dirname "$0")/lib.sh"

EXAMPLES=$HOTFIX_TOP/examples

# story NAME [OPTION]: runs it against the programs of this build.
story()
{
	TMPDIR=$TMP HOTFIX_O=$HOTFIX_O timeout -k 5 90 \
		"$EXAMPLES/$1/run.sh" --quick "${@:2}" >"$TMP/told" 2>&1 ||
		fail "$1/run.sh: exit status $?
$(<"$TMP/told")"
	told "ok +the bug is there"
	told "ok +not one connection was lost"
	told "ok +the old behaviour is back"
	told "ok +the server ended in good order"
	told "Everything was as told"
}

told()
{
	grep -qE -- "$1" "$TMP/told" || fail "the story lacks '$1':
$(<"$TMP/told")"
}

test_checkout() { story checkout; }
test_checkout_from_diff() { story checkout --from-diff; }
test_vault() { story vault; }
test_ledgerd() { story ledgerd; }
test_prefork() { story prefork; }

# A story must be able to end badly: with programs that only pretend, each one
# finds that its server is as broken as before.
test_pretenders()
{
	local name status
	mkdir "$TMP/pretend"
	ln -s "$HOTFIX_O/examples" "$TMP/pretend/examples"
	printf '#!/bin/sh\n' >"$TMP/pretend/hotfix"
	chmod +x "$TMP/pretend/hotfix"
	cp "$TMP/pretend/hotfix" "$TMP/pretend/hotfix-build"
	for name in checkout vault ledgerd prefork; do
		status=0
		TMPDIR=$TMP HOTFIX_O=$TMP/pretend timeout -k 5 90 \
			"$EXAMPLES/$name/run.sh" --quick --no-revert \
			>"$TMP/told" 2>&1 || status=$?
		is $status 1 "exit status of $name/run.sh"
		told 'ok +the bug is there'
		told FAILED
	done
}

# What the fixes replace and use stays out of line, by nature and not by an
# attribute, and no server knows of hotfix.
test_unprepared()
{
	local name function
	while read -r name function; do
		nm "$HOTFIX_O/examples/$name/$name" >"$TMP/symbols"
		grep -qE " [tT] $function\$" "$TMP/symbols" ||
			fail "$name: no $function in the symbol table"
		! grep -q 'hotfix' "$TMP/symbols" || fail "$name knows of hotfix"
	done <<-EOF
		checkout card_charge
		vault store_open
		vault attempt_note
		ledgerd ledger_pay
		ledgerd ledger_refund
		prefork quote_parcel
	EOF
	! grep -nE 'noinline|patchable|__attribute__\(\((used|cold)' \
		"$EXAMPLES"/{checkout,vault,ledgerd,prefork,common}/*.[ch] ||
		fail 'a server is prepared'
}

run_tests "$@"
