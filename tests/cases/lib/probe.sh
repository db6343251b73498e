# Sourced by probe.sh of our cases: what a probe in Python needs to know.
CASE=$(cd "$(dirname "$0")" && pwd -P)
. "$CASE/case.env"
CASES_WORK=${CASES_WORK:-${TMPDIR:-/tmp}/hotfix-cases}
export CASE PORT=${PORT_OVERRIDE:-$PORT} RUN=$CASES_WORK/_run/$NAME LC_ALL=C
export BUILD=$CASES_WORK/_build/$NAME
export PYTHONPATH=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P) PYTHONDONTWRITEBYTECODE=1
