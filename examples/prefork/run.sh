#!/bin/bash
# Workers that die of a request, and how all of them are cured, and those too
# that are not born yet.
example=prefork
patch=no-tariff
title='a request that kills its worker'
. "$(dirname "$0")/../story.sh"

deaths() { grep -c 'died of' "$work/log"; }
workers() { tr ' ' '\n' <"/proc/$server/task/$server/children" | grep .; }

# Sets newcomer: a worker that is in none of the given ones.
newcomer_wait() {
	local known=" $* " deadline=$((SECONDS + 10)) pid

	newcomer=
	while ((SECONDS < deadline)); do
		for pid in $(workers); do
			[[ $known == *" $pid "* ]] || newcomer=$pid
		done
		[ -z "$newcomer" ] || return 0
		sleep 0.01
	done
	return 1
}

# A worker that dies before its turn needs no fix: its successor has it.
worker_apply() {
	run hotfix apply "$fix" -p "$1" && return
	[ ! -e "/proc/$1" ] || give_up "hotfix apply failed for worker $1"
	say "worker $1 died of the old bug just before; its successor is cured."
}

story_begin
section "The incident"
say "prefork (process $server) quotes postage with six workers. One customer"
say "in a hundred sends to Iceland; the worker dies, and the connection with it."
measure before 1
told_phase "quotes" "wrong"
say "$(deaths) workers died so far: $(tail -n 1 "$work/log")"
check "the bug is there: workers die" "lost > 0 && $(deaths) > 0"

fix_build "a country without a tariff kills the worker"

section "Applied: the master first, so that new workers are born with it"
deaths_before=$(deaths)
phase_begin during
run hotfix apply "$fix" -p "$server" || give_up "hotfix apply failed"
for pid in $(workers); do
	hotfix status -p "$pid" | grep -qF "$patch" || worker_apply "$pid"
done
phase_end 50 0 0
check "no connection was lost but by the old bug" \
	"lost <= $(deaths) - deaths_before"

section "Fixed"
cured=$(deaths)
measure fixed 0
told_phase "quotes" "wrong"
run hotfix status -p "$server" || failed "hotfix status failed"
check "every quote is answered, Iceland with 404" "wrong == 0 && good > 0"
check "not one connection was lost" "lost == 0"

section "A worker that is forked now"
old=$(workers)
victim=$(workers | head -n 1)
phase_begin renewed
run kill "$victim"
newcomer_wait $old || give_up "no worker took the place of $victim"
say "worker $victim went when its request was done; worker $newcomer is new."
run hotfix status -p "$newcomer" || failed "hotfix status failed"
check "the new worker has the fix" \
	"$(hotfix status -p "$newcomer" | grep -cF "$patch") > 0"
phase_end 500 0 500
check "every quote is answered" "wrong == 0 && good > 0"
check "not one connection was lost" "lost == 0"
check "not one worker died" "$(deaths) == cured"

if [ -n "$revert" ]; then
	section "And taken back, everywhere"
	run hotfix revert "$patch" $(printf -- '-p %d ' "$server" $(workers)) ||
		give_up "hotfix revert failed"
	measure reverted 1
	told_phase "quotes" "wrong"
	check "the old behaviour is back" "lost > 0"
fi
story_end quotes wrong
