# SPDX-License-Identifier: Apache-2.0
"""The log of blockdev.c, and the disks that a power cut may have left.

A cut falls before a record. What was written before the last flush in front of it is stable; of the writes after that flush
(`pending`) a disk may have any part, for its cache takes them in any order:

lost    none of them
kept    all of them
torn    by chance, from a seed: each write is there, or not, or some of its sectors (`sectors`: sizes) are
"""

import mmap
import os
import random
import struct

RECORD = struct.Struct("<IIQQQ")  # type, zero, time, offset, length: struct block_record
WRITE, FLUSH = 1, 2


class Log:
    """Records of a log: kind[i], time[i] (nanoseconds, CLOCK_MONOTONIC), offset[i], and data(i)."""

    def __init__(self, path):
        self.kind, self.time, self.offset, self._at, self._length = [], [], [], [], []
        with open(path, "rb") as f:
            self._map = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        at = 0
        while at < len(self._map):
            kind, _, time, offset, length = RECORD.unpack_from(self._map, at)
            at += RECORD.size
            self.kind.append(kind)
            self.time.append(time)
            self.offset.append(offset)
            self._at.append(at)
            self._length.append(length)
            at += length
        if at != len(self._map):
            raise AssertionError("the log of the disk is cut short")

    def __len__(self):
        return len(self.kind)

    def data(self, i):
        return self._map[self._at[i]:self._at[i] + self._length[i]]

    def flushes(self):
        return [i for i, k in enumerate(self.kind) if k == FLUSH]

    def close(self):
        self._map.close()


def parts(data, how, rng, sectors):
    """[(offset in data, bytes)] of one pending write that are on disk."""
    if how == "lost":
        return []
    if how == "kept":
        return [(0, data)]
    fate = rng.random()
    if fate < 0.6:
        return [(0, data)] if fate < 0.3 else []
    unit = rng.choice(sectors)
    return [(i, data[i:i + unit]) for i in range(0, len(data), unit) if rng.random() < 0.5]


class Disks:
    """Makes the disks of a log, for cuts that only go forward. `base` (a file) is the disk when the log began: it is changed."""

    def __init__(self, log, base, sectors):
        self.log, self.base, self.sectors = log, base, sectors
        self.fd = os.open(base, os.O_RDWR)
        self.stable = 0  # records before this are in `base`
        self.pending = []

    def close(self):
        os.close(self.fd)

    def go_to(self, cut, ignored=0):
        """The cut is before record `cut`; the last `ignored` flushes before it count as not done (for the self-check)."""
        flushes = [i for i in range(self.stable, cut) if self.log.kind[i] == FLUSH]
        if cut < self.stable:
            raise AssertionError("cuts go forward")
        if len(flushes) > ignored:
            flush = flushes[-1 - ignored]
            for i in range(self.stable, flush):
                if self.log.kind[i] == WRITE:
                    os.pwrite(self.fd, self.log.data(i), self.log.offset[i])
            self.stable = flush + 1
        self.pending = [i for i in range(self.stable, cut) if self.log.kind[i] == WRITE]
        self.cut = cut

    def make(self, target, how, seed=0):
        """Write the disk to a file."""
        rng = random.Random(f"{self.cut} {how} {seed}")
        copy_sparse(self.fd, target)
        fd = os.open(target, os.O_RDWR)
        try:
            for i in self.pending:
                for off, part in parts(self.log.data(i), how, rng, self.sectors):
                    os.pwrite(fd, part, self.log.offset[i] + off)
        finally:
            os.close(fd)


def copy_sparse(fd, target):
    """A copy of a file with its holes."""
    size = os.fstat(fd).st_size
    out = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.ftruncate(out, size)
        at = 0
        while at < size:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:  # only holes
                break
            end = os.lseek(fd, at, os.SEEK_HOLE)
            while at < end:
                data = os.pread(fd, min(1 << 20, end - at), at)
                os.pwrite(out, data, at)
                at += len(data)
    finally:
        os.close(out)
