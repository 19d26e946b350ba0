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
MIB = 1 << 20

# name: (size, how to make it, how to repair it before it is mounted, options of mount). Each with its defaults.
FILE_SYSTEMS = {
    "ext4": (96 * MIB, ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], None, ""),
    "ext4-no-journal": (96 * MIB, ["mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=0"],
                        ["e2fsck", "-f", "-y"], ""),
    "xfs": (320 * MIB, ["mkfs.xfs", "-q", "-f"], None, ""),
    "btrfs": (160 * MIB, ["mkfs.btrfs", "-q", "-f"], None, ""),
}


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
    for program in (FILE_SYSTEMS[kind][1][0], "mount", "umount", "unshare", "cc"):
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
        size, make, _, options = FILE_SYSTEMS[kind]
        self.place, self.where = pathlib.Path(place), where
        self.image, self.base, self.log = self.place / "image", self.place / "base", self.place / "log"
        self.file = self.place / "disk"
        with open(self.image, "wb") as f:
            f.truncate(size)
        run(*make, self.image)
        run("cp", "--sparse=always", self.image, self.base)
        self.file.touch()
        program = self.place / "blockdev"
        run("cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-o", program, HERE / "blockdev.c")
        self.server = subprocess.Popen([program, self.image, self.log, self.file])
        end = time.monotonic() + 20
        while not os.path.ismount(self.file):
            if self.server.poll() is not None or time.monotonic() > end:
                raise AssertionError("blockdev does not start")
            time.sleep(0.01)
        try:
            run("mount", "-o", "loop" + options, self.file, where)
        except AssertionError:
            unmount(self.file)
            raise

    def close(self):
        unmount(self.where)
        unmount(self.file)
        if self.server.wait(20) != 0:
            raise AssertionError("blockdev failed")


class After:
    """A disk after a cut: repaired or recovered, and mounted at `where` until the end of the `with`."""

    def __init__(self, kind, image, where):
        self.repair, self.options = FILE_SYSTEMS[kind][2:]
        self.image, self.where = image, where

    def __enter__(self):
        if self.repair:
            run(*self.repair, self.image, ok=(0, 1))
        run("mount", "-o", "loop" + self.options, self.image, self.where)
        return self

    def __exit__(self, *_):
        unmount(self.where)
