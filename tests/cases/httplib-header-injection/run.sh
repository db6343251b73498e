#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
service() {
	LD_LIBRARY_PATH=$SRC spawn "$SRC/host" "$PORT"
	await_port "$PORT"
}
case_run "$@"
