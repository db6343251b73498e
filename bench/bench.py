#!/usr/bin/env python3
"""What hotfix costs, measured as ratios in one run.

Every figure is a median over rounds in which the things compared take turns, so
that the machine's mood falls on all of them alike. Results also go to
build/bench/results.csv.
"""
import csv
import os
import shutil
import socket
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
LAST = ["taskset", "-c", str(os.cpu_count() - 1)] if PIN else []
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


PERIOD = 0.25  # seconds; every sleeper wakes once in it


def felt(target, work):
    """What the threads felt of @work: the largest gap of the one that runs while it
    is done, the 99th percentile of how late the others woke until each has woken
    once; ns. And how long it took, s."""
    target.ask("begin")
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    gap = int(target.ask("end")[0])
    time.sleep(max(0, began + PERIOD - time.monotonic()))
    return gap, int(target.ask("end")[3]), took


def felt_beyond(target, work):
    """The same, and what a time of the same length without any work is like: the
    machine itself makes threads late by milliseconds now and then."""
    *with_it, took = felt(target, work)
    *without, _ = felt(target, lambda: time.sleep(took))
    return *with_it, *without


def gdb_writes(pid, address):
    """The same store as the floor's, by a debugger's script."""
    byte = "*(unsigned char *)" + address
    run("gdb", "-p", pid, "-batch", "-nx", "-ex", "set var %s = %s" % (byte, byte))


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def pause_rounds(target, fix, rounds):
    """For each way of patching: of each round what was felt, as felt_beyond()."""
    address = target.ask("address")[0]
    ways = {
        "floor": lambda: run(BENCH + "/floor", target.pid, address),
        "apply": lambda: hotfix("apply", fix, "-p", target.pid),
        "revert": lambda: hotfix("revert", "bench", "-p", target.pid),
        "gdb": lambda: gdb_writes(target.pid, address),
    }
    results = {way: [] for way in ways}
    for turn in range(rounds):
        for way, work in ways.items():
            if way != "gdb" or turn < 3:
                results[way].append(felt_beyond(target, work))
    return results


def pause_figures(rounds):
    """In us: median, 99th percentile and maximum of the gap, the same without any
    work, and by how much the sleepers were later than without."""
    gaps, late, quiet_gaps, quiet_late = ([v / 1000 for v in c] for c in zip(*rounds))
    return (statistics.median(gaps), percentile(gaps, .99), max(gaps),
            statistics.median(quiet_gaps), percentile(quiet_gaps, .99), max(quiet_gaps),
            max(0, statistics.median(late) - statistics.median(quiet_late)))


def draw_pause(table):
    """pause.svg: what a running thread feels, for each way, against the threads."""
    with open(BENCH + "/pause.dat", "w") as data:
        for way, lines in table.items():
            print('"%s"' % way, file=data)
            for line in lines:
                print(*line, file=data)
            print("\n", file=data)
    if shutil.which("gnuplot"):
        subprocess.run(["gnuplot", "-c", TOP + "/bench/pause.gp", BENCH + "/pause.dat",
                        BENCH + "/pause.svg", str(len(table))], check=True)
        print("pause: picture: " + BENCH + "/pause.svg")


def bench_pause(rounds=int(os.environ.get("ROUNDS", 25))):
    """What threads feel, for growing numbers of them: one runs, the rest sleep."""
    fix = build_fix("heartbeat")
    names = ("median", "p99", "max", "(quiet)", "(p99)", "(max)", "late")
    print("pause: the largest gap of a running thread in each of %d rounds, and in brackets\n"
          "pause: that of times as long without patching; how much later sleeping threads\n"
          "pause: wake, 99th percentile of them; us" % rounds)
    print("%8s %8s" % ("threads", "") + "".join("%9s" % name for name in names))
    table = {}
    for threads in (1, 16, 64, 256, 1000):
        with Target("heartbeat", threads - 1, "beat") as target:
            results = pause_rounds(target, fix, rounds)
        for way, values in results.items():
            figures = pause_figures(values)
            print("%8d %8s" % (threads, way) + "".join("%9.0f" % f for f in figures))
            table.setdefault(way, []).append((threads, *figures))
            for name, value in zip(names, figures):
                record("pause", "%s, %d threads, %s" % (way, threads, name), value, "us")
    draw_pause(table)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(.02)
    sys.exit("no server at port %d" % port)


RATE = 20000  # requests a second; the processors have time left


class Load(Target):
    """bench/latency.c, on the first processor; the server has the last."""

    def __init__(self, port, request):
        wait_for(port)
        self.process = subprocess.Popen(
            [*PIN, BENCH + "/latency", str(port), "16", str(RATE), request], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"

    def during(self, work, seconds=1):
        """A second with @work in its middle: answers, p50, p99, p99.9, max."""
        self.ask("begin")
        end = time.monotonic() + seconds
        time.sleep(seconds / 2)
        if work:
            work()
        time.sleep(max(0, end - time.monotonic()))
        return [int(word) for word in self.ask("end")]


def service_command(name, server, port):
    if name == "redis":
        return [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--daemonize", "no"]
    return [server, "-u", "root", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "4"]


def bench_service(rounds=int(os.environ.get("ROUNDS", 15))):
    """Latency of real services in the second around a patch, and without one."""
    for name in ("redis", "memcached"):
        built = subprocess.run(["bash", TOP + "/bench/services.sh", name], capture_output=True,
                               text=True, env={**os.environ, "HOTFIX_TOP": TOP})
        if built.returncode:
            sys.exit("no %s: %s" % (name, built.stderr[-2000:]))
        server, fix, request = built.stdout.splitlines()
        port = free_port()
        process = subprocess.Popen([*LAST, *service_command(name, server, port)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with Load(port, request) as load:
                service_rounds(name, load, fix, str(process.pid), rounds)
        finally:
            process.kill()
            process.wait()


def service_rounds(name, load, fix, pid, rounds):
    ways = {
        "without": None,
        "apply": lambda: hotfix("apply", fix, "-p", pid),
        "revert": lambda: hotfix("revert", "service", "-p", pid),
    }
    results = {way: [] for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            results[way].append(load.during(work))
    print("service: %s, %d requests a second over 16 connections, medians of %d seconds: us"
          % (name, RATE, rounds))
    print("%10s %10s %8s %8s %8s %8s" % ("", "answers/s", "p50", "p99", "p99.9", "max"))
    for way, values in results.items():
        medians = [statistics.median(column) for column in zip(*values)]
        print("%10s %10d %8.0f %8.0f %8.0f %8.0f"
              % (way, medians[0], *(m / 1000 for m in medians[1:])))
        for what, value in zip(("p50", "p99", "p99.9", "max"), medians[1:]):
            record("service", "%s, %s, %s" % (name, way, what), value / 1000, "us")


def measured(*command):
    """Seconds and peak KiB of a command."""
    began = time.monotonic()
    done = subprocess.run([*PIN, BENCH + "/peak", *command], capture_output=True, text=True)
    took = time.monotonic() - began
    if done.returncode:
        sys.exit("%s: %s" % (command, done.stderr))
    return took, int(done.stderr.split()[-1])


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


BENCHES = {"diff": bench_diff, "call": bench_call, "pause": bench_pause, "service": bench_service, "apply": bench_apply, "cycles": bench_cycles}
for name in sys.argv[1:] or BENCHES:
    BENCHES[name]()
with open(BENCH + "/results.csv", "w", newline="") as file:
    csv.writer(file).writerows([("bench", "what", "value", "unit"), *rows])
print("results: " + BENCH + "/results.csv")
