#!/bin/bash
# A shared library, by CMake and ninja, out of tree; served by host.c.
. "$(dirname "$0")/../lib/case.sh"
compile() {
	cmake -G Ninja -S . -B out -DCMAKE_BUILD_TYPE=None -DENABLE_CJSON_UTILS=ON -DENABLE_CJSON_TEST=OFF \
		-DENABLE_CUSTOM_COMPILER_FLAGS=OFF -DCMAKE_POLICY_VERSION_MINIMUM=3.5 \
		-DCMAKE_C_FLAGS="$DIST_CFLAGS $DIST_CPPFLAGS" -DCMAKE_SHARED_LINKER_FLAGS="$DIST_LDFLAGS" &&
		ninja -j"$JOBS" -C out -v &&
		build_host host.c -I. -Lout -lcjson_utils -lcjson
}
case_build "$@"
