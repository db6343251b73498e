#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *


def post(headers, body):
    return request(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers + b"\r\n" + body)


if b"role=admin body=4" not in post(b"X-Role: admin\r\nContent-Length: 4\r\n", b"data"):
    dead("a plain request is not served")
if b"role=none body=4" not in post(b"Transfer-Encoding: chunked\r\n", b"4\r\ndata\r\n0\r\n\r\n"):
    dead("a chunked request is not served")
trailer = post(b"Transfer-Encoding: chunked\r\n", b"4\r\ndata\r\n0\r\nX-Role: admin\r\n\r\n")
both = post(b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"4\r\ndata\r\n0\r\n\r\n")
print("trailer:", trailer)
print("both:", both)
# Half of the two fixes would be a mixture.
taken = b"role=admin" in trailer, b" 200 OK" in both
if all(taken):
    buggy("a trailer is a header, and two lengths are accepted")
if not any(taken) and b"role=none body=4" in trailer:
    fixed("trailers are dropped and two lengths refused")
dead(f"one without the other: {taken}")
END
