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

state_is() { grep -qE "$patch +($2)" < <(hotfix status -p "$1" 2>/dev/null); }

# Of the workers, those that do not have the fix; as options.
uncured() {
	local pid

	for pid in $(workers); do
		state_is "$pid" active || printf -- '-p %d ' "$pid"
	done
}

# The master first: who is forked from then on has the fix. Then the workers,
# until all of them have it: some die of the bug before their turn, and one that
# was forked in the middle of the master's own apply has half of it.
apply_everywhere() {
	local deadline=$((SECONDS + 5)) pids pid

	run hotfix apply "$fix" -p "$server" || return
	while pids=$(uncured) && [ -n "$pids" ]; do
		((SECONDS < deadline)) || return 1
		for pid in $(workers); do
			state_is "$pid" 'staged|switching' || continue
			run hotfix recover -p "$pid" || return
		done
		run hotfix apply "$fix" $pids ||
			say "${dim}one died meanwhile; on with who lives$plain"
	done
}

# The old bug loses a connection with each worker that dies. The load sees the
# one a little before the master the other.
all_explained() {
	local deadline=$((SECONDS + 2))

	while ((lost_ever > $(deaths) && SECONDS < deadline)); do
		sleep 0.01
	done
	((lost_ever <= $(deaths)))
}

story_begin
section "The incident"
say "prefork (process $server) quotes postage with six workers. One parcel"
say "in 400 goes to Iceland; the worker dies, and its customer is cut off."
measure before 1
told_phase "quotes" "wrong"
say "$(deaths) workers died so far: $(tail -n 1 "$work/log")"
check "the bug is there: workers die" "lost > 0 && $(deaths) > 0"

fix_build "a country without a tariff kills the worker"

section "Applied: the master first, so that new workers are born with it"
phase_begin during
apply_everywhere || give_up "hotfix apply failed"
phase_end 50 0 0
all_explained
check "no connection was lost but with a worker that the old bug killed" \
	"lost_ever <= $(deaths)"

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
	pids=$(printf -- '-p %d ' "$server" $(workers))
	run hotfix revert "$patch" $pids ||
		give_up "hotfix revert failed"
	measure reverted 1
	told_phase "quotes" "wrong"
	check "the old behaviour is back" "lost > 0"
fi
story_end quotes wrong
