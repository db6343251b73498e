#!/bin/bash
# Orders that never land, and how they do again without a restart.
example=checkout
patch=yen-capture
title='orders that never land'
. "$(dirname "$0")/../story.sh"

orders() {
	run curl -s "http://127.0.0.1:$port/orders"
}

story_begin
section "The incident"
say "checkout (process $server) sells; 16 shoppers order without pause."
say "Every checkout is answered with 200. Not every order arrives."
measure before 1
told_phase "orders landed" "vanished"
orders
check "the bug is there: orders vanish" "wrong > 0"

fix_build "yen orders are captured a hundredfold and dropped"

section "Applied while the shoppers go on"
phase_begin during
run hotfix apply "$fix" -p "$server" || give_up "hotfix apply failed"
phase_end 50 0 0
check "not one connection was lost" "lost == 0"

section "Fixed"
measure fixed 0
told_phase "orders landed" "vanished"
run hotfix status -p "$server" || failed "hotfix status failed"
check "every order lands" "wrong == 0 && good > 0"
check "not one connection was lost" "lost == 0"

if [ -n "$revert" ]; then
	section "And taken back"
	run hotfix revert "$patch" -p "$server" || give_up "hotfix revert failed"
	measure reverted 1
	told_phase "orders landed" "vanished"
	check "the old behaviour is back" "wrong > 0"
	check "not one connection was lost" "lost == 0"
fi
story_end landed vanished
