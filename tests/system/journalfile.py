# SPDX-License-Identifier: Apache-2.0
"""Segments of the journal made by hand (src/queue/journal_priv.h), for tests of what reads them; and reading them."""

import os
import shutil
import struct

TAG = 0x0123456789ABCDEF
DATA = 4096
INODE_BASE = 1 << 36
DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def _table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


_TABLE = _table()


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = _TABLE[(c ^ b) & 0xFF] ^ c >> 8
    return c ^ 0xFFFFFFFF


def header(number, generation, size):
    h = struct.pack("=8sIIIIQQ20x", b"PRJRNL1\0", 0x01020304, number, generation, 0, size, TAG)
    return h + struct.pack("=I", crc32c(h))


def head(generation, queue_id, image, stable, created=1795247613, state=b"L"):
    h = struct.pack("=QII24sqII", TAG, generation, len(image), queue_id.encode(), created, stable // 64, crc32c(image))
    return h + struct.pack("=I", crc32c(h)) + state + bytes(3)


def short_id(generation, usec):
    return f"{usec:05X}{INODE_BASE + generation:X}"


def long_id(generation, sec, usec):
    def base(v, n, width):
        s = ""
        while v or not s:
            s, v = DIGITS[v % n] + s, v // n
        return s.rjust(width, "0")
    return base(sec, 52, 6) + base(usec, 52, 4) + "z" + base(INODE_BASE + generation, 51, 1)


def segment(messages, number=0, generation=7, size=1 << 20):
    """Bytes of a segment with messages [(id, image)], each a group of its own; and where each image lies."""
    h = header(number, generation, size)
    out = bytearray(h + bytes(2048 - len(h)) + h + bytes(DATA - 2048 - len(h)))
    places = {}
    for queue_id, image in messages:
        at = len(out)
        out += head(generation, queue_id, image, at) + image
        places[queue_id] = at + 64
        out += bytes(-len(out) % 64)
    return bytes(out) + bytes(size - len(out)), places


def put(mta, messages, number=0, **kw):
    """Write a segment to the queue of an instance: {id: place}."""
    d = mta.queue / "journal"
    d.mkdir(mode=0o700, exist_ok=True)
    data, places = segment(messages, number, **kw)
    path = d / f"{number:04d}"
    path.write_bytes(data)
    path.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(d, mta.owner()[0])
        shutil.chown(path, mta.owner()[0])
    return places


def flip(mta, at, number=0):
    """Change one bit."""
    path = mta.queue / "journal" / f"{number:04d}"
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


HEAD = struct.Struct("<QII24sqIIIB3x")


def records(mta):
    """(id, state, image) of every record of the present life of each segment; state is L, R or S."""
    out = []
    for path in sorted((mta.queue / "journal").glob("[0-9]*")):
        with open(path, "rb") as f:
            first = f.read(64)
            if first[:7] != b"PRJRNL1":
                continue
            generation, tag = struct.unpack_from("<I", first, 16)[0], struct.unpack_from("<Q", first, 32)[0]
            at = DATA
            while True:
                f.seek(at)
                h = f.read(HEAD.size)
                if len(h) < HEAD.size:
                    break
                t, g, length, ident, _, _, _, _, state = HEAD.unpack(h)
                if (t, g) != (tag, generation):
                    break
                out.append((ident.rstrip(b"\0").decode(), chr(state), f.read(length)))
                at += 64 + (length + 63) // 64 * 64
    return out


def live(mta):
    """Ids of messages that only the journal holds."""
    try:
        return [ident for ident, state, _ in records(mta) if state not in "RS"]
    except FileNotFoundError:  # a segment that failed has gone
        return live(mta)
