#!/bin/bash
# redis as hotfix-build wants it, for tests/hundred and bench: "source" prints a
# tree that is not built; "build" builds the server in the current directory;
# "suite PORT" runs the tests that redis brings along against a server there.
. "$(dirname "$0")/sources.sh"
unset MAKEFLAGS MFLAGS MAKELEVEL

case $1 in
source)
	REAL=$HOTFIX_O/sources
	[ -e "$REAL/redis/fetched" ] || {
		install_packages libjemalloc-dev dpkg-dev tcl
		fetch_source redis && touch "$REAL/redis/fetched"
	} >&2 || exit 1
	echo "$REAL/redis/src"
	;;
build)
	# Its build id asks git, which would tell of the repository around.
	GIT_DIR=/nonexistent CFLAGS="$DIST_CFLAGS" CPPFLAGS="$DIST_CPPFLAGS" LDFLAGS="$DIST_LDFLAGS" \
		make -C src -j2 V=1 USE_SYSTEM_JEMALLOC=yes redis-server
	;;
suite)
	./runtest --host 127.0.0.1 --port "$2" --singledb --ignore-encoding --ignore-digest \
		--tags '-needs:repl -needs:debug -needs:save -external:skip -slow' \
		--single unit/type/string --single unit/type/list --single unit/type/set \
		--single unit/type/zset --single unit/type/hash --single unit/type/stream \
		--single unit/keyspace --single unit/expire --single unit/scan --single unit/multi \
		--single unit/sort --single unit/bitops --single unit/hyperloglog --single unit/geo \
		--single unit/pubsub --single unit/scripting --single unit/functions --single unit/acl
	;;
esac
