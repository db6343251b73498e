#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
. "$LIB/unbound.sh"
service() { resolver forward-zone forward-addr; }
case_run "$@"
