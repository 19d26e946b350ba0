# SPDX-License-Identifier: Apache-2.0
"""The log of the shim (shim.h): making one, notes from Python, reading it."""

import ctypes
import mmap
import os
import pathlib
import struct
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TYPES = ("", "create", "write", "truncate", "chmod", "utimes", "rename", "link", "unlink", "mkdir", "rmdir", "sync_begin",
         "sync_end", "note", "chown", "map", "process", "allocate", "odd")
SYNCS = ("", "fsync", "fdatasync", "syncfs")
HEAD = struct.Struct("<IIIIQQQII")
START = 4096
# Offsets of the header's fields (shim.h).
USED, DEV, IS_LOGGED, IS_FULL, CONTROLS = 16, 24, 32, 36, 560
ON = {"open": 1, "write": 2, "sync": 4, "name": 8, "socket": 16, "read": 32}


class Op:
    """One record. `n` is its number, `program` who did it; the rest depends on `kind`."""

    __slots__ = ("n", "kind", "pid", "program", "ino", "a", "b", "s1", "s2")

    def __init__(self, n, kind, pid, program, ino, a, b, s1, s2):
        self.n, self.kind, self.pid, self.program = n, kind, pid, program
        self.ino, self.a, self.b, self.s1, self.s2 = ino, a, b, s1, s2

    def __repr__(self):
        text = self.s1.decode(errors="replace") if self.kind not in ("write",) else f"{len(self.s1)} bytes"
        return f"{self.n} {self.program}[{self.pid}] {self.kind} ino={self.ino} a={self.a} b={self.b} {text} {self.s2.decode()}"


def build_shim(directory):
    """Compile the shim; its path."""
    out = pathlib.Path(directory) / "postroad-shim.so"
    subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", "-o", out, HERE / "shim.c", "-lpthread"],
                   check=True)
    return out


class Log:
    """A new log, and the shim that writes to it; use environment() for the programs to be watched."""

    def __init__(self, root, size=2 << 30, logged=True, dev_of=None):
        self.dir = tempfile.TemporaryDirectory(prefix="postroad-crash-")
        base = pathlib.Path(self.dir.name)
        base.chmod(0o755)
        self.path = base / "log"
        with open(self.path, "wb") as f:
            f.truncate(size)
        self.path.chmod(0o666)
        self.shim = build_shim(base)
        self.lib = ctypes.CDLL(str(self.shim))
        if self.lib.shim_create(str(self.path).encode(), ctypes.c_size_t(size), str(root).encode()) != 0:
            raise OSError("shim_create")
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), size)
        if dev_of is not None:  # root is spread over file systems: the one that counts
            struct.pack_into("<Q", self.map, DEV, os.stat(dev_of).st_dev)
        if not logged:
            self.map[IS_LOGGED:IS_LOGGED + 4] = bytes(4)

    def environment(self):
        return {"LD_PRELOAD": str(self.shim), "POSTROAD_CRASH_LOG": str(self.path)}

    IMPORT = "MAIL_CONFIG MAIL_LOGTAG TZ LANG=C LD_PRELOAD POSTROAD_CRASH_LOG"

    def note(self, text):
        """A note of the test's own, in the order of everything else; its number."""
        return self.lib.shim_note(text.encode())

    def fault(self, calls=(), errno=0, per_mille=0, sync_delay_ms=0):
        """Make calls fail or slow from now on; without arguments everything works again."""
        struct.pack_into("<IIII", self.map, CONTROLS, sum(ON[c] for c in calls), errno, per_mille, sync_delay_ms)

    def kill_after(self, program, operations):
        """End a process of this name behind so many operations from now on (of all processes of this name); 0: none."""
        struct.pack_into("<24sI", self.map, CONTROLS + 24, program.encode(), operations)

    def died(self):
        """How many processes have ended by that."""
        return struct.unpack_from("<I", self.map, CONTROLS + 20)[0]

    def failed(self):
        """How many calls failed by our doing."""
        return struct.unpack_from("<I", self.map, CONTROLS + 16)[0]

    def read(self):
        """All records so far, as a list of Op."""
        if struct.unpack_from("<I", self.map, IS_FULL)[0]:
            raise AssertionError("the shim's log is full")
        return list(parse(self.map, struct.unpack_from("<Q", self.map, USED)[0]))

    def close(self):
        self.map.close()
        self.dir.cleanup()


def parse(data, end):
    at, programs = START, {}
    while at < end:
        size, kind, pid, n, ino, a, b, len1, len2 = HEAD.unpack_from(data, at)
        p = at + HEAD.size
        s1 = data[p:p + len1]
        if TYPES[kind] == "process":
            programs[pid] = s1.decode()
        yield Op(n, TYPES[kind], pid, programs.get(pid, "test"), ino, a, b, s1, data[p + len1:p + len1 + len2])
        at += size
