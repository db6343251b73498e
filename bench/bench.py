#!/usr/bin/env python3
"""What hotfix costs, measured as ratios in one run.

Every figure is a median over rounds in which the things compared take turns, so
that the machine's mood falls on all of them alike. Results also go to
build/bench/results.csv.
"""
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

OUT = os.environ["HOTFIX_O"]
BENCH = OUT + "/bench"
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The tool on the first processor, the heartbeat on the last.
PIN = ["taskset", "-c", "0"] if os.cpu_count() > 1 else []
rows = []


def record(bench, what, value, unit):
    rows.append((bench, what, "%.4g" % value, unit))


class Target:
    """A running heartbeat, spoken to line by line."""

    def __init__(self, program, *args):
        self.process = subprocess.Popen(
            [BENCH + "/" + program, *map(str, args)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = str(self.process.pid)
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.stdin.close()
        self.process.wait(10)


def run(*command):
    done = subprocess.run([*PIN, *command], capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s: %s%s" % (command, done.stdout, done.stderr))
    return done


def hotfix(*args):
    return run(OUT + "/hotfix", *args)


def build_fix(program):
    fix = "%s/%s.hotfix.so" % (BENCH, program)
    run(OUT + "/hotfix-build", "--target", BENCH + "/" + program, "--name",
        "bench", "-o", fix, TOP + "/bench/fix.c")
    return fix


def bench_call():
    """The price of a redirected call."""
    calls = 2000000
    fix = build_fix("heartbeat")
    old, new = [], []
    with Target("heartbeat", 0) as target:
        for _ in range(15):
            old.append(int(target.ask("calls %d" % calls)[0]) / calls)
            hotfix("apply", fix, "-p", target.pid)
            new.append(int(target.ask("calls %d" % calls)[0]) / calls)
            hotfix("revert", "bench", "-p", target.pid)
    pairs = [n / o for o, n in zip(old, new)]
    ratio = statistics.median(pairs)
    extra = statistics.median(new) - statistics.median(old)
    print("call: %.2f ns unpatched, %.2f ns redirected: ratio %.3f, jump %.2f ns"
          % (statistics.median(old), statistics.median(new), ratio, extra))
    record("call", "unpatched", statistics.median(old), "ns")
    record("call", "redirected", statistics.median(new), "ns")
    record("call", "ratio", ratio, "1")


def gap(target, work, window):
    """The largest gap in a window in which @work is done, in ns."""
    target.ask("begin")
    end = time.monotonic() + window
    if work:
        work()
    time.sleep(max(0, end - time.monotonic()))
    return int(target.ask("end")[0])


def bench_pause():
    """What a running thread feels, for growing numbers of threads."""
    fix = build_fix("heartbeat")
    window, rounds = 0.12, 15
    print("pause felt by a running thread, median of %d, beyond a quiet window of %d ms"
          % (rounds, window * 1000))
    print("%8s %12s %12s %12s %8s" % ("threads", "floor", "apply", "revert", "ratio"))
    for threads in (1, 16, 64, 256):
        felt = {"quiet": [], "floor": [], "apply": [], "revert": []}
        with Target("heartbeat", threads - 1, "beat") as target:
            address = target.ask("address")[0]
            for _ in range(rounds):
                felt["quiet"].append(gap(target, None, window))
                felt["floor"].append(gap(target, lambda: run(
                    BENCH + "/floor", target.pid, address), window))
                felt["apply"].append(gap(target, lambda: hotfix(
                    "apply", fix, "-p", target.pid), window))
                felt["revert"].append(gap(target, lambda: hotfix(
                    "revert", "bench", "-p", target.pid), window))
        quiet = statistics.median(felt["quiet"])
        value = {k: max(0, statistics.median(v) - quiet) / 1000 for k, v in felt.items()}
        ratio = value["apply"] / max(value["floor"], 1)
        print("%8d %9.0f us %9.0f us %9.0f us %8.2f"
              % (threads, value["floor"], value["apply"], value["revert"], ratio))
        for key in ("floor", "apply", "revert"):
            record("pause", "%s, %d threads" % (key, threads), value[key], "us")


def measured(*command):
    """Seconds and peak KiB of a command."""
    began = time.monotonic()
    child = subprocess.Popen([*PIN, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit("%s failed" % (command,))
    return time.monotonic() - began, usage.ru_maxrss


def bench_apply():
    """The whole command, on a small and on a very large binary."""
    programs = ("heartbeat", "large")
    fixes = {p: build_fix(p) for p in programs}
    took = {p: [] for p in programs}
    peak = {p: 0 for p in programs}
    with Target("heartbeat", 3) as small, Target("large", 3) as large:
        targets = {"heartbeat": small, "large": large}
        for _ in range(21):
            for program in programs:
                pid = targets[program].pid
                seconds, kib = measured(OUT + "/hotfix", "apply", fixes[program], "-p", pid)
                took[program].append(seconds * 1000)
                peak[program] = max(peak[program], kib)
                hotfix("revert", "bench", "-p", pid)
    ratio = statistics.median(b / a for a, b in zip(took["heartbeat"], took["large"]))
    for program in programs:
        size = os.path.getsize(BENCH + "/" + program) / 2**20
        print("apply: %7.1f MiB binary: %5.2f ms, peak memory %.1f MiB"
              % (size, statistics.median(took[program]), peak[program] / 1024))
        record("apply", "%s, whole command" % program, statistics.median(took[program]), "ms")
        record("apply", "%s, peak memory" % program, peak[program] / 1024, "MiB")
    print("apply: large against small: ratio %.2f" % ratio)
    record("apply", "large/small", ratio, "1")


def state(pid):
    """Mappings, descriptors and resident KiB of a process's own memory.

    Pages of files become resident when we read them (unwind tables do), so they
    do not count.
    """
    with open("/proc/%s/maps" % pid) as maps:
        nr_maps = len(maps.readlines())
    with open("/proc/%s/status" % pid) as status:
        rss = next(int(l.split()[1]) for l in status if l.startswith("RssAnon"))
    return nr_maps, len(os.listdir("/proc/%s/fd" % pid)), rss


def bench_cycles(nr=10000):
    """Apply and revert again and again under a target that never stops calling.

    In entry mode: the caller is inside the function almost always, and waiting
    for it to be outside would be most of what is measured.
    """
    fix = build_fix("heartbeat")
    with Target("heartbeat", 7, "busy") as target:
        hotfix("apply", fix, "--mode", "entry", "-p", target.pid)
        hotfix("revert", "bench", "--mode", "entry", "-p", target.pid)
        before = state(target.pid)
        target.ask("begin")
        began = time.monotonic()
        for _ in range(nr):
            hotfix("apply", fix, "--mode", "entry", "-p", target.pid)
            hotfix("revert", "bench", "--mode", "entry", "-p", target.pid)
        took = time.monotonic() - began
        calls = int(target.ask("end")[1])
        after = state(target.pid)
    print("cycles: %d in %.0f s (%.2f ms each), %d calls meanwhile" % (nr, took, took / nr * 1000, calls))
    print("cycles: mappings %d -> %d, descriptors %d -> %d, anonymous memory %d -> %d KiB"
          % (before[0], after[0], before[1], after[1], before[2], after[2]))
    record("cycles", "apply and revert", took / nr * 1000, "ms")
    record("cycles", "growth of anonymous memory", after[2] - before[2], "KiB")
    if before[:2] != after[:2]:
        sys.exit("something was left behind")


def copy_tree(source, to):
    shutil.rmtree(to, ignore_errors=True)
    run("cp", "-a", source, to)


def timed(command, directory):
    began = time.monotonic()
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit("%s: %s" % (command, done.stderr[-2000:]))
    return time.monotonic() - began


def timed_with_peak(command):
    """Seconds, and the peak KiB of this one process: compilers do not count."""
    peak = 0
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        while child.poll() is None:
            try:
                with open("/proc/%d/status" % child.pid) as status:
                    peak = next((int(l.split()[1]) for l in status
                                 if l.startswith("VmHWM")), peak)
            except OSError:
                pass
            time.sleep(0.01)
        took = time.monotonic() - began
        errors.seek(0)
        if child.returncode:
            sys.exit("%s: %s" % (command, errors.read()))
    return took, peak


def bench_diff(rounds=4):
    """From a diff to a patch of redis, against the two plain builds in it.

    A build takes most of a minute, in which a shared machine changes its speed
    by a fifth and more, and only ever to the slower: the fastest are compared.
    """
    sources = subprocess.run(["bash", TOP + "/tests/real/redis_tree.sh", "source"],
                             capture_output=True, text=True)
    if sources.returncode:
        sys.exit("no source of redis: " + sources.stderr)
    pristine = sources.stdout.strip()
    build = ["bash", TOP + "/tests/real/redis_tree.sh", "build"]
    fix = TOP + "/bench/redis.patch"
    tree, target, cache = (BENCH + "/redis" + t for t in ("", ".target", ".cache"))
    output = BENCH + "/redis.hotfix.so"
    copy_tree(pristine, target)
    timed(build, target)
    command = [OUT + "/hotfix-build", "--target", target + "/src/redis-server",
               "--source", tree, "--diff", fix, "-o", output]
    peaks, plains, wholes = [], [], []
    for _ in range(rounds):
        copy_tree(pristine, tree)
        plain = timed(build, tree)
        timed(["patch", "-p1", "-s", "-i", fix], tree)
        plain += timed(build, tree)
        copy_tree(pristine, tree)
        whole, peak = timed_with_peak([*command, "--", *build])
        peaks.append(peak)
        plains.append(plain)
        wholes.append(whole)
    shutil.rmtree(cache, ignore_errors=True)
    timed_with_peak([*command, "--cache", cache, "--", *build])
    again, _ = timed_with_peak([*command, "--cache", cache, "--", *build])
    size = os.path.getsize(output) / 1024
    ratio = min(wholes) / min(plains)
    print("diff: %.1f s for the patch, %.1f s for two plain builds: ratio %.2f"
          % (min(wholes), min(plains), ratio))
    print("diff: (patches %s; plain %s)" % tuple(
        ", ".join("%.1f" % took for took in sorted(times)) for times in (wholes, plains)))
    print("diff: %.1f s with the original build cached; peak memory %.1f MiB; patch %.0f KiB"
          % (again, max(peaks) / 1024, size))
    record("diff", "patch/two plain builds", ratio, "1")
    record("diff", "with a cache", again, "s")
    record("diff", "peak memory", max(peaks) / 1024, "MiB")
    record("diff", "patch", size, "KiB")


BENCHES = {"diff": bench_diff, "call": bench_call, "pause": bench_pause, "apply": bench_apply, "cycles": bench_cycles}
for name in sys.argv[1:] or BENCHES:
    BENCHES[name]()
with open(BENCH + "/results.csv", "w", newline="") as file:
    csv.writer(file).writerows([("bench", "what", "value", "unit"), *rows])
print("results: " + BENCH + "/results.csv")
