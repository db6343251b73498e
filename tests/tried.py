#!/usr/bin/env python3
"""The table of `make check-hostile`: FILE has a line for everything that was
tried, tab-separated: name, tries, deaths, wrong answers, leftovers."""
import sys

HEADS = ("tried", "tries", "deaths", "wrong answers", "leftovers")


def main(path):
    rows = {}
    with open(path) as lines:
        for line in lines:
            name, *numbers = line.rstrip("\n").split("\t")
            sums = rows.setdefault(name, [0] * len(numbers))
            rows[name] = [a + int(b) for a, b in zip(sums, numbers)]
    width = max(map(len, [*rows, HEADS[0]]))
    print(HEADS[0].ljust(width), *(head.rjust(13) for head in HEADS[1:]))
    for name, numbers in rows.items():
        print(name.ljust(width), *(f"{number:13,}" for number in numbers))


main(sys.argv[1])
