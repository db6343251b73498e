"""What live tests look at: a process from outside, and JSON from inside.

look.py snapshot PID   all that a target could notice of having been touched
look.py member PATH    a member of the JSON on stdin: "results.0.outcome";
                       "#" is the length of a list or object
look.py memory PID     every byte of it that is in use, while all threads wait
look.py terminal FILE... fails when one holds what a terminal obeys
"""
import hashlib
import json
import os
import sys
import unicodedata

STATUS = ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "TracerPid", "Seccomp",
          "Seccomp_filters", "NoNewPrivs", "Uid", "Gid", "CapInh", "CapPrm",
          "CapEff", "CapBnd", "CapAmb", "Umask", "VmLck", "VmPin",
          "Cpus_allowed", "Mems_allowed", "Speculation_Store_Bypass",
          "x86_Thread_features")
# Of stat, counted from the state as 0: exit signal, priority, nice, real-time
# priority, scheduling class.
STAT = (35, 15, 16, 37, 38)
FILES = ("personality", "oom_score_adj", "timerslack_ns")


def file_text(path):
    try:
        return open(path).read().strip()
    except OSError as error:
        return error.strerror


def code_digest(memory, start, end):
    digest = hashlib.sha256()
    while start < end:
        size = min(end - start, 1 << 20)
        try:
            digest.update(os.pread(memory, size, start))
        except OSError as error:
            return "unreadable: %s" % error.strerror
        start += size
    return digest.hexdigest()[:24]


def mappings(pid):
    memory = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
    for line in open("/proc/%d/maps" % pid):
        fields = line.split(maxsplit=5)
        start, end = (int(x, 16) for x in fields[0].split("-"))
        name = fields[5].strip() if len(fields) > 5 else ""
        if name == "[stack]":
            # It grows by itself, downwards.
            yield "map %x %s %s" % (end, fields[1], name)
            continue
        yield "map %s %s %s %s" % (fields[0], fields[1], fields[4], name)
        if "x" in fields[1] and name != "[vsyscall]":
            yield "code %s %s" % (fields[0], code_digest(memory, start, end))
    os.close(memory)


def stack_pointers(pid):
    for tid in os.listdir("/proc/%d/task" % pid):
        words = open("/proc/%d/task/%s/syscall" % (pid, tid)).read().split()
        if len(words) > 2:
            yield int(words[-2], 16)


def memory(pid):
    """What lies below the red zone of a thread is nobody's."""
    pointers = list(stack_pointers(pid))
    file = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
    for line in open("/proc/%d/maps" % pid):
        fields = line.split(maxsplit=5)
        start, end = (int(x, 16) for x in fields[0].split("-"))
        if "r" not in fields[1] or "[v" in line:
            continue
        for pointer in pointers:
            if start <= pointer < end:
                start = max(start, pointer - 128)
        print(fields[0], fields[1], code_digest(file, start, end))
    os.close(file)


def descriptors(pid):
    directory = "/proc/%d/fd" % pid
    for fd in sorted(os.listdir(directory), key=int):
        yield "fd %s %s" % (fd, os.readlink("%s/%s" % (directory, fd)))


def threads(pid):
    """One line per kind of thread: tids of short-lived ones would differ."""
    lines = []
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            status = open("/proc/%d/task/%s/status" % (pid, tid)).read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = dict(l.split(":", 1) for l in status.splitlines() if ":" in l)
        stat = file_text("/proc/%d/task/%s/stat" % (pid, tid))
        stat = stat[stat.rfind(")") + 2:].split()
        lines.append("thread " + " ".join(
            ["%s=%s" % (name, "/".join(fields.get(name, "?").split()))
             for name in STATUS] +
            [stat[i] if i < len(stat) else "?" for i in STAT] +
            [file_text("/proc/%s/%s" % (tid, name)) for name in FILES]))
    return sorted(lines)


def snapshot(pid):
    for part in (mappings, descriptors, threads):
        for line in part(pid):
            print(line)


def member(path):
    value = json.load(sys.stdin)
    for key in path.split("."):
        if key == "#":
            value = len(value)
        elif isinstance(value, list):
            value = value[int(key)]
        else:
            value = value[key]
    print(value if isinstance(value, str) else json.dumps(value))


def obeyed(character):
    """Controls, marks of direction, line separators; and what is no UTF-8."""
    return (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
            or unicodedata.bidirectional(character) in
            ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


def terminal(paths):
    for path in paths:
        text = open(path, "rb").read().decode("utf-8", "surrogateescape")
        for line in text.split("\n"):
            if any(obeyed(c) for c in line.replace("\t", "")):
                sys.exit("%s: %r" % (path, line))


if sys.argv[1] == "snapshot":
    snapshot(int(sys.argv[2]))
elif sys.argv[1] == "memory":
    memory(int(sys.argv[2]))
elif sys.argv[1] == "terminal":
    terminal(sys.argv[2:])
else:
    member(sys.argv[2])
