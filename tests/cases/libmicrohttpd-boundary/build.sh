#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
compile() {
	CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" ./configure --prefix=/usr \
		--disable-https --disable-examples --disable-doc --disable-curl --disable-dependency-tracking &&
		make -j"$JOBS" V=1 -C src/microhttpd libmicrohttpd.la &&
		build_host host.c -Isrc/include -Lsrc/microhttpd/.libs -lmicrohttpd
}
case_build "$@"
