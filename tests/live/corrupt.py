"""Makes bad patch files out of a good one.

corrupt.py byte N IN OUT          one byte of a header or table, way N
corrupt.py manifest STATEMENT IN OUT   the statement changes the manifest `m`,
                                       or its first function `f`
corrupt.py note TEXT IN OUT       the text stands for the manifest
corrupt.py elf CASE IN OUT        one of the lies below
"""
import json
import random
import struct
import sys

PT_LOAD, PT_NOTE, PT_TLS = 1, 4, 7
OWNER = b"hotfix\0\0"


class Elf:
    def __init__(self, path):
        self.data = bytearray(open(path, "rb").read())
        (self.phoff, self.shoff) = struct.unpack_from("<QQ", self.data, 32)
        (self.phentsize, self.phnum, self.shentsize, self.shnum,
         self.shstrndx) = struct.unpack_from("<5H", self.data, 54)

    def put(self, form, offset, *values):
        struct.pack_into("<" + form * len(values), self.data, offset, *values)

    def get(self, form, offset):
        return struct.unpack_from("<" + form, self.data, offset)[0]

    def segments(self, kind=PT_LOAD):
        for i in range(self.phnum):
            at = self.phoff + i * self.phentsize
            if self.get("I", at) == kind:
                yield at

    def section(self, name):
        table = self.shoff + self.shstrndx * self.shentsize
        strings = self.get("Q", table + 24)
        for i in range(self.shnum):
            at = self.shoff + i * self.shentsize
            start = strings + self.get("I", at)
            end = self.data.index(0, start)
            if self.data[start:end] == name.encode():
                return at, self.get("Q", at + 24), self.get("Q", at + 32)
        raise SystemExit("no section %s" % name)


def elf_lie(elf, case):
    first = next(elf.segments())
    if case == "machine":
        elf.put("H", 18, 183)
    elif case == "class":
        elf.data[4] = 1
    elif case == "executable":
        elf.put("H", 16, 2)
    elif case == "phoff-huge":
        elf.put("Q", 32, 1 << 60)
    elif case == "phnum-huge":
        elf.put("H", 56, 0xffff)
    elif case == "shoff-huge":
        elf.put("Q", 40, (1 << 64) - 64)
    elif case == "segment-offset-huge":
        elf.put("Q", first + 8, (1 << 64) - 4096)
    elif case == "segment-size-huge":
        elf.put("Q", first + 32, 1 << 62)
    elif case == "segment-memory-huge":
        elf.put("Q", first + 40, 1 << 62)
    elif case == "segment-writable-executable":
        elf.put("I", first + 4, 7)
    elif case == "segment-overlaps":
        for at in elf.segments():
            elf.put("Q", at + 16, 0)
    elif case == "thread-local":
        # A note segment turned into thread-local data.
        for at in range(elf.phoff, elf.phoff + elf.phnum * elf.phentsize,
                        elf.phentsize):
            if elf.get("I", at) not in (PT_LOAD, 2):
                elf.put("I", at, PT_TLS)
                break
    elif case == "relocation-outside":
        _, offset, size = relocations(elf)
        elf.put("Q", offset, 1 << 40)
    elif case == "relocation-symbol-huge":
        _, offset, size = relocations(elf)
        elf.put("I", offset + 12, 0xffffff)
    elif case == "note-size-huge":
        _, offset, size = elf.section(".note.hotfix")
        elf.put("I", offset + 4, 0xfffffff0)
    else:
        raise SystemExit("no case %s" % case)


def relocations(elf):
    for name in (".rela.hotfix", ".rela.dyn"):
        try:
            section = elf.section(name)
        except SystemExit:
            continue
        if section[2]:
            return section
    raise SystemExit("no relocations")


def note_replace(text, source, target):
    """The new note stands at the end of the file; its section leads there."""
    elf = Elf(source)
    header, _, _ = elf.section(".note.hotfix")
    elf.data += b"\0" * (-len(elf.data) % 8)
    note = struct.pack("<III", len(OWNER.rstrip(b"\0")) + 1, len(text), 1)
    note += OWNER + text + b"\0" * (-len(text) % 4)
    elf.put("Q", header + 24, len(elf.data), len(note))
    open(target, "wb").write(elf.data + note)


def manifest_change(statement, source, target):
    elf = Elf(source)
    _, offset, size = elf.section(".note.hotfix")
    owner = (elf.get("I", offset) + 3) & ~3
    start = offset + 12 + owner
    text = bytes(elf.data[start:start + elf.get("I", offset + 4)])
    manifest = json.loads(text.rstrip(b"\0"))

    def moved(address, by):
        return hex(int(address, 16) + by)

    exec(statement, {"m": manifest, "f": manifest["functions"][0],
                     "moved": moved})
    note_replace(json.dumps(manifest).encode(), source, target)


def byte_change(way, elf):
    """A byte of the ELF header, a program header, the dynamic section, the
    relocations or the note: what is read before anything is believed."""
    choice = random.Random(way)
    areas = [(16, 48), (elf.phoff, elf.phnum * elf.phentsize),
             (elf.shoff, elf.shnum * elf.shentsize)]
    for name in (".dynamic", ".dynsym", ".note.hotfix"):
        areas.append(elf.section(name)[1:])
    start, size = choice.choice(areas)
    elf.data[start + choice.randrange(size)] ^= 1 << choice.randrange(8)


what, how, source, target = sys.argv[1:]
if what == "manifest":
    manifest_change(how, source, target)
elif what == "note":
    note_replace(how.encode().decode("unicode_escape").encode("latin1"),
                 source, target)
else:
    patch = Elf(source)
    if what == "byte":
        byte_change(int(how), patch)
    else:
        elf_lie(patch, how)
    open(target, "wb").write(patch.data)
