#!/usr/bin/env python3
"""A load for an HTTP server that counts everything that is not as it should be.

load_http.py PORT CONNECTIONS STOPFILE BODY: until STOPFILE exists, each
connection, kept alive, gets / and checks the whole answer. A server that is told
to reload may end a connection: after an answer that says "Connection: close",
or instead of an answer when the connection was idle. Prints
"REQUESTS ERRORS DROPPED old=N new=N" at the end and "ready" at the start, when
each connection has its first answer.
"""
import os
import socket
import sys
import threading

port, connections, stop, body = (int(sys.argv[1]), int(sys.argv[2]),
                                 sys.argv[3], sys.argv[4].encode())
lock = threading.Lock()
total = {"requests": 0, "errors": 0, "dropped": 0, "old": 0, "new": 0}
ready = threading.Barrier(connections + 1)


def answer(lines):
    """Status, headers and body of one answer; None at the end of the stream."""
    status = lines.readline()
    if not status:
        return None
    headers = {}
    while (line := lines.readline()) not in (b"\r\n", b""):
        key, _, value = line.partition(b":")
        headers[key.lower()] = value.strip()
    text = lines.read(int(headers.get(b"content-length", 0)))
    return status, headers, text


class Connection:
    def __init__(self):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.sock.makefile("rb")
        self.answers = 0

    def ask(self):
        """One answer; None when the server has closed the connection."""
        try:
            self.sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            got = answer(self.lines)
        except ConnectionError:
            got = None
        self.answers += got is not None
        return got


def work(count):
    connection = Connection()
    turn = 0
    while turn % 16 or not os.path.exists(stop):
        got = connection.ask()
        if not got and connection.answers:
            # Closed while it was idle: a new one must answer.
            connection = Connection()
            got = connection.ask()
        if not got:
            count["dropped"] += 1
            return
        status, headers, text = got
        count["requests"] += 1
        count["errors"] += status != b"HTTP/1.1 200 OK\r\n" or text != body
        count["new" if b"x-hotfix" in headers else "old"] += 1
        if headers.get(b"connection") == b"close":
            connection = Connection()
        if not turn:
            ready.wait()
        turn += 1


def worker():
    count = dict.fromkeys(total, 0)
    try:
        work(count)
    except OSError:
        count["dropped"] += 1
    with lock:
        for key in total:
            total[key] += count[key]


threads = [threading.Thread(target=worker) for _ in range(connections)]
for thread in threads:
    thread.start()
ready.wait()
print("ready", flush=True)
for thread in threads:
    thread.join()
print("%(requests)d %(errors)d %(dropped)d old=%(old)d new=%(new)d" % total)
