#!/usr/bin/env python3
"""A light load on a service at 127.0.0.1: load.py KIND PORT STOPFILE [PAUSE]

Two clients ask again and again, each on a connection of its own, PAUSE seconds
apart, until STOPFILE exists or three minutes are over. Prints "ready" when each has its first ten
answers, and "ROUNDS asked, N failed" at the end. KIND says what is asked and
what an answer is; "connect" knows no protocol and wants no answer.
"""
import os
import socket
import struct
import sys
import threading
import time

kind, port, stop = sys.argv[1], int(sys.argv[2]), sys.argv[3]
pause = float(sys.argv[4]) if len(sys.argv) > 4 else 0.005
CLIENTS, FIRST, LIMIT = 2, 10, 180
# "version.bind", which servers answer themselves: what nobody answers would
# pile up in a forwarder until it refuses more.
QUERY = struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 0) + \
    b"\7version\4bind\0" + struct.pack(">HH", 16, 3)
# kind: (what is sent, what the answer begins with); None waits for no answer.
KINDS = {
    "connect": (b"", None),
    "http": (b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n", b"HTTP/1."),
    "redis": (b"PING\r\n", b"+PONG"),
    "redis-auth": (b"PING\r\n", b"-NOAUTH"),
    "smtp": (b"QUIT\r\n", b"220 "),
    "ssh": (b"SSH-2.0-load\r\n", b"SSH-2.0-"),
    "rsync": (b"@RSYNCD: 31.0\n#list\n", b"@RSYNCD: "),
    "line": (b"ping\n", b"pong"),
}


def ask_tcp():
    data, want = KINDS[kind]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(data)
        if want is not None and not sock.recv(4096).startswith(want):
            raise OSError("another answer")


def ask_dns():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.sendto(QUERY, ("127.0.0.1", port))
        if sock.recv(512)[:2] != QUERY[:2]:
            raise OSError("another answer")


def client(count, ready):
    ask = ask_dns if kind == "dns" else ask_tcp
    end = time.monotonic() + LIMIT
    while not os.path.exists(stop) and time.monotonic() < end:
        count["rounds"] += 1
        try:
            ask()
        except OSError as error:
            count["failed"] += 1
            count["why"] = error
        if count["rounds"] == FIRST:
            ready.wait()
        time.sleep(pause)


counts = [{"rounds": 0, "failed": 0, "why": ""} for _ in range(CLIENTS)]
first = threading.Barrier(CLIENTS + 1)
threads = [threading.Thread(target=client, args=(c, first), daemon=True)
           for c in counts]
for thread in threads:
    thread.start()
first.wait(timeout=60)
print("ready", flush=True)
for thread in threads:
    thread.join()
failed = sum(c["failed"] for c in counts)
print(f"{sum(c['rounds'] for c in counts)} asked, {failed} failed",
      *{str(c["why"]) for c in counts if c["why"]})
