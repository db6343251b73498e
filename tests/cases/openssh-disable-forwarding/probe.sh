#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
ANSWER=$(SSH_AUTH_SOCK=$RUN/agent timeout 20 ssh -F none -A -S "$RUN/connection" -o BatchMode=yes \
	127.0.0.1 'echo "server=$PPID agent=$SSH_AUTH_SOCK"' 2>&1 </dev/null)
case $ANSWER in
"server=$(<"$RUN/session.pid") agent=") echo "fixed: the agent is not forwarded" ;;
"server=$(<"$RUN/session.pid") agent="*) echo "buggy: the agent is forwarded, to ${ANSWER#*agent=}" && exit 1 ;;
*) echo "dead: $ANSWER" && exit 2 ;;
esac
