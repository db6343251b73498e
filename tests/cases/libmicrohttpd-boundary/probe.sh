#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *


def post(kind):
    answer = request(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
                     b"Content-Type: " + kind + b"\r\n\r\n")
    return answer.partition(b"\r\n\r\n")[2]


if post(b"multipart/form-data; boundary=long") != b"form\n" or post(b"text/plain") != b"no form\n":
    dead("a plain form is not served")
answer = post(b"multipart/form-data; boundary=x")
if answer == b"form\n":
    buggy("a boundary of one character is accepted")
if answer == b"no form\n":
    fixed("a boundary of one character is refused")
dead(f"another answer: {answer!r}")
END
