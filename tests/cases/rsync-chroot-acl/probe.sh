#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *
if socket.gethostbyaddr(HOST)[0] != "localhost":
    raise SystemExit("127.0.0.1 is not called localhost on this machine")
answer = request(b"@RSYNCD: 31.0\ndata\n")
if not answer.startswith(b"@RSYNCD: "):
    dead(f"no greeting: {answer!r}")
if b"@ERROR: access denied" in answer:
    fixed("a client that is denied by its name is refused")
if b"@RSYNCD: OK" in answer:
    buggy("a client that is denied by its name is let in")
dead(f"another answer: {answer!r}")
END
