#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"

write_config() {
	cat >"$RUN/sshd_config" <<-END
		ListenAddress 127.0.0.1
		Port $PORT
		HostKey $RUN/host_key
		AuthorizedKeysFile $RUN/user_key.pub
		PermitRootLogin prohibit-password
		StrictModes no
		PidFile none
		MaxStartups 200
		DisableForwarding yes
	END
}

# One connection with an agent to forward stays open; each probe is a session
# of it.
open_connection() {
	SSH_AUTH_SOCK= ssh-agent -D -a "$RUN/agent" >/dev/null 2>&1 </dev/null &
	echo $! >"$RUN/agent.pid"
	until_true 5 test -S "$RUN/agent"
	SSH_AUTH_SOCK=$RUN/agent timeout 30 ssh -F none -A -M -S "$RUN/connection" -f -N -i "$RUN/user_key" -p "$PORT" \
		-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile="$RUN/known" \
		-o IdentitiesOnly=yes 127.0.0.1 >>"$RUN/log" 2>&1 </dev/null
}

service() {
	mkdir -p "$RUN/empty"
	chmod 755 "$RUN/empty"
	ssh-keygen -q -t ed25519 -N '' -f "$RUN/host_key" </dev/null
	ssh-keygen -q -t ed25519 -N '' -f "$RUN/user_key" </dev/null
	write_config
	spawn "$SRC/sshd" -D -e -f "$RUN/sshd_config"
	await_port "$PORT" && open_connection || return
	ssh -F none -S "$RUN/connection" 127.0.0.1 'echo $PPID' >"$RUN/session.pid" </dev/null
}

targets() { cat "$RUN/session.pid"; }

clean() {
	ssh -F none -S "$RUN/connection" -O exit 127.0.0.1 >/dev/null 2>&1 </dev/null
	kill "$(<"$RUN/agent.pid")" 2>/dev/null
}
case_run "$@"
