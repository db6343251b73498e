#!/bin/bash
. "$(dirname "$0")/../lib/probe.sh"
exec python3 - <<'END'
from ask import *


def sums(columns, terms):
    """A row of sums of sums, each of them another one; the first is known."""
    number = iter(range(1, columns * terms + 1))
    return b"SELECT " + b", ".join(
        b"+".join(b"sum(a+%d)" % next(number) for _ in range(terms))
        for _ in range(columns)) + b" FROM t\n"


if request(b"SELECT count(*) FROM t\n") != b"3\n":
    dead("does not count")
grouped = b"SELECT group_concat(n) FROM (SELECT sum(a) AS n FROM t GROUP BY a % 2 ORDER BY n)\n"
if request(grouped) != b"2,4\n":
    dead("does not group")
if request(sums(3, 5)) != b"75\n":
    dead("does not add up")
# The limit of columns is 2000.
answer = request(sums(300, 10))
if b"aggregate terms" in answer:
    fixed(answer.decode().strip())
if answer == b"225\n":
    buggy("3000 aggregate terms are accepted")
dead(f"another answer: {answer!r}")
END
