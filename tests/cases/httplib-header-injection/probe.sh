#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *


def forward(kind):
    # Who has nothing more to say is taken to have left: no request().
    with connect() as sock:
        sock.sendall(b"GET /forward?type=" + kind + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return read_all(sock).partition(b"\r\n\r\n")[2]


if forward(b"text/plain") != b"clean\n":
    dead("a plain request is not forwarded")
answer = forward(b"text/plain%0d%0aevil:%201")
if answer == b"evil\n":
    buggy("a content type brings a header of its own")
if answer == b"clean\n":
    fixed("no header comes with a content type")
dead(f"another answer: {answer!r}")
END
