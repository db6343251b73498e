#!/bin/bash
# Which changes may be made to a process that runs: the table is in the tool.
O=${HOTFIX_O:-$(cd "$(dirname "$0")/../.." && pwd)/build}
exec "$O/tests/tools/judge" "$@"
