"""A file system that does not answer: silent_fs.py DIRECTORY NR_BYTES

DIRECTORY/file has 4 MiB; the first NR_BYTES can be read, the others are never
brought. Ends with its parent.
"""
import ctypes
import errno
import signal
import stat
import sys
import threading

import fusepy

SIZE = 4 << 20
PR_SET_PDEATHSIG = 1


class Silent(fusepy.Operations):
    """One file."""

    def __init__(self, readable):
        self.readable = readable

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path == "/file":
            return {"st_mode": stat.S_IFREG | 0o666, "st_nlink": 1, "st_size": SIZE}
        raise fusepy.FuseOSError(errno.ENOENT)

    def read(self, path, size, offset, fh):
        if offset >= self.readable:
            threading.Event().wait()
        return bytes(min(size, SIZE - offset))


ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
fusepy.FUSE(Silent(int(sys.argv[2])), sys.argv[1], foreground=True)
