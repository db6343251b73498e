#!/bin/bash
# A session of a connection that no probe has used: where an agent has been
# forwarded once, later sessions are told of it, and no patch undoes that.
. "$(dirname "$0")/../lib/probe.sh"
CONNECTION=$(cd "$RUN" && ls -d connection.* 2>/dev/null | head -1)
[ -n "$CONNECTION" ] || { echo "dead: no connection is left"; exit 2; }
ANSWER=$(SSH_AUTH_SOCK=$RUN/agent timeout 20 ssh -F none -A -S "$RUN/$CONNECTION" -o BatchMode=yes \
	127.0.0.1 'echo "server=$PPID agent=$SSH_AUTH_SOCK"' 2>&1 </dev/null)
mv "$RUN/$CONNECTION" "$RUN/used.$CONNECTION"
SERVER=$(<"$RUN/session.${CONNECTION#*.}")
case $ANSWER in
"server=$SERVER agent=") echo "fixed: the agent is not forwarded" ;;
"server=$SERVER agent="*) echo "buggy: the agent is forwarded, to ${ANSWER#*agent=}" && exit 1 ;;
*) echo "dead: $ANSWER" && exit 2 ;;
esac
