#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
compile() {
	autoreconf -fi &&
		CFLAGS="$DIST_CFLAGS -fno-strict-aliasing" CPPFLAGS="$DIST_CPPFLAGS -DSQLITE_ENABLE_COLUMN_METADATA -DSQLITE_ENABLE_FTS3 -DSQLITE_SECURE_DELETE -DSQLITE_MAX_VARIABLE_NUMBER=250000" \
			LDFLAGS="$DIST_LDFLAGS" ./configure --prefix=/usr --disable-tcl --disable-readline --enable-threadsafe --enable-fts5 &&
		make -j"$JOBS" libsqlite3.la &&
		build_host host.c -I. -L.libs -lsqlite3
}
case_build "$@"
