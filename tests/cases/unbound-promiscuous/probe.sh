#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from dns import *


def answer(query):
    """An address, and name servers that nobody asked for."""
    return reply(query, [record(POINTER, A, b"\x0a\0\0\1")],
                 [record(name("example"), NS, name("ns.evil.example"))])


upstream = Upstream(PORT + 100, answer)
answers = [ask(fresh_name()) for _ in range(4)]
if not all(a.answers == 1 for a in answers):
    dead("does not resolve")
if all(a.authority == 1 for a in answers):
    buggy("uninvited name servers are believed and passed on")
if not any(a.authority for a in answers):
    fixed("uninvited name servers are dropped")
dead("a mixture")
END
