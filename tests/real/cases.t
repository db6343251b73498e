#!/bin/bash
# Two real fixes, from the distribution's diff to the running service: those of
# `make check-cases` that take the least time. See tests/cases/check.sh.
HERE=$(cd "$(dirname "$0")" && pwd)
SHARED=${SHARED_CASES:-$HERE/../../../shared/cases}
if ! "${HOTFIX_O:?}/hotfix-build" --help | grep -q -e --source; then
	echo "1..0 # SKIP this hotfix-build makes no patches from diffs"
	exit 0
fi
QUICK="tinyproxy-errorpage libmodbus-write-addr"
[ -d "$SHARED/tinyproxy-errorpage" ] || QUICK="cjson-array-index rsync-chroot-acl"
CASES=$QUICK exec bash "$HERE/../cases/check.sh"
