#!/bin/bash
# What Debian's meson.build does with -Dcpp-httplib_compile=true; served by
# host.cc.
. "$(dirname "$0")/../lib/case.sh"
compile() {
	local flags="-std=c++11 $DIST_CFLAGS $DIST_CPPFLAGS -DCPPHTTPLIB_USE_POLL -Iout"
	python3 ./split.py -o out &&
		g++ $flags -fPIC -c out/httplib.cc -o httplib.o &&
		g++ $DIST_LDFLAGS -shared -Wl,-soname,libcpp-httplib.so.0.11 \
			-o libcpp-httplib.so.0.11 httplib.o -pthread &&
		g++ $flags -fPIE -c "$CASE/host.cc" -o host.o &&
		g++ $PIE_LDFLAGS -o host host.o libcpp-httplib.so.0.11 -pthread
}
case_build "$@"
