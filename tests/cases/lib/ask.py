"""What the probes share. A probe ends by fixed(), buggy() or dead(); one that
fails in any other way has told nothing and exits with 3."""
import os
import socket
import sys
import traceback

HOST = "127.0.0.1"
PORT = int(os.environ["PORT"])
RUN = os.environ["RUN"]


def verdict(status, word, text):
    print(f"{word}: {text}", flush=True)
    os._exit(status)


def fixed(text):
    verdict(0, "fixed", text)


def buggy(text):
    verdict(1, "buggy", text)


def dead(text):
    verdict(2, "dead", text)


def connect(port=PORT, timeout=10):
    try:
        return socket.create_connection((HOST, port), timeout=timeout)
    except OSError as error:
        dead(f"cannot connect to port {port}: {error}")


def read_all(sock):
    """Until the other end closes; what came before an error counts."""
    data = b""
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except OSError:
        pass
    return data


def request(data, port=PORT):
    """One question on a connection of its own, and all that is answered."""
    with connect(port) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        return read_all(sock)


def broken_probe(kind, error, trace):
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(3)


sys.excepthook = broken_probe
