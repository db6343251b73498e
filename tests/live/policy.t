#!/bin/bash
# Who may decide what runs in a process: patch files that others can write,
# policies, signatures.
. "$(dirname "$0")/lib.sh"

one_patch()
{
	start_target calc
	fix_value two calc 2
}

# Both commands, and the target is as before.
both_refuse() # REGEX
{
	refused 3 "$1" apply "$FIX" -p $PID
	refused 3 "$1" check "$FIX" -p $PID
}

test_file_that_others_may_write()
{
	one_patch
	chmod 664 "$FIX"
	both_refuse 'may be written by group'
	stderr_says 'hint: .*chmod go-w'
	chmod 646 "$FIX"
	both_refuse 'may be written by everybody'
	chmod go-w "$FIX"
	hotfix apply "$FIX" -p $PID
	expect value 2
	chmod 666 "$FIX" # taking it back asks for the name only
	hotfix revert "$FIX" -p $PID
	expect value 1
}

test_file_of_somebody_else()
{
	[ "$(id -u)" = 0 ] || skip "needs root to give a file away"
	one_patch
	chown 12345 "$FIX"
	both_refuse 'belongs to user 12345'
	stderr_says 'hint: .*chown root'
}

test_directory_that_others_may_write()
{
	one_patch
	mkdir -p "$TMP/open/inner"
	cp "$FIX" "$TMP/open/inner/two.hotfix.so"
	FIX=$TMP/open/inner/two.hotfix.so
	chmod 777 "$TMP/open/inner"
	both_refuse 'open/inner may be written by everybody'
	chmod 755 "$TMP/open/inner"
	chmod 777 "$TMP/open"
	both_refuse 'open may be written by everybody'
	# The real path counts, not the way that was named.
	ln -s "$FIX" "$TMP/link"
	FIX=$TMP/link
	both_refuse 'open may be written by everybody'
	chmod 1777 "$TMP/open" "$TMP/open/inner"
	hotfix apply "$FIX" -p $PID
	expect value 2
}

test_directory_of_somebody_else()
{
	[ "$(id -u)" = 0 ] || skip "needs root to give a directory away"
	one_patch
	mkdir -p "$TMP/theirs/ours"
	cp "$FIX" "$TMP/theirs/two.hotfix.so"
	mv "$FIX" "$TMP/theirs/ours/two.hotfix.so"
	chown 12345 "$TMP/theirs"
	FIX=$TMP/theirs/two.hotfix.so
	both_refuse 'theirs belongs to user 12345'
	# Root's own directory in somebody's tree, as a checkout has it.
	hotfix apply "$TMP/theirs/ours/two.hotfix.so" -p $PID
	expect value 2
}

# --- policies and signatures ----------------------------------------------------

# The system's policy, in mounts of our own: hotfix "$@" sees it and nobody else.
under_policy() # JSON
{
	[ "$(id -u)" = 0 ] || skip 'needs root to have an /etc of its own'
	unshare --mount true 2>/dev/null || skip 'no mount namespaces'
	mkdir -p "$TMP/etc/hotfix"
	printf '%s\n' "$1" >"$TMP/etc/hotfix/policy.json"
	AGENT=(unshare --mount sh -c 'mount --bind "$0" /etc/hotfix && exec "$@"'
		"$TMP/etc/hotfix" "$BIN/hotfix")
	[ -d /etc/hotfix ] || {
		mkdir /etc/hotfix
		at_end rmdir /etc/hotfix
	}
}

both_permit()
{
	hotfix check "$FIX" -p $PID "$@"
	hotfix apply "$FIX" -p $PID "$@"
	expect value 2
	hotfix revert two -p $PID
	expect value 1
}

# As to one process: `check` lists that like everything else.
both_deny() # REGEX
{
	refused 3 "$1" apply "$FIX" -p $PID
	snapshot
	hotfix_exit 3 check "$FIX" -p $PID
	stdout_says "NOT OK +policy: .*$1"
	unchanged
}

test_patching_switched_off_and_on()
{
	one_patch
	both_permit
	under_policy '{"patching": false, "comment": "until Monday"}'
	both_refuse 'switches patching off on this host: until Monday'
	hotfix_exit 3 apply "$FIX" -p $PID --dry-run --json
	json_is error.code patching-disabled
	under_policy '{"patching": true}'
	both_permit
}

# What is in comes out, whatever the policy says by then.
test_revert_and_recover_ask_nobody()
{
	one_patch
	hotfix apply "$FIX" -p $PID
	under_policy '{"patching": false}'
	hotfix status -p $PID
	hotfix recover -p $PID
	hotfix revert two -p $PID
	expect value 1
}

test_deny_by_path_user_group()
{
	local rule
	one_patch
	for rule in '"executable": "'"$TARGETS"'/calc"' \
		'"executable": "'"$TARGETS"'/c*"' \
		'"user": "'"$(id -un)"'"' '"user": "'"$(id -u)"'"' \
		'"group": "'"$(id -gn)"'"' \
		'"user": "0", "executable": "'"$TARGETS"'/calc"'; do
		under_policy '{"deny": [{'"$rule"', "comment": "hands off"}]}'
		both_deny '/etc/hotfix/policy.json does not let .*calc.*: hands off'
	done
	hotfix_exit 3 apply "$FIX" -p $PID --json
	json_is results.0.error.code policy-denied
	for rule in '"executable": "/usr/sbin/nginx"' '"user": "1"' \
		'"user": "1", "executable": "'"$TARGETS"'/calc"'; do
		under_policy '{"deny": [{'"$rule"'}]}'
		both_permit
	done
}

test_allow()
{
	one_patch
	under_policy '{"allow": [{"user": "1"}, {"executable": "/usr/sbin/*"}]}'
	both_deny 'no rule of "allow" is about it'
	under_policy '{"allow": [{"user": "1"}, {"executable": "'"$TARGETS"'/*"}]}'
	both_permit
}

# One of two processes: the other is patched all the same.
test_each_process_for_itself()
{
	local first
	one_patch
	first=$PID
	cp "$TARGETS/calc" "$TMP/other"
	start_program "$TMP/other"
	under_policy '{"deny": [{"executable": "'"$TMP"'/other"}]}'
	hotfix_exit 5 apply "$FIX" -p $first,$PID
	expect value 1
	PID=$first
	expect value 2
}

# A policy that nobody can follow permits nothing.
test_broken_policy_permits_nothing()
{
	local json
	one_patch
	for json in '' '{' '[]' '{"denny": []}' '{"deny": [{"usr": "root"}]}' \
		'{"deny": [{"user": "no-such-user"}]}' \
		'{"require_signature": true}' '{"patching": "no"}'; do
		under_policy "$json"
		hotfix_exit 1 apply "$FIX" -p $PID
		stderr_says 'policy /etc/hotfix/policy.json cannot be followed'
		hotfix_exit 1 check "$FIX" -p $PID
		expect value 1
		tried "policy that cannot be followed" 2 0 0 0
	done
	under_policy '{}'
	chmod 666 "$TMP/etc/hotfix/policy.json"
	both_refuse 'may be written by everybody'
	chmod 644 "$TMP/etc/hotfix/policy.json"
	chown 12345 "$TMP/etc/hotfix/policy.json"
	both_refuse 'belongs to user 12345'
	rm "$TMP/etc/hotfix/policy.json"
	ln -s /nowhere "$TMP/etc/hotfix/policy.json"
	hotfix_exit 1 apply "$FIX" -p $PID
	rm "$TMP/etc/hotfix/policy.json"
	both_permit
}

# Another one can forbid, and cannot permit.
test_policy_of_the_operator()
{
	one_patch
	echo '{"allow": [{"user": "1"}]}' >"$TMP/strict.json"
	echo '{"patching": true, "allow": [{"executable": "/*/*"}]}' >"$TMP/wide.json"
	refused 3 'strict.json does not let' apply "$FIX" -p $PID \
		--policy "$TMP/strict.json"
	under_policy '{"deny": [{"user": "0"}]}'
	refused 3 '/etc/hotfix/policy.json does not let' apply "$FIX" -p $PID \
		--policy "$TMP/wide.json"
	under_policy '{}'
	hotfix_exit 3 check "$FIX" -p $PID --policy "$TMP/strict.json"
	stdout_says 'strict.json does not let'
	hotfix_exit 1 apply "$FIX" -p $PID --policy "$TMP/nowhere.json"
	stderr_says 'nowhere.json'
}

new_key() # NAME: NAME.pub, NAME.key
{
	command -v minisign >/dev/null || skip 'minisign is not installed'
	minisign -G -W -p "$TMP/$1.pub" -s "$TMP/$1.key" >/dev/null
	KEY=$(tail -n 1 "$TMP/$1.pub")
}

sign() # NAME [OPTION...]
{
	minisign -S -s "$TMP/$1.key" -m "$FIX" -t 'build 7' "${@:2}" >/dev/null
}

test_signature_required()
{
	one_patch
	new_key release
	under_policy '{"require_signature": true, "keys": ["'"$KEY"'"]}'
	both_refuse 'is not signed'
	hotfix_exit 3 apply "$FIX" -p $PID --json
	json_is error.code signature-missing
	sign release
	both_permit
	hotfix check "$FIX" -p $PID
	stdout_says 'signed with key [0-9A-F]{16}: build 7'
	hotfix check "$FIX" -p $PID --json
	json_is signature.state verified
	json_is signature.comment 'build 7'
	sign release -l # as older versions of minisign do
	both_permit
	new_key other
	sign other
	both_refuse 'is signed with key .*none of those'
}

test_key_in_a_file()
{
	one_patch
	new_key release
	sign release
	under_policy '{"require_signature": true, "keys": ["'"$TMP/release.pub"'"]}'
	both_permit
	chmod 666 "$TMP/release.pub"
	both_refuse 'may be written by everybody'
	rm "$TMP/release.pub"
	hotfix_exit 1 apply "$FIX" -p $PID
	stderr_says 'a key of the policy .*release.pub'
}

# Looked at where a key is known, asked for or not.
test_wrong_signature_is_refused()
{
	one_patch
	new_key release
	sign release
	under_policy '{"keys": ["'"$KEY"'"]}'
	both_permit
	printf x >>"$FIX"
	both_refuse 'is not what key .* has signed'
	hotfix_exit 3 apply "$FIX" -p $PID --json
	json_is error.code signature-wrong
	fix_value two calc 2
	sed -i 's/build 7/build 8/' "$FIX.minisig"
	both_refuse 'is not what key .* has signed'
	echo garbage >"$FIX.minisig"
	hotfix_exit 1 apply "$FIX" -p $PID
	stderr_says 'is no signature of minisign'
	sign release
	chmod 666 "$FIX.minisig"
	both_refuse 'may be written by everybody'
	rm "$FIX.minisig"
	both_permit # nobody asks for one
}

test_signature_of_an_unknown_key()
{
	one_patch
	new_key release
	sign release
	hotfix apply "$FIX" -p $PID
	stderr_says 'which no policy here knows: the signature was not checked'
	expect value 2
	hotfix check "$FIX" -p $PID --json
	json_is signature.state unknown-key
}

run_tests "$@"
