# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold after a power cut: the shim's log in, file trees out.

Every record of the log is an operation; a cut falls between two of them. What a cut leaves:

data      A write is safe when an fsync, fdatasync or syncfs of its file began after it and ended before the cut. Of other
          writes each block of 4096 bytes is as after any of the writes that touched it, or as before them.
names     Creating, renaming, linking, removing, making directories; each is whole or has not happened.
          `ordered` (ext4, XFS: one log of metadata for the whole file system): what is kept is a beginning of the
          sequence of all operations on names, modes and times, at least up to the last one on a file that was fsynced.
          New data counts as in ext4's data=ordered: a file is as long as what of it was written, without holes.
          `loose` (less than any file system in use promises): each file is on its own. An fsync of the file saves its
          names, mode and times of that moment, an fsync of a directory the names in it; else any earlier state.
          A grown file may have holes of zeros where blocks were not written.
          `strict`: as loose, but names are saved by an fsync of their directory only.
          loose and strict have the kernel's periodic write-back: everything older than `writeback` operations is safe.
Variants: `lost` (only what is safe), `kept` (everything up to the cut), `torn` (by chance, from a seed).
"""

import bisect
import os
import posixpath
import random

BLOCK = 4096
MODELS = ("ordered", "loose", "strict")


class File:
    """A file or directory from its creation on."""

    def __init__(self, ino, born, is_dir, owner):
        self.ino, self.born, self.is_dir, self.owner = ino, born, is_dir, owner
        self.names, self.names_at = [()], [-1]       # names after operation number
        self.attrs, self.attrs_at = [], []           # (mode, mtime)
        self.writes, self.writes_at = [], []         # (offset, length, bytes or None) or ("truncate", length)
        self.syncs = []                              # (begin, end, kind)
        self.is_mapped = False
        self.size = 0
        self.cache = (0, b"")
        self.sync_ends = self.sync_begins = None
        self.safe_of = {}                            # model: (names, attributes) safe from which operation on

    def set_names(self, n, names):
        self.names.append(tuple(names))
        self.names_at.append(n)

    # ---- data ----

    def _index_syncs(self):
        self.syncs.sort(key=lambda s: s[1])
        self.sync_ends, self.sync_begins, most = [], [], -1
        for begin, end, _ in self.syncs:
            most = max(most, begin)
            self.sync_ends.append(end)
            self.sync_begins.append(most)

    def safe_before(self, cut):
        """Writes with a smaller number than this are safe at a cut."""
        if self.sync_ends is None:
            self._index_syncs()
        i = bisect.bisect_left(self.sync_ends, cut)
        return self.sync_begins[i - 1] if i else -1

    def _apply(self, count):
        done, data = self.cache
        if count < done:
            done, data = 0, b""
        if count > done:
            data = bytearray(data)
            for w in self.writes[done:count]:
                apply(data, w)
            data = bytes(data)
            self.cache = (count, data)
        return data

    def content(self, cut, how, has_holes, rng, safe=None):
        """Bytes after a cut; how: lost, kept, torn."""
        i = bisect.bisect_left(self.writes_at, max(self.safe_before(cut), safe if safe is not None else -1))
        j = bisect.bisect_left(self.writes_at, cut)
        if how == "lost" or i >= j:
            return self._apply(i)
        base = self._apply(i)
        pending = self.writes[i:j]
        data = bytearray(base)
        if how == "kept" or any(w[0] == "truncate" for w in pending):
            for w in pending[:len(pending) if how == "kept" else rng.randint(0, len(pending))]:
                apply(data, w)
            return bytes(data)
        return self._tear(data, pending, has_holes, rng)

    @staticmethod
    def _tear(data, pending, has_holes, rng):
        old = len(data)
        full = max([old] + [w[0] + w[1] for w in pending])
        if has_holes:
            size = full if rng.random() < 0.5 else rng.randint(old, full)
            solid = old
        else:
            # As far as the file has grown its new bytes are there.
            ends = sorted({min(full, b * BLOCK) for b in range(old // BLOCK + 1, full // BLOCK + 2)} | {old, full})
            size = solid = rng.choice(ends)
        versions = {}
        data.extend(bytes(size - old))
        for off, length, bytes_ in pending:
            for block in range(off // BLOCK, (off + length - 1) // BLOCK + 1):
                if block not in versions:
                    touching = sum(1 for o, n, _ in pending if o < (block + 1) * BLOCK and o + n > block * BLOCK)
                    versions[block] = rng.randint(0, touching)
                lo, hi = max(off, block * BLOCK), min(off + length, (block + 1) * BLOCK, size)
                keep = versions[block] > 0
                versions[block] -= 1
                if lo >= hi or not (keep or (old <= lo and hi <= solid)):
                    if lo < hi and lo < solid and hi > old:  # the grown part of a block that began earlier
                        cut_lo = max(lo, old)
                        data[cut_lo:hi] = bytes_[cut_lo - off:hi - off] if bytes_ is not None else bytes(hi - cut_lo)
                    continue
                data[lo:hi] = bytes_[lo - off:hi - off] if bytes_ is not None else bytes(hi - lo)
        return bytes(data)


def apply(data, w):
    if w[0] == "truncate":
        if w[1] < len(data):
            del data[w[1]:]
        else:
            data.extend(bytes(w[1] - len(data)))
        return
    off, length, bytes_ = w
    if len(data) < off + length:
        data.extend(bytes(off + length - len(data)))
    data[off:off + length] = bytes_ if bytes_ is not None else bytes(length)


class Entry:
    """A file of an image."""

    __slots__ = ("file", "mode", "mtime", "content")

    def __init__(self, file, mode, mtime, content):
        self.file, self.mode, self.mtime, self.content = file, mode, mtime, content


class Disk:
    """The history of everything below `root`; image() makes the trees.

    `deaf(op)` says which flushes count as not done: a durability point that is taken out, for the self-check.
    """

    def __init__(self, ops, root, deaf=lambda op: False, writeback=None):
        self.root = str(root).rstrip("/") + "/"
        self.files, self.end = [], len(ops)
        self._by_ino, self._by_path = {}, {}
        self._last, self._last_data = {}, {}         # file: number of the last operation on it, on its size
        self._dir_last = {}                          # directory path: last operation in it
        self._dir_syncs = {}                         # directory path: [(begin, end)]
        self._all_syncs = []                         # (begin, end)
        self._points = []                            # (end, metadata is safe up to)
        self._begun = {}
        self.odd = [op for op in ops if op.kind == "odd"]
        for op in ops:
            handler = getattr(self, "_" + op.kind, None)
            if handler is not None and not (op.kind.startswith("sync") and deaf(op)):
                handler(op)
        if writeback:
            self._all_syncs += [(n - writeback, n) for n in range(2 * writeback, self.end, writeback)]
        self._points.sort()
        self._point_ends, self._point_at, most = [], [], -1
        for end, point in self._points:
            most = max(most, point)
            self._point_ends.append(end)
            self._point_at.append(most)
        for f in self.files:
            f.syncs += [(b, e, "syncfs") for b, e in self._all_syncs if e > f.born]

    # ---- the log ----

    def _path(self, raw):
        p = posixpath.normpath(raw.decode())
        return p[len(self.root):] if p.startswith(self.root) else None

    def _touch(self, f, n, *paths):
        self._last[f] = n
        for p in paths:
            self._dir_last[posixpath.dirname(p)] = n

    def _add(self, op, is_dir):
        p = self._path(op.s1) if op.s1 else None  # O_TMPFILE: no name yet
        if p is None and op.s1:
            return
        f = File(op.ino, op.n, is_dir, (op.b >> 32, op.b & 0xFFFFFFFF))
        f.attrs.append((op.a, None))
        f.attrs_at.append(op.n)
        self.files.append(f)
        self._by_ino[op.ino] = f
        self._last[f] = op.n
        if p is not None:
            f.set_names(op.n, (p,))
            self._by_path[p] = f
            self._touch(f, op.n, p)
        self._last_data[f] = op.n

    def _create(self, op):
        self._add(op, False)

    def _mkdir(self, op):
        self._add(op, True)

    def _write(self, op):
        f = self._by_ino.get(op.ino)
        if f is None:
            return
        grows = op.a + op.b > f.size
        f.size = max(f.size, op.a + op.b)
        f.writes.append((op.a, op.b, op.s1 if op.s1 else None))
        f.writes_at.append(op.n)
        self._last[f] = op.n
        if grows:
            self._last_data[f] = op.n

    def _allocate(self, op):
        f = self._by_ino.get(op.ino)
        if f is not None and op.a + op.b > f.size:
            f.writes.append(("truncate", op.a + op.b))
            f.size = op.a + op.b
            f.writes_at.append(op.n)
            self._last[f] = self._last_data[f] = op.n

    def _truncate(self, op):
        f = self._by_ino.get(op.ino)
        if f is not None:
            f.writes.append(("truncate", op.a))
            f.size = op.a
            f.writes_at.append(op.n)
            self._last[f] = self._last_data[f] = op.n

    def _chmod(self, op):
        f = self._by_ino.get(op.ino)
        if f is not None:
            f.attrs.append((op.a, f.attrs[-1][1]))
            f.attrs_at.append(op.n)
            self._last[f] = op.n

    def _utimes(self, op):
        f = self._by_ino.get(op.ino)
        if f is not None:
            f.attrs.append((f.attrs[-1][0], op.a))
            f.attrs_at.append(op.n)
            self._last[f] = op.n

    def _chown(self, op):
        f = self._by_ino.get(op.ino)
        if f is not None:
            f.owner = (op.b >> 32, op.b & 0xFFFFFFFF)

    def _drop(self, path, n):
        f = self._by_path.pop(path, None)
        if f is not None:
            f.set_names(n, tuple(p for p in f.names[-1] if p != path))
            self._touch(f, n, path)

    def _unlink(self, op):
        p = self._path(op.s1)
        if p is not None:
            self._drop(p, op.n)

    _rmdir = _unlink

    def _link(self, op):
        p = self._path(op.s2)
        f = self._by_ino.get(op.ino)
        if p is not None and f is not None:
            f.set_names(op.n, f.names[-1] + (p,))
            self._by_path[p] = f
            self._touch(f, op.n, p)

    def _rename(self, op):
        old, new = self._path(op.s1), self._path(op.s2)
        f = self._by_ino.get(op.ino)
        if f is None or old is None or new is None or old == new:
            return
        if self._by_path.get(new) is not f:
            self._drop(new, op.n)
        f.set_names(op.n, tuple(p for p in f.names[-1] if p != old) + (new,))
        self._by_path.pop(old, None)
        self._by_path[new] = f
        self._touch(f, op.n, old, new)

    def _map(self, op):
        f = self._by_ino.get(op.ino)
        if f is not None:
            f.is_mapped = True

    def _sync_begin(self, op):
        f = self._by_ino.get(op.ino)
        if op.a == 3:
            point = op.n
        elif f is None:
            point = self._dir_last.get("", -1)  # the root itself, or nothing of ours
        elif f.is_dir:
            point = max([self._last[f]] + [self._dir_last.get(p, -1) for p in f.names[-1]])
        else:
            point = self._last[f] if op.a == 1 else self._last_data[f]
        self._begun[op.n] = (f, point)

    def _sync_end(self, op):
        if op.b not in self._begun:
            return
        f, point = self._begun.pop(op.b)
        self._points.append((op.n, point))
        if op.a == 3:
            self._all_syncs.append((op.b, op.n))
        elif f is not None and f.is_dir:
            for p in f.names[-1]:
                self._dir_syncs.setdefault(p, []).append((op.b, op.n))
            f.syncs.append((op.b, op.n, "fsync"))
        elif f is not None:
            f.syncs.append((op.b, op.n, "fsync" if op.a == 1 else "fdatasync"))

    # ---- images ----

    def metadata_point(self, cut):
        """`ordered`: operations on names up to this one are safe."""
        i = bisect.bisect_left(self._point_ends, cut)
        return self._point_at[i - 1] if i else -1

    def _safe_at(self, f, model):
        """For each state of names and attributes: at which operation it became safe."""
        def by_sync(n, kinds):
            return min((e for b, e, k in f.syncs if b > n and k in kinds), default=self.end + 1)
        own = ("syncfs",) if model == "strict" and not f.is_dir else ("fsync", "syncfs")
        names_safe, attrs_safe = [], []
        for k, n in enumerate(f.names_at):
            at = by_sync(n, own)
            changed = set(f.names[k]) ^ set(f.names[k - 1] if k else ())
            ends = []
            for d in {posixpath.dirname(p) for p in changed}:
                ends.append(min((e for b, e in self._dir_syncs.get(d, ()) if b > n), default=self.end + 1))
            names_safe.append(min([at] + ([max(ends)] if ends else [])))
        for n in f.attrs_at:
            attrs_safe.append(by_sync(n, ("fsync", "syncfs")))
        f.safe_of[model] = names_safe, attrs_safe

    def image(self, cut, model, how, seed=0, wanted=lambda path: True):
        """What is there after a cut: path relative to root -> Entry; directories are left out."""
        rng = random.Random(f"{cut} {model} {how} {seed}")
        out = {}
        point = None
        if model == "ordered":
            safe = self.metadata_point(cut)
            point = {"lost": safe, "kept": cut - 1, "torn": rng.randint(safe, max(safe, cut - 1))}[how]
        for f in self.files:
            if f.born >= cut or f.is_dir:
                continue
            if point is not None:
                k = bisect.bisect_right(f.names_at, point) - 1
                a = bisect.bisect_right(f.attrs_at, point) - 1
            else:
                k, a = self._choose(f, cut, model, how, rng)
            names = [p for p in f.names[k] if wanted(p)]
            if not names:
                continue
            mode, mtime = f.attrs[max(a, 0)]
            content = f.content(cut, how, model != "ordered", rng)
            for p in names:
                # Two files cannot have one name: the one that has it later stays.
                if p not in out or out[p].file.names_at[-1] < f.names_at[k]:
                    out[p] = Entry(f, mode, mtime, content)
        return out

    def _choose(self, f, cut, model, how, rng):
        if model not in f.safe_of:
            self._safe_at(f, model)

        def pick(at, safe):
            last = bisect.bisect_left(at, cut) - 1
            if how == "kept":
                return last
            low = max((i for i in range(last + 1) if safe[i] < cut), default=0)
            return low if how == "lost" else rng.randint(low, last)
        names_safe, attrs_safe = f.safe_of[model]
        return pick(f.names_at, names_safe), pick(f.attrs_at, attrs_safe)

    def write(self, image, target, cut):
        """Put an image below `target`, with the directories that existed."""
        for f in self.files:
            if f.is_dir and f.born < cut:
                for p in f.names[bisect.bisect_left(f.names_at, cut) - 1]:
                    self._make(target / p, f)
        for path, e in image.items():
            t = target / path
            t.parent.mkdir(parents=True, exist_ok=True)
            t.write_bytes(e.content)
            os.chmod(t, e.mode)
            if e.mtime is not None:
                os.utime(t, (e.mtime, e.mtime))
            if os.geteuid() == 0:
                os.chown(t, *e.file.owner)

    @staticmethod
    def _make(target, f):
        target.mkdir(parents=True, exist_ok=True)
        os.chmod(target, f.attrs[-1][0])
        if os.geteuid() == 0:
            os.chown(target, *f.owner)
