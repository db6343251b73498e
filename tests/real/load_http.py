#!/usr/bin/env python3
"""A load for an HTTP server that counts everything that is not as it should be.

load_http.py PORT CONNECTIONS STOPFILE BODY: until STOPFILE exists, each
connection, kept alive, gets / and checks the whole answer. A server may end a
connection when it is told to reload: only with an answer that says
"Connection: close", or while none is asked for. Prints
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


def connect():
    sock = socket.create_connection(("127.0.0.1", port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, sock.makefile("rb")


def worker():
    count = dict.fromkeys(total, 0)
    sock, lines = connect()
    turn = on_this = 0
    while turn % 16 or not os.path.exists(stop):
        turn += 1
        try:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            got = answer(lines)
        except OSError:
            got = None
        if not got and on_this:
            # It was idle, and the server has closed it: asked again on a new
            # one, which must answer.
            sock.close()
            sock, lines = connect()
            on_this = 0
            continue
        if not got:
            count["dropped"] += 1
            break
        status, headers, text = got
        on_this += 1
        count["requests"] += 1
        count["errors"] += status != b"HTTP/1.1 200 OK\r\n" or text != body
        count["new" if b"x-hotfix" in headers else "old"] += 1
        if headers.get(b"connection") == b"close":
            sock.close()
            sock, lines = connect()
            on_this = 0
        if turn == 1:
            ready.wait()
    sock.close()
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
