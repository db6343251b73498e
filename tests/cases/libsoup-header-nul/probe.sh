#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *


def get(header):
    return request(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n")


if b"role=user" not in get(b"X-Role: user\r\n") or b"role=none" not in get(b""):
    dead("a plain request is not served")
answer = get(b"X-Ro\0le: admin\r\n")
if b"role=admin" in answer:
    buggy("a header with a zero byte in its name is taken for X-Role")
if answer.startswith(b"HTTP/1.1 400 ") or not answer:
    fixed("a header with a zero byte is refused")
dead(f"another answer: {answer!r}")
END
