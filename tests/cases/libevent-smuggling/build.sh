#!/bin/bash
# A shared library by autotools and libtool.
. "$(dirname "$0")/../lib/case.sh"
compile() {
	autoreconf -fi &&
		CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" ./configure --prefix=/usr \
			--disable-openssl --disable-samples --disable-libevent-regress --disable-dependency-tracking &&
		make -j"$JOBS" V=1 libevent.la &&
		build_host host.c -Iinclude -L.libs -levent
}
case_build "$@"
