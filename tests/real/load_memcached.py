#!/usr/bin/env python3
"""A load for memcached that counts everything that is not as it should be.

load_memcached.py PORT CONNECTIONS STOPFILE: until STOPFILE exists, each
connection sets, gets and asks the version, and checks each answer. Prints
"REQUESTS ERRORS DROPPED old=N new=N" at the end and "ready" at the start.
"""
import os
import socket
import sys
import threading

port, connections, stop = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
lock = threading.Lock()
total = {"requests": 0, "errors": 0, "dropped": 0, "old": 0, "new": 0}
ready = threading.Barrier(connections + 1)


def worker(number):
    count = dict.fromkeys(total, 0)
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = sock.makefile("rb")
    ready.wait()
    turn = 0
    try:
        while turn % 64 or not os.path.exists(stop):
            turn += 1
            value = b"%d" % turn
            sock.sendall(b"set k%d 0 0 %d\r\n%s\r\nget k%d\r\nversion\r\n"
                         % (number, len(value), value, number))
            stored = lines.readline()
            got = [lines.readline() for _ in range(3)]
            version = lines.readline()
            if not version:
                count["dropped"] += 1
                break
            count["requests"] += 3
            count["errors"] += stored != b"STORED\r\n"
            count["errors"] += got[1:] != [value + b"\r\n", b"END\r\n"]
            if version.endswith(b"-hotfixed\r\n"):
                count["new"] += 1
            elif version.startswith(b"VERSION "):
                count["old"] += 1
            else:
                count["errors"] += 1
    except OSError:
        count["dropped"] += 1
    with lock:
        for key in total:
            total[key] += count[key]


threads = [threading.Thread(target=worker, args=(i,)) for i in range(connections)]
for thread in threads:
    thread.start()
ready.wait()
print("ready", flush=True)
for thread in threads:
    thread.join()
print("%(requests)d %(errors)d %(dropped)d old=%(old)d new=%(new)d" % total)
