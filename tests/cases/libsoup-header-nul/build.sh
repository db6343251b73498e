#!/bin/bash
# A shared library by meson and ninja, out of tree.
. "$(dirname "$0")/../lib/case.sh"
compile() {
	CFLAGS="$DIST_CFLAGS $DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" meson setup out --buildtype=plain --wrap-mode=nodownload \
		-Dgssapi=disabled -Dntlm=disabled -Dbrotli=disabled -Dsysprof=disabled -Dintrospection=disabled \
		-Dvapi=disabled -Dgtk_doc=false -Dtests=false -Dgnome=false -Dtls_check=false &&
		ninja -j"$JOBS" -C out -v libsoup/libsoup-2.4.so.1.11.2 &&
		build_host host.c -I. -Iout -Ilibsoup -Iout/libsoup $(pkg-config --cflags gio-2.0) \
			-Lout/libsoup -l:libsoup-2.4.so.1 $(pkg-config --libs gio-2.0)
}
case_build "$@"
