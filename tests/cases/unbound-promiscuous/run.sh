#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
. "$LIB/unbound.sh"
service() { resolver stub-zone stub-addr; }
case_run "$@"
