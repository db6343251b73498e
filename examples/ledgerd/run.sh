#!/bin/bash
# Money that comes and goes by itself, and how the loss is stopped without
# losing what is only in memory.
example=ledgerd
patch=both-locks
title='a total that drifts'
opening=68000000 # cents: 68 accounts with 10,000.00 each
. "$(dirname "$0")/../story.sh"

# Sets total: the sum of all balances, as the server counts it.
total_read() {
	local socket

	exec {socket}<>"/dev/tcp/127.0.0.1/$port" || return 1
	echo TOTAL >&"$socket"
	read -r -t 5 _ total <&"$socket"
	exec {socket}>&-
}

told_total() {
	say "$(awk -v total="$total" -v opening="$opening" 'BEGIN {
		printf "the total of all balances is %.2f, %+.2f against the opening",
		       total / 100, (total - opening) / 100 }')"
}

story_begin
section "The incident"
say "ledgerd (process $server) keeps 68 accounts, in memory only: no restart."
say "Money moves between them, so the total can never change. It does."
measure before 3
told_phase "requests served right" "audits found another total"
total_read
told_total
check "the bug is there: the total drifts" "wrong > 0"

fix_build "movements of one merchant overwrite each other"

section "Applied: two functions, switched together"
phase_begin during
run hotfix apply "$fix" -p "$server" || give_up "hotfix apply failed"
total_read
at_switch=$total
phase_end 50 0 0
check "not one connection was lost" "lost == 0"

section "Fixed"
measure fixed 0
told_phase "requests served right" "audits found another total"
run hotfix status -p "$server" || failed "hotfix status failed"
total_read
told_total
check "to the cent as right after the switch" "total == at_switch"
check "no audit found another total" "wrong == 0 && good > 0"
check "not one connection was lost" "lost == 0"

if [ -n "$revert" ]; then
	section "And taken back"
	run hotfix revert "$patch" -p "$server" || give_up "hotfix revert failed"
	measure reverted 1
	told_phase "requests served right" "audits found another total"
	check "the old behaviour is back" "wrong > 0"
	check "not one connection was lost" "lost == 0"
fi
story_end right 'audits off'
