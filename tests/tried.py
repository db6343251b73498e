#!/usr/bin/env python3
"""The table of `make check-hostile`: FILE has a line for everything that was
tried, tab-separated: name, tries, deaths, wrong answers, leftovers; and a line
without a tab for each test that failed, whose tries may be missing."""
import sys

HEADS = ("tried", "tries", "deaths", "wrong answers", "leftovers")


def read(path):
    rows, failed = {}, []
    with open(path) as lines:
        for line in lines:
            name, *numbers = line.rstrip("\n").split("\t")
            if not numbers:
                failed.append(name)
                continue
            sums = rows.setdefault(name, [0] * len(numbers))
            rows[name] = [a + int(b) for a, b in zip(sums, numbers)]
    return rows, failed


def main(path):
    rows, failed = read(path)
    rows["together"] = [sum(column) for column in zip(*rows.values())]
    width = max(map(len, [*rows, HEADS[0]]))
    print(HEADS[0].ljust(width), *(head.rjust(13) for head in HEADS[1:]))
    for name, numbers in rows.items():
        print(name.ljust(width), *(f"{number:13,}" for number in numbers))
    for name in failed:
        print("FAILED:", name)
    if not failed:
        print("No test failed.")


main(sys.argv[1])
