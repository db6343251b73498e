"""Enough DNS to ask a resolver and to be the server that it asks."""
import random
import struct
import threading

from ask import *

A, NS, IN = 1, 2, 1
POINTER = b"\xc0\x0c"    # to the name in the question


def name(text):
    return b"".join(bytes([len(p)]) + p.encode() for p in text.split(".") if p) + b"\0"


def fresh_name():
    """One that is in no cache yet."""
    return f"n{random.getrandbits(60)}.example"


def record(owner, kind, data):
    return owner + struct.pack(">HHIH", kind, IN, 60, len(data)) + data


def question_end(message):
    end = 12
    while message[end]:
        end += 1 + message[end]
    return end + 5


def reply(query, answers=(), authority=()):
    """An authoritative answer with these records."""
    head = query[:2] + struct.pack(">HHHHH", 0x8580, 1, len(answers), len(authority), 0)
    return head + query[12:question_end(query)] + b"".join(answers) + b"".join(authority)


class Upstream(threading.Thread):
    """Answers what the resolver asks, by answer(query); counts the queries."""

    def __init__(self, port, answer):
        super().__init__(daemon=True)
        self.answer, self.asked = answer, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((HOST, port))
        self.start()

    def run(self):
        while True:
            query, peer = self.sock.recvfrom(4096)
            self.asked += 1
            self.sock.sendto(self.answer(query), peer)


class Answer:
    def __init__(self, data):
        self.flags, _, self.answers, self.authority, _ = struct.unpack(">HHHHH", data[2:12])
        self.code = self.flags & 15


def ask(text, kind=A, recursion=True):
    query = struct.pack(">HHHHHH", random.getrandbits(16), 0x100 * recursion, 1, 0, 0, 0) + \
        name(text) + struct.pack(">HH", kind, IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        for _ in range(3):
            sock.sendto(query, (HOST, PORT))
            try:
                return Answer(sock.recv(4096))
            except OSError:
                continue
    dead(f"no answer for {text}")
