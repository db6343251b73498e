#!/bin/bash
. "$(dirname "$0")/../lib/case.sh"
. "$LIB/unbound.sh"
case_build "$@"
