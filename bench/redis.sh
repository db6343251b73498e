#!/bin/bash
# redis for `make bench B=diff`: "source" prints a tree that is not built,
# "build" builds the server in the current directory.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../tests/real/sources.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL

case $1 in
source)
	REAL=$HOTFIX_O/bench/sources
	[ -e "$REAL/redis/fetched" ] || {
		install_packages libjemalloc-dev dpkg-dev
		fetch_source redis && touch "$REAL/redis/fetched"
	} >&2 || exit 1
	echo "$REAL/redis/src"
	;;
build)
	CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" \
		make -C src -j2 V=1 USE_SYSTEM_JEMALLOC=yes redis-server
	;;
esac
