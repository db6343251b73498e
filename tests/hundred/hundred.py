#!/usr/bin/env python3
"""A hundred functions of redis, each changed alone, by one source diff each.

Into each of NR functions picked at random a statement is inserted that does
nothing (a NOP). For every one a patch is built from the diff, and applied to the
same running server, on top of all others. At the end that server has to pass
redis's own test suite. Counted: how many build, how many are proven, how many
apply; what is refused is listed with its code. Too long for `make check`.

    make check-hundred [NR=100] [SEED=1]
"""
import collections
import difflib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time

OUT = os.environ["HOTFIX_O"]
REDIS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + "/real/redis_tree.sh"
NR = int(os.environ.get("NR") or 100)
SEED = int(os.environ.get("SEED") or 1)
WORK = OUT + "/hundred"
BUILD = ["bash", REDIS, "build"]
STATEMENT = '    __asm__ volatile ("nop");\n'
# A definition at the start of a line, its parameters, and the brace.
DEFINITION = re.compile(
    r"^(?!static inline|else|return|typedef|struct|union|enum|#)"
    r"[A-Za-z_][\w \t*]*?\b(\w+)\(([^;{}()]|\([^()]*\))*\)\s*\{[ \t]*\n", re.M)


def run(command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, **kwargs)


def must(command, **kwargs):
    done = run(command, **kwargs)
    if done.returncode:
        sys.exit("%s failed: %s%s" % (command, done.stdout[-2000:], done.stderr[-2000:]))
    return done


def prepare():
    """The source, not built, and the server that is built from it."""
    source = must(["bash", REDIS, "source"]).stdout.strip()
    production = WORK + "/production"
    if not os.path.exists(production + "/src/redis-server"):
        shutil.rmtree(production, ignore_errors=True)
        must(["cp", "-a", source, production])
        must(BUILD, cwd=production)
    return source, production + "/src/redis-server"


def functions_of(server):
    names = set()
    for line in must(["readelf", "-Ws", server]).stdout.splitlines():
        words = line.split()
        if len(words) == 8 and words[3] == "FUNC" and words[6] != "UND":
            names.add(words[7].split(".")[0])
    return names


def candidates(source, names):
    """(file, name, offset behind the brace) of definitions in the target."""
    found = []
    for name in sorted(os.listdir(source + "/src")):
        if not name.endswith(".c"):
            continue
        path = "src/" + name
        text = open(source + "/" + path, encoding="latin-1").read()
        for match in DEFINITION.finditer(text):
            if match.group(1) in names and match.group(1) != "main":
                found.append((path, match.group(1), match.end()))
    return found


def write_diff(source, path, at, to):
    old = open(source + "/" + path, encoding="latin-1").read()
    new = old[:at] + STATEMENT + old[at:]
    with open(to, "w", encoding="latin-1") as file:
        file.writelines(difflib.unified_diff(
            old.splitlines(True), new.splitlines(True), "a/" + path, "b/" + path))


def start(server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = WORK + "/data"
    shutil.rmtree(data, ignore_errors=True)
    os.makedirs(data)
    log = open(WORK + "/server.log", "w")
    process = subprocess.Popen(
        [server, "--port", str(port), "--bind", "127.0.0.1", "--dir", data,
         "--enable-debug-command", "yes", "--save", ""], stdout=log, stderr=log)
    for _ in range(300):
        if answers(port):
            return process, port
        time.sleep(0.1)
    sys.exit("the server did not start: see " + WORK + "/server.log")


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def build_patch(number, source, server, diff):
    output = "%s/f%d.hotfix.so" % (WORK, number)
    done = run([OUT + "/hotfix-build", "--target", server, "--source", source,
                "--diff", diff, "--cache", WORK + "/cache", "-o", output,
                "--json", "--", *BUILD])
    try:
        return output, json.loads(done.stdout)
    except ValueError:
        return output, {"error": {"code": "crash", "message": done.stderr[-500:]}}


def own_test_suite(source, port):
    """redis's own, against a server that runs already."""
    # Units that need servers of their own, or a default configuration, exclude
    # themselves by this tag.
    return run(["bash", REDIS, "suite", str(port)], cwd=source)


def main():
    os.makedirs(WORK, exist_ok=True)
    source, server = prepare()
    chosen = candidates(source, functions_of(server))
    random.Random(SEED).shuffle(chosen)
    process, port = start(server)
    counts = collections.Counter()
    print("1..4")
    try:
        for number, (path, name, at) in enumerate(chosen[:NR]):
            diff = WORK + "/one.patch"
            write_diff(source, path, at, diff)
            output, result = build_patch(number, source, server, diff)
            counts["tried"] += 1
            if "error" in result:
                counts[result["error"]["code"]] += 1
                print("# %s %s: %s: %s" % (path, name, result["error"]["code"],
                                           result["error"]["message"].split("\n")[0]))
                continue
            counts["built"] += 1
            counts["proven"] += all(f["proven"] for f in result["functions"])
            counts["functions"] += len(result["functions"])
            done = run([OUT + "/hotfix", "apply", output, "-p", str(process.pid)])
            counts["applied"] += done.returncode == 0
            if done.returncode:
                print("# %s %s: %s" % (path, name, done.stderr.split("\n")[0]))
            if process.poll() is not None or not answers(port):
                sys.exit("the server died of %s: see %s/server.log" % (name, WORK))
            sys.stdout.flush()
        print("# " + ", ".join("%s %d" % item for item in counts.items()))
        # Refused are: functions too small for a jump, and what never returns.
        refused = counts["tried"] - counts["built"]
        print("%sok 1 - nine of ten are built" % ("not " if refused * 10 > counts["tried"] else ""))
        print("%sok 2 - all that is built is proven" % ("not " if counts["proven"] < counts["built"] else ""))
        print("%sok 3 - nine of ten that are built apply"
              % ("not " if counts["applied"] * 10 < counts["built"] * 9 else ""))
        suite = own_test_suite(source, port)
        if suite.returncode:
            print("".join("# %s\n" % line for line in suite.stdout.splitlines()[-30:]))
        print("%sok 4 - the server passes redis's own tests with all of them"
              % ("not " if suite.returncode else ""))
    finally:
        process.terminate()
        process.wait(30)


main()
