#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
compile() {
	{ [ -f configure ] && [ configure -nt configure.ac ] || autoreconf -fi; } &&
		CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" ./configure --prefix=/usr \
			--sysconfdir=/etc/ssh --with-pie --with-4in6 --without-pam --without-zlib-version-check \
			--with-privsep-user=nobody --with-privsep-path="$RUN/empty" --disable-strip &&
		make -j"$JOBS" sshd
}
case_build "$@"
