#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from dns import *

upstream = Upstream(PORT + 100, lambda query: reply(query, [record(POINTER, A, b"\x0a\0\0\1")]))
if ask(fresh_name()).answers != 1 or not upstream.asked:
    dead("does not resolve")
known = fresh_name()
ask(known)
if ask(known, recursion=False).answers != 1:
    dead("does not answer from its cache")
# Several, so that each thread is asked.
upstream.asked = 0
answers = [ask(fresh_name(), recursion=False) for _ in range(8)]
if upstream.asked and all(a.answers == 1 for a in answers):
    buggy("a query without RD is sent to the forwarder")
if not upstream.asked and all(a.code == 2 for a in answers):
    fixed("a query without RD is not sent on")
dead(f"a mixture: {upstream.asked} sent on")
END
