# What the cases of unbound share: how Debian builds it, less what needs
# Python, systemd and other daemons; and a configuration that asks only us.

compile() {
	CFLAGS="$PIE_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$PIE_LDFLAGS" ./configure --prefix=/usr \
		--sysconfdir=/etc --disable-rpath --with-libevent --with-pthreads --enable-subnet --enable-tfo-client \
		--with-rootkey-file=/usr/share/dns/root.key --disable-flto &&
		make -j"$JOBS" unbound
}

# The probe is the server that is asked, at PORT + 100.
resolver() { # forward-zone|stub-zone forward-addr|stub-addr
	cat >"$RUN/unbound.conf" <<-END
		server:
			interface: 127.0.0.1@$PORT
			port: $PORT
			num-threads: 2
			username: ""
			chroot: ""
			directory: "$RUN"
			pidfile: ""
			use-syslog: no
			do-not-query-localhost: no
			do-ip6: no
			access-control: 127.0.0.0/8 allow_snoop
			minimal-responses: no
			module-config: "iterator"
			local-zone: "example." transparent
		remote-control:
			control-enable: no
		$1:
			name: "example."
			$2: 127.0.0.1@$((PORT + 100))
	END
	spawn "$SRC/unbound" -d -c "$RUN/unbound.conf"
	await_port "$PORT" u
}
