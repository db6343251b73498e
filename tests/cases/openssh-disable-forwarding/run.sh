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

start_agent() {
	SSH_AUTH_SOCK= ssh-agent -D -a "$RUN/agent" >/dev/null 2>&1 </dev/null &
	echo $! >"$RUN/agent.pid"
	until_true 5 test -S "$RUN/agent"
}

# A connection that stays open, with an agent to forward; $RUN/session.N is the
# process of sshd that serves it.
open_connection() { # N
	SSH_AUTH_SOCK=$RUN/agent timeout 30 ssh -F none -A -M -S "$RUN/connection.$1" -f -N -i "$RUN/user_key" \
		-p "$PORT" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile="$RUN/known" \
		-o IdentitiesOnly=yes 127.0.0.1 >>"$RUN/log" 2>&1 </dev/null &&
		ssh -F none -S "$RUN/connection.$1" 127.0.0.1 'echo $PPID' >"$RUN/session.$1" </dev/null
}

service() {
	mkdir -p "$RUN/empty"
	chmod 755 "$RUN/empty"
	ssh-keygen -q -t ed25519 -N '' -f "$RUN/host_key" </dev/null
	ssh-keygen -q -t ed25519 -N '' -f "$RUN/user_key" </dev/null
	write_config
	spawn "$SRC/sshd" -D -e -f "$RUN/sshd_config"
	await_port "$PORT" && start_agent || return
	for n in 1 2 3 4; do
		open_connection $n || return
	done
}

targets() { cat "$RUN"/session.*; }

clean() {
	local connection
	for connection in "$RUN"/connection.* "$RUN"/used.*; do
		ssh -F none -S "$connection" -O exit 127.0.0.1 >/dev/null 2>&1 </dev/null
	done
	kill "$(<"$RUN/agent.pid")" 2>/dev/null
}
case_run "$@"
