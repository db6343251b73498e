#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
compile() {
	# Patches that are newer than the generated files do not change them.
	touch aclocal.m4 configure.sh config.h.in
	CFLAGS="$PIE_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$PIE_LDFLAGS" ./configure --prefix=/usr \
		--with-included-popt=no --with-included-zlib=no --disable-openssl --disable-xxhash \
		--disable-zstd --disable-lz4 --disable-md2man &&
		make -j"$JOBS" rsync
}
case_build "$@"
