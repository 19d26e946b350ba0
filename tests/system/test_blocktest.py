# SPDX-License-Identifier: Apache-2.0
"""Power cuts below a real file system, the short form of tools/blocktest; and its model of a disk."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from instance import ROOT

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "crash"))

import blocklog  # noqa: E402


def write_log(path, records):
    with open(path, "wb") as f:
        for i, (offset, data) in enumerate(records):
            kind = blocklog.FLUSH if data is None else blocklog.WRITE
            f.write(blocklog.RECORD.pack(kind, 0, 1000 + i, offset, len(data or b"")) + (data or b""))


@pytest.fixture
def disks(tmp_path):
    """disks(records): the disks of a log of [(offset, bytes, or None for a flush)]."""
    made = []

    def make(records, ignored=0):
        write_log(tmp_path / "log", records)
        with open(tmp_path / "base", "wb") as f:
            f.truncate(65536)
        d = blocklog.Disks(blocklog.Log(tmp_path / "log"), tmp_path / "base", (512,))
        made.append(d)
        return d
    yield make
    for d in made:
        d.close()
        d.log.close()


def look(d, tmp_path, how, seed=0):
    d.make(tmp_path / "after", how, seed)
    return (tmp_path / "after").read_bytes()


def test_disks(disks, tmp_path):
    """What was flushed stays; of the rest each write, and each sector of it, is there or not."""
    d = disks([(0, b"a" * 512), (0, None), (512, b"b" * 1024), (4096, b"c" * 512)])
    d.go_to(1)
    assert look(d, tmp_path, "lost")[:512] == bytes(512)
    assert look(d, tmp_path, "kept")[:512] == b"a" * 512
    d.go_to(4)
    lost, kept = look(d, tmp_path, "lost"), look(d, tmp_path, "kept")
    assert len(lost) == 65536 and lost.rstrip(b"\0") == b"a" * 512
    assert kept[512:1536] == b"b" * 1024 and kept[4096:4608] == b"c" * 512
    seen = {(t[512:513], t[1024:1025], t[4096:4097]) for t in (look(d, tmp_path, "torn", s) for s in range(200))}
    assert seen == {(x, y, z) for x in (b"\0", b"b") for y in (b"\0", b"b") for z in (b"\0", b"c")}


def test_a_flush_left_out(disks, tmp_path):
    d = disks([(0, b"a" * 512), (0, None), (512, b"b" * 512), (0, None)])
    d.go_to(4, ignored=1)
    assert look(d, tmp_path, "lost").rstrip(b"\0") == b"a" * 512
    d.go_to(4)
    assert look(d, tmp_path, "lost").rstrip(b"\0") == b"a" * 512 + b"b" * 512


@pytest.mark.root
def test_ext4(workdir):
    """A system on ext4 on a disk that writes down what it does: nothing that was accepted is lost by a cut."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    p = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--fork", "--pid", "--kill-child", "--mount-proc",
                          sys.executable, "-B", ROOT / "tests/crash/blocktest.py", "ext4", "--messages", "60", "--cuts", "8",
                          "--torn", "1", "--restarts", "0"],
                         env={**os.environ, "POSTROAD_BUILD": os.environ.get("POSTROAD_BUILD", str(ROOT / "build")),
                              "TMPDIR": str(workdir)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out, _ = p.communicate(timeout=200)
    except subprocess.TimeoutExpired:
        p.kill()  # and with unshare everything that it has started
        p.communicate()
        pytest.skip("this machine is too busy")
    if p.returncode == 77 or "unshare:" in out:
        pytest.skip(out.strip())
    assert p.returncode == 0, out
