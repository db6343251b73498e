#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
service() {
	mkdir -p "$RUN/root/data"
	cat >"$RUN/rsyncd.conf" <<-END
		daemon chroot = $RUN/root
		address = 127.0.0.1
		port = $PORT
		use chroot = no
		reverse lookup = yes
		uid = 0
		gid = 0
		log file = $RUN/rsyncd.log
		[data]
			path = /data
			hosts deny = localhost
	END
	spawn "$SRC/rsync" --daemon --no-detach --config="$RUN/rsyncd.conf"
	await_port "$PORT"
}
case_run "$@"
