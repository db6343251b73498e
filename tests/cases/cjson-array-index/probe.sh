#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *
for index in 0, 7, 20, 99:
    if request(b"/list/%d\n" % index) != b"item %d\n" % index:
        dead("does not find what is there")
# ":" is the character behind "9", a digit of the value ten: item 20.
found = [(p, request(b"/list/" + p + b"\n")) for p in (b"1:", b"1x", b"2?")]
wrong = [f"{p.decode()} finds {a.decode().strip()}" for p, a in found if a != b"none\n"]
if wrong:
    buggy("; ".join(wrong))
fixed("only digits are an index")
END
