#!/bin/bash
# Real services for the bench: `services.sh NAME` builds the server and a fix for
# a function that every request goes through, unless they are there, and prints
#
#   SERVER, FIX, REQUEST
#
# on a line each: the program, the patch file, what to ask it.
set -e
. "$HOTFIX_TOP/tests/real/sources.sh"
HERE=$HOTFIX_TOP/bench
build_real "$1"
FIX=$HOTFIX_O/bench/$1.fix.hotfix.so
case $1 in
redis)
	SRC=$REAL/redis/src/src
	SERVER=$SRC/redis-server
	FLAGS=(-I"$SRC" -I"$SRC/../deps/hiredis" -I"$SRC/../deps/linenoise" -I"$SRC/../deps/lua/src"
		-I"$SRC/../deps/hdr_histogram" -DUSE_JEMALLOC -std=c11)
	REQUEST='get nothing'
	;;
memcached)
	SRC=$REAL/memcached/src
	SERVER=$SRC/memcached
	FLAGS=(-DHAVE_CONFIG_H -I"$SRC")
	REQUEST='mn'
	;;
esac
[ "$FIX" -nt "$HERE/service_$1.c" ] ||
	"$HOTFIX_O/hotfix-build" --target "$SERVER" --name service -o "$FIX" "$HERE/service_$1.c" \
		-- "${FLAGS[@]}" >&2
printf '%s\n' "$SERVER" "$FIX" "$REQUEST"
