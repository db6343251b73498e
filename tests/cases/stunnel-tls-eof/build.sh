#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
compile() {
	CFLAGS="$PIE_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$PIE_LDFLAGS" ./configure --prefix=/usr \
		--sysconfdir=/etc --localstatedir=/var --disable-libwrap --disable-systemd --disable-fips \
		--with-threads=pthread --disable-dependency-tracking &&
		make -j"$JOBS" V=1 -C src stunnel
}
case_build "$@"
