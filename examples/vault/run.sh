#!/bin/bash
# A hole that is being used, and how it is closed under the attacker's hands.
example=vault
patch=whole-token
title='secrets for one right digit'
. "$(dirname "$0")/../story.sh"

# What the server itself has counted.
stats() {
	local socket reply=

	exec {socket}<>"/dev/tcp/127.0.0.1/$port" || return 1
	echo STATS >&"$socket"
	read -r -t 5 reply <&"$socket"
	exec {socket}>&-
	say "the server's own view: $reply"
}

story_begin
section "The incident"
say "vault (process $server) keeps the secrets of eleven services, each"
say "behind a token of 32 digits. An attacker without any token is reading them."
measure before 1
told_phase "requests served right" "secrets stolen"
stats
check "the bug is there: secrets are stolen" "wrong > 0"

fix_build "a prefix of a token opens its secret"

section "Applied during the attack"
phase_begin during
run hotfix apply "$fix" -p "$server" || give_up "hotfix apply failed"
phase_end 50 0 0
check "not one connection was lost" "lost == 0"

section "Fixed"
measure fixed 0
told_phase "requests served right" "secrets stolen"
run hotfix status -p "$server" || failed "hotfix status failed"
stats
check "nothing is stolen, the services are served" "wrong == 0 && good > 0"
check "not one connection was lost" "lost == 0"

if [ -n "$revert" ]; then
	section "And taken back"
	run hotfix revert "$patch" -p "$server" || give_up "hotfix revert failed"
	measure reverted 1
	told_phase "requests served right" "secrets stolen"
	check "the old behaviour is back" "wrong > 0"
	check "not one connection was lost" "lost == 0"
fi
story_end right stolen
