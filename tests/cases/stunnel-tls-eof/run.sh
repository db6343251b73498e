#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
service() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
		-keyout "$RUN/key.pem" -out "$RUN/cert.pem" 2>/dev/null
	cat >"$RUN/stunnel.conf" <<-END
		foreground = yes
		pid =
		debug = info
		cert = $RUN/cert.pem
		key = $RUN/key.pem
		[echo]
		accept = 127.0.0.1:$PORT
		connect = 127.0.0.1:$((PORT + 100))
		TIMEOUTclose = 1
	END
	spawn "$SRC/src/stunnel" "$RUN/stunnel.conf"
	await_port "$PORT"
}
case_run "$@"
