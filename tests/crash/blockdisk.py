# SPDX-License-Identifier: Apache-2.0
"""A file system on a disk that writes down what it does (blockdev.c), and file systems on disks after a cut.

Needs root, /dev/fuse and loop devices: why_not() says what is missing. To be used in a mount namespace of its own, as
tools/blocktest does: then nothing stays mounted, however it ends.
"""

import os
import pathlib
import shutil
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent


class Kind:
    """A file system with its defaults: how it is made, repaired when it cannot be mounted, how disks may tear writes."""

    def __init__(self, mib, make, repair=None, sectors=(512, 4096)):
        self.size, self.make, self.repair, self.sectors = mib << 20, make.split(), repair and repair.split(), sectors


FILE_SYSTEMS = {
    # Its superblock has 1024 bytes: when it is torn by sectors of 512 a backup of it is needed, as e2fsck finds.
    "ext4": Kind(96, "mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0", "e2fsck -f -y"),
    "ext4-no-journal": Kind(96, "mkfs.ext4 -q -F -O ^has_journal -E lazy_itable_init=0", "e2fsck -f -y"),
    # These two count on their blocks being written whole: of 512 bytes here and there they cannot make anything.
    "xfs": Kind(320, "mkfs.xfs -q -f", sectors=(4096,)),
    "btrfs": Kind(160, "mkfs.btrfs -q -f", sectors=(4096,)),
}


class NoDisk(Exception):
    """The disk or the file system on it could not be made: nothing was tested."""


def why_not(kind="ext4"):
    """What this machine lacks, or None."""
    if os.geteuid() != 0:
        return "only root can mount"
    for path in ("/dev/fuse", "/dev/loop-control"):
        if not os.access(path, os.W_OK):
            return f"there is no {path}"
    name = kind.split("-")[0]
    if name not in pathlib.Path("/proc/filesystems").read_text().split():
        return f"the kernel has no {name}"
    for program in (FILE_SYSTEMS[kind].make[0], "mount", "umount", "unshare", "cc"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    return None


def run(*args, ok=(0,)):
    p = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=120)
    if p.returncode not in ok:
        raise AssertionError(f"{args}: status {p.returncode}\n{p.stdout}{p.stderr}")
    return p.stdout


def unmount(path):
    """Tried for a while: a process that has just been stopped may still be going."""
    end = time.monotonic() + 20
    while True:
        p = subprocess.run(["umount", str(path)], capture_output=True, text=True)
        if p.returncode == 0:
            return
        if time.monotonic() > end:
            subprocess.run(["umount", "-l", str(path)], check=False)
            raise AssertionError(f"umount {path}: {p.stderr}")
        time.sleep(0.02)


class Recorded:
    """A new file system, mounted at `where`; what is written to its disk goes to a log. close() leaves log and base."""

    def __init__(self, kind, place, where):
        self.place, self.where = pathlib.Path(place), where
        self.image, self.base, self.log = self.place / "image", self.place / "base", self.place / "log"
        self.file = self.place / "disk"
        with open(self.image, "wb") as f:
            f.truncate(FILE_SYSTEMS[kind].size)
        run(*FILE_SYSTEMS[kind].make, self.image)
        run("cp", "--sparse=always", self.image, self.base)
        self.file.touch()
        program = self.place / "blockdev"
        run("cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-o", program, HERE / "blockdev.c")
        self.server = subprocess.Popen([program, self.image, self.log, self.file])
        end = time.monotonic() + 20
        while not os.path.ismount(self.file):
            if self.server.poll() is not None or time.monotonic() > end:
                raise NoDisk("blockdev does not start")
            time.sleep(0.01)
        try:
            run("mount", "-o", "loop", self.file, where)
        except AssertionError as e:
            unmount(self.file)
            raise NoDisk(str(e)) from None

    def close(self):
        unmount(self.where)
        unmount(self.file)
        if self.server.wait(20) != 0:
            raise AssertionError("blockdev failed")


class After:
    """A disk after a cut: repaired or recovered, and mounted at `where` until the end of the `with`."""

    def __init__(self, kind, image, where):
        self.repair, self.always = FILE_SYSTEMS[kind].repair, kind == "ext4-no-journal"
        self.image, self.where = image, where

    def __enter__(self):
        if self.always:
            run(*self.repair, self.image, ok=(0, 1))
        try:
            run("mount", "-o", "loop", self.image, self.where)
        except AssertionError:
            if not self.repair:
                raise
            run(*self.repair, self.image, ok=(0, 1))
            run("mount", "-o", "loop", self.image, self.where)
        return self

    def __exit__(self, *_):
        unmount(self.where)
